"""Which jobs of one command the account's quotas leave room for."""

from __future__ import annotations

from dataclasses import dataclass, field

from lmi_deployer.compiling.planning import Planned
from lmi_deployer.compiling.runner import Runner
from lmi_deployer.compiling.submitting import ALIVE
from lmi_deployer.errors import AwsError, LmiDeployError, StillRunningError

REFUSED = "ResourceLimitExceeded"
"""SageMaker's code for a job that is one too many."""


@dataclass
class Room:
    """Jobs that run at once, counted by what they take of the same quota."""

    _alive: dict[str, Planned] = field(default_factory=dict)
    """Jobs that have not been seen to end."""
    _refused: dict[str, AwsError] = field(default_factory=dict)
    """What SageMaker said to a job that was one too many, by the key of its engine."""

    def beside(self, item: Planned) -> list[str]:
        """The jobs of this command that take of the quota that an item needs."""
        kind = _kind(item)
        return [job for job, other in self._alive.items() if kind and _kind(other) == kind]

    def has_room(self, item: Planned, runner: Runner) -> bool:
        """Whether a job may be submitted; one that runs already takes nothing more."""
        if item.quota is None or len(self.beside(item)) < item.quota.jobs:
            return True
        last = runner.find(item.step)
        return last is not None and last.phase in ALIVE

    def take(self, item: Planned, job: str) -> None:
        """Count a job that was submitted, or is followed."""
        self._alive[job] = item

    def is_refused(self, item: Planned, error: AwsError) -> bool:
        """Whether an error says that there is no room, which may change; keeps it."""
        if _kind(item) is None or REFUSED not in error.problem:
            return False
        self._refused[item.engine.key] = error
        return True

    def leave(self, job: str | None) -> None:
        """Count a job no more."""
        self._alive.pop(job or "", None)

    def held_back(self, item: Planned) -> LmiDeployError:
        """The error of an item that was not submitted."""
        before = self.beside(item)
        if not before:  # then it is not this command that uses the quota up
            return self._refused[item.engine.key]
        quota = "the quota" if item.quota is None else f"the quota {item.quota.name!r}"
        return StillRunningError(
            f"{quota} has no room for {item.spec.title} beside {', '.join(before)}",
            fix=f"the same command again once {before[0]} has ended",
        )


def _kind(item: Planned) -> tuple[str, str, bool] | None:
    """What jobs have in common that count against one quota; None on this machine."""
    compilation = item.spec.compilation
    if not item.is_paid or compilation is None:
        return None
    return item.step.runner, compilation.instance.name, compilation.is_spot
