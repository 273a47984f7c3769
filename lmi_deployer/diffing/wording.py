"""What several outputs say of a comparison in the same words; nothing here decides anything.

Every text comes back on one line, without secrets and control characters. Escaping for Markdown or
HTML is for the output that needs it.
"""

from __future__ import annotations

from collections.abc import Iterable

from lmi_deployer.diffing.comparison import Change, Comparison, ProfileDiff
from lmi_deployer.diffing.effects import Effect, cost_change, effects, total_cost
from lmi_deployer.diffing.hiding import HIDDEN
from lmi_deployer.diffing.page_lines import ALIKE
from lmi_deployer.diffing.snapshot import Item
from lmi_deployer.findings import Finding, Place, printable
from lmi_deployer.impact import Impact
from lmi_deployer.render import as_text
from lmi_deployer.secrets import is_secret, may_hold, redacted

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
    "safe",
    "shown",
    "shown_values",
    "status_text",
    "total_cost",
    "totals",
]

ABSENT = "not set"
"""A value that is not there."""
LONGEST_VALUE = 120
"""Characters of a value that are shown."""
_KEPT_BEFORE = 20
"""Characters before the first difference of two long values."""
_ANSWERED_OTHERWISE = "catalog or version of lmi-deploy"
_FOLLOWS = "follows from other values"
_THOUSANDS = 10_000
"""From here on a number with a unit has separators, and the one beside it, too."""


def safe(text: str) -> str:
    """A text on one line, without secrets and without characters that move a cursor."""
    return printable(redacted(text))


def shown(item: Item | None, key: str = "") -> str:
    """A value with its unit; of a long one the beginning.

    A value under a `key` that promises a secret is hidden, like one that looks like a secret.
    """
    return _cut(_whole(item, key))


def shown_values(change: Change, *, unit_once: bool = False) -> tuple[str, str]:
    """Both values of a change, which never look alike: long ones begin where they differ.

    With `unit_once` a unit that both have stands behind the later one alone, as `8 -> 16 tokens`.
    """
    sides = change.before, change.after
    separated = any(_is_long_number(item) for item in sides)
    before, after = (_whole(item, change.key, separated=separated) for item in sides)
    if before == after:
        return _cut(before), f"{_cut(after)}{ALIKE}"
    unit = change.after.unit if change.after is not None else ""
    if unit_once and unit and change.before is not None and change.before.unit == unit:
        before = before.removesuffix(f" {unit}")
    if _cut(before) != _cut(after):
        return _cut(before), _cut(after)
    start = max(0, _same_characters(before, after) - _KEPT_BEFORE)
    return _cut(f"...{before[start:]}"), _cut(f"...{after[start:]}")


def _same_characters(one: str, other: str) -> int:
    """How many characters at the beginning are the same; halves, as values may be very long."""
    same, most = 0, min(len(one), len(other))
    while same < most:
        middle = (same + most + 1) // 2
        if one[same:middle] == other[same:middle]:
            same = middle
        else:
            most = middle - 1
    return same


def _is_long_number(item: Item | None) -> bool:
    """Whether a number reads better with separators; one without a unit may be a name."""
    if item is None or not item.unit or not isinstance(item.value, int):
        return False
    return abs(item.value) >= _THOUSANDS


def _whole(item: Item | None, key: str, *, separated: bool = False) -> str:
    if item is None:
        return ABSENT
    value, unit = item.value, item.unit
    text = as_text(value)
    if may_hold({key: text}) and is_secret(key, value):
        return HIDDEN
    if _is_long_number(item) or (separated and unit and isinstance(value, int)):
        text = f"{value:,}"
    text = f"{text} {unit}" if unit else text
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
    where = place(change.place)
    match change.cause:
        case "profile":
            return where or "the profile"
        case "override":
            return "--set"
        case "lock":
            return f"lock, {where}" if where else "lock"
        case "catalog":
            told = _reason(change.after or change.before)
            return f"{_ANSWERED_OTHERWISE} ({told})" if told else _ANSWERED_OTHERWISE
        case "derived":
            return _followed(change)
        case "deployed":
            return f"as deployed, {where}" if where else "as deployed"


def _followed(change: Change) -> str:
    """The rule that came to a value; of a value that went, the one that holds no longer."""
    if change.after is not None:
        return _reason(change.after) or _FOLLOWS
    told = _reason(change.before)
    return f"no longer ({told})" if told else _FOLLOWS


def place(place: Place | None) -> str:
    """`profiles/x.yaml:31`; nothing where nobody wrote it."""
    if place is None or not place.file:
        return ""
    return safe(f"{place.file}:{place.line}" if place.line else place.file)


def _reason(item: Item | None) -> str:
    """Why a side has its value, in the words of the rule or guide that decided."""
    return "" if item is None else safe(item.reason)


def finding_text(finding: Finding) -> str:
    """`warning LMI609 profiles/x.yaml:31 quantize: ...`, without the way out."""
    subject = f"{safe(finding.key)}:" if finding.key else ""
    where, problem = place(finding.place), safe(finding.problem)
    words = (finding.severity, finding.code, where, subject, problem)
    return " ".join(word for word in words if word)


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
