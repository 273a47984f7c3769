"""Why a job failed, in words that say what to do, with its own last log lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import NamedTuple

from lmi_deployer.compiling.runner import JobState
from lmi_deployer.errors import DeploymentError, GateError, LmiDeployError
from lmi_deployer.secrets import redacted

GATE_FAILED = "the quality gate failed"
"""Begins the reason that the entry point gives where answers differ too much."""


class _Cause(NamedTuple):
    """What stopped a job, and what helps against it."""

    problem: str
    fix: str


STOPPED: Mapping[str, _Cause] = {
    "MaxRuntimeExceeded": _Cause(
        "it ran out of time", "compile.max_seconds with more; then run the same command again"
    ),
    "MaxWaitTimeExceeded": _Cause(
        "it waited too long for spot instances, or was interrupted too often",
        "compile.spot: false; then run the same command again",
    ),
}
"""By SecondaryStatus of DescribeTrainingJob."""
OUR_LINES = "lmi-deploy: "
"""Begins what the entry point itself says in a job's log: its phases, sizes and refusals."""
TAIL_LINES = 20
"""How many of a failed job's last log lines an error repeats."""
CAPACITY = ("CapacityError", "InsufficientCapacity", "insufficient capacity")
AGAIN = "run the same command again, which starts another job"
PASSING = ("InternalServerError", "internal error", "InternalError")
"""In reasons that another job may not meet again."""
LOGS = {
    "sagemaker": "see its whole log, /aws/sagemaker/TrainingJobs on CloudWatch, streams {job}/",
    "optimization": "see what SageMaker says of it: `aws sagemaker describe-optimization-job "
    "--optimization-job-name {job}`",
}
"""By runner: where all is that a job has said. The others' logs are named when they end."""
_REPEATED = f"{OUR_LINES}failed during "
"""Begins the reason as the entry point logs it; nothing else comes after it."""


class _Told(NamedTuple):
    """A reason, taken apart."""

    problem: str
    fix: str | None
    lines: tuple[str, ...]
    """Log lines that the entry point has put behind it: the one that tells most, and last ones."""


def whole_log(runner: str, job: str) -> str:
    """Where to look for what a job has said."""
    return LOGS.get(runner, "see its whole log").format(job=job)


def failure(state: JobState, log: Iterable[str], *, runner: str = "sagemaker") -> LmiDeployError:
    """The error of a job that failed or was stopped; `log` ends with the last line of its log."""
    stopped = STOPPED.get(state.note)
    told = _taken_apart(state.reason or "")
    if stopped is not None:
        problem, fix = f"job {state.name} was stopped: {stopped.problem}", stopped.fix
    else:
        what = "was stopped" if state.phase == "stopped" else "failed"
        problem, fix = f"job {state.name} {what}", told.fix or _way_out(state, told.problem, runner)
        if told.problem:
            problem += f": {told.problem}"
        if any(word in told.problem for word in CAPACITY):
            fix = "another compile.instance_type with the same GPUs, or again later"
    lines = _last_lines(told, log, is_stopped=state.phase == "stopped")
    if lines:
        problem += "\nlast lines of its log:\n" + "\n".join(f"  {line}" for line in lines)
    kind = GateError if GATE_FAILED in told.problem else DeploymentError
    return kind(redacted(problem), fix=redacted(fix))


def _taken_apart(reason: str) -> _Told:
    """What the failure file of the entry point says, less what SageMaker puts around it."""
    text = re.sub(r", exit code: \d+$", "", reason.strip().removeprefix("AlgorithmError: "))
    problem: list[str] = []
    lines: list[str] = []
    fix, into = None, problem
    for line in text.splitlines():
        if line.startswith("fix: ") and fix is None:
            fix = line.removeprefix("fix: ")
        elif line == "last lines:":
            into = lines
        elif line.startswith("log: "):
            lines.append(line.removeprefix("log: "))
        else:
            into.append(line)
    return _Told("\n".join(problem), fix, tuple(lines))


def _way_out(state: JobState, problem: str, runner: str) -> str:
    """What helps where the job itself names nothing; most of what fails once fails again."""
    if state.phase == "stopped" or not problem or any(word in problem for word in PASSING):
        return AGAIN
    return f"{whole_log(runner, state.name)}; another job of the same profile would fail alike"


def _last_lines(told: _Told, log: Iterable[str], *, is_stopped: bool) -> list[str]:
    """The last lines of a log, and before them what the reason has of it besides.

    Left out is the entry point's own part: the reason again, and its progress, unless the job was
    stopped, where that says how far it came.
    """
    whole = takewhile(lambda line: not line.startswith(_REPEATED), log)
    lines = [
        line.rstrip()
        for line in whole
        if line.strip() and (is_stopped or not line.startswith(OUR_LINES))
    ]
    last = lines[-TAIL_LINES:]
    shown = [line.strip() for line in last]
    # The reason has them cut short.
    besides = [line for line in told.lines if not any(item.startswith(line) for item in shown)]
    return [*besides, *last]
