"""What several outputs say of a comparison in the same words; nothing here decides anything.

Every text comes back on one line, without secrets and control characters. Escaping for Markdown or
HTML is for the output that needs it.
"""

from __future__ import annotations

from collections.abc import Iterable

from lmi_deployer.diffing.comparison import Change, Comparison, ProfileDiff
from lmi_deployer.diffing.effects import Effect, cost_change, effects
from lmi_deployer.diffing.hiding import HIDDEN
from lmi_deployer.diffing.snapshot import Item
from lmi_deployer.findings import Finding, Place, printable
from lmi_deployer.impact import Impact
from lmi_deployer.render import as_text
from lmi_deployer.secrets import is_secret, redacted

__all__ = [
    "ABSENT",
    "HIDDEN",
    "LONGEST_VALUE",
    "Effect",
    "cause",
    "cost_change",
    "counted",
    "effects",
    "finding_text",
    "fix_text",
    "impact_title",
    "impact_titles",
    "listed",
    "name_before",
    "place",
    "reason",
    "safe",
    "shown",
    "shown_values",
    "status_text",
    "totals",
]

ABSENT = "none"
"""A value that is not there."""
LONGEST_VALUE = 120
"""Characters of a value that are shown."""
_KEPT_BEFORE = 20
"""Characters before the first difference of two long values."""
_THOUSANDS = 10_000
"""From here on a number with a unit has separators."""


def safe(text: str) -> str:
    """A text on one line, without secrets and without characters that move a cursor."""
    return printable(redacted(text))


def shown(item: Item | None, key: str = "") -> str:
    """A value with its unit; of a long one the beginning.

    A value under a `key` that promises a secret is hidden, like one that looks like a secret.
    """
    return _cut(_whole(item, key))


def shown_values(change: Change) -> tuple[str, str]:
    """Both values of a change, which never look alike: long ones begin where they differ."""
    texts = _whole(change.before, change.key), _whole(change.after, change.key)
    if texts[0] == texts[1]:
        return _cut(texts[0]), f"{_cut(texts[1])} (another)"
    if max(map(len, texts)) <= LONGEST_VALUE or _cut(texts[0]) != _cut(texts[1]):
        return _cut(texts[0]), _cut(texts[1])
    pairs = enumerate(zip(*texts, strict=False))
    differs_at = next((at for at, (left, right) in pairs if left != right), min(map(len, texts)))
    start = max(0, differs_at - _KEPT_BEFORE)
    return _cut(f"...{texts[0][start:]}"), _cut(f"...{texts[1][start:]}")


def _whole(item: Item | None, key: str) -> str:
    if item is None:
        return ABSENT
    value, unit = item.value, item.unit
    if is_secret(key, value):
        return HIDDEN
    text = as_text(value)
    if unit and isinstance(value, int) and abs(value) >= _THOUSANDS:
        text = f"{value:,}"
    text = redacted(f"{text} {unit}" if unit else text)
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def impact_title(impact: Impact) -> str:
    """`NEW ENDPOINT CONFIG`; `NO IMPACT` for none."""
    return "NO IMPACT" if impact is Impact.NONE else impact.label.replace("-", " ").upper()


def impact_titles(diff: ProfileDiff) -> str:
    """Every class among the changes, worst first: `RECOMPILE, NEW ENDPOINT CONFIG`."""
    classes = {diff.impact, *(change.impact for change in diff.changes)}
    if len(classes) > 1:
        classes.discard(Impact.NONE)
    return ", ".join(impact_title(impact) for impact in sorted(classes, reverse=True))


def cause(change: Change) -> str:
    """Why a value changed, with the line to look at: `profiles/x.yaml:31`, `--set`."""
    item = change.after if change.after is not None else change.before
    reason = "" if item is None else item.reason
    where = place(change.place)
    match change.cause:
        case "profile":
            return where or "the profile"
        case "override":
            return "--set"
        case "lock":
            return f"lock, {where}" if where else "lock"
        case "catalog":
            return safe(f"catalog or version of lmi-deploy ({reason})" if reason else "catalog")
        case "derived":
            return safe(f"follows from other values ({reason})" if reason else "follows")
        case "deployed":
            return f"as deployed, {where}" if where else "as deployed"


def place(place: Place | None) -> str:
    """`profiles/x.yaml:31`; nothing where nobody wrote it."""
    if place is None or not place.file:
        return ""
    return safe(f"{place.file}:{place.line}" if place.line else place.file)


def reason(item: Item | None) -> str:
    """Why a side has its value, in the words of the rule or guide that decided."""
    return "" if item is None else safe(item.reason)


def finding_text(finding: Finding) -> str:
    """`warning LMI609 profiles/x.yaml:31 quantize: ...`, without the way out."""
    subject = f"{finding.key}: " if finding.key else ""
    where = place(finding.place)
    words = (finding.severity, finding.code, where, f"{subject}{finding.problem}")
    return safe(" ".join(word for word in words if word))


def fix_text(finding: Finding) -> str:
    """The way out of a finding; nothing where none is known."""
    return "" if finding.fix is None else safe(finding.fix)


def status_text(diff: ProfileDiff) -> str:
    """What became of a hardware profile, as one clause."""
    match diff.status:
        case "added":
            return "added"
        case "removed":
            return "removed"
        case "unknown":
            return "cannot be compared"
        case "equal":
            return "no effective change"
        case "changed":
            if diff.changes:
                return f"{counted(len(diff.changes), 'value')} changed"
            return "findings changed" if diff.appeared or diff.gone else "names changed"


def name_before(diff: ProfileDiff) -> str:
    """`before: old.yaml#g5`; nothing where both names are the same."""
    return "" if diff.file_before is None else safe(f"before: {diff.file_before}")


def totals(comparison: Comparison) -> str:
    """`3 profiles: 1 changed, 2 equal; 4 files are the same on both sides`."""
    order = ("changed", "added", "removed", "unknown", "equal")
    counts = dict.fromkeys(order, 0)
    for diff in comparison.profiles:
        counts[diff.status] += 1
    listed = ", ".join(f"{counts[status]} {status}" for status in order if counts[status])
    parts = [counted(len(comparison.profiles), "profile") + (f": {listed}" if listed else "")]
    if comparison.unread:
        parts.append(f"{len(comparison.unread)} could not be read")
    if comparison.unchanged_files:
        count = comparison.unchanged_files
        verb = "is" if count == 1 else "are"
        parts.append(f"{counted(count, 'file')} {verb} the same on both sides")
    return "; ".join(parts)


def counted(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(names: Iterable[str], most: int = 5) -> str:
    """`a, b and 3 more`, of which no name can break a line."""
    every = [safe(name) for name in names]
    rest = len(every) - most
    return ", ".join(every[:most]) + (f" and {rest} more" if rest > 0 else "")
