"""What a review comes to, for the steps that follow and for whoever decides about a merge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from lmi_deployer.diffing.comparison import Comparison
from lmi_deployer.diffing.told import is_whole
from lmi_deployer.findings import Finding, Severity
from lmi_deployer.impact import Impact

UNKNOWN = "unknown"
"""The impact where something could not be compared, unless what could be is the worst there is."""
_ORDER: Mapping[Severity, int] = {"error": 0, "warning": 1, "note": 2}


def outputs_of(comparison: Comparison, *, comment_url: str | None) -> dict[str, str]:
    """The outputs of the action; `cost-delta` is in dollars per hour, and empty where not known."""
    delta = comparison.usd_per_hour_delta if is_whole(comparison) else None
    return {
        "changed": "true" if comparison.is_changed else "false",
        "impact": _impact(comparison),
        "cost-delta": "" if delta is None else f"{round(delta, 2) + 0.0:.2f}",
        "comment-url": comment_url or "",
    }


def _impact(comparison: Comparison) -> str:
    worst = comparison.impact
    return worst.label if is_whole(comparison) or worst is Impact.INCOMPATIBLE else UNKNOWN


def from_top(finding: Finding, top: Path) -> Finding:
    """A finding whose file is named from the top of the repository, as GitHub names files."""
    file = Path(finding.place.file)
    if not finding.place.is_file or not file.is_relative_to(top):
        return finding
    return replace(finding, place=replace(finding.place, file=file.relative_to(top).as_posix()))


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once, the worst first: GitHub shows ten of a kind."""
    return sorted(dict.fromkeys(findings), key=lambda item: _ORDER[item.severity])


def changed_files(comparison: Comparison) -> list[str]:
    """The profile files that are new or not as before, where both sides could be read."""
    files = (item.file for item in comparison.profiles if item.status != "removed")
    return list(dict.fromkeys(files))
