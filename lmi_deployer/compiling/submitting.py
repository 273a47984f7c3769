"""How a compilation comes by its job: a new one, or the one that runs; and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable

from lmi_deployer.artifact.manifest import ARTIFACT_FOLDER, KEY_CHARACTERS, MANIFEST_FILE
from lmi_deployer.artifact.store import Store
from lmi_deployer.compiling.runner import JobState, Runner
from lmi_deployer.compiling.standing import prefix_of
from lmi_deployer.errors import InputError
from lmi_deployer.steps import CompileEngine

Say = Callable[[str], None]
Begin = Callable[[CompileEngine, Runner, Store, Say], str]
"""How a job is come by; its name."""
ALIVE = frozenset({"waiting", "running"})
"""Phases of a job that has not ended."""
ENDED_BADLY = frozenset({"failed", "stopped"})
"""Phases of a job that has ended without an artifact."""


def submit(step: CompileEngine, runner: Runner, _store: Store, say: Say) -> str:
    """The job of a step: the one that runs, or a new one."""
    last = runner.find(step)
    if last is not None and last.phase in ENDED_BADLY:
        say(f"job {last.name} has {words_of(last)}; starting another")
    job = runner.start(step)
    if last is None or last.name != job:
        say(f"job {job}: {step.note}" if step.note else f"job {job} is to compile it")
    elif last.phase != "done":
        say(f"following job {job}, which runs already")
    return job


def submit_anew(step: CompileEngine, runner: Runner, store: Store, say: Say) -> str:
    """A job of a step although its engine is there; a job that runs is at it already.

    What is there stays until whoever commits the new one replaces it. An optimization job's
    output is what would be committed again, so for one of those it goes first.
    """
    if step.runner == "optimization":
        last = runner.find(step)
        if last is None or last.phase not in ALIVE:
            store.delete([prefix_of(step) + MANIFEST_FILE])
            store.delete(list(store.files(prefix_of(step) + ARTIFACT_FOLDER)))
    return submit(step, runner, store, say)


def started(step: CompileEngine, runner: Runner, _store: Store, _say: Say) -> str:
    """The job of a step that was started last. Raises InputError where there is none."""
    last = runner.find(step)
    if last is None:
        raise InputError(
            f"no job was started for engine {step.key[:KEY_CHARACTERS]} in {step.cache}",
            fix="the same command without --resume",
        )
    return last.name


def stop(step: CompileEngine, runner: Runner) -> str | None:
    """The job of a step, stopped; None where none runs.

    Raises InputError for one that runs where it cannot be stopped from here.
    """
    last = runner.find(step)
    if last is None or last.phase not in ALIVE:
        return None
    runner.stop(last.name)
    if not runner.survives_interrupt:  # SageMaker's jobs take their time, the others have ended
        now = runner.find(step)
        if now is not None and now.phase in ALIVE:
            raise InputError(
                f"job {last.name} runs elsewhere", fix="Ctrl-C in the command that runs it"
            )
    return last.name


def words_of(state: JobState) -> str:
    """How a job has ended, and why: `failed (no room on the disk)`."""
    words = "failed" if state.phase == "failed" else "been stopped"
    reason = (state.reason or "").strip().partition("\n")[0]
    return f"{words} ({reason})" if reason else words
