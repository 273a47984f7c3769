"""Limits for what a change may do. What cannot be checked has not passed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lmi_deployer.diffing.comparison import Comparison, ProfileDiff
from lmi_deployer.diffing.effects import cost_change, price_lists
from lmi_deployer.diffing.wording import listed
from lmi_deployer.errors import GateError
from lmi_deployer.impact import Impact

_READ = "make both sides readable; `lmi-deploy validate` says what is wrong"
_AND = "\n  and: "
"""Between two problems of one error."""


def check_gates(
    comparison: Comparison,
    *,
    fail_on_impact: Impact | None = None,
    max_usd_per_hour: float | None = None,
) -> None:
    """Raise GateError with everything that does not stay within the limits that are given."""
    failed = []
    if fail_on_impact is not None:
        failed.append(fail_on(comparison, fail_on_impact))
    if max_usd_per_hour is not None:
        failed.append(max_cost_increase(comparison, max_usd_per_hour))
    errors = [error for error in failed if error is not None]
    if errors:
        fixes = [error.fix for error in errors if error.fix is not None]
        raise _failed([error.problem for error in errors], fixes)


def _failed(problems: Sequence[str], fixes: Sequence[str]) -> GateError:
    return GateError(_AND.join(problems), fix="; ".join(dict.fromkeys(fixes)))


def fail_on(comparison: Comparison, impact: Impact) -> GateError | None:
    """An error where a change does as much as `impact`, or more; None where none does.

    What could not be compared may do anything.
    """
    worse = [
        diff for diff in comparison.profiles if diff.status != "equal" and diff.impact >= impact
    ]
    unseen = [*_unknown(comparison, but=worse), *_unread(comparison)]
    problems, fixes = [], []
    if worse:
        named = listed(f"{diff.title} ({diff.impact.label})" for diff in worse)
        problems.append(f"impact {impact.label} or worse: {named}")
        fixes.append("a change that does less, or a higher --fail-on")
    if unseen:
        problems.append(f"cannot be compared, so its impact is not known: {listed(unseen)}")
        fixes.append(_READ)
    return _failed(problems, fixes) if problems else None


def _unread(comparison: Comparison) -> Iterator[str]:
    """What could not be read, once, though it may be so on both sides."""
    yield from dict.fromkeys(item.name for item in comparison.unread)


def _unknown(comparison: Comparison, but: Sequence[ProfileDiff]) -> Iterator[str]:
    for diff in comparison.profiles:
        if diff.status == "unknown" and diff not in but:
            yield diff.title


def max_cost_increase(comparison: Comparison, usd_per_hour: float) -> GateError | None:
    """An error where everything together costs more by over `usd_per_hour`, or may do so.

    Counted is what it costs before `lmi-deploy down`: what is removed or renamed, and what cannot
    be deployed, saves nothing that could pay for something else.
    """
    unpriced = [diff for diff in comparison.profiles if diff.usd_per_hour_delta_at_first is None]
    undecided = [diff.title for diff in unpriced if diff.status == "unknown"]
    unread = [*undecided, *_unread(comparison)]
    problems, fixes = [], []
    if unread:
        problems.append(f"cannot be compared, so what it costs is not known: {listed(unread)}")
        fixes.append(_READ)
    if len(unpriced) > len(undecided):
        named = listed(diff.title for diff in unpriced if diff.status != "unknown")
        problems.append(f"no price is known, so neither is the increase of costs: {named}")
        fixes.append("--region with one that has prices, or `lmi-deploy catalog refresh`")
    if problems:
        return _failed(problems, fixes)
    delta = comparison.usd_per_hour_delta_at_first or 0.0
    if round(delta - usd_per_hour, 4) <= 0:
        return None
    rise = f"costs rise by {cost_change(delta)}{price_lists(comparison)}"
    limit = f"over the limit of +${usd_per_hour:,.2f} per hour"
    return GateError(
        f"{rise}, {limit}: {_dearer(comparison)}",
        fix="smaller or fewer machines, or a higher --max-cost-increase",
    )


def _dearer(comparison: Comparison) -> str:
    """What costs more, the dearest first; and why a saving does not count."""
    costs = [(diff.usd_per_hour_delta_at_first or 0.0, diff.title) for diff in comparison.profiles]
    dearer = sorted((item for item in costs if item[0] > 0), reverse=True)
    named = listed(f"{title} (+${more:,.2f})" for more, title in dearer)
    if any(diff.leaves_endpoint for diff in comparison.profiles):
        named += "; what is removed or renamed costs until `lmi-deploy down`"
    return named
