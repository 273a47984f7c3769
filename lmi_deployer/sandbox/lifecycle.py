"""The stages an endpoint goes through, as data: which statuses DescribeEndpoint shows in turn.

AWS takes minutes per stage. The sandbox counts describe calls instead, so that a client sees every
status it has to handle and no test has to sleep.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

# In these SageMaker refuses UpdateEndpoint and DeleteEndpoint.
IN_PROGRESS = frozenset({"Creating", "Updating", "RollingBack", "SystemUpdating"})
# During an update the previous fleet keeps answering.
SERVING = frozenset({"InService", "Updating", "RollingBack", "SystemUpdating"})
GONE = "Gone"  # our mark for an endpoint whose deletion has finished; never shown

NO_CAPACITY = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. "
    "Please retry using a different ML instance type or after some time."
)
NO_PING = (
    "The primary container for production variant AllTraffic did not pass the ping health check. "
    "Please check CloudWatch logs for this endpoint."
)


class Outcome(StrEnum):
    """How a create or an update can be told to end, instead of well."""

    FAIL = "fail"
    ROLL_BACK = "roll_back"
    NO_CAPACITY = "no_capacity"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One status, the describe calls that still show it, and what entering it changes."""

    status: str
    describes: int = 0
    failure_reason: str | None = None
    takes_new_config: bool = False


Stages = tuple[Stage, ...]


def creation(outcome: Outcome | None, reason: str | None, *, describes: int) -> Stages:
    """Stages of a creation, which ends InService or Failed: there is nothing to roll back to."""
    creating = Stage(status="Creating", describes=describes)
    if outcome is None:
        return settled((creating, Stage(status="InService")))
    return settled((creating, Stage(status="Failed", failure_reason=reason or default(outcome))))


def update(outcome: Outcome | None, reason: str | None, *, describes: int) -> Stages:
    """Stages of an update, which ends with the new configuration, the old one, or Failed."""
    updating = Stage(status="Updating", describes=describes)
    if outcome is None:
        return settled((updating, Stage(status="InService", takes_new_config=True)))
    why = reason or default(outcome)
    if outcome is Outcome.FAIL:
        return settled((updating, Stage(status="Failed", failure_reason=why)))
    rolling_back = Stage(status="RollingBack", describes=describes, failure_reason=why)
    return settled((updating, rolling_back, Stage(status="InService", failure_reason=why)))


def deletion() -> Stages:
    """Stages of a deletion: one describe call still shows it."""
    return (Stage(status="Deleting", describes=1), Stage(status=GONE))


def described(stages: Stages) -> Stages:
    """Stages that are left after one more describe call."""
    first, *rest = stages
    if not rest:
        return stages
    return settled((replace(first, describes=first.describes - 1), *rest))


def settled(stages: Stages) -> Stages:
    """Stages without those at the front that no describe call will show any more."""
    while len(stages) > 1 and stages[0].describes <= 0:
        stages = stages[1:]
    return stages


def default(outcome: Outcome) -> str:
    """Reason SageMaker gives when a container does not start, or when machines run out."""
    return NO_CAPACITY if outcome is Outcome.NO_CAPACITY else NO_PING
