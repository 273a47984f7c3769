"""A comparison as text for people: what a reviewer reads on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lmi_deployer.diffing import side_by_side, told, wording
from lmi_deployer.diffing.comparison import Comparison, ProfileDiff, Unread
from lmi_deployer.diffing.page_lines import IMPACT_COLORS, LEAST_WIDTH, cut, filled, seen
from lmi_deployer.diffing.value_lines import NARROW, value_lines
from lmi_deployer.findings import Finding, Severity
from lmi_deployer.paint import Paint, plain

WIDE = 140
"""Columns from which both sides stand beside each other."""
HEADING_COLUMNS = 120
"""An impact stands no further to the right, so that the eye finds it from the name."""
LABEL_COLUMNS = 16
LONGEST_SENTENCE = 1000
BAR_COLUMNS = 56
MARGIN, DEEPER = "  ", "    "
SIGNS: dict[told.FindingKind, str] = {"new": "+", "still": "=", "gone": "-"}
SEVERITY_COLORS: dict[Severity, str] = {"error": "red", "warning": "yellow", "note": "cyan"}


@dataclass(frozen=True, kw_only=True)
class _Page:
    """How it is to be laid out."""

    paint: Paint
    width: int
    is_wide: bool
    show_all: bool


def text(
    comparison: Comparison,
    paint: Paint = plain,
    *,
    width: int,
    side_by_side: bool | None = None,
    show_all: bool = False,
) -> str:
    """The whole comparison, no wider than asked for; `show_all` names what is equal, too.

    Both sides stand beside each other where that is asked for, or left open and there is room.
    """
    width = max(width, LEAST_WIDTH)
    is_wide = width >= WIDE if side_by_side is None else side_by_side
    page = _Page(paint=paint, width=width, is_wide=is_wide, show_all=show_all)
    blocks = [
        _head(comparison, page),
        *(_profile(diff, page) for diff in told.told(comparison)),
        _equal(comparison, page) if show_all else [],
        *(_unread(unread, comparison, page) for unread in comparison.unread),
        _totals(comparison, page),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _head(comparison: Comparison, page: _Page) -> list[str]:
    before, after = seen(comparison.before), seen(comparison.after)
    sides = f"{before} -> {after}"
    if not comparison.is_changed:
        sides = f"no differences between {before} and {after}"
    lines = filled(sides, page.width, rest=MARGIN)
    for note in comparison.notes:
        lines += filled(_sentence(note), page.width, first="  note: ")
    return lines


def _profile(diff: ProfileDiff, page: _Page) -> list[str]:
    """One hardware profile: what changed, what that does, and what it renders to."""
    effects = told.effects(diff)
    is_beside = page.is_wide and page.width >= NARROW
    lines = list(_heading(diff, page))
    lines += value_lines(diff.changes, diff.impact, page.width, page.paint, is_wide=is_beside)
    if effects:
        lines.append(f"{MARGIN}effects")
    for label, moved in effects:
        first = f"{DEEPER}{label:<{LABEL_COLUMNS}}  "
        if page.width < NARROW:
            lines += filled(
                f"{label}: {seen(moved)}", page.width, first=DEEPER, rest=DEEPER + MARGIN
            )
        else:
            lines += filled(seen(moved), page.width, first=first)
        if label == told.MEMORY:
            lines += _bars(diff, page)
    findings = [
        line for kind, item in told.findings(diff) for line in _finding(item, SIGNS[kind], page)
    ]
    if findings:
        lines += [f"{MARGIN}findings", *findings]
    if diff.rendered:
        lines += [f"{MARGIN}serving.properties", *_diff_lines(diff.rendered, page)]
    for note in diff.notes:
        lines += filled(_sentence(note), page.width, first="  note: ")
    return lines


def _heading(diff: ProfileDiff, page: _Page) -> Iterator[str]:
    """Title and file, and on the right what it costs."""
    status = "" if diff.status in {"changed", "equal"} else wording.status_text(diff).upper()
    impacts = "" if diff.status == "unknown" else wording.impact_titles(diff)
    label = ", ".join(text for text in (status, impacts) if text)
    files = seen(", ".join(text for text in (diff.file, wording.name_before(diff)) if text))
    color = IMPACT_COLORS[diff.impact]
    yield from _between(seen(diff.title), files, label, color, page)


def _between(title: str, name: str, label: str, color: str, page: _Page) -> Iterator[str]:
    """Title, name and label on one line where they fit, else one under the other."""
    left, shortest = f"{title}    {name}", len(DEEPER) + len(label)
    if len(left) + shortest <= page.width:
        end = max(min(page.width, HEADING_COLUMNS), len(left) + shortest)
        yield left + " " * (end - len(left) - len(label)) + page.paint(label, color)
        return
    yield from filled(title, page.width, rest=MARGIN)
    yield from filled(name, page.width, first=MARGIN)
    yield from (page.paint(line, color) for line in filled(label, page.width, first=MARGIN))


def _bars(diff: ProfileDiff, page: _Page) -> Iterator[str]:
    """Where the memory of one GPU goes, before and after."""
    if page.width < NARROW:
        return
    from lmi_deployer.diffing.memory_share_bar import share_bar

    for name, side in (("before", diff.before), ("after", diff.after)):
        if side is not None and side.memory is not None:
            columns = min(BAR_COLUMNS, page.width - len(DEEPER) - LABEL_COLUMNS - 2)
            drawn = share_bar(side.memory, columns, page.paint)
            yield f"{DEEPER}{MARGIN}{name:<{LABEL_COLUMNS - 2}}  {drawn}"


def _finding(finding: Finding, sign: str, page: _Page) -> Iterator[str]:
    """A finding; of one that is there, the way out below it."""
    start, color = f"{finding.severity} {finding.code}", SEVERITY_COLORS[finding.severity]
    lines = filled(_sentence(wording.finding_text(finding)), page.width, first=f"{DEEPER}{sign} ")
    lines[0] = lines[0].replace(start, page.paint(start, color), 1)
    yield from lines
    if finding.fix is not None and sign != SIGNS["gone"]:
        fix = _sentence(wording.fix_text(finding))
        yield from filled(fix, page.width, first=f"{DEEPER}  fix: ")


def _diff_lines(lines: Sequence[str], page: _Page) -> Iterator[str]:
    has_both = {"-", "+"} <= {line[:1] for line in lines}
    form = side_by_side.beside if page.is_wide and has_both else side_by_side.unified
    return form(lines, page.width, page.paint)


def _equal(comparison: Comparison, page: _Page) -> list[str]:
    lines = []
    for diff in comparison.profiles:
        if diff.status == "equal":
            line = f"{diff.title}    {'; '.join((wording.status_text(diff), *diff.notes))}"
            lines += filled(_sentence(line), page.width, rest=DEEPER)
    return lines


def _unread(unread: Unread, comparison: Comparison, page: _Page) -> list[str]:
    """What could not be read: why, what is not known because of it, and what there is."""
    side = comparison.before if unread.side == "before" else comparison.after
    lines = list(_between(seen(unread.name), f"in {seen(side)}", "NOT COMPARED", "red", page))
    for finding in unread.findings:
        lines += _finding(finding, "!", page)
    missing = "values, impact, memory, cost, image and findings are not compared"
    rest = "; as text it differs so:" if unread.text_diff else ", and no text of it can be shown"
    lines += filled(f"its {missing}{rest}", page.width, first=MARGIN)
    return [*lines, *_diff_lines(unread.text_diff, page)]


def _totals(comparison: Comparison, page: _Page) -> list[str]:
    """The last line: how many of what, the worst impact, and the cost."""
    if not comparison.is_changed:
        return filled(wording.totals(comparison), page.width, rest=MARGIN)
    label = told.impact_title(comparison)
    line = f"{wording.totals(comparison)}; {label}; {told.cost(comparison)}"
    lines = filled(line, page.width, rest=MARGIN)
    shown = page.paint(label, IMPACT_COLORS[comparison.impact])
    return [line.replace(f"; {label};", f"; {shown};") for line in lines]


def _sentence(text: str) -> str:
    return cut(seen(text), LONGEST_SENTENCE)
