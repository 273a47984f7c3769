"""Whether to start a job for an engine, to follow one, or neither: decided from what was seen.

A job's name is the lock. SageMaker refuses a second job of one name, so two who decide at once
decide the same name, and one of them is told to follow the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lmi_deployer.artifact.manifest import KEY_CHARACTERS
from lmi_deployer.compiling.runner import Phase

PREFIX = "lmi-compile"
"""Of the name of every job that compiles, for policies that allow these and no others."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A job that was once started for an engine."""

    number: int
    """From 1 on, without gaps: the next one is only started once these have ended."""
    phase: Phase
    is_ours: bool = True
    """False where it writes to another cache, which the name does not tell."""


@dataclass(frozen=True)
class Done:
    """The engine is committed; nothing is to be started."""


@dataclass(frozen=True)
class Follow:
    """The attempt that runs, or that has ended and waits to be collected."""

    number: int


@dataclass(frozen=True)
class Start:
    """The attempt to start."""

    number: int


Decision = Done | Follow | Start


def job_name(key: str, attempt: int) -> str:
    """The name of one attempt to make the engine of a key.

    >>> job_name("0123456789abcdef" * 4, 2)
    'lmi-compile-0123456789abcdef-2'
    """
    return f"{PREFIX}-{key[:KEY_CHARACTERS]}-{attempt}"


def decide(
    attempts: Sequence[Attempt], *, is_committed: bool, is_collected: bool = False
) -> Decision:
    """What is to happen for an engine, given all of its jobs.

    `is_committed` has to be looked up after the jobs: one that ends in between is then seen
    running, or its artifact is. `is_collected` is for jobs whose output is committed by whoever
    finds it; for the others a job that ended well without a manifest has failed.
    """
    if is_committed:
        return Done()
    alive = {"waiting", "running", "done"} if is_collected else {"waiting", "running"}
    ours = [attempt for attempt in attempts if attempt.is_ours]
    if ours and ours[-1].phase in alive:
        return Follow(ours[-1].number)
    return Start(1 + max((attempt.number for attempt in attempts), default=0))
