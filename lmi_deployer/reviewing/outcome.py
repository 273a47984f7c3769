"""What a review comes to, for the steps that follow and for whoever decides about a merge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lmi_deployer.diffing.comparison import Comparison
from lmi_deployer.findings import Finding, Severity

_ORDER: Mapping[Severity, int] = {"error": 0, "warning": 1, "note": 2}


def outputs_of(comparison: Comparison, *, comment_url: str | None) -> dict[str, str]:
    """The outputs of the action; `cost-delta` is in dollars per hour, and empty where not known."""
    delta = comparison.usd_per_hour_delta
    return {
        "changed": "true" if comparison.is_changed else "false",
        "impact": comparison.impact.label,
        "cost-delta": "" if delta is None else f"{round(delta, 2) + 0.0:.2f}",
        "comment-url": comment_url or "",
    }


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once, the worst first: GitHub shows ten of a kind."""
    return sorted(dict.fromkeys(findings), key=lambda item: _ORDER[item.severity])


def changed_files(comparison: Comparison) -> list[str]:
    """The profile files that are new or not as before, where both sides could be read."""
    files = (item.file for item in comparison.profiles if item.status != "removed")
    return list(dict.fromkeys(files))
