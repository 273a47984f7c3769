"""What became of a lock, as text for people and as plain data for programs."""

from __future__ import annotations

import json
from typing import Any

from lmi_deployer.findings_report import findings_text
from lmi_deployer.lockfile import PREFERRED, LockedModel
from lmi_deployer.locking.updating import Change, Outcome
from lmi_deployer.paint import Paint
from lmi_deployer.spec import GIB

_SIGNS = {"added": ("+", "green"), "moved": ("~", "yellow"), "removed": ("-", "red")}
_LONGEST_VALUE = 60


def outcome_text(file: str, outcome: Outcome, paint: Paint, *, is_written: bool) -> str:
    """Every model that changed, fact by fact, what failed, and a line that sums it up."""
    lines = [line for change in outcome.changes for line in _change_lines(change, paint)]
    if outcome.findings:
        lines.append(findings_text(outcome.findings, paint))
    counts = [
        f"{number} {kind}"
        for kind in ("added", "moved", "removed", "kept")
        if (number := sum(change.kind == kind for change in outcome.changes))
    ]
    counts += [f"{len(outcome.failures)} failed"] if outcome.failures else []
    counts += [f"{len(outcome.not_asked)} not asked"] if outcome.not_asked else []
    mark = paint("failed", "red") if outcome.failures else paint("ok", "green")
    written = "written" if is_written else "unchanged"
    lines.append(f"{mark}  {file}  {written}: {', '.join(counts) or 'no models'}")
    return "\n".join(lines)


def _change_lines(change: Change, paint: Paint) -> list[str]:
    if change.kind == "kept":
        return []
    sign, color = _SIGNS[change.kind]
    lines = [f"{paint(sign, color)} {change.title}"]
    if change.kind == "removed":
        return [f"{lines[0]}  (no profile names it any more)"]
    if change.kind == "added" and change.after is not None:
        lines += [f"    {line}" for line in _facts(change.after)]
    moved = list(change.moved())
    width = max((len(name) for name, _, _ in moved), default=0)
    return lines + [
        f"    {name:{width}}  {_shown(before)} -> {_shown(after)}" for name, before, after in moved
    ]


def _facts(entry: LockedModel) -> list[str]:
    """What was learned of a model that is new in the lock."""
    if entry.facts_from == "catalog":
        where = f"facts of the catalog, checked {entry.checked}"
        return [where if entry.commit else f"revision left open; {where}"]
    where = {"hub": "commit", "s3": "copy", "folder": "folder"}[entry.facts_from]
    known = entry.commit or entry.content or ""
    lines = [f"{where} {known[: 40 if entry.commit else 19]}"]
    if entry.renamed_to:
        lines.append(f"the hub has it as {entry.renamed_to} now: set model.id to that")
    form = next((name for name in PREFERRED if name in entry.weights), None)
    if form is not None:
        held = entry.weights[form]
        counted = sum(entry.parameters.values())
        numbers = f", {counted:,} numbers stored" if counted else ""
        files = "1 file" if held.files == 1 else f"{held.files} files"
        lines.append(f"{held.bytes / GIB:.2f} GiB of {form} in {files}{numbers}")
    return lines + [f"doubt: {doubt}" for doubt in entry.doubts]


def change_as_json(change: Change) -> dict[str, Any]:
    """One model of a lock, as `-o json` tells it."""
    entry = change.after or change.before
    assert entry is not None  # a change is about one model at least
    return {
        "id": entry.model_id,
        "source": entry.source,
        "requested": entry.requested,
        "change": change.kind,
        "commit": entry.commit,
        "facts_from": entry.facts_from,
        "renamed_to": entry.renamed_to,
        "doubts": list(entry.doubts),
        "moved": [
            {"fact": name, "before": before, "after": after}
            for name, before, after in change.moved()
        ],
    }


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
