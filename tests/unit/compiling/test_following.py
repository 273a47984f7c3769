"""Bringing an engine into its cache: hits, following, interruptions, failures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from lmi_deployer.apply import Clock
from lmi_deployer.artifact.folder_store import FolderStore
from lmi_deployer.artifact.manifest import MANIFEST_FILE, Manifest
from lmi_deployer.compiling.following import compile_engine
from lmi_deployer.compiling.runner import JobState
from lmi_deployer.compiling.submitting import stop, submit_anew
from lmi_deployer.errors import (
    AwsError,
    CredentialsError,
    DeploymentError,
    GateError,
    InputError,
    StillRunningError,
    StoppedError,
    UnreachableError,
)
from lmi_deployer.steps import CompileEngine
from tests.engines import a_step, put_artifact

JOB = "lmi-compile-x-1"
RUNNING = JobState(name=JOB, phase="running", note="Training")
DONE = JobState(name=JOB, phase="done", note="Completed")


def ended(reason: str | None, *lines: str, note: str = "Failed") -> JobState:
    phase = "failed" if note == "Failed" else "stopped"
    return JobState(name=JOB, phase=phase, note=note, reason=reason, lines=lines)  # type: ignore[arg-type]


@dataclass
class FakeRunner:
    """A runner whose job goes through given looks, and commits before the last."""

    looks: Sequence[JobState | BaseException]
    commits: Callable[[], object] = lambda: None
    can_detach: bool = True
    survives_interrupt: bool = True
    last: JobState | None = None
    did: list[str] = field(default_factory=list)

    def find(self, _step: CompileEngine) -> JobState | None:
        return self.last

    def start(self, _step: CompileEngine) -> str:
        self.did.append("start")
        return JOB

    def look(self, _job: str) -> JobState:
        self.did.append("look")
        count = min(self.did.count("look"), len(self.looks))
        shown = self.looks[count - 1]
        if isinstance(shown, BaseException):
            raise shown
        return shown

    def collect(self, _step: CompileEngine, _job: str) -> None:
        self.did.append("collect")
        self.commits()

    def stop(self, _job: str) -> None:
        self.did.append("stop")


@dataclass
class Scene:
    store: FolderStore
    step: CompileEngine
    said: list[str] = field(default_factory=list)
    seconds: float = 0

    @property
    def clock(self) -> Clock:
        def pause(seconds: float) -> None:
            self.seconds += seconds

        return Clock(limit_seconds=600, pause=pause, now=lambda: self.seconds)

    def commit(self) -> object:
        return put_artifact(self.store, self.step)

    def run(self, runner: FakeRunner, **more: object) -> Manifest:
        return compile_engine(
            self.step,
            runner,
            store=self.store,
            clock=self.clock,
            say=self.said.append,
            **more,  # type: ignore[arg-type]
        )


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(FolderStore(tmp_path), a_step())


def test_a_cache_hit_starts_nothing_and_asks_the_runner_nothing(scene: Scene):
    scene.commit()
    runner = FakeRunner([])
    assert scene.run(runner).key == scene.step.key
    assert runner.did == []


def test_a_job_is_started_followed_collected_and_its_artifact_verified(scene: Scene):
    runner = FakeRunner([RUNNING, RUNNING, DONE], commits=scene.commit)
    assert scene.run(runner).key == scene.step.key
    assert runner.did == ["start", "look", "look", "look", "collect"]


def test_each_change_of_phase_is_said_once_and_a_long_one_every_minute(scene: Scene):
    scene.run(FakeRunner([RUNNING] * 9 + [DONE], commits=scene.commit))
    lines = [line for line in scene.said if line.startswith(f"job {JOB}:")]
    assert lines == [
        f"job {JOB}: {scene.step.note}",
        f"job {JOB}: Training",
        f"job {JOB}: Training (1 min)",
        f"job {JOB}: Training (2 min)",
        f"job {JOB}: Completed (2 min)",
    ]


@pytest.mark.parametrize("shows_log", [False, True])
def test_of_a_jobs_log_the_entry_points_lines_are_shown_and_all_when_asked(
    scene: Scene, *, shows_log: bool
):
    talking = JobState(name=JOB, phase="running", lines=("lmi-deploy: compile", "chatter"))
    scene.run(FakeRunner([talking, DONE], commits=scene.commit), shows_log=shows_log)
    assert "  compile" in scene.said
    assert ("  chatter" in scene.said) is shows_log


def test_a_job_that_ends_well_without_a_manifest_has_failed(scene: Scene):
    with pytest.raises(DeploymentError, match="committed no artifact"):
        scene.run(FakeRunner([DONE]))


def test_an_artifact_without_one_of_its_ranks_is_not_taken(scene: Scene):
    def commit() -> None:
        scene.commit()
        manifest = f"{scene.step.key[:16]}/artifact/tensorrt_llm/1/llama_float16_tp4_rank3.engine"
        scene.store.delete([manifest])

    with pytest.raises(DeploymentError, match="rank3"):
        scene.run(FakeRunner([DONE], commits=commit))


@pytest.mark.parametrize("damage", ["truncated", "missing", "not a manifest"])
def test_a_damaged_artifact_is_made_anew(scene: Scene, damage: str):
    scene.commit()
    folder = f"{scene.step.key[:16]}/"
    engine = f"{folder}artifact/tensorrt_llm/1/llama_float16_tp4_rank0.engine"
    if damage == "truncated":
        scene.store.write(engine, b"eng")
    elif damage == "missing":
        scene.store.delete([engine])
    else:
        scene.store.write(folder + MANIFEST_FILE, b"{")
    runner = FakeRunner([DONE], commits=scene.commit)
    assert scene.run(runner).key == scene.step.key
    assert runner.did[0] == "start"
    assert any("of no use" in line for line in scene.said)


def forced(scene: Scene) -> None:
    scene.step = replace(scene.step, job={**scene.step.job, "is_forced": True})


def test_making_anew_leaves_what_is_there_until_it_is_replaced(scene: Scene):
    scene.commit()
    forced(scene)
    before = scene.store.files("")
    assert submit_anew(scene.step, FakeRunner([]), scene.store, scene.said.append) == JOB
    assert scene.store.files("") == before


@pytest.mark.parametrize("may_start", [True, False])
def test_the_artifact_before_is_not_taken_for_what_a_forced_job_has_made(
    scene: Scene, *, may_start: bool
):
    scene.commit()
    forced(scene)
    with pytest.raises(DeploymentError, match="without making the engine anew"):
        scene.run(FakeRunner([DONE], last=RUNNING), anew=True, may_start=may_start)


def test_what_a_forced_job_has_made_counts_also_when_it_is_followed_late(scene: Scene):
    forced(scene)
    put_artifact(scene.store, scene.step, job=JOB)
    runner = FakeRunner([DONE], last=DONE)
    assert scene.run(runner, anew=True, may_start=False).made["job"] == JOB
    assert "start" not in runner.did


def test_making_anew_takes_nothing_from_a_job_that_runs(scene: Scene):
    scene.commit()
    before = scene.store.files("")
    runner = FakeRunner([], last=RUNNING)
    step = replace(scene.step, runner="optimization")
    assert submit_anew(step, runner, scene.store, scene.said.append) == JOB
    assert scene.store.files("").keys() == before.keys()


def test_an_engine_that_is_there_is_compiled_anew_when_asked(scene: Scene):
    scene.commit()
    runner = FakeRunner([DONE], commits=scene.commit)
    scene.run(runner, anew=True)
    assert runner.did == ["start", "look", "collect"]


def test_what_is_there_stays_where_no_job_could_be_started(scene: Scene):
    class Refusing(FakeRunner):
        def start(self, _step: CompileEngine) -> str:
            raise AwsError("(ResourceLimitExceeded)")

    scene.commit()
    with pytest.raises(AwsError):
        submit_anew(scene.step, Refusing([]), scene.store, scene.said.append)
    assert scene.run(FakeRunner([])).key == scene.step.key


def test_a_failure_tells_the_reason_the_way_out_and_the_last_log_lines(scene: Scene):
    lines = [f"line {number}" for number in range(30)]
    reason = "the script failed: out of GPU memory\nfix: a lower max_rolling_batch_size"
    with pytest.raises(DeploymentError) as caught:
        scene.run(FakeRunner([RUNNING, ended(reason, *lines)]))
    assert "out of GPU memory" in caught.value.problem
    assert "line 29" in caught.value.problem
    assert "line 9\n" not in caught.value.problem
    assert caught.value.fix == "a lower max_rolling_batch_size"


REASON = """AlgorithmError: the script failed: out of GPU memory
fix: a lower max_rolling_batch_size
log: CUDA out of memory. Tried
last lines:
Compiling
Traceback (most rec, exit code: 1"""
"""What DescribeTrainingJob says; the entry point has cut the lines short."""
LOG = (
    "lmi-deploy: weights: done in 2 s",
    "Compiling",
    "Traceback (most recent call last):",
    "lmi-deploy: failed during compile: the script failed: out of GPU memory",
    "fix: a lower max_rolling_batch_size",
    "log: CUDA out of memory. Tried",
    "last lines:",
    "Compiling",
    "Traceback (most rec",
)


def test_reason_way_out_and_log_lines_are_told_once_each_whoever_tells_them(scene: Scene):
    with pytest.raises(DeploymentError) as caught:
        scene.run(FakeRunner([ended(REASON, *LOG)]))
    assert str(caught.value).splitlines() == [
        f"job {JOB} failed: the script failed: out of GPU memory",
        "last lines of its log:",
        "  CUDA out of memory. Tried",
        "  Compiling",
        "  Traceback (most recent call last):",
        "  fix: a lower max_rolling_batch_size",
    ]


def test_without_a_log_the_lines_of_the_reason_are_told(scene: Scene):
    with pytest.raises(DeploymentError) as caught:
        scene.run(FakeRunner([ended(REASON)]))
    assert caught.value.problem.splitlines()[1:] == [
        "last lines of its log:",
        "  CUDA out of memory. Tried",
        "  Compiling",
        "  Traceback (most rec",
    ]


def test_the_entry_points_progress_is_no_last_line(scene: Scene):
    lines = ("lmi-deploy: weights: done in 2 s", "RuntimeError: no such layer")
    with pytest.raises(DeploymentError) as caught:
        scene.run(FakeRunner([ended("it failed", *lines)]))
    assert caught.value.problem.endswith("last lines of its log:\n  RuntimeError: no such layer")


def test_no_secret_of_a_log_is_repeated(scene: Scene):
    token = "hf_" + "a" * 30
    with pytest.raises(DeploymentError) as caught:
        scene.run(FakeRunner([ended("it failed", f"token {token}")]))
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    ("reason", "fix"),
    [
        ("AlgorithmError: no such layer", "/aws/sagemaker/TrainingJobs on CloudWatch"),
        ("InternalServerError", "run the same command again"),
        (None, "run the same command again"),
    ],
)
def test_what_would_fail_again_is_not_told_to_be_tried_again(
    scene: Scene, reason: str | None, fix: str
):
    with pytest.raises(DeploymentError) as caught:
        scene.run(FakeRunner([ended(reason)]))
    assert fix in str(caught.value.fix)


@pytest.mark.parametrize("note", ["Stopped", "MaxRuntimeExceeded"])
def test_a_stopped_job_shows_how_far_it_came(scene: Scene, note: str):
    lines = ("lmi-deploy: weights: done in 2 s", "Loading layer 3")
    with pytest.raises(DeploymentError) as caught:
        scene.run(FakeRunner([ended(None, *lines, note=note)]))
    assert caught.value.problem.endswith(
        "last lines of its log:\n  lmi-deploy: weights: done in 2 s\n  Loading layer 3"
    )


def test_a_failed_quality_gate_is_a_gate_error(scene: Scene):
    reason = "AlgorithmError: the quality gate failed: answers agree for 50.0%"
    with pytest.raises(GateError):
        scene.run(FakeRunner([ended(reason)]))


@pytest.mark.parametrize(
    ("note", "problem", "fix"),
    [
        ("MaxRuntimeExceeded", "ran out of time", "compile.max_seconds"),
        ("MaxWaitTimeExceeded", "spot", "compile.spot: false"),
        ("Stopped", "was stopped", "starts another job"),
    ],
)
def test_a_stopped_job_tells_what_stopped_it(scene: Scene, note: str, problem: str, fix: str):
    with pytest.raises(DeploymentError) as caught:
        scene.run(FakeRunner([ended(None, note=note)]))
    assert problem in caught.value.problem
    assert fix in str(caught.value.fix)


def test_no_capacity_is_answered_with_another_machine(scene: Scene):
    with pytest.raises(DeploymentError) as caught:
        scene.run(FakeRunner([ended("CapacityError: Unable to provision")]))
    assert "another compile.instance_type" in str(caught.value.fix)


def test_a_wait_that_is_over_leaves_the_job_and_says_how_to_go_on(scene: Scene):
    runner = FakeRunner([RUNNING])
    with pytest.raises(StillRunningError, match="Training") as caught:
        scene.run(runner, resume="lmi-deploy compile chat --resume")
    assert "lmi-deploy compile chat --resume" in str(caught.value.fix)
    assert "stop" not in runner.did


def test_an_interruption_leaves_a_job_that_goes_on_by_itself(scene: Scene):
    runner = FakeRunner([RUNNING, KeyboardInterrupt()])
    with pytest.raises(StoppedError, match=f"job {JOB} goes on"):
        scene.run(runner)
    assert "stop" not in runner.did


def test_an_interruption_stops_a_job_that_would_go_on_unseen(scene: Scene):
    runner = FakeRunner([RUNNING, KeyboardInterrupt()], survives_interrupt=False)
    with pytest.raises(StoppedError, match="was stopped"):
        scene.run(runner)
    assert runner.did[-1] == "stop"


def test_an_interruption_names_the_command_that_stops_what_goes_on(scene: Scene):
    runner = FakeRunner([RUNNING, KeyboardInterrupt()])
    with pytest.raises(StoppedError, match="`lmi-deploy compile chat --stop` stops it"):
        scene.run(runner, stop="lmi-deploy compile chat --stop")


def test_a_job_that_runs_is_stopped_and_one_that_has_ended_is_not(scene: Scene):
    runner = FakeRunner([], last=RUNNING)
    assert stop(scene.step, runner) == JOB
    assert runner.did == ["stop"]
    assert stop(scene.step, FakeRunner([], last=ended("no room"))) is None
    assert stop(scene.step, FakeRunner([])) is None


def test_a_job_that_cannot_be_stopped_from_here_is_not_said_to_be(scene: Scene):
    elsewhere = FakeRunner([], last=RUNNING, survives_interrupt=False)
    with pytest.raises(InputError, match="runs elsewhere"):
        stop(scene.step, elsewhere)


def test_expired_credentials_end_the_waiting_and_not_the_job(scene: Scene):
    runner = FakeRunner([RUNNING, CredentialsError("ExpiredToken")])
    with pytest.raises(StillRunningError, match="goes on by itself") as caught:
        scene.run(runner, resume="lmi-deploy compile chat --resume")
    assert "sign in again" in str(caught.value.fix)
    assert "stop" not in runner.did


@pytest.mark.parametrize("error", [AwsError("(ThrottlingException)"), UnreachableError("timeout")])
def test_a_blip_of_the_network_is_waited_out(scene: Scene, error: AwsError):
    looks: list[JobState | BaseException] = [RUNNING, error, error, RUNNING, error, DONE]
    assert scene.run(FakeRunner(looks, commits=scene.commit)).key == scene.step.key
    assert sum("cannot be looked at" in line for line in scene.said) == 2


def test_what_stays_unreachable_ends_the_waiting_and_not_the_job(scene: Scene):
    with pytest.raises(StillRunningError, match="goes on by itself"):
        scene.run(FakeRunner([UnreachableError("no network")]))


def test_a_missing_permission_is_not_asked_for_again_and_again(scene: Scene):
    runner = FakeRunner([AwsError("no (AccessDeniedException)", fix="sagemaker:Describe")])
    with pytest.raises(StillRunningError) as caught:
        scene.run(runner)
    assert runner.did.count("look") == 1
    assert "sagemaker:Describe" in str(caught.value.fix)


def test_resuming_starts_nothing(scene: Scene):
    with pytest.raises(InputError, match="no job was started") as caught:
        scene.run(FakeRunner([]), may_start=False)
    assert "without --resume" in str(caught.value.fix)


def test_resuming_goes_on_with_the_job_that_was_started_last(scene: Scene):
    runner = FakeRunner([RUNNING, DONE], commits=scene.commit, last=RUNNING)
    assert scene.run(runner, may_start=False).key == scene.step.key
    assert "start" not in runner.did


def test_resuming_after_a_failure_tells_of_it(scene: Scene):
    failed = ended("no room on the disk")
    with pytest.raises(DeploymentError, match="no room"):
        scene.run(FakeRunner([failed], last=failed), may_start=False)


def test_starting_after_a_failure_says_what_had_failed(scene: Scene):
    failed = ended("no room on the disk\nfix: more")
    scene.run(FakeRunner([DONE], commits=scene.commit, last=failed))
    assert scene.said[0] == f"job {JOB} has failed (no room on the disk); starting another"
