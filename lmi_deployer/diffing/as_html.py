"""A comparison as one HTML page that needs nothing else: no network, no other file.

The texts are put together here and `templates/diff/page.html.j2` lays them out, with escaping on.
The page forbids itself everything but its own style and its own small script, by their hashes.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from lmi_deployer import __version__, memory_bar
from lmi_deployer.diffing import side_by_side, told, wording
from lmi_deployer.diffing.comparison import Change, Comparison, ProfileDiff, Unread
from lmi_deployer.diffing.snapshot import MemoryShare
from lmi_deployer.findings import Finding
from lmi_deployer.impact import Impact
from lmi_deployer.resources import load_template

OPEN_AT_MOST = 20
"""Sections that stand open from the start: of more, a reader opens what the table leads to."""
BAR_WIDTH, LETTER_WIDTH = 400.0, 14.0
"""In units of the picture; a part that is narrower than a letter goes without."""
BAR_PARTS = (memory_bar.WEIGHTS, memory_bar.ACTIVATIONS, memory_bar.KV_CACHE)
LEGEND = (
    "In the bars of memory per GPU: W weights, A activations and overhead, K KV cache; "
    "the dashed line is where the memory that can be used ends"
)
HEADINGS: Mapping[told.FindingKind, str] = {
    "new": "Findings that appear",
    "still": "Findings that stay",
    "gone": "Findings that disappear",
}
MEANINGS: Mapping[Impact, str] = {
    Impact.NONE: "nothing that runs notices",
    Impact.RESTART: "containers with other files or settings take over from the ones that run",
    Impact.NEW_ENDPOINT_CONFIG: "other machines are started, and then take over",
    Impact.RECOMPILE: "something is compiled first: minutes to hours",
    Impact.REPLACE_ENDPOINT: "the endpoint has to go and another one comes: clients notice",
    Impact.INCOMPATIBLE: "it cannot be deployed",
}


def page(comparison: Comparison) -> str:
    """The whole document; equal comparisons are equal pages, byte for byte."""
    style = load_template("diff/page.css").render()
    script = load_template("diff/page.js").render()
    return load_template("diff/page.html.j2").render(
        style=style, script=script, policy=_policy(style, script), **_safe(_view(comparison))
    )


def _policy(style: str, script: str) -> str:
    """The Content-Security-Policy: nothing is loaded, sent or run but these two texts."""
    hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _safe(view: Any) -> Any:
    """The same with every text on one line, without secrets and without invisible characters."""
    if isinstance(view, str):
        return wording.safe(view)
    if isinstance(view, Mapping):
        return {key: _safe(value) for key, value in view.items()}
    if isinstance(view, list | tuple):
        return [_safe(item) for item in view]
    return view


def _view(comparison: Comparison) -> dict[str, Any]:
    """Everything the template shows, as texts and numbers."""
    profiles = told.worst_first(comparison.profiles)
    sections = [item for item in profiles if item.status != "equal" or item.notes]
    is_known = told.is_impact_known(comparison)
    ids = {id(item): f"p{number}" for number, item in enumerate(sections, start=1)}
    return {
        "generator": f"lmi-deploy {__version__}",
        "before": comparison.before,
        "after": comparison.after,
        "worst": told.worst_label(comparison),
        "meaning": MEANINGS[comparison.impact] if is_known else "not everything could be compared",
        "totals": wording.totals(comparison),
        "cost": told.cost(comparison),
        "notes": comparison.notes,
        "impacts": [impact.label for impact in Impact],
        "meanings": [(impact.label, text) for impact, text in MEANINGS.items()],
        "legend": LEGEND,
        "is_open": len(sections) <= OPEN_AT_MOST,
        "rows": [_row(item, ids.get(id(item))) for item in profiles],
        "sections": [_section(item, ids[id(item)]) for item in sections],
        "unread": [_unread(item, comparison) for item in comparison.unread],
    }


def _row(diff: ProfileDiff, section: str | None) -> dict[str, Any]:
    """One line of the overview."""
    delta = diff.usd_per_hour_delta
    usd = 0.0 if delta is None else round(delta, 2)
    return {
        "id": section,
        "title": diff.title,
        "file": _file(diff),
        "status": diff.status,
        "impact": told.impact_label(diff),
        "impact_number": int(diff.impact),
        "change_count": len(diff.changes),
        "usd": "unknown" if delta is None else f"{usd:+,.2f}" if usd else "0.00",
        "usd_number": "" if delta is None else usd,
    }


def _file(diff: ProfileDiff) -> str:
    before = wording.name_before(diff)
    file = wording.safe(diff.file)
    return f"{file} ({before})" if before else file


def _section(diff: ProfileDiff, section: str) -> dict[str, Any]:
    """One hardware profile, opened."""
    effects = told.effects(diff)
    is_memory_told = any(effect.label == told.MEMORY for effect in effects)
    findings = [(kind, _finding(finding)) for kind, finding in told.findings(diff)]
    return {
        "id": section,
        "title": diff.title,
        "impact": told.impact_label(diff),
        "summary": f"{wording.status_text(diff)}, {_file(diff)}",
        "changes": [_change(item) for item in diff.changes],
        "effects": [{"label": label, "text": text} for label, text in effects],
        "bars": _bars(diff) if is_memory_told else [],
        "findings": {
            heading: [finding for kind, finding in findings if kind == of_kind]
            for of_kind, heading in HEADINGS.items()
        },
        "rendered": _rows(diff.rendered),
        "notes": diff.notes,
    }


def _change(change: Change) -> dict[str, Any]:
    before, after = wording.shown_values(change)
    return {
        "key": change.key,
        "before": before,
        "after": after,
        "cause": wording.cause(change),
        "impact": change.impact.label,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity,
        "text": wording.finding_text(finding).removeprefix(finding.severity),
        "fix": wording.fix_text(finding),
    }


def _unread(unread: Unread, comparison: Comparison) -> dict[str, Any]:
    side = comparison.before if unread.side == "before" else comparison.after
    return {
        "name": unread.name,
        "side": side,
        "findings": [_finding(item) for item in unread.findings],
        "lines": _rows(unread.text_diff),
    }


def _rows(lines: Sequence[str]) -> list[dict[str, Any]]:
    """Both sides of a unified diff beside each other, each line with its sign."""
    return [
        {
            "before": before,
            "after": after,
            "is_same": before == after,
            "is_heading": before == after and before is not None and before.startswith("@@"),
        }
        for before, after in side_by_side.rows(lines)
    ]


def _bars(diff: ProfileDiff) -> list[dict[str, Any]]:
    """The memory of each side, both to the same scale."""
    sides = (("before", diff.before), ("after", diff.after))
    known = [(name, side.memory) for name, side in sides if side is not None and side.memory]
    scale = max((max(item.used_gib, item.usable_gib) for _, item in known), default=0.0)
    return [_bar(name, item, scale) for name, item in known] if scale > 0 else []


def _bar(name: str, memory: MemoryShare, scale: float) -> dict[str, Any]:
    """Where each part is drawn, and the same in words."""
    sizes = (memory.weights_gib, memory.other_gib, memory.kv_cache_gib)
    parts, start = [], 0.0
    for part, size in zip(BAR_PARTS, sizes, strict=True):
        width = max(size, 0.0) / scale * BAR_WIDTH
        parts.append(
            {
                "name": part.key,
                "start": f"{start:.1f}",
                "width": f"{width:.1f}",
                "middle": f"{start + width / 2:.1f}",
                "color": part.hex_color,
                "letter": part.letter if width >= LETTER_WIDTH else None,
            }
        )
        start += width
    text = (
        f"Memory per GPU {name}: weights {sizes[0]:.1f} GiB, activations and overhead "
        f"{sizes[1]:.1f} GiB, KV cache {sizes[2]:.1f} GiB, of {memory.usable_gib:.1f} GiB"
    )
    limit = f"{memory.usable_gib / scale * BAR_WIDTH:.1f}"
    return {"name": name, "parts": parts, "text": text, "limit": limit}
