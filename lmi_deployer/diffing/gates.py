"""Limits for what a change may do. What cannot be checked has not passed."""

from __future__ import annotations

from collections.abc import Iterator

from lmi_deployer.diffing.comparison import Comparison, ProfileDiff
from lmi_deployer.diffing.effects import cost_change
from lmi_deployer.diffing.wording import listed
from lmi_deployer.errors import GateError
from lmi_deployer.impact import Impact


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
    problems = [error.problem for error in failed if error is not None]
    if problems:
        fixes = [error.fix for error in failed if error is not None and error.fix is not None]
        raise GateError("\n".join(problems), fix="; ".join(dict.fromkeys(fixes)) or None)


def fail_on(comparison: Comparison, impact: Impact) -> GateError | None:
    """An error where a change does as much as `impact`, or more; None where none does.

    What could not be compared may do anything.
    """
    worse = [
        diff for diff in comparison.profiles if diff.status != "equal" and diff.impact >= impact
    ]
    unseen = [*_unknown(comparison, but=worse), *(item.name for item in comparison.unread)]
    problems = []
    if worse:
        named = listed(f"{diff.title} ({diff.impact.label})" for diff in worse)
        problems.append(f"impact {impact.label} or worse: {named}")
    if unseen:
        problems.append(f"cannot be compared, so its impact is not known: {listed(unseen)}")
    if not problems:
        return None
    fix = "a change that does less, or a higher --fail-on" if worse else _READ
    return GateError("\n".join(problems), fix=fix)


_READ = "make both sides readable; `lmi-deploy validate` says what is wrong"


def _unknown(comparison: Comparison, but: list[ProfileDiff]) -> Iterator[str]:
    for diff in comparison.profiles:
        if diff.status == "unknown" and diff not in but:
            yield diff.title


def max_cost_increase(comparison: Comparison, usd_per_hour: float) -> GateError | None:
    """An error where everything together costs more by over `usd_per_hour`, or may do so."""
    unpriced = [diff.title for diff in comparison.profiles if diff.usd_per_hour_delta is None]
    unread = [item.name for item in comparison.unread]
    if unread:
        return GateError(
            f"cannot be read, so what it costs is not known: {listed(unread)}", fix=_READ
        )
    if unpriced:
        return GateError(
            f"no price is known, so neither is the increase of costs: {listed(unpriced)}",
            fix="--region with one that has prices, or `lmi-deploy catalog refresh`",
        )
    delta = comparison.usd_per_hour_delta or 0.0
    if round(delta - usd_per_hour, 4) <= 0:
        return None
    dearer = [(diff.usd_per_hour_delta or 0.0, diff.title) for diff in comparison.profiles]
    dearer = sorted((item for item in dearer if item[0] > 0), reverse=True)
    named = listed(f"{title} (+${more:,.2f})" for more, title in dearer)
    return GateError(
        f"costs {cost_change(delta)}, and at most +${usd_per_hour:,.2f} per hour is allowed: "
        f"{named}",
        fix="smaller or fewer machines, or a higher --max-cost-increase",
    )
