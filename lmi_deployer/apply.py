"""Walks a plan and hands each step to the AWS edge; waits for what SageMaker does by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, assert_never

from lmi_deployer.bundle import Bundle
from lmi_deployer.deployment import VERIFIED_TAG, Request
from lmi_deployer.errors import DeploymentError, StillRunningError
from lmi_deployer.invocation import SMOKE_NEW_TOKENS, SMOKE_PROMPT, generated_text, request_body
from lmi_deployer.plan import Plan
from lmi_deployer.state import IN_FLIGHT, ObservedEndpoint
from lmi_deployer.steps import (
    AddTags,
    AwaitEndpoint,
    AwsStep,
    CompileEngine,
    CreateEndpoint,
    CreateEndpointConfig,
    CreateModel,
    DeleteEndpoint,
    DeleteEndpointConfig,
    DeleteModel,
    DeleteObjects,
    Kind,
    SettleEndpoint,
    Step,
    UpdateEndpoint,
    UploadBundle,
    VerifyEndpoint,
)

REPORT_EVERY_SECONDS = 60
LOGS = "/aws/sagemaker/Endpoints/"
"""CloudWatch log group of an endpoint: this and its name. Source: SageMaker developer guide."""


class Endpoints(Protocol):
    """What a plan needs of AWS; `edges.aws.Aws` is the real one."""

    def endpoint(self, name: str) -> ObservedEndpoint | None: ...
    def upload(self, folder: str, bundle: Bundle) -> None: ...
    def create_model(self, request: Request) -> None: ...
    def create_endpoint_config(self, request: Request, pause: Callable[[float], None]) -> None: ...
    def create_endpoint(self, request: Request, pause: Callable[[float], None]) -> None: ...
    def update_endpoint(
        self, name: str, endpoint_config: str, pause: Callable[[float], None]
    ) -> None: ...
    def invoke(self, endpoint: str, body: bytes) -> bytes: ...
    def add_tags(self, kind: Kind, name: str, tags: Mapping[str, str]) -> None: ...
    def delete_endpoint(self, name: str) -> None: ...
    def delete_endpoint_config(self, name: str) -> None: ...
    def delete_model(self, name: str) -> None: ...
    def delete_objects(self, uris: tuple[str, ...]) -> None: ...


Compile = Callable[[CompileEngine], object]
"""Compiles an engine and commits it, waiting as long as that takes; nothing when it is there."""


@dataclass(frozen=True, kw_only=True)
class Clock:
    """How time passes while waiting; tests bring their own."""

    poll_seconds: float = 15
    limit_seconds: float = 2 * 3600
    """How long one wait may take before the command gives up and can be run again."""
    pause: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic


def apply(
    plan: Plan,
    aws: Endpoints,
    *,
    clock: Clock,
    compile_engine: Compile,
    say: Callable[[str], None],
    done: Callable[[Step], None],
) -> str | None:
    """Run every step of a plan, in order, calling `done` after each.

    The model's answer, where the plan asks it for one.

    Stops at the first that fails; what was made until then is found and used by the next run.
    Raises DeploymentError when SageMaker could not do what it took on, and StillRunningError when
    a wait outlasts the clock's limit.
    """
    answer = None
    for step in plan.steps:
        if isinstance(step, CompileEngine):
            compile_engine(step)
        else:
            answer = _run(step, plan, aws, clock, say) or answer
        done(step)
    return answer


def _run(  # noqa: C901, PLR0912 - one case a kind of step
    step: AwsStep, plan: Plan, aws: Endpoints, clock: Clock, say: Callable[[str], None]
) -> str | None:
    """Run one step; what the model answers, for the step that asks it."""
    match step:
        case UploadBundle():
            say(f"uploading {', '.join(plan.bundle.files)} to {step.folder}")
            aws.upload(step.folder, plan.bundle)
        case CreateModel():
            say(f"creating model {step.request['ModelName']}")
            aws.create_model(step.request)
        case CreateEndpointConfig():
            say(f"creating endpoint configuration {step.request['EndpointConfigName']}")
            aws.create_endpoint_config(step.request, clock.pause)
        case CreateEndpoint():
            say(f"creating endpoint {step.request['EndpointName']}")
            aws.create_endpoint(step.request, clock.pause)
        case UpdateEndpoint():
            say(f"updating endpoint {step.endpoint} to {step.endpoint_config}")
            aws.update_endpoint(step.endpoint, step.endpoint_config, clock.pause)
        case AddTags():
            say(f"tagging {step.kind} {step.name}")
            aws.add_tags(step.kind, step.name, step.tags)
        case SettleEndpoint():
            _settle(step.endpoint, aws, clock, say)
        case AwaitEndpoint():
            _await_in_service(step, aws, clock, say)
        case VerifyEndpoint():
            say(f"asking endpoint {step.endpoint} for an answer")
            body = request_body(SMOKE_PROMPT, max_new_tokens=SMOKE_NEW_TOKENS)
            answer = generated_text(aws.invoke(step.endpoint, body))
            if not answer:
                raise DeploymentError(
                    f"endpoint {step.endpoint} answers, but generates nothing",
                    fix=f"read the log group {LOGS}{step.endpoint}",
                )
            aws.add_tags("endpoint", step.endpoint, {VERIFIED_TAG: step.endpoint_config})
            return answer
        case DeleteEndpoint():
            say(f"deleting endpoint {step.endpoint}")
            aws.delete_endpoint(step.endpoint)
            _await_deletion(step.endpoint, aws, clock, say)
        case DeleteEndpointConfig():
            say(f"deleting endpoint configuration {step.endpoint_config}")
            aws.delete_endpoint_config(step.endpoint_config)
        case DeleteModel():
            say(f"deleting model {step.model}")
            aws.delete_model(step.model)
        case DeleteObjects():
            say(f"deleting {len(step.uris)} objects on S3")
            aws.delete_objects(step.uris)
        case _:
            assert_never(step)
    return None


def _settle(
    name: str, aws: Endpoints, clock: Clock, say: Callable[[str], None]
) -> ObservedEndpoint | None:
    """The endpoint once it is at rest, or None once it is gone; says what it is doing meanwhile."""
    started = reported = clock.now()
    last: str | None = None
    while True:
        endpoint = aws.endpoint(name)
        if endpoint is None or endpoint.status not in IN_FLIGHT:
            if last is not None:
                say(f"endpoint {name}: {'gone' if endpoint is None else endpoint.status}")
            return endpoint
        elapsed = clock.now() - started
        if elapsed > clock.limit_seconds:
            raise StillRunningError(
                f"endpoint {name} is still {endpoint.status} after {elapsed / 60:.0f} minutes",
                fix="run the same command again to go on waiting; nothing was undone",
            )
        if endpoint.status != last or clock.now() - reported >= REPORT_EVERY_SECONDS:
            waited = "" if last is None else f" ({elapsed / 60:.0f} min)"
            say(f"endpoint {name}: {endpoint.status}{waited}")
            last, reported = endpoint.status, clock.now()
        clock.pause(clock.poll_seconds)


def _await_in_service(
    step: AwaitEndpoint, aws: Endpoints, clock: Clock, say: Callable[[str], None]
) -> None:
    """Wait for InService, and make sure that it is the wanted configuration that is.

    SageMaker reports InService after a rollback as well, with the old configuration.
    """
    endpoint = _settle(step.endpoint, aws, clock, say)
    if endpoint is None:
        raise DeploymentError(
            f"endpoint {step.endpoint} was deleted while it was being waited for",
            fix="run the same command again to make it anew",
        )
    reason = endpoint.failure_reason or "SageMaker gives no reason"
    logs = f"read the log group {LOGS}{step.endpoint}, then run the same command again"
    if endpoint.status != "InService":
        problem = f"endpoint {step.endpoint} ended as {endpoint.status}: {reason}"
        raise DeploymentError(problem, fix=logs)
    if endpoint.endpoint_config_name != step.endpoint_config:
        raise DeploymentError(
            f"SageMaker rolled endpoint {step.endpoint} back to {endpoint.endpoint_config_name}; "
            f"{step.endpoint_config} did not come up: {reason}",
            fix=logs,
        )


def _await_deletion(name: str, aws: Endpoints, clock: Clock, say: Callable[[str], None]) -> None:
    endpoint = _settle(name, aws, clock, say)
    if endpoint is not None:
        raise DeploymentError(
            f"endpoint {name} was not deleted; it is {endpoint.status}",
            fix="run the same command again",
        )
