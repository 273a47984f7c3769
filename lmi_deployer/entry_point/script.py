"""Runs the compile script of the image's own version, and judges what it has written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Dict, List, Mapping

from lmi_deployer.entry_point.causes import HOST_MEMORY, find_cause
from lmi_deployer.entry_point.failures import JobError, failed
from lmi_deployer.entry_point.job import Job
from lmi_deployer.entry_point.log import Log
from lmi_deployer.entry_point.machine import memory_kills
from lmi_deployer.entry_point.places import PROPERTIES_FILE, Places, empty
from lmi_deployer.entry_point.running import Deadline, Program
from lmi_deployer.entry_point.weights import Weights

_KILLED = (-9, 137)  # by a signal; and as a shell passes that on
_MODEL_ID = "option.model_id"


def write_properties(places: Places, weights: Weights) -> None:
    """serving.properties of the job, with the weights as they lie here, for the script."""
    source = places.bundle / PROPERTIES_FILE
    if not source.is_file():
        raise JobError(f"there is no {PROPERTIES_FILE} beside {places.job.name}")
    lines = [f"{_MODEL_ID}={weights.folder}"]
    for line in source.read_text().splitlines():
        key, equals, value = line.partition("=")
        if key.strip() != _MODEL_ID:
            lines.append(f"{key}{equals}{places.in_text(value)}")
    empty(places.properties)
    (places.properties / PROPERTIES_FILE).write_text("\n".join(lines) + "\n")


def script_environment(
    job: Job, places: Places, environment: Mapping[str, str], log: Log
) -> Dict[str, str]:
    """What the script sees: the container's variables, without those that would be options.

    Every script takes OPTION_* for what serving.properties leaves out, and the key of an artifact
    says nothing of them.
    """
    dropped = sorted(name for name in environment if name.startswith("OPTION_"))
    if dropped:
        log.say(f"not passed on to the compile script: {', '.join(dropped)}")
    kept = {name: value for name, value in environment.items() if name not in dropped}
    return {**kept, **{name: places.in_text(value) for name, value in job.environment.items()}}


def run_script(
    job: Job,
    weights: Weights,
    places: Places,
    *,
    log: Log,
    environment: Mapping[str, str],
    deadline: Deadline,
) -> List[str]:
    """Run the compile script; its last lines. Raises JobError where it fails."""
    empty(places.output)
    folders = {job.model.folder: str(weights.folder)}
    script = [
        folders.get(item) or (str(places.below(item)) if item.startswith("/") else item)
        for item in job.script
    ]
    if not Path(script[0]).is_file():
        raise JobError(
            f"the image has no {job.script[0]}",
            fix="the image of the version that the profile names",
        )
    kills = memory_kills(places)
    program = Program(
        [sys.executable, *script],
        log=log,
        environment=script_environment(job, places, environment, log),
    )
    with program:
        status = program.wait(deadline.remaining)
    if status is None:
        raise deadline.error("compile", program.lines)
    if status != 0:
        was_killed = status in _KILLED or memory_kills(places) > kills
        found = HOST_MEMORY if was_killed else find_cause(program.lines)
        raise failed(f"the compile script {_ended(status)}", program.lines, found)
    return program.lines


def _ended(status: int) -> str:
    if status < 0:
        return f"was ended by signal {-status}"
    return f"failed with exit status {status}"


def check_layout(job: Job, places: Places, lines: List[str]) -> None:
    """Raise JobError unless the server of this version takes the output for complete.

    Looked at after every run: some scripts end with 0 although they have failed, and none checks
    what the library below it has written.
    """
    from lmi_deployer.artifact.layouts import problems

    files = sizes(places.output)
    found = problems(job.layout, files, lambda path: (places.output / path).read_bytes(), job.ranks)
    if not found:
        return
    cause = find_cause(lines)
    what = f"the compile script ended with 0, but left no whole artifact: {'; '.join(found)}"
    if not files:
        what = "the compile script ended with 0, but wrote nothing"
    raise failed(what, lines, cause)


def drop_properties(places: Places) -> None:
    """Delete the copy of serving.properties that some scripts leave in their output.

    No server reads it there: it reads the one beside its model, and takes option.model_id for
    weights alone. It would stay behind what a later deployment sets for the same engine.
    Source: djl-serving@{0.25.0,0.33.0}-dlc, ModelInfo.loadServingProperties.
    """
    copy = places.output / PROPERTIES_FILE
    if copy.exists():
        copy.unlink()


def sizes(folder: Path) -> Dict[str, int]:
    """Bytes of every file, by its path below `folder`."""
    return {
        item.relative_to(folder).as_posix(): item.stat().st_size
        for item in sorted(folder.rglob("*"))
        if item.is_file()
    }
