"""Judges what was seen of a deployment. Pure: what has to be looked up stands in `Seen` already."""

from __future__ import annotations

from collections.abc import Iterator

from lmi_deployer.drifting.judging import Judged
from lmi_deployer.drifting.states import Drift, Seen, Verdict
from lmi_deployer.state import IN_FLIGHT, ObservedState

IN_SERVICE = "InService"
NO_REASON = "SageMaker gives no reason"


def classify(seen: Seen) -> Verdict:
    """What became of a deployment: the weightiest of all that is true of it, and every reason."""
    if seen.status == IN_SERVICE and not seen.unread and seen.unknown is None:
        if seen.wanted is None or seen.observed is None:
            drift = Drift.CHANGED_OUTSIDE if seen.gone else Drift.UNREADABLE
            return Verdict(drift=drift, reasons=seen.gone or ("it could not be read",))
        if _is_taken(seen, seen.observed):
            reasons = (*_not_its_own(seen.observed), "`up` leaves that endpoint as it is")
            return Verdict(drift=Drift.MISSING, reasons=reasons)
        return _compared(Judged(seen, seen.wanted, seen.observed))
    drift, reasons = _at_once(seen)
    if seen.unknown is not None and seen.unknown not in reasons:
        reasons = (*reasons, seen.unknown)
    is_mended = drift in {Drift.MISSING, Drift.FAILED} and seen.unknown is None
    return Verdict(drift=drift, reasons=reasons, needs_up=is_mended)


def _is_taken(seen: Seen, observed: ObservedState) -> bool:
    """True where neither the endpoint nor what it runs was made for the hardware profile."""
    return observed.endpoint is None and seen.config not in observed.endpoint_configs


def _not_its_own(observed: ObservedState) -> Iterator[str]:
    if observed.foreign:
        yield f"of that name, and not made for this hardware profile: {', '.join(observed.foreign)}"


def _compared(judged: Judged) -> Verdict:
    rolled_back, behind = tuple(judged.rolled_back()), tuple(judged.behind())
    outside, scaled = tuple(judged.outside()), tuple(judged.scaled())
    for drift, reasons in (
        (Drift.ROLLED_BACK, rolled_back),
        (Drift.CHANGED_OUTSIDE, (*outside, *scaled)),
        (Drift.BEHIND, behind),
    ):
        if reasons:
            return Verdict(
                drift=drift,
                reasons=tuple(dict.fromkeys((*rolled_back, *outside, *scaled, *behind))),
                is_scaled=bool(scaled),
                needs_up=bool(rolled_back or outside or behind),
            )
    return Verdict(drift=Drift.IN_SYNC, notes=tuple(judged.left_over()))


def _at_once(seen: Seen) -> tuple[Drift, tuple[str, ...]]:
    """What is told without a comparison, and why."""
    if seen.status is None:
        return Drift.MISSING, (f"there is no endpoint {seen.name}", *_remains(seen), *seen.unread)
    if seen.status in IN_FLIGHT:
        towards = f" to {seen.pending}" if seen.pending else ""
        failure = f": {seen.failure}" if seen.failure else ""
        return Drift.UPDATING, (f"it is {seen.status}{towards}{failure}",)
    if seen.status != IN_SERVICE:
        return Drift.FAILED, (f"it is {seen.status}: {seen.failure or NO_REASON}",)
    if seen.unread:
        return Drift.UNREADABLE, tuple(dict.fromkeys(seen.unread))
    return Drift.UNKNOWN, ()


def _remains(seen: Seen) -> Iterator[str]:
    """What is there of a deployment without an endpoint."""
    observed = seen.observed
    if observed is None:
        return
    yield from _not_its_own(observed)
    things = (
        ("endpoint configuration", observed.endpoint_configs),
        ("model", observed.models),
        ("file", observed.objects),
    )
    counted = [f"{len(items)} {kind}{'s' * (len(items) > 1)}" for kind, items in things if items]
    if counted:
        yield f"of it there are {', '.join(counted)}"
