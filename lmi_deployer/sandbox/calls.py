"""Which AWS operation a request asks for, and how to refuse one in its own protocol."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationNotFoundError
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

# Where a service signs under another name than that of its client.
CLIENT_NAMES = {"monitoring": "cloudwatch", "servicequotas": "service-quotas"}
RUNTIME_PATH = re.compile(r"/endpoints/[^/]+/(async-)?invocations")
SCOPE = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/(?P<service>[^/]+)/aws4_request")

# A call whose name starts so changes nothing. Describe calls do: they move endpoints on. Lists of
# jobs do too: they take in how processes have ended.
READS = ("Get", "Head", "List")
LISTS_OF_JOBS = frozenset({"ListTrainingJobs", "ListOptimizationJobs"})


@dataclass(frozen=True, kw_only=True)
class Call:
    """One API call: the name of its boto3 client, and its operation as AWS names it."""

    service: str
    operation: str
    protocol: str | None = None

    @property
    def may_change_state(self) -> bool:
        """Whether the state has to be saved after it."""
        return self.operation in LISTS_OF_JOBS or not self.operation.startswith(READS)


def call_of(environ: Mapping[str, Any], body: bytes) -> Call:
    """Call that a request makes; "Unknown" where no operation of the service matches."""
    request = Request({**environ, "wsgi.input": io.BytesIO(body)})
    service = _service(request)
    try:
        operation, _ = get_service_router(service).match(request)
        protocol = determine_request_protocol(get_service_model(service), request.content_type)
    except (NotFound, UnknownServiceError, OperationNotFoundError, NotImplementedError):
        return Call(service=service, operation="Unknown")
    return Call(service=service, operation=str(operation.name), protocol=protocol)


def _service(request: Request) -> str:
    """Signed service; an unsigned request is taken for S3's, as moto does."""
    signed = SCOPE.search(request.headers.get("Authorization", "").replace(", ", ","))
    name = signed["service"] if signed else "s3"
    if name == "sagemaker" and RUNTIME_PATH.match(request.path):
        return "sagemaker-runtime"
    return CLIENT_NAMES.get(name, name)
