"""The sandbox's SageMaker, put together, and how moto's server finds it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from moto.sagemaker import urls as sagemaker_urls
from moto.sagemaker.models import sagemaker_backends
from moto.sagemakerruntime import urls as runtime_urls
from moto.sagemakerruntime.models import SageMakerRuntimeBackend, sagemakerruntime_backends
from moto.servicequotas.models import servicequotas_backends

from lmi_deployer.sandbox.hosting import HostingBackend
from lmi_deployer.sandbox.jobs.optimization import OptimizationBackend
from lmi_deployer.sandbox.jobs.training import TrainingBackend
from lmi_deployer.sandbox.quota_service import QuotasBackend
from lmi_deployer.sandbox.responses import SageMakerResponse
from lmi_deployer.sandbox.runtime import RuntimeResponse
from lmi_deployer.sandbox.tags import TagsBackend

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM_PATH = "/endpoints/(?P<name>[^/]+)/invocations-response-stream$"


class SageMakerBackend(HostingBackend, TrainingBackend, OptimizationBackend, TagsBackend):
    """All of SageMaker for one account and region."""

    @property
    def _url_module(self) -> Any:
        """Moto derives this module's name from the class's module, which is now ours."""
        return sagemaker_urls

    @property
    def url_paths(self) -> dict[str, Any]:
        """Which of our responses gets a request for the SageMaker API."""
        # The server knows the runtime by paths that end in "invocations", so the stream's, which
        # does not, arrives here.
        return {"/": SageMakerResponse.dispatch, STREAM_PATH: RuntimeResponse.dispatch}


class RuntimeBackend(SageMakerRuntimeBackend):
    """Invocations, which need no state of their own."""

    @property
    def _url_module(self) -> Any:
        """Moto derives this module's name from the class's module, which is now ours."""
        return runtime_urls

    @property
    def url_paths(self) -> dict[str, Any]:
        """Which of our responses gets an invocation."""
        return dict.fromkeys(super().url_paths, RuntimeResponse.dispatch)


@contextmanager
def our_sagemaker() -> Iterator[None]:
    """Moto's SageMaker, and its quotas, replaced by the sandbox's inside the block."""
    replaced: list[tuple[Any, type, type]] = [
        (sagemaker_backends, sagemaker_backends.backend, SageMakerBackend),
        (sagemakerruntime_backends, sagemakerruntime_backends.backend, RuntimeBackend),
        (servicequotas_backends, servicequotas_backends.backend, QuotasBackend),
    ]
    for backends, _, ours in replaced:
        backends.backend = ours
    try:
        yield
    finally:
        for backends, theirs, _ in replaced:
            backends.backend = theirs
