"""A comparison as text for people: what a reviewer reads on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lmi_deployer.diffing import side_by_side, wording
from lmi_deployer.diffing.comparison import Comparison, ProfileDiff, Unread
from lmi_deployer.diffing.page_lines import IMPACT_COLORS, LEAST_WIDTH, cut, filled, seen
from lmi_deployer.diffing.value_lines import NARROW, value_lines
from lmi_deployer.findings import Finding, Severity
from lmi_deployer.paint import Paint, plain

WIDE = 140
"""Columns from which both sides stand beside each other."""
LABEL_COLUMNS = 16
LONGEST_SENTENCE = 1000
BAR_COLUMNS = 56
MARGIN, DEEPER = "  ", "    "
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
        *(_profile(diff, page) for diff in comparison.profiles if _is_told(diff)),
        _equal(comparison, page) if show_all else [],
        *(_unread(unread, comparison, page) for unread in comparison.unread),
        _totals(comparison, page),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _is_told(diff: ProfileDiff) -> bool:
    """Whether it gets a block of its own, not only a place in the count of what is equal."""
    return diff.status != "equal" or bool(diff.appeared or diff.gone)


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
    effects = wording.effects(diff)
    is_beside = page.is_wide and page.width >= NARROW
    lines = list(_heading(diff, page))
    lines += value_lines(diff.changes, diff.impact, page.width, page.paint, is_wide=is_beside)
    if effects:
        lines.append(f"{MARGIN}effects")
    for label, told in effects:
        first = f"{DEEPER}{label:<{LABEL_COLUMNS}}  "
        if page.width < NARROW:
            lines += filled(
                f"{label}: {seen(told)}", page.width, first=DEEPER, rest=DEEPER + MARGIN
            )
        else:
            lines += filled(seen(told), page.width, first=first)
        if label == "memory per GPU":
            lines += _bars(diff, page)
    if diff.appeared or diff.gone:
        lines.append(f"{MARGIN}findings")
    lines += _findings(diff.appeared, "+", page)
    lines += _findings(diff.gone, "-", page)
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
    left = f"{title}    {name}"
    if len(left) + len(label) + len(DEEPER) <= page.width:
        yield left + " " * (page.width - len(left) - len(label)) + page.paint(label, color)
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


def _findings(findings: Iterable[Finding], sign: str, page: _Page) -> Iterator[str]:
    """Findings that appeared or are gone, each with its way out below it."""
    for finding in findings:
        told = cut(seen(wording.finding_text(finding)), LONGEST_SENTENCE)
        start, color = f"{finding.severity} {finding.code}", SEVERITY_COLORS[finding.severity]
        lines = filled(told, page.width, first=f"{DEEPER}{sign} ")
        lines[0] = lines[0].replace(start, page.paint(start, color), 1)
        yield from lines
        if finding.fix is not None and sign != "-":
            fix = cut(seen(wording.fix_text(finding)), LONGEST_SENTENCE)
            yield from filled(fix, page.width, first=f"{DEEPER}  fix: ")


def _diff_lines(lines: Sequence[str], page: _Page) -> Iterator[str]:
    form = side_by_side.beside if page.is_wide else side_by_side.unified
    return form(lines, page.width, page.paint)


def _equal(comparison: Comparison, page: _Page) -> list[str]:
    lines = []
    for diff in comparison.profiles:
        if not _is_told(diff):
            told = f"{diff.title}    {'; '.join((wording.status_text(diff), *diff.notes))}"
            lines += filled(_sentence(told), page.width, rest=DEEPER)
    return lines


def _unread(unread: Unread, comparison: Comparison, page: _Page) -> list[str]:
    """What could not be read: why, what is not known because of it, and what there is."""
    side = comparison.before if unread.side == "before" else comparison.after
    lines = list(_between(seen(unread.name), f"in {seen(side)}", "NOT COMPARED", "red", page))
    lines += _findings(unread.findings, "!", page)
    missing = "values, impact, memory, cost, image and findings are not compared"
    rest = "; as text it differs so:" if unread.text_diff else ", and no text of it can be shown"
    lines += filled(f"its {missing}{rest}", page.width, first=MARGIN)
    return [*lines, *_diff_lines(unread.text_diff, page)]


def _totals(comparison: Comparison, page: _Page) -> list[str]:
    """The last line: how many of what, the worst impact, and the cost."""
    if not comparison.is_changed:
        return filled(wording.totals(comparison), page.width, rest=MARGIN)
    label = wording.impact_title(comparison.impact)
    cost = wording.cost_change(comparison.usd_per_hour_delta)
    if comparison.unread:
        cost += " for what could be read"
    lines = filled(f"{wording.totals(comparison)}; {label}; {cost}", page.width, rest=MARGIN)
    shown = page.paint(label, IMPACT_COLORS[comparison.impact])
    return [line.replace(f"; {label};", f"; {shown};") for line in lines]


def _sentence(told: str) -> str:
    return cut(seen(told), LONGEST_SENTENCE)
