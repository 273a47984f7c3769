"""Invocations of endpoints, which moto answers the same for every name, existing or not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.sagemaker.models import sagemaker_backends
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse
from moto.utilities.utils import get_partition

from lmi_deployer.sandbox.async_output import AsyncLocations
from lmi_deployer.sandbox.context import sandbox_of
from lmi_deployer.sandbox.lifecycle import SERVING
from lmi_deployer.sandbox.stand_in import (
    JSON,
    JSON_LINES,
    RefusedBodyError,
    answer,
    answer_lines,
    read_prompts,
)
from lmi_deployer.sandbox.storage import Storage

if TYPE_CHECKING:
    from moto.core.common_types import TYPE_RESPONSE

    from lmi_deployer.sandbox.backend import SageMakerBackend
    from lmi_deployer.sandbox.records import SandboxEndpoint

REFUSED = 424  # what the LMI container answers to a body it cannot use
FIRST_ERROR, FIRST_SERVER_ERROR = 400, 500


class ValidationError(ServiceException):
    """The runtime's name for it; the control plane says ValidationException."""

    code = "ValidationError"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the container answered. A stream has several parts."""

    status: int = 200
    content_type: str = JSON
    parts: tuple[bytes, ...]


class ModelError(ServiceException):
    """The container answered with an error, which the runtime passes on as HTTP 424."""

    code = "ModelError"

    def __init__(self, reply: Reply, *, region: str, account: str, endpoint: str) -> None:
        body = b"".join(reply.parts).decode()
        kind = "client" if reply.status < FIRST_SERVER_ERROR else "server"
        group = f"/aws/sagemaker/Endpoints/{endpoint}"
        super().__init__(
            f'Received {kind} error ({reply.status}) from primary with message "{body}". '
            f"See {group} in account {account} for more information."
        )
        # The runtime's model names these; moto serialises them by their names.
        self.OriginalStatusCode = reply.status
        self.OriginalMessage = body
        self.LogStreamArn = f"arn:{get_partition(region)}:logs:{region}:{account}:log-group:{group}"


class RuntimeResponse(SageMakerRuntimeResponse):
    """One request to the runtime."""

    use_raw_body = True  # a body need not be text

    @property
    def endpoint_name(self) -> str:
        """The endpoint in the request's path."""
        return self.path.split("/")[2]

    def invoke_endpoint(self) -> TYPE_RESPONSE:
        """InvokeEndpoint."""
        endpoint = self._serving(is_async=False)
        reply = self._accepted(self._reply(self.body))
        headers = {
            "Content-Type": reply.content_type,
            "x-Amzn-Invoked-Production-Variant": _variant(endpoint),
        }
        return reply.status, headers, b"".join(reply.parts)

    def invoke_endpoint_with_response_stream(self) -> TYPE_RESPONSE:
        """InvokeEndpointWithResponseStream, which moto lacks; every token is an event."""
        endpoint = self._serving(is_async=False)
        reply = self._accepted(self._reply(self.body, as_stream=True))
        events = [{"PayloadPart": {"Bytes": part}} for part in reply.parts]
        status, headers, body = self.serialized(ActionResult({"Body": events}))
        # moto's serialiser leaves out what an event stream's response has in its headers.
        headers["X-Amzn-SageMaker-Content-Type"] = reply.content_type
        headers["x-Amzn-Invoked-Production-Variant"] = _variant(endpoint)
        return status, headers, body

    def invoke_endpoint_async(self) -> TYPE_RESPONSE:
        """InvokeEndpointAsync, done by the time it is answered.

        moto writes to a bucket that it makes up instead of where the endpoint says.
        """
        endpoint = self._serving(is_async=True)
        inference_id = self.headers.get("X-Amzn-SageMaker-Inference-Id") or str(uuid4())
        output_config = endpoint.config.sent["AsyncInferenceConfig"]["OutputConfig"]
        locations = AsyncLocations.of(output_config, str(uuid4()))
        storage = Storage(self.current_account, self.partition)
        reply = self._reply_to_stored(storage)
        if reply.status < FIRST_ERROR:
            storage.write(locations.output, b"".join(reply.parts))
        elif locations.failure:
            storage.write(locations.failure, b"".join(reply.parts))
        headers: dict[str, Any] = {"X-Amzn-SageMaker-OutputLocation": locations.output}
        if locations.failure:
            headers["X-Amzn-SageMaker-FailureLocation"] = locations.failure
        headers["status"] = 202
        return 202, headers, json.dumps({"InferenceId": inference_id})

    def _serving(self, *, is_async: bool) -> SandboxEndpoint:
        """Endpoint, if it takes this kind of call. The wording of the last two is ours."""
        backend = cast("SageMakerBackend", sagemaker_backends[self.current_account][self.region])
        endpoint = backend.endpoints.get(self.endpoint_name)
        of_whom = f"Endpoint {self.endpoint_name} of account {self.current_account}"
        if endpoint is None or endpoint.endpoint_status not in SERVING:
            raise ValidationError(f"{of_whom} not found.")
        if is_async and not endpoint.is_async:
            raise ValidationError(f"{of_whom} is not asynchronous; use InvokeEndpoint.")
        if endpoint.is_async and not is_async:
            raise ValidationError(f"{of_whom} is asynchronous; use InvokeEndpointAsync.")
        return endpoint

    def _reply_to_stored(self, storage: Storage) -> Reply:
        """Reply to an async request, whose input is in S3 or in the request itself."""
        location = self.headers.get("X-Amzn-SageMaker-InputLocation")
        if location is None:
            return self._reply(self.body)
        body = storage.read(location)
        if body is None:
            return refusal(f"there is no object at {location}")
        return self._reply(body)

    def _reply(self, body: bytes, *, as_stream: bool = False) -> Reply:
        """Answer of the container: a fault asked for in advance, or the stand-in's text."""
        fault = sandbox_of(self.normalized_request.environ).faults.for_invocation(
            self.endpoint_name
        )
        if fault is not None:
            text = fault.body if isinstance(fault.body, str) else json.dumps(fault.body)
            return Reply(status=fault.status, parts=(text.encode(),))
        try:
            prompts = read_prompts(body)
        except RefusedBodyError as error:
            return refusal(str(error))
        if as_stream or prompts.wants_stream:
            return Reply(content_type=JSON_LINES, parts=tuple(answer_lines(prompts)))
        return Reply(parts=(json.dumps(answer(prompts)).encode(),))

    def _accepted(self, reply: Reply) -> Reply:
        """Reply, unless it is an error of the container's."""
        if reply.status >= FIRST_ERROR:
            raise ModelError(
                reply,
                region=self.region,
                account=self.current_account,
                endpoint=self.endpoint_name,
            )
        return reply


def refusal(problem: str) -> Reply:
    """LMI container's answer to a request it cannot use."""
    body = json.dumps({"error": problem, "code": REFUSED}).encode()
    return Reply(status=REFUSED, parts=(body,))


def _variant(endpoint: SandboxEndpoint) -> str:
    return str(endpoint.production_variants[0]["VariantName"])
