"""What a reviewer is shown of a comparison, in every form for people: changes only, worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

from lmi_deployer.diffing import wording
from lmi_deployer.diffing.comparison import Comparison, ProfileDiff
from lmi_deployer.findings import Finding
from lmi_deployer.impact import Impact

FindingKind = Literal["new", "still", "gone"]
"""`still`: both sides have it, if in other words; of what did not change at all only errors."""
MEMORY, COST = "memory per GPU", "cost"
"""Labels of effects, as `wording.effects` has them."""
UNKNOWN = "unknown"
"""The label of an impact that nobody can tell."""


def told(comparison: Comparison) -> list[ProfileDiff]:
    """The hardware profiles that are not equal, worst first, else in their order."""
    return worst_first(diff for diff in comparison.profiles if diff.status != "equal")


def worst_first(diffs: Iterable[ProfileDiff]) -> list[ProfileDiff]:
    """In the order of their impacts; equal ones last."""
    return sorted(diffs, key=lambda diff: (diff.status == "equal", -diff.impact))


def effects(diff: ProfileDiff) -> tuple[wording.Effect, ...]:
    """The effects that are another than before; of what is removed only the cost."""
    every = wording.effects(diff)
    if diff.status == "removed":
        return tuple(effect for effect in every if effect.label == COST)
    delta = diff.usd_per_hour_delta
    is_cost_same = delta is not None and round(delta, 2) == 0
    return tuple(effect for effect in every if not (is_cost_same and effect.label == COST))


def findings(diff: ProfileDiff) -> Iterator[tuple[FindingKind, Finding]]:
    """What appeared, what both sides have, and what is gone, in this order.

    The findings of a hardware profile that is removed went with it, and are not told.
    """
    again = _alone(diff.appeared) & _alone(diff.gone)
    yield from (("new", item) for item in diff.appeared if _subject(item) not in again)
    yield from (("still", item) for item in diff.appeared if _subject(item) in again)
    yield from (("still", item) for item in diff.standing)
    if diff.status != "removed":
        yield from (("gone", item) for item in diff.gone if _subject(item) not in again)


def _alone(findings: Iterable[Finding]) -> set[tuple[str, ...]]:
    """What just one of them is about."""
    return {subject for subject, count in Counter(map(_subject, findings)).items() if count == 1}


def _subject(finding: Finding) -> tuple[str, ...]:
    return finding.code, finding.severity, finding.key or ""


def impact_label(diff: ProfileDiff) -> str:
    """`recompile`; `unknown` where nothing worse than `none` was found, and not all was seen."""
    return UNKNOWN if _is_unknown(diff) else diff.impact.label


def is_whole(comparison: Comparison) -> bool:
    """False where something could not be compared."""
    statuses = {diff.status for diff in comparison.profiles}
    return not comparison.unread and "unknown" not in statuses


def is_impact_known(comparison: Comparison) -> bool:
    """False where nothing worse than `none` was found, and not everything could be compared."""
    return comparison.impact is not Impact.NONE or is_whole(comparison)


def impact_title(comparison: Comparison) -> str:
    """The worst impact: `RECOMPILE`; `IMPACT UNKNOWN` where nobody can tell that there is none."""
    if is_impact_known(comparison):
        return wording.impact_title(comparison.impact)
    return "IMPACT UNKNOWN"


def worst_label(comparison: Comparison) -> str:
    """`recompile`; `unknown` where nobody can tell that there is no impact."""
    return comparison.impact.label if is_impact_known(comparison) else UNKNOWN


def cost(comparison: Comparison) -> str:
    """What everything costs more; of what could be compared, where that is not everything."""
    if not comparison.profiles and comparison.unread:
        return "cost unknown"
    change = wording.total_cost(comparison)
    return change if is_whole(comparison) else f"{change} for what could be compared"


def _is_unknown(diff: ProfileDiff) -> bool:
    return diff.status == "unknown" and diff.impact is Impact.NONE
