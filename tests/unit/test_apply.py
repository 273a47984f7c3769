"""The deployer: what it hands to AWS, what it waits for, and what it makes of what it sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from lmi_deployer.apply import Clock, apply
from lmi_deployer.bundle import Bundle
from lmi_deployer.deployment import VERIFIED_TAG, Request
from lmi_deployer.errors import DeploymentError, StillRunningError
from lmi_deployer.plan import Plan, make_plan
from lmi_deployer.state import ObservedEndpoint, ObservedState
from lmi_deployer.steps import (
    AwaitEndpoint,
    CompileEngine,
    DeleteEndpoint,
    Kind,
    SettleEndpoint,
    Step,
    VerifyEndpoint,
)
from tests.specs import NO_BUNDLE, a_compile_step, a_deployment

WANTED = a_deployment()
CONFIG = WANTED.endpoint_config_name


@dataclass
class FakeAws:
    """Records what it is asked for, and shows one status after the other, the last for ever."""

    statuses: list[ObservedEndpoint | None]
    answer: bytes = b'{"generated_text": " fun"}'
    calls: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    def endpoint(self, name: str) -> ObservedEndpoint | None:
        self.calls.append("endpoint")
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def upload(self, folder: str, bundle: Bundle) -> None:
        self.calls.append("upload")

    def create_model(self, request: Request) -> None:
        self.calls.append("create_model")

    def create_endpoint_config(self, request: Request, pause: Callable[[float], None]) -> None:
        self.calls.append("create_endpoint_config")

    def create_endpoint(self, request: Request, pause: Callable[[float], None]) -> None:
        self.calls.append("create_endpoint")

    def update_endpoint(
        self, name: str, endpoint_config: str, pause: Callable[[float], None]
    ) -> None:
        self.calls.append("update_endpoint")

    def invoke(self, endpoint: str, body: bytes) -> bytes:
        self.calls.append("invoke")
        return self.answer

    def add_tags(self, kind: Kind, name: str, tags: Mapping[str, str]) -> None:
        self.calls.append(f"add_tags {kind}")
        self.tags.update(tags)

    def delete_endpoint(self, name: str) -> None:
        self.calls.append("delete_endpoint")

    def delete_endpoint_config(self, name: str) -> None:
        self.calls.append("delete_endpoint_config")

    def delete_model(self, name: str) -> None:
        self.calls.append("delete_model")

    def delete_objects(self, uris: tuple[str, ...]) -> None:
        self.calls.append("delete_objects")


def seen(status: str, config: str = CONFIG, reason: str | None = None) -> ObservedEndpoint:
    return ObservedEndpoint(status=status, endpoint_config_name=config, failure_reason=reason)


def a_clock(limit_seconds: float = 600) -> Clock:
    """A clock whose pauses pass at once."""
    ticks: list[float] = [0]

    def pause(seconds: float) -> None:
        ticks[0] += seconds

    return Clock(poll_seconds=15, limit_seconds=limit_seconds, pause=pause, now=lambda: ticks[0])


def unused(_step: CompileEngine) -> None:
    raise AssertionError("nothing is compiled here")


def run(aws: FakeAws, *steps: Step, limit_seconds: float = 600) -> tuple[list[str], str | None]:
    said: list[str] = []
    plan = Plan(identity=WANTED.identity, bundle=NO_BUNDLE, steps=steps, observed_digest="")
    clock = a_clock(limit_seconds)
    answer = apply(
        plan,
        aws,
        clock=clock,
        compile_engine=unused,
        say=said.append,
        done=lambda _step: None,
    )
    return said, answer


def test_a_first_deployment_calls_each_thing_once_and_in_order():
    aws = FakeAws([seen("Creating"), seen("InService")])
    plan = make_plan(WANTED, ObservedState())
    done: list[Step] = []
    answer = apply(
        plan, aws, clock=a_clock(), compile_engine=unused, say=lambda _: None, done=done.append
    )
    assert aws.calls == [
        *("upload", "create_model", "create_endpoint_config", "create_endpoint"),
        *("endpoint", "endpoint", "invoke", "add_tags endpoint"),
    ]
    assert answer == " fun"
    assert tuple(done) == plan.steps
    assert aws.tags == {VERIFIED_TAG: CONFIG}


def test_an_engine_is_compiled_by_what_was_handed_in_before_the_next_step_begins():
    aws, step, order = FakeAws([seen("InService")]), a_compile_step(), list[str]()
    plan = make_plan(WANTED, ObservedState(), compiling=step)

    def compile_engine(given: CompileEngine) -> None:
        assert given is step
        assert aws.calls == []
        order.append("compiled")

    apply(
        plan,
        aws,
        clock=a_clock(),
        compile_engine=compile_engine,
        say=lambda _: None,
        done=lambda done: order.append(type(done).__name__),
    )
    assert order[:3] == ["compiled", "CompileEngine", "UploadBundle"]


def test_what_fails_to_compile_is_not_deployed():
    aws = FakeAws([seen("InService")])
    plan = make_plan(WANTED, ObservedState(), compiling=a_compile_step())

    def compile_engine(_step: CompileEngine) -> None:
        raise DeploymentError("out of memory")

    with pytest.raises(DeploymentError, match="out of memory"):
        apply(
            plan,
            aws,
            clock=a_clock(),
            compile_engine=compile_engine,
            say=lambda _: None,
            done=lambda _: None,
        )
    assert aws.calls == []


def test_a_status_is_said_when_it_changes_and_once_a_minute_after():
    aws = FakeAws([*[seen("Creating")] * 9, seen("InService")])
    said, _ = run(aws, AwaitEndpoint("chat-g5", CONFIG))
    assert said == [
        "endpoint chat-g5: Creating",
        "endpoint chat-g5: Creating (1 min)",
        "endpoint chat-g5: Creating (2 min)",
        "endpoint chat-g5: InService",
    ]


def test_an_endpoint_that_fails_is_an_error_with_sagemakers_reason():
    aws = FakeAws([seen("Creating"), seen("Failed", reason="CUDA out of memory")])
    with pytest.raises(DeploymentError, match="ended as Failed: CUDA out of memory") as caught:
        run(aws, AwaitEndpoint("chat-g5", CONFIG))
    assert caught.value.exit_code == 6
    assert "/aws/sagemaker/Endpoints/chat-g5" in str(caught.value)


def test_an_endpoint_in_service_with_another_configuration_was_rolled_back():
    aws = FakeAws([seen("Updating"), seen("InService", "chat-g5-old", "health check failed")])
    with pytest.raises(DeploymentError, match="rolled endpoint chat-g5 back to chat-g5-old"):
        run(aws, AwaitEndpoint("chat-g5", CONFIG))


def test_a_wait_that_outlasts_the_limit_says_that_the_command_can_be_repeated():
    with pytest.raises(StillRunningError, match="still Creating after 10 minutes") as caught:
        run(FakeAws([seen("Creating")]), AwaitEndpoint("chat-g5", CONFIG))
    assert caught.value.exit_code == 7


def test_an_endpoint_that_disappears_while_it_is_waited_for_is_an_error():
    with pytest.raises(DeploymentError, match="was deleted while"):
        run(FakeAws([seen("Creating"), None]), AwaitEndpoint("chat-g5", CONFIG))


def test_settling_takes_any_end():
    for end in (seen("Failed"), seen("InService", "chat-g5-old"), None):
        run(FakeAws([seen("Updating"), end]), SettleEndpoint("chat-g5", "Updating"))


def test_a_deletion_is_waited_for():
    aws = FakeAws([seen("Deleting"), seen("Deleting"), None])
    said, _ = run(aws, DeleteEndpoint("chat-g5", "removed"))
    assert aws.calls == ["delete_endpoint", "endpoint", "endpoint", "endpoint"]
    assert said[-1] == "endpoint chat-g5: gone"


def test_a_deletion_that_sagemaker_gave_up_is_an_error():
    with pytest.raises(DeploymentError, match="was not deleted; it is Failed"):
        run(FakeAws([seen("Deleting"), seen("Failed")]), DeleteEndpoint("chat-g5", "removed"))


def test_a_failing_answer_stops_the_plan_before_what_it_replaces_is_deleted():
    aws = FakeAws([seen("InService")], answer=b'{"code": 424, "error": "no CUDA device"}')
    with pytest.raises(DeploymentError, match="code 424: no CUDA device"):
        run(aws, VerifyEndpoint("chat-g5", CONFIG), DeleteEndpoint("chat-g5", "never"))
    assert aws.calls == ["invoke"]


def test_a_model_that_generates_nothing_has_not_answered():
    aws = FakeAws([seen("InService")], answer=b'{"generated_text": ""}')
    with pytest.raises(DeploymentError, match="generates nothing"):
        run(aws, VerifyEndpoint("chat-g5", CONFIG))
    assert aws.tags == {}


def interrupted(calls_before: int) -> Iterator[ObservedEndpoint]:
    for _ in range(calls_before):
        yield seen("Creating")
    raise KeyboardInterrupt


def test_an_interrupt_while_waiting_is_not_swallowed():
    source = interrupted(3)

    class Interrupted(FakeAws):
        def endpoint(self, name: str) -> ObservedEndpoint | None:
            return next(source)

    with pytest.raises(KeyboardInterrupt):
        run(Interrupted([None]), AwaitEndpoint("chat-g5", CONFIG))
