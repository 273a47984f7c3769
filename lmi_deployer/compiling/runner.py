"""What every way of running a compilation offers: Docker, SageMaker, this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from lmi_deployer.steps import CompileEngine

Phase = Literal["waiting", "running", "done", "failed", "stopped"]


@dataclass(frozen=True, kw_only=True)
class JobState:
    """A job as it is now."""

    name: str
    phase: Phase
    note: str = ""
    """The runner's own word for it: `Starting`, `Downloading`, `Interrupted`."""
    reason: str | None = None
    """Why it failed or stopped."""
    lines: tuple[str, ...] = ()
    """Log lines since the last look; of a job that failed, at least its last ones."""


class Runner(Protocol):
    """Runs one step at a time. The same key is the same job, whoever asks."""

    can_detach: bool
    """True where a job goes on after the command has ended."""
    survives_interrupt: bool
    """True where it goes on as well when the command that follows it is interrupted."""

    def find(self, step: CompileEngine) -> JobState | None:
        """The job of this key that was started last, or None; starts nothing, and reads no log."""

    def start(self, step: CompileEngine) -> str:
        """Start the job, or find the one that runs; its name."""

    def look(self, job: str) -> JobState:
        """How a job is doing. Raises InputError for one that does not exist."""

    def collect(self, step: CompileEngine, job: str) -> None:
        """Bring what a finished job made into the cache, and commit it; again if asked again."""

    def stop(self, job: str) -> None:
        """Stop a job that runs; one that has ended is left as it is."""
