"""A comparison as plain data: what `diff -o json` prints, as lmi_deployer/diff.schema.json says.

Keys are stable: a later version adds keys, and takes none away. Everything is there whole; nothing
is cut as it is for people. Secrets are hidden.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict
from typing import Any

from lmi_deployer.diffing import told
from lmi_deployer.diffing.comparison import (
    HOURS_PER_MONTH,
    Change,
    Comparison,
    ProfileDiff,
    Status,
    Unread,
)
from lmi_deployer.diffing.hiding import HIDDEN
from lmi_deployer.diffing.snapshot import Item, Snapshot
from lmi_deployer.findings import Place
from lmi_deployer.findings_report import finding_as_json
from lmi_deployer.resources import PACKAGE
from lmi_deployer.secrets import is_secret, redacted
from lmi_deployer.spec import Value

STATUSES: tuple[Status, ...] = ("changed", "added", "removed", "unknown", "equal")
EFFECTS = ("memory", "artifact", "image", "cost")
"""Of a snapshot: what a change does beside the values themselves."""


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    text = (PACKAGE / "diff.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def comparison_as_json(comparison: Comparison) -> dict[str, Any]:
    """The whole comparison, as the schema describes it."""
    document = {
        "before": comparison.before,
        "after": comparison.after,
        "changed": comparison.is_changed,
        "impact": told.worst_label(comparison),
        "cost": _delta(comparison),
        "totals": _totals(comparison),
        "profiles": [_profile(diff) for diff in comparison.profiles],
        "unread": [_unread(item) for item in comparison.unread],
        "notes": list(comparison.notes),
    }
    cleaned: dict[str, Any] = _clean(document)
    return cleaned


def _clean(data: Any) -> Any:
    """The same with every text redacted, and no number that JSON does not have."""
    if isinstance(data, str):
        return redacted(data)
    if isinstance(data, float) and not math.isfinite(data):
        return str(data)
    if isinstance(data, dict):
        return {key: _clean(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_clean(value) for value in data]
    return data


def _totals(comparison: Comparison) -> dict[str, int]:
    counts = Counter(diff.status for diff in comparison.profiles)
    return {
        "profiles": len(comparison.profiles),
        **{status: counts[status] for status in STATUSES},
        "unread": len(comparison.unread),
        "unchanged_files": comparison.unchanged_files,
    }


def _delta(found: Comparison | ProfileDiff) -> dict[str, Any]:
    """What it costs more; null where a price is not known."""
    hour, at_first = found.usd_per_hour_delta, found.usd_per_hour_delta_at_first
    return {
        "usd_per_hour_delta": None if hour is None else round(hour, 4),
        "usd_per_hour_delta_at_first": None if at_first is None else round(at_first, 4),
        "usd_per_month_delta": None if hour is None else round(hour * HOURS_PER_MONTH, 2),
        "hours_per_month": HOURS_PER_MONTH,
    }


def _profile(diff: ProfileDiff) -> dict[str, Any]:
    return {
        "profile": diff.profile,
        "hardware": diff.hardware,
        "file": diff.file,
        "file_before": diff.file_before,
        "status": diff.status,
        "impact": told.impact_label(diff),
        "cost": _delta(diff),
        "changes": [_change(change) for change in diff.changes],
        "effects": {
            name: {"before": _effect(diff.before, name), "after": _effect(diff.after, name)}
            for name in EFFECTS
        },
        "findings": {
            "appeared": [finding_as_json(finding) for finding in diff.appeared],
            "gone": [finding_as_json(finding) for finding in diff.gone],
            "standing": [finding_as_json(finding) for finding in diff.standing],
        },
        "rendered": list(diff.rendered),
        "notes": list(diff.notes),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "key": change.key,
        "before": _item(change.key, change.before),
        "after": _item(change.key, change.after),
        "cause": change.cause,
        **_place(change.place),
        "side": change.place_side,
        "impact": change.impact.label,
    }


def _item(key: str, item: Item | None) -> dict[str, Any] | None:
    if item is None:
        return None
    value: Value = HIDDEN if is_secret(key, item.value) else item.value
    return {
        "value": value,
        "unit": item.unit or None,
        "source": item.source,
        "reason": item.reason,
        **_place(item.place),
    }


def _place(place: Place | None) -> dict[str, Any]:
    if place is None:
        return {"file": None, "line": None, "column": None}
    return {"file": place.file or None, "line": place.line or None, "column": place.column or None}


def _effect(side: Snapshot | None, name: str) -> dict[str, Any] | None:
    found = None if side is None else getattr(side, name)
    return None if found is None else asdict(found)


def _unread(unread: Unread) -> dict[str, Any]:
    return {
        "name": unread.name,
        "side": unread.side,
        "findings": [finding_as_json(finding) for finding in unread.findings],
        "text_diff": list(unread.text_diff),
    }
