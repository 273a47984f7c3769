"""`lmi-deploy compile` against the emulator, whose training jobs run the real entry point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from botocore.loaders import JSONFileLoader

from lmi_deployer.cli.compile_options import same_engine
from lmi_deployer.cli.connection import Connection, connected
from lmi_deployer.cli.sandbox_finder import announced
from lmi_deployer.sandbox import SandboxSettings, running_sandbox
from lmi_deployer.steps import CompileEngine
from tests.cli.conftest import Command, Outcome
from tests.engines import COMPILED

COMPILE = ("compile", "chat", "-p", "trt", "--sandbox", "--yes")
PREFIX = "/lmi-sandbox/"
Tell = Callable[..., Any]


QUOTA = "ml.g5.12xlarge for training job usage"
LENGTHS = count(512)


@pytest.fixture(scope="module", autouse=True)
def service_models_are_read_once() -> Iterator[None]:
    """Each command makes a session of its own, which would read a megabyte of JSON again."""
    with pytest.MonkeyPatch.context() as patch:
        read = cache(JSONFileLoader().load_file)
        patch.setattr(JSONFileLoader, "load_file", lambda _self, path: read(path))
        yield


@pytest.fixture(autouse=True)
def no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Docker this machine may have."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxSettings]:
    with running_sandbox(describes=4) as settings:
        yield settings


@pytest.fixture
def sandbox(shared: SandboxSettings) -> Iterator[Tell]:
    """A sandbox that all commands find; `sandbox(job=..., outcome=...)` makes it go wrong.

    The profile is one whose engine no other test has asked for.
    """
    text = COMPILED.replace("max_input_len: 1024", f"max_input_len: {next(LENGTHS)}")
    Path("profiles/chat.yaml").write_text(text)
    with announced(shared):

        def tell(route: str = "faults", method: str = "POST", **content: Any) -> Any:
            body = json.dumps(content).encode() if content else None
            url = f"{shared.endpoint_url}{PREFIX}{route}"
            with urlopen(Request(url, data=body, method=method)) as answer:
                return json.loads(answer.read())

        tell("calls", "DELETE")
        tell("quotas", name=QUOTA, value=90)
        tell("quotas", name=QUOTA.replace("for", "for spot"), value=90)
        yield tell
        tell("faults", "DELETE")


def calls(sandbox: Tell, operation: str) -> int:
    """How often a call was made since the last time this was asked."""
    made = sandbox("calls", "GET")
    sandbox("calls", "DELETE")
    return sum(call[1] == operation for call in made)


def add_another() -> None:
    """Give the profile a third hardware profile, `long`, with an engine of its own."""
    profile = Path("profiles/chat.yaml")
    more = f"  long:\n    extends: trt\n    traffic: {{max_input_len: {next(LENGTHS)}}}\n"
    profile.write_text(profile.read_text() + more)


def engine(outcome: Outcome) -> dict[str, Any]:
    (only,) = json.loads(outcome.out)["engines"]
    return dict(only)


def names(sandbox: Tell) -> list[tuple[str, str]]:
    """(service, operation) of each call since the last time calls were forgotten."""
    return [(call[0], call[1]) for call in sandbox("calls", "GET")]


def test_an_engine_is_compiled_once_through_interruptions_and_then_costs_no_job_unless_forced(
    lmi: Command, sandbox: Tell
):
    spot = (*COMPILE, "--set", "compile.spot=true")
    sandbox(job="*", outcome="spot_interruption")
    started = lmi(*spot, "--detach", "-o", "json")
    assert started.status == 0, started.err
    shown = engine(started)
    assert shown["status"] == "started"
    assert shown["job"] == f"lmi-compile-{shown['key'][:16]}-1"
    assert lmi(*spot, "--resume", "--detach").status == 7
    done = lmi(*spot, "--resume")
    assert done.status == 0, done.err
    assert "is compiled: s3://acme-lmi/engines/" in done.out
    assert "Interrupted: its spot machine was taken" in done.err
    assert "commit: done" in done.err
    assert calls(sandbox, "CreateTrainingJob") == 1
    for how in ((), ("--resume",)):
        again = lmi(*spot, *how)
        assert again.status == 0
        assert again.err == ""
        assert len(again.out.splitlines()) == 1
        assert "is cached: s3://acme-lmi/engines/" in again.out
    assert {service for service, _ in names(sandbox)} <= {"s3", "sts"}
    forced = lmi(*spot, "--force", "-o", "json", "--detach")
    assert forced.status == 0, forced.err
    assert engine(forced)["job"].endswith("-2")
    assert engine(forced).keys() == shown.keys()
    assert "compiled again because of --force" in forced.err
    assert lmi(*spot).out.count("is cached") == 1  # the one before, until the new one is there
    anew = lmi(*spot, "--force", "--resume", "-o", "json")
    assert anew.status == 0, anew.err
    assert (engine(anew)["status"], engine(anew)["job"]) == ("compiled", engine(forced)["job"])
    assert calls(sandbox, "CreateTrainingJob") == 1


def test_a_job_is_stopped_by_whoever_names_its_engine(lmi: Command, sandbox: Tell):
    assert lmi(*COMPILE, "--stop").status == 0
    started = engine(lmi(*COMPILE, "--detach", "-o", "json"))
    for _ in range(2):  # the second time while it is still being stopped
        stopped = lmi(*COMPILE[:-1], "--stop", "-o", "json")
        assert stopped.status == 0, stopped.err
        assert (engine(stopped)["status"], engine(stopped)["job"]) == ("stopped", started["job"])
    failed = lmi(*COMPILE, "--resume")
    assert (failed.status, "was stopped" in failed.err) == (6, True)
    nothing = lmi(*COMPILE, "--stop")
    assert (nothing.status, nothing.err) == (0, "")
    assert "no job runs for engine" in nothing.out
    assert calls(sandbox, "CreateTrainingJob") == 1


@pytest.mark.parametrize("also", ["--resume", "--force", "--dry-run", "--detach", "--wait=1"])
def test_stopping_goes_with_nothing_that_starts_or_waits(lmi: Command, also: str):
    assert lmi(*COMPILE, "--stop", also).status == 2


def test_an_interruption_leaves_the_jobs_and_tells_of_each(
    lmi: Command, sandbox: Tell, monkeypatch: pytest.MonkeyPatch
):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    add_another()
    monkeypatch.setattr("lmi_deployer.edges.training_jobs.TrainingJobs.look", interrupted)
    left = lmi("compile", "chat", "-p", "all", "--sandbox", "--yes", "-o", "json")
    assert left.status == 130
    assert "goes on by itself; `lmi-deploy compile chat -p trt --sandbox --stop`" in left.err
    engines = json.loads(left.out)["engines"]
    assert [item["status"] for item in engines] == ["running", "running"]
    assert all(item["job"] for item in engines)
    assert calls(sandbox, "StopTrainingJob") == 0


@dataclass
class OnThisMachine:
    """A local runner, whose jobs are interrupted when they are looked at."""

    did: list[str] = field(default_factory=list)
    can_detach: bool = True
    survives_interrupt: bool = False

    def find(self, _step: CompileEngine) -> None:
        return None

    def start(self, step: CompileEngine) -> str:
        self.did.append("start")
        return step.key[:8]

    def look(self, _job: str) -> None:
        raise KeyboardInterrupt

    def stop(self, _job: str) -> None:
        self.did.append("stop")


LOCALLY = ("compile", "chat", "-p", "all", "--runner", "docker", "--cache", "e", "-o", "json")


@pytest.mark.parametrize("how", [(), ("--force",)])
def test_an_interruption_leaves_nothing_on_this_machine(
    lmi: Command, monkeypatch: pytest.MonkeyPatch, how: tuple[str, ...]
):
    runner = OnThisMachine()
    monkeypatch.setattr("lmi_deployer.cli.compile_run.runner_for", lambda *_, **__: runner)
    Path("profiles/chat.yaml").write_text(COMPILED)
    add_another()
    left = lmi(*LOCALLY, *how)
    assert left.status == 130
    assert runner.did == ["start", "stop"]
    engines = json.loads(left.out)["engines"]
    assert [item["status"] for item in engines] == ["stopped", "not reached"]


def test_a_detached_job_of_this_machine_is_not_followed(
    lmi: Command, monkeypatch: pytest.MonkeyPatch
):
    runner = OnThisMachine()
    monkeypatch.setattr("lmi_deployer.cli.compile_run.runner_for", lambda *_, **__: runner)
    Path("profiles/chat.yaml").write_text(COMPILED)
    assert lmi(*LOCALLY, "--detach").status == 0
    assert runner.did == ["start"]


def test_a_dry_run_shows_what_would_run_and_starts_nothing(lmi: Command, sandbox: Tell):
    shown = lmi(*COMPILE, "--dry-run")
    assert shown.status == 0
    assert "trt_llm_partition.py --properties_dir" in shown.out
    assert "training job on ml.g5.12xlarge" in shown.out
    assert "would be compiled" in shown.out
    changing = [name for _, name in names(sandbox) if name.startswith(("Put", "Create", "Delete"))]
    assert set(changing) <= {"CreateBucket"}  # a sandbox has whatever bucket a profile names


def test_nothing_that_costs_money_runs_without_an_approval(lmi: Command, sandbox: Tell):
    refused = lmi(*COMPILE[:-1])
    assert refused.status == 5
    assert calls(sandbox, "CreateTrainingJob") == 0


def test_a_detached_command_says_how_to_go_on(lmi: Command, sandbox: Tell):
    started = lmi(*COMPILE, "--detach", "--set", "compile.spot=false")
    assert started.status == 0
    assert (
        "go on with  lmi-deploy compile chat -p trt --set=compile.spot=false --sandbox --resume"
    ) in started.out


def test_resuming_without_a_job_is_a_mistake_with_a_way_out(lmi: Command, sandbox: Tell):
    refused = lmi(*COMPILE, "--resume")
    assert refused.status == 2
    assert "without --resume" in refused.err
    assert calls(sandbox, "CreateTrainingJob") == 0


def test_a_failure_shows_the_jobs_own_last_lines_and_running_again_recovers(
    lmi: Command, sandbox: Tell
):
    sandbox(job="*", outcome="script", mode="out_of_memory")
    failed = lmi(*COMPILE)
    assert failed.status == 6
    assert "out of GPU memory" in failed.err
    assert "CUDA out of memory. Tried to allocate" in failed.err
    assert failed.err.count("fix: a lower max_rolling_batch_size") == 1
    assert lmi(*COMPILE, "--resume").status == 6
    again = lmi(*COMPILE, "-o", "json", "--detach")
    assert again.status == 0, again.err
    assert engine(again)["job"].endswith("-2")
    assert "has failed" in again.err


def test_without_a_free_machine_another_one_is_suggested(lmi: Command, sandbox: Tell):
    sandbox(job="*", outcome="no_capacity")
    ended = lmi(*COMPILE)
    assert ended.status == 6, ended.err
    assert "fix: another compile.instance_type" in ended.err


def test_answers_that_differ_from_the_reference_fail_the_gate(lmi: Command, sandbox: Tell):
    gate = 'quality: {prompts: ["A"], reference: ["quite another"], minimum_agreement: 0.9}'
    profile = Path("profiles/chat.yaml")
    profile.write_text(f"{profile.read_text()}    {gate}\n")
    failed = lmi(*COMPILE, "-o", "json")
    assert failed.status == 4
    assert "the quality gate failed" in failed.err
    assert "a lower quality.minimum_agreement" in failed.err
    assert engine(failed)["status"] == "failed"


def test_credentials_that_expire_while_waiting_do_not_end_the_job(lmi: Command, sandbox: Tell):
    sandbox(job="*", outcome="script", mode="hang")
    sandbox(operation="DescribeTrainingJob", code="ExpiredTokenException", skip=5)
    left = lmi(*COMPILE)
    assert left.status == 7
    assert "sign in again" in left.err
    assert "--resume" in left.err
    assert calls(sandbox, "StopTrainingJob") == 0
    assert lmi(*COMPILE, "--resume", "--wait", "0").status == 7


def test_two_commands_at_once_build_once(lmi: Command, sandbox: Tell):
    command = [sys.executable, "-m", "lmi_deployer", *COMPILE, "-o", "json"]
    running = [
        subprocess.Popen(
            command, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    ended = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0], ended
    jobs = {json.loads(out)["engines"][0]["job"] for out, _ in ended}
    assert len(jobs) == 1
    (job,) = jobs
    assert job.endswith("-1")
    assert lmi(*COMPILE).out.count("is cached") == 1


def test_several_hardware_profiles_are_started_before_any_is_waited_for(
    lmi: Command, sandbox: Tell
):
    add_another()
    sandbox(job="*", outcome="fail", reason="InternalServerError", times=2)
    failed = lmi("compile", "chat", "-p", "all", "--sandbox", "--yes", "-o", "json")
    assert failed.status == 6, failed.err
    assert [item["status"] for item in json.loads(failed.out)["engines"]] == ["failed", "failed"]
    assert failed.err.count("InternalServerError") == 2
    assert failed.err.rindex(": training job on") < failed.err.index(": Failed")


def test_hardware_profiles_with_nothing_to_compile_are_left_out_with_the_reason(
    lmi: Command, sandbox: Tell
):
    done = lmi("compile", "chat", "-p", "all", "--sandbox", "--yes", "--dry-run")
    assert done.status == 0, done.err
    assert "chat / g5: nothing to compile: lmi-dist on LMI 0.25.0 loads weights as" in done.err
    assert done.out.count("would be compiled") == 1


def test_a_profile_with_nothing_to_compile_is_refused_before_an_account_is_needed(lmi: Command):
    refused = lmi("compile", "chat", "-p", "g5", "--yes")
    assert refused.status == 2
    assert "loads weights as they are" in refused.err


def test_a_quota_of_zero_is_told_before_anything_is_asked(lmi: Command, sandbox: Tell):
    sandbox("quotas", name=QUOTA, value=0)
    refused = lmi(*COMPILE)
    assert refused.status == 2
    assert "its quota 'ml.g5.12xlarge for training job usage' is 0" in refused.err
    assert calls(sandbox, "CreateTrainingJob") == 0


def test_a_quota_that_cannot_be_read_is_a_warning(lmi: Command, sandbox: Tell):
    sandbox(operation="ListServiceQuotas", code="AccessDeniedException", message="no")
    shown = lmi(*COMPILE, "--dry-run")
    assert shown.status == 0
    assert "warning" in shown.out
    assert "cannot be read" in shown.out


def test_an_optimization_job_makes_an_engine_of_weights_on_s3(lmi: Command, sandbox: Tell):
    on_s3 = ("model.source=s3://acme-models/llama/", "container.version=0.29.0")
    done = lmi(*COMPILE, "--runner", "optimization", *(f"--set={item}" for item in on_s3))
    assert done.status == 0, done.err
    assert "is compiled" in done.out
    assert "the quota of optimization jobs is not looked at" in done.out
    assert calls(sandbox, "CreateOptimizationJob") == 1


def test_a_folder_is_no_cache_for_a_job_of_sagemaker(lmi: Command, sandbox: Tell):
    refused = lmi(*COMPILE, "--cache", "engines")
    assert refused.status == 2
    assert "--cache s3://" in refused.err


def test_a_folder_is_a_cache_without_any_account(lmi: Command):
    Path("profiles/chat.yaml").write_text(COMPILED)
    shown = lmi("compile", "chat", "-p", "trt", "--runner", "docker", "--cache", "e", "--dry-run")
    assert shown.status == 0, shown.err
    assert f"not in {Path('e').resolve()}/" in shown.out
    assert "in Docker on this machine" in shown.out


def test_a_command_about_an_engine_names_all_that_its_key_depends_on():
    again = same_engine("chat", "trt", ("a=b c",), place=" --sandbox")
    assert again == "lmi-deploy compile chat -p trt '--set=a=b c' --sandbox"


def test_resuming_does_not_go_with_a_dry_run(lmi: Command):
    assert lmi(*COMPILE, "--resume", "--dry-run").status == 2


ELSEWHERE = "ml.g5.24xlarge"
ON_ONE = f"--set=compile.instance_type={ELSEWHERE}"
ALL = ("compile", "chat", "-p", "trt,long", "--sandbox", "--yes", ON_ONE, "-o", "json")


def only_one(sandbox: Tell) -> None:
    """Let one job run at a time, on machines that no other test uses."""
    sandbox("quotas", name=f"{ELSEWHERE} for training job usage", value=1)


def test_jobs_that_the_quota_does_not_hold_at_once_run_one_after_another(
    lmi: Command, sandbox: Tell
):
    add_another()
    only_one(sandbox)
    done = lmi(*ALL)
    assert done.status == 0, done.err
    assert [item["status"] for item in json.loads(done.out)["engines"]] == ["compiled", "compiled"]
    assert "runs 1 of these 2 jobs at once" in done.err


def test_a_detached_command_submits_what_the_quota_holds_and_says_what_is_left(
    lmi: Command, sandbox: Tell
):
    add_another()
    only_one(sandbox)
    left = lmi(*ALL, "--detach")
    assert left.status == 7, left.err
    first, second = json.loads(left.out)["engines"]
    assert (first["status"], second["status"]) == ("started", "held back")
    assert f"the same command again once {first['job']} has ended" in left.err
    resumed = lmi(*ALL, "--resume")
    assert resumed.status == 7, resumed.err
    first, second = json.loads(resumed.out)["engines"]
    assert (first["status"], second["status"]) == ("compiled", "held back")
    again = lmi(*ALL, "--resume")
    assert again.status == 7, again.err
    first, second = json.loads(again.out)["engines"]
    assert (first["status"], second["status"]) == ("cached", "held back")


def test_a_job_refused_for_a_quota_that_cannot_be_read_waits_for_the_one_before(
    lmi: Command, sandbox: Tell
):
    add_another()
    sandbox(operation="ListServiceQuotas", code="AccessDeniedException", message="no", times=2)
    sandbox(operation="CreateTrainingJob", code="ResourceLimitExceeded", message="no", skip=1)
    done = lmi(*ALL)
    assert done.status == 0, done.err


def test_a_plan_tells_that_the_last_job_failed_and_why(lmi: Command, sandbox: Tell):
    sandbox(job="*", outcome="fail", reason="no such layer")
    assert lmi(*COMPILE).status == 6
    shown = lmi(*COMPILE, "--dry-run")
    assert "the last job, lmi-compile-" in shown.out
    assert "-1, has failed (no such layer)" in shown.out


def test_a_forced_compilation_names_the_endpoints_that_serve_from_the_engine(
    lmi: Command, sandbox: Tell
):
    deployed = lmi("up", "chat", "-p", "trt", "--sandbox", "--yes", "--no-smoke")
    assert deployed.status == 0, deployed.err
    shown = lmi(*COMPILE, "--force", "--dry-run")
    assert "serves from this engine: instances that start while it is replaced" in shown.out
    assert lmi("down", "chat", "-p", "trt", "--sandbox", "--yes").status == 0


@pytest.mark.parametrize("minutes", ["nan", "inf", "-1"])
def test_a_wait_is_a_number_of_minutes(lmi: Command, minutes: str):
    assert lmi(*COMPILE, "--wait", minutes).status == 2


def test_a_runner_that_cannot_do_it_is_named_as_it_was_asked_for(lmi: Command):
    Path("profiles/chat.yaml").write_text(COMPILED)
    refused = lmi(*COMPILE, "--runner", "native")
    assert refused.status == 2
    assert "error[LMI603] --runner: what LMI 0.25.0 serves" in refused.err
    assert "fix: --runner sagemaker or docker" in refused.err


def test_a_sandbox_that_ends_with_the_command_is_no_place_to_leave_a_job(
    lmi: Command, sandbox: Tell, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        "lmi_deployer.cli.compile_opened.connected",
        lambda options: ending(connected(options)),
    )
    refused = lmi(*COMPILE, "--detach")
    assert refused.status == 2
    assert "lmi-deploy sandbox serve" in refused.err
    assert calls(sandbox, "CreateTrainingJob") == 0
    done = lmi(*COMPILE)
    assert done.status == 0, done.err
    assert "This sandbox ended with the command" in done.out


@contextmanager
def ending(place: AbstractContextManager[Connection]) -> Iterator[Connection]:
    """A sandbox that says of itself that it ends with the command."""
    with place as connection:
        yield replace(connection, ends_with_command=True)


def test_a_machine_that_lacks_what_its_runner_needs_is_told_beforehand(lmi: Command):
    Path("profiles/chat.yaml").write_text(COMPILED)
    shown = lmi(*LOCALLY[:-2], "--dry-run")
    assert shown.status == 0, shown.err
    assert "warning   Docker cannot be reached" in shown.out


def test_what_runs_here_is_told_in_place_of_an_image(lmi: Command):
    Path("profiles/chat.yaml").write_text(COMPILED.replace("0.25.0", "0.33.0"))
    native = ("compile", "chat", "-p", "trt", "--runner", "native", "--cache", "e", "--dry-run")
    shown = lmi(*native)
    assert shown.status == 0, shown.err
    assert "builds    tensorrt_llm 0.21.0rc1" in shown.out
    assert "image" not in shown.out
    assert "warning   compiling here needs tensorrt-llm" in shown.out


def test_a_cache_without_a_name_is_refused(lmi: Command):
    done = lmi("compile", "chat", "--runner", "docker", "--cache", "", "--dry-run")
    assert done.status == 2
    assert "it names no folder" in done.err
