"""Training jobs against the emulator: names as locks, states, logs, interruptions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from threading import Event
from typing import Any
from urllib.request import Request, urlopen

import pytest

from lmi_deployer.aot.decision import job_name
from lmi_deployer.compiling.runner import JobState
from lmi_deployer.edges.aws import Aws
from lmi_deployer.edges.aws_calls import AwsSettings
from lmi_deployer.edges.job_logs import JobLogs
from lmi_deployer.edges.training_jobs import TrainingJobs
from lmi_deployer.errors import AwsError, InputError
from lmi_deployer.sandbox import SandboxSettings, running_sandbox
from lmi_deployer.steps import CompileEngine
from tests.engines import a_step, put_artifact

POLL = Event()
CACHE, OTHER = "s3://acme-lmi/engines/", "s3://acme-other/engines/"


@dataclass
class Account:
    settings: SandboxSettings

    @cached_property
    def mine(self) -> Aws:
        return self.aws()

    def aws(self) -> Aws:
        return Aws(
            AwsSettings(
                region=self.settings.region,
                endpoint_url=self.settings.endpoint_url,
                access_key_id=self.settings.access_key_id,
                secret_access_key=self.settings.secret_access_key,
                role_arn=self.settings.role_arn,
            )
        )

    def jobs(self, cache: str = CACHE, aws: Aws | None = None) -> TrainingJobs:
        aws = aws or self.mine
        return TrainingJobs(aws.calls, aws.store(cache))

    def fault(self, **fault: Any) -> None:
        self.tell("faults", json.dumps(fault).encode())

    def tell(self, route: str, body: bytes | None, method: str = "POST") -> None:
        url = f"{self.settings.endpoint_url}/lmi-sandbox/{route}"
        with urlopen(Request(url, data=body, method=method)) as answer:
            assert answer.status < 300


@pytest.fixture(scope="module")
def shared() -> Iterator[Account]:
    with running_sandbox(describes=6) as settings:
        account = Account(settings)
        for bucket in ("acme-lmi", "acme-other"):
            account.mine.create_bucket(bucket)
        for kind in ("training", "spot training"):
            quota = {"name": f"ml.g5.12xlarge for {kind} job usage", "value": 90}
            account.tell("quotas", json.dumps(quota).encode())
        yield account


@pytest.fixture
def account(shared: Account) -> Iterator[Account]:
    yield shared
    shared.tell("faults", None, "DELETE")


LENGTHS = count(512)


@pytest.fixture
def step() -> CompileEngine:
    """An engine that no other test has asked for."""
    return a_step(f"traffic.max_input_len={next(LENGTHS)}")


def settled(jobs: TrainingJobs, job: str) -> JobState:
    """How a job ends."""
    for _ in range(1000):
        state = jobs.look(job)
        if state.phase not in {"waiting", "running"}:
            return state
        POLL.wait(0.05)
    raise AssertionError(f"{job} does not end")


def test_a_job_is_started_with_its_bundle_on_s3(account: Account, step: CompileEngine):
    jobs = account.jobs()
    assert jobs.find(step) is None
    name = jobs.start(step)
    assert name == job_name(step.key, 1)
    bundle = jobs.store.files(f"{step.key[:16]}/job/")
    assert {path.rpartition("/")[2] for path in bundle} == {
        "compile.pyz",
        "job.json",
        "serving.properties",
    }
    document = json.loads(jobs.store.read(f"{step.key[:16]}/job/job.json") or b"")
    assert document["made"]["job"] == name
    found = jobs.find(step)
    assert found is not None
    assert (found.name, found.phase, found.lines) == (name, "waiting", ())


def test_starting_again_follows_the_job_that_runs(account: Account, step: CompileEngine):
    first = account.jobs().start(step)
    assert account.jobs().start(step) == first


def test_of_many_that_start_at_once_one_job_comes(account: Account, step: CompileEngine):
    runners = [account.jobs(aws=account.aws()) for _ in range(3)]
    with ThreadPoolExecutor(len(runners)) as pool:
        names = set(pool.map(lambda jobs: jobs.start(step), runners))
    assert names == {job_name(step.key, 1)}
    assert runners[0].described(job_name(step.key, 2)) is None


@pytest.mark.parametrize("code", ["ResourceInUse", "ResourceLimitExceeded"])
def test_whoever_is_refused_follows_the_job_that_came_between(
    account: Account, step: CompileEngine, code: str
):
    class Late(TrainingJobs):
        def prepare(self, step: CompileEngine, job: str) -> None:
            account.jobs().start(step)
            account.fault(operation="CreateTrainingJob", code=code)
            super().prepare(step, job)

    aws = account.mine
    assert Late(aws.calls, aws.store(CACHE)).start(step) == job_name(step.key, 1)
    assert account.jobs().described(job_name(step.key, 2)) is None


def unseen(times: int, *, skip: int = 0) -> dict[str, Any]:
    """A fault: SageMaker does not find a job, as shortly after it was created."""
    return {
        "operation": "DescribeTrainingJob",
        "code": "ValidationException",
        "message": "Requested resource not found.",
        "times": times,
        "skip": skip,
    }


def test_a_job_that_sagemaker_does_not_find_yet_is_waited_for(
    account: Account, step: CompileEngine
):
    jobs = account.jobs()
    name = jobs.start(step)
    account.fault(**unseen(2))
    assert [jobs.look(name).note for _ in range(3)] == ["Starting"] * 3
    account.fault(**unseen(1))
    with pytest.raises(InputError, match="there is no job"):
        account.jobs().look(name)


def test_whoever_is_refused_waits_until_the_other_job_is_found(
    account: Account, step: CompileEngine
):
    first = account.jobs().start(step)
    account.fault(**unseen(3))
    said: list[str] = []
    waited: list[float] = []
    aws = account.mine
    late = TrainingJobs(aws.calls, aws.store(CACHE), say=said.append, pause=waited.append)
    assert late.start(step) == first
    assert len(waited) == 2
    assert said == [f"job {first} has just been started already"]


def test_after_a_failure_the_next_attempt_is_started(account: Account, step: CompileEngine):
    account.fault(job="*", outcome="fail", reason="InternalServerError")
    jobs = account.jobs()
    state = settled(jobs, jobs.start(step))
    assert (state.phase, state.reason) == ("failed", "InternalServerError")
    assert jobs.start(step) == job_name(step.key, 2)


def replace_cache(step: CompileEngine) -> CompileEngine:
    length = step.job["serving"]["option.max_input_len"]
    return a_step(f"traffic.max_input_len={length}", cache=OTHER)


def test_a_job_for_another_cache_is_not_taken_for_ours(account: Account, step: CompileEngine):
    elsewhere = replace_cache(step)
    assert account.jobs(OTHER).start(elsewhere) == job_name(step.key, 1)
    jobs = account.jobs()
    assert jobs.find(step) is None
    assert jobs.start(step) == job_name(step.key, 2)


def test_a_committed_engine_starts_nothing(account: Account, step: CompileEngine):
    jobs = account.jobs()
    put_artifact(jobs.store, step)
    jobs.start(step)
    assert jobs.described(job_name(step.key, 1)) is None


def test_a_damaged_engine_is_not_taken_for_a_committed_one(account: Account, step: CompileEngine):
    jobs = account.jobs()
    put_artifact(jobs.store, step)
    jobs.store.delete([f"{step.key[:16]}/artifact/tensorrt_llm/config.pbtxt"])
    name = jobs.start(step)
    assert jobs.described(name) is not None


def test_what_is_refused_is_told_and_starts_nothing(account: Account, step: CompileEngine):
    account.fault(operation="CreateTrainingJob", code="ResourceLimitExceeded", message="0 of 1")
    with pytest.raises(AwsError, match="0 of 1") as caught:
        account.jobs().start(step)
    assert "quota" in str(caught.value.fix)


def test_sagemakers_other_words_for_no_such_job_are_understood(
    account: Account, step: CompileEngine
):
    message = "Requested resource not found."
    account.fault(operation="DescribeTrainingJob", code="ValidationException", message=message)
    assert account.jobs().find(step) is None


def test_a_job_that_does_not_exist_cannot_be_looked_at(account: Account):
    with pytest.raises(InputError, match="there is no job lmi-compile-x-1"):
        account.jobs().look("lmi-compile-x-1")


def test_a_job_ends_and_each_line_of_its_log_is_read_once(account: Account, step: CompileEngine):
    jobs = account.jobs()
    name = jobs.start(step)
    lines: list[str] = []
    state = jobs.look(name)
    while state.phase in {"waiting", "running"}:
        lines += state.lines
        POLL.wait(0.05)
        state = jobs.look(name)
    lines += state.lines
    assert state.phase == "done", state
    assert any("commit: done" in line for line in lines)
    assert len([line for line in lines if "compile: done" in line]) == 1
    assert jobs.look(name).lines == ()
    assert any("commit: done" in line for line in account.jobs().look(name).lines)


def test_a_log_that_may_not_be_read_does_not_hide_the_job(account: Account, step: CompileEngine):
    account.fault(operation="DescribeLogStreams", code="AccessDeniedException", times=9)
    jobs = account.jobs()
    name = jobs.start(step)
    first, second = jobs.look(name), jobs.look(name)
    assert first.phase == "waiting"
    assert "cannot be read" in first.lines[0]
    assert second.lines == ()


class Pages:
    """CloudWatch Logs with pages of one stream; some are empty, as they may be between others."""

    PAGES: tuple[list[str], ...] = (["a"], [], ["b"], [])

    def pages(self, *_: object, **__: object) -> list[dict[str, Any]]:
        return [{"logStreamName": "job/algo-1"}]

    def call(self, *_: object, nextToken: str = "0", **__: object) -> dict[str, Any]:  # noqa: N803
        at = int(nextToken)
        events = [{"message": text} for text in self.PAGES[at]]
        return {"events": events, "nextForwardToken": str(min(at + 1, len(self.PAGES) - 1))}


def test_an_empty_page_is_not_the_end_of_a_log():
    calls: Any = Pages()
    assert JobLogs(calls, "group").read("job", has_ended=False) == ("a", "b")


def test_stopping_a_job_twice_is_stopping_it_once(account: Account, step: CompileEngine):
    account.fault(job="*", outcome="script", mode="hang")
    jobs = account.jobs()
    name = jobs.start(step)
    jobs.stop(name)
    jobs.stop(name)  # while it is still being stopped
    state = settled(jobs, name)
    assert (state.phase, state.note) == ("stopped", "Stopped")
    jobs.stop(name)
    assert jobs.start(step) == job_name(step.key, 2)


def test_a_step_without_a_request_is_no_training_job(account: Account, step: CompileEngine):
    with pytest.raises(InputError, match="make a new plan"):
        account.jobs().start(replace(step, request=None))
