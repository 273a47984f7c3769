"""Service Quotas for SageMaker, of which moto knows nothing; VPC's stay moto's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.servicequotas import urls
from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.models import ServiceQuotasBackend
from moto.servicequotas.responses import ServiceQuotasResponse

from lmi_deployer.sandbox.context import sandbox_of
from lmi_deployer.sandbox.listing import page_of
from lmi_deployer.sandbox.quotas import DEFAULT_PAGE, SERVICE

if TYPE_CHECKING:
    from lmi_deployer.sandbox.context import Sandbox


class QuotasResponse(ServiceQuotasResponse):
    """One request to the Service Quotas API."""

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox that received the request."""
        return sandbox_of(self.normalized_request.environ)

    def list_service_quotas(self) -> str:
        """ListServiceQuotas, which moto lacks."""
        sent: dict[str, Any] = json.loads(self.body)
        if sent.get("ServiceCode") != SERVICE:
            raise NoSuchResource
        quotas = self.sandbox.quotas.described(self.region, self.current_account)
        if code := sent.get("QuotaCode"):
            quotas = [quota for quota in quotas if quota["QuotaCode"] == code]
        return json.dumps(page_of(quotas, sent, member="Quotas", default=DEFAULT_PAGE))


class QuotasBackend(ServiceQuotasBackend):
    """Quotas, which the sandbox itself keeps."""

    @property
    def _url_module(self) -> Any:
        """Moto derives this module's name from the class's module, which is now ours."""
        return urls

    @property
    def url_paths(self) -> dict[str, Any]:
        """Which of our responses gets a request."""
        return dict.fromkeys(super().url_paths, QuotasResponse.dispatch)
