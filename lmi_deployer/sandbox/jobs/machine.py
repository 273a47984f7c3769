"""The phases a job goes through, whichever of SageMaker's kinds it is of.

As with endpoints, describe calls move a job on: it waits for some of them, then its container runs
in the background for as long as that takes. What is kept of a job is plain data; the process is
not part of it, so a job that was restored from a state file while it ran starts anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from moto.core.utils import utcnow

from lmi_deployer.sandbox.faults import JobOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from lmi_deployer.sandbox.faults import JobFault
    from lmi_deployer.sandbox.jobs.work import Ended, Ending, Task, Work, Works

REASON_CHARACTERS = 1024  # FailureReason of the API model
INTERNAL_ERROR = "InternalServerError: We encountered an internal error. Please try again."
NO_CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity. "
    "Please retry using a different ML instance type."
)


class Phase(StrEnum):
    """Where a job is; each kind of job has its own words for it."""

    STARTING = "starting"
    DOWNLOADING = "downloading"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    STOPPING = "stopping"
    STOPPED = "stopped"
    OUT_OF_TIME = "out_of_time"
    OUT_OF_WAITING = "out_of_waiting"
    DONE = "done"
    FAILED = "failed"

    @property
    def is_last(self) -> bool:
        """Whether nothing comes after it."""
        return self in LAST


LAST = frozenset({Phase.STOPPED, Phase.OUT_OF_TIME, Phase.OUT_OF_WAITING, Phase.DONE, Phase.FAILED})
WAITING = frozenset({Phase.STARTING, Phase.DOWNLOADING})
_SIGNALS: dict[JobOutcome, Ending] = {
    JobOutcome.STOP: "stop",
    JobOutcome.OUT_OF_TIME: "out_of_time",
    JobOutcome.SPOT_INTERRUPTION: "spot_interruption",
}


class Job:
    """What both kinds of job have: plain data that a state file keeps."""

    arn: str
    runs_container: bool
    is_spot: bool
    limit_seconds: int

    def begin_life(self, fault: JobFault | None, *, describes: int) -> None:
        """Wait for so many describe calls; the fault decides how it goes on from there."""
        self.outcome: JobOutcome | None = fault.outcome if fault else None
        self.fault_reason: str | None = fault.reason if fault else None
        self.mode: str | None = fault.mode if fault else None
        self.describes = describes
        self.shows = 0
        self.failure_reason: str | None = None
        self.started: datetime | None = None
        self.ended: datetime | None = None
        self.enter(Phase.STARTING, shows=describes)

    def enter(self, phase: Phase, *, shows: int = 0, reason: str | None = None) -> None:
        """Be in this phase, for at least so many describe calls."""
        self.phase = phase
        self.shows = shows
        if phase is Phase.RUNNING:
            self.started = self.started or utcnow()
        if phase.is_last:
            self.ended = utcnow()
            self.failure_reason = reason and reason[:REASON_CHARACTERS]

    def reason_of(self, ended: Ended) -> str:
        """The FailureReason of a process that went wrong."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Moves jobs on. `task` makes what a job does in its container."""

    works: Works
    task: Callable[[Job], Task]

    def count(self, job: Job) -> None:
        """One describe call has shown the job as it is."""
        if job.shows:
            job.shows -= 1
        if not job.shows:
            self.move_on(job)
        elif job.phase is Phase.STARTING and job.shows == 1:
            job.enter(Phase.DOWNLOADING, shows=1)

    def move_on(self, job: Job) -> None:
        """Leave a phase that no describe call has to show any more."""
        if job.phase in WAITING:
            self._begin(job)
        elif job.phase is Phase.INTERRUPTED:
            job.enter(Phase.STARTING, shows=job.describes)
        elif job.phase is Phase.STOPPING and not self.works.find(job.arn):
            job.enter(Phase.STOPPED)

    def take_in(self, job: Job) -> None:
        """Look how a job's process is doing, and how it went."""
        work = self.works.find(job.arn)
        if job.phase is Phase.RUNNING:
            if work is None:  # another sandbox ran it
                self._start(job)
            elif work.asked_to_end == "stop":
                job.enter(Phase.STOPPING, shows=1)
            elif work.ended:
                self._take_in_end(job, work, work.ended)
        elif job.phase is Phase.STOPPING and not job.shows and (work is None or work.ended):
            self.works.forget(job.arn)
            job.enter(Phase.STOPPED)

    def refresh(self, job: Job) -> None:
        """The same for a job that nobody asked about: nothing is started for it."""
        if self.works.find(job.arn):
            self.take_in(job)

    def stop(self, job: Job) -> None:
        """Stop a job that has not ended."""
        work = self.works.find(job.arn)
        if work:
            work.end("stop")
        job.enter(Phase.STOPPING, shows=1)

    def _begin(self, job: Job) -> None:
        outcome, reason = job.outcome, job.fault_reason
        if outcome is JobOutcome.FAIL:
            job.enter(Phase.FAILED, reason=reason or INTERNAL_ERROR)
        elif outcome is JobOutcome.NO_CAPACITY and job.is_spot:
            job.enter(Phase.OUT_OF_WAITING, reason=reason)
        elif outcome is JobOutcome.NO_CAPACITY:
            job.enter(Phase.FAILED, reason=reason or NO_CAPACITY)
        elif job.runs_container:
            self._start(job)
        elif outcome is JobOutcome.STOP:
            job.enter(Phase.STOPPING, shows=1)
        elif outcome is JobOutcome.OUT_OF_TIME:
            job.enter(Phase.RUNNING)
            job.enter(Phase.OUT_OF_TIME, reason=reason)
        elif outcome is JobOutcome.SPOT_INTERRUPTION:
            job.outcome = None
            job.enter(Phase.INTERRUPTED, shows=1)
        else:
            job.enter(Phase.RUNNING)
            job.enter(Phase.DONE)

    def _start(self, job: Job) -> None:
        signal = _SIGNALS.get(job.outcome) if job.outcome else None
        self.works.start(job.arn, self.task(job), limit_seconds=job.limit_seconds, signal=signal)
        job.enter(Phase.RUNNING)

    def _take_in_end(self, job: Job, work: Work, ended: Ended) -> None:
        self.works.forget(job.arn)
        if work.asked_to_end == "spot_interruption":
            job.outcome = None
            job.enter(Phase.INTERRUPTED, shows=1)
        elif work.asked_to_end == "out_of_time":
            job.enter(Phase.OUT_OF_TIME, reason=job.fault_reason)
        elif ended.status == 0:
            job.enter(Phase.DONE)
        else:
            job.enter(Phase.FAILED, reason=job.reason_of(ended))


def seconds_between(start: datetime | None, end: datetime | None) -> int | None:
    """Whole seconds that a job is said to have taken, at least one; None if it did not both."""
    if start is None or end is None:
        return None
    return max(1, round((end - start) / timedelta(seconds=1)))
