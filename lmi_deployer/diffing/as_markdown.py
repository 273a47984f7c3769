"""A comparison as a comment on a pull request: GitHub's Markdown, and under its limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from lmi_deployer.diffing import wording
from lmi_deployer.diffing.comparison import Comparison, ProfileDiff
from lmi_deployer.diffing.markdown_room import Section, within
from lmi_deployer.diffing.markdown_text import code, comment, details, fenced, sentence
from lmi_deployer.diffing.page_lines import ALIKE, cut, seen
from lmi_deployer.diffing.side_by_side import shown_lines
from lmi_deployer.diffing.value_lines import value_texts
from lmi_deployer.findings import Finding
from lmi_deployer.impact import Impact

LIMIT = 60_000
"""Characters of the whole comment; GitHub takes 65,536."""
OPEN_AT_MOST = 5
"""Profiles whose effects stand open; of more they stand with the diff of each."""
ROWS_APART = 60
"""Rows above which equal changes of several profiles share one."""
LONGEST_NAME, LONGEST_SENTENCE, LONGEST_LINE = 120, 500, 300
MOST_LINES = 150
"""Of one rendered diff."""
MOST_REASONS = 5
"""Findings that say why one file could not be read."""
TABLE_HEAD = (
    "| profile | change | before | after | impact | because of |\n"
    "| --- | --- | --- | --- | --- | --- |"
)


def markdown(comparison: Comparison, *, marker: str) -> str:
    """The comment; its first line is the marker, as `markdown_text.comment` writes it.

    Of a comparison too large for a comment the details go first, and then rows, mildest last.
    """
    told = sorted(filter(_is_told, comparison.profiles), key=lambda diff: -diff.impact)
    head = "\n\n".join([comment(marker), *_head(comparison, told)])
    is_open = len(told) <= OPEN_AT_MOST
    table = list(_table(told))
    sections = (
        Section(heading="", items=table, noun="row", sure=24_000, is_table=True),
        Section(
            heading="#### Not compared",
            items=list(_unread(comparison)),
            noun="file",
            sure=8_000,
        ),
        Section(heading="#### Findings", items=list(_findings(told)), noun="finding", sure=10_000),
        Section(
            heading="#### Notes", items=list(_notes(comparison, told)), noun="note", sure=5_000
        ),
        Section(
            heading="#### Effects",
            items=list(_effects(told)) if is_open else (),
            noun="effect",
            sure=5_000,
            is_table=True,
        ),
        _rendered(comparison, told, is_open=is_open),
    )
    body = within(sections, LIMIT - len(head) - len("\n\n\n"))
    return "\n\n".join(text for text in (head, body) if text) + "\n"


def _is_told(diff: ProfileDiff) -> bool:
    return diff.status != "equal" or bool(diff.appeared or diff.gone)


def _head(comparison: Comparison, told: Sequence[ProfileDiff]) -> Iterator[str]:
    """The worst impact and the cost, the sides, and how many of what."""
    if comparison.is_changed:
        cost = wording.cost_change(comparison.usd_per_hour_delta)
        cost += " for what could be read" if comparison.unread else ""
        yield f"### lmi-deploy diff: {wording.impact_title(comparison.impact)}, {sentence(cost)}"
    else:
        yield "### lmi-deploy diff: no differences"
    before, after = (_name(side) for side in (comparison.before, comparison.after))
    yield f"From {before} to {after}: {sentence(wording.totals(comparison))}."
    counts = Counter(diff.impact for diff in told)
    if len(told) > 1:
        listed = (f"{counts[impact]:,} {impact.label}" for impact in sorted(counts, reverse=True))
        yield f"Impact: {', '.join(listed)}."


def _table(told: Sequence[ProfileDiff]) -> Iterator[str]:
    """A row for each value that differs; many rows that say the same become one."""
    cells = [(_title(diff), row) for diff in told for row in _rows(diff)]
    if not cells:
        return
    yield TABLE_HEAD
    if len(cells) <= ROWS_APART:
        for title, row in cells:
            yield f"| {title} | {' | '.join(row)} |"
        return
    groups: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for title, (*same, cause) in cells:
        groups.setdefault(tuple(same), []).append((title, cause))
    for group, members in groups.items():
        title, cause = members[0]
        more = f" and {len(members) - 1:,} more" if len(members) > 1 else ""
        others = " and others" if len({other for _, other in members}) > 1 else ""
        yield f"| {title}{more} | {' | '.join(group)} | {cause}{others} |"


def _title(diff: ProfileDiff) -> str:
    """The profile, and the name it had before."""
    name = diff.file_before
    before = f" (before: {_name(name, is_cell=True)})" if name is not None else ""
    return _name(diff.title, is_cell=True) + before


def _rows(diff: ProfileDiff) -> Iterator[tuple[str, ...]]:
    """Change, before, after, impact, cause; of what has no changes one row that says what it is."""
    if not diff.changes:
        yield (
            wording.status_text(diff),
            "",
            "",
            _impact(diff.impact),
            _name(diff.file, is_cell=True),
        )
    for change in diff.changes:
        texts = value_texts(change)
        before, after = (code(text, is_cell=True) for text in texts)
        if before == after:
            after = code(texts[1] + ALIKE, is_cell=True)
        cause = _sentence(wording.cause(change), is_cell=True)
        yield _name(change.key, is_cell=True), before, after, _impact(change.impact), cause


def _impact(impact: Impact) -> str:
    return impact.label if impact <= Impact.RESTART else f"**{impact.label}**"


def _findings(told: Sequence[ProfileDiff]) -> Iterator[str]:
    """What appeared, worst first, and what is gone; the same one of several profiles once."""
    order = ("error", "warning", "note")
    for sign, kind in (("appeared", "new"), ("gone", "gone")):
        titles: dict[Finding, list[str]] = {}
        for diff in told:
            for finding in diff.appeared if sign == "appeared" else diff.gone:
                titles.setdefault(finding, []).append(diff.title)
        for finding in sorted(titles, key=lambda item: order.index(item.severity)):
            yield _finding(finding, kind, titles[finding])


def _finding(finding: Finding, kind: str, titles: Sequence[str] = ()) -> str:
    told = _sentence(wording.finding_text(finding))
    fix = _sentence(wording.fix_text(finding)) if kind != "gone" else ""
    where = f" ({_name(titles[0])}" if titles else ""
    where += f" and {len(titles) - 1:,} more" if len(titles) > 1 else ""
    return f"- {kind}: {told}{where}{')' if titles else ''}{f'. Fix: {fix}' if fix else ''}"


def _notes(comparison: Comparison, told: Sequence[ProfileDiff]) -> Iterator[str]:
    """What the comparison rests on, and what was noted of profiles; the same note once."""
    for note in comparison.notes:
        yield f"- note: {_sentence(note)}"
    titles: dict[str, list[str]] = {}
    for diff in told:
        for note in diff.notes:
            titles.setdefault(note, []).append(diff.title)
    for note, names in titles.items():
        more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
        yield f"- {_name(names[0])}{more}: {_sentence(note)}"


def _effects(told: Sequence[ProfileDiff]) -> Iterator[str]:
    """Memory, ceiling, artifact, image and cost of each, as a table with its head first."""
    lines = [(diff.title, effect) for diff in told for effect in wording.effects(diff)]
    if lines:
        yield "| profile | effect | before and after |\n| --- | --- | --- |"
    for title, (label, text) in lines:
        told_cell = _sentence(text, is_cell=True)
        yield f"| {_name(title, is_cell=True)} | {sentence(label, is_cell=True)} | {told_cell} |"


def _unread(comparison: Comparison) -> Iterator[str]:
    """What could not be read, what is not known because of it, and why."""
    for unread in comparison.unread:
        side = comparison.before if unread.side == "before" else comparison.after
        missing = "values, impact, memory, cost, image and findings are not compared"
        shown = unread.findings[:MOST_REASONS]
        why = "".join(f"\n  {_finding(item, 'why')}" for item in shown)
        if more := len(unread.findings) - len(shown):
            why += f"\n  - and {wording.counted(more, 'finding')} more"
        yield f"- {_name(unread.name)} in {_name(side)}: its {missing}{why}"


def _rendered(comparison: Comparison, told: Sequence[ProfileDiff], *, is_open: bool) -> Section:
    """A closed block for each diff of rendered lines, or of a file as text."""
    diffs = [diff for diff in told if diff.rendered or not is_open]
    texts = [unread for unread in comparison.unread if unread.text_diff]
    items, size = [], 0
    for block in chain(
        (_block(diff, is_open=is_open) for diff in diffs),
        (details(_short(item.name), "as text", _lines(item.text_diff)) for item in texts),
    ):
        items.append(block)
        size += len(block)
        if size > LIMIT:  # the rest could not be shown anyway
            break
    return Section(
        heading="#### Rendered" if is_open else "#### Effects and rendered files",
        items=items,
        noun="block",
        sure=0,
        between="\n\n",
        total=len(diffs) + len(texts),
    )


def _block(diff: ProfileDiff, *, is_open: bool) -> str:
    effects = () if is_open else wording.effects(diff)
    listed = (f"- {code(label)}: {_sentence(text)}" for label, text in effects)
    parts = ["\n".join(listed)]
    parts.append(_lines(diff.rendered) if diff.rendered else "It renders what it rendered before.")
    kind = "serving.properties" if is_open else "effects and serving.properties"
    return details(_short(diff.title), kind, "\n\n".join(part for part in parts if part))


def _lines(lines: Sequence[str]) -> str:
    block = fenced(shown_lines(lines[:MOST_LINES], LONGEST_LINE))
    more = len(lines) - MOST_LINES
    return f"{block}\n\n*{wording.counted(more, 'line')} more.*" if more > 0 else block


def _sentence(text: str, *, is_cell: bool = False) -> str:
    return sentence(cut(seen(text), LONGEST_SENTENCE), is_cell=is_cell)


def _short(text: str) -> str:
    return cut(seen(text), LONGEST_NAME)


def _name(text: str, *, is_cell: bool = False) -> str:
    return code(_short(text), is_cell=is_cell)
