"""A comparison as a comment on a pull request: GitHub's Markdown, and under its limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, repeat

from lmi_deployer.diffing import told, wording
from lmi_deployer.diffing.comparison import Comparison, ProfileDiff
from lmi_deployer.diffing.markdown_room import Section, within
from lmi_deployer.diffing.markdown_text import code, comment, details, fenced, sentence
from lmi_deployer.diffing.page_lines import ALIKE, cut, seen
from lmi_deployer.diffing.side_by_side import shown_lines
from lmi_deployer.diffing.value_lines import value_texts
from lmi_deployer.findings import Finding, Place
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
TABLE_HEAD = "| profile | change | before | after | impact |\n| --- | --- | --- | --- | --- |"
QUIET = (Impact.NONE.label, Impact.RESTART.label)
"""Impacts that do not stand out."""
EFFECTS_HEAD = "| profile | effect | before and after |\n| --- | --- | --- |"
NEW_LINE = "<br>"
"""Inside of a cell of a table."""


def markdown(comparison: Comparison, *, marker: str) -> str:
    """The comment; its first line is the marker, as `markdown_text.comment` writes it.

    Of a comparison too large for a comment the details go first, and then rows, mildest last.
    """
    diffs = told.told(comparison)
    head = "\n\n".join([comment(marker), *_head(comparison, diffs)])
    is_open = len(diffs) <= OPEN_AT_MOST
    table = list(_table(diffs))
    sections = (
        Section(heading="", items=table, noun="row", sure=24_000, is_table=True),
        Section(
            heading="#### Not compared",
            items=list(_unread(comparison)),
            noun="file",
            sure=8_000,
        ),
        Section(heading="#### Findings", items=list(_findings(diffs)), noun="finding", sure=10_000),
        Section(
            heading="#### Effects",
            items=list(_effects(diffs)) if is_open else (),
            noun="effect",
            sure=5_000,
            is_table=True,
        ),
        Section(
            heading="#### Notes", items=list(_notes(comparison, diffs)), noun="note", sure=5_000
        ),
        _rendered(comparison, diffs, is_open=is_open),
    )
    body = within(sections, LIMIT - len(head) - len("\n\n\n"))
    return "\n\n".join(text for text in (head, body) if text) + "\n"


def _head(comparison: Comparison, diffs: Sequence[ProfileDiff]) -> Iterator[str]:
    """The worst impact and the cost, the sides, and how many of what."""
    if comparison.is_changed:
        cost = sentence(told.cost(comparison))
        yield f"### lmi-deploy diff: {told.impact_title(comparison)}, {cost}"
    else:
        yield "### lmi-deploy diff: no differences"
    before, after = (_name(side) for side in (comparison.before, comparison.after))
    yield f"From {before} to {after}: {sentence(wording.totals(comparison))}."
    counts = Counter(told.impact_label(diff) for diff in diffs)  # worst first, as they come
    if len(diffs) > 1:
        yield f"Impact: {', '.join(f'{count:,} {label}' for label, count in counts.items())}."


def _table(diffs: Sequence[ProfileDiff]) -> Iterator[str]:
    """A row for each value that differs; many rows that say the same become one."""
    rows = [(diff, row) for diff in diffs for row in _rows(diff)]
    if not rows:
        return
    yield TABLE_HEAD
    groups: dict[tuple[str, ...], list[tuple[ProfileDiff, str]]] = {}
    for number, (diff, (cause, *cells)) in enumerate(rows):
        apart = () if len(rows) > ROWS_APART else (str(number),)
        groups.setdefault((*cells, *apart), []).append((diff, cause))
    above: list[int] = []
    for (change, before, after, impact, *_), members in groups.items():
        ids, causes = (
            [id(diff) for diff, _ in members],
            dict.fromkeys(cause for _, cause in members),
        )
        name = "" if ids == above else _names([diff for diff, _ in members])
        above = ids  # a profile is named once for all its rows
        cause = next(iter(causes)) + (" and others" if len(causes) > 1 else "")
        yield f"| {name} | {change}{NEW_LINE}{cause} | {before} | {after} | {impact} |"


def _names(diffs: Sequence[ProfileDiff]) -> str:
    """The profile, the name it had before, and its impact where no change alone has that."""
    diff, more = diffs[0], len(diffs) - 1
    title = _name(diff.title, is_cell=True)
    if diff.file_before is not None:
        title += f" (before: {_name(diff.file_before, is_cell=True)})"
    if more:
        return f"{title} and {more:,} more"
    is_in_rows = not diff.changes or diff.impact in {change.impact for change in diff.changes}
    return title if is_in_rows else f"{title}{NEW_LINE}{_impact(told.impact_label(diff))}"


def _rows(diff: ProfileDiff) -> Iterator[tuple[str, ...]]:
    """Cause, change, before, after, impact; of what has no changes one row that says what it is."""
    impact = _impact(told.impact_label(diff))
    if not diff.changes:
        yield _name(diff.file, is_cell=True), wording.status_text(diff), "", "", impact
    for change in diff.changes:
        sides = zip(value_texts(change), (change.before, change.after), strict=True)
        # What is not there is no value: plain words tell it from one that is called so.
        before, after = (
            wording.ABSENT if item is None else code(text, is_cell=True) for text, item in sides
        )
        if before == after:
            after = code(value_texts(change)[1] + ALIKE, is_cell=True)
        cause = _sentence(wording.cause(change), is_cell=True)
        yield cause, _name(change.key, is_cell=True), before, after, _impact(change.impact.label)


def _impact(label: str) -> str:
    return label if label in QUIET else f"**{label}**"


def _findings(diffs: Sequence[ProfileDiff]) -> Iterator[str]:
    """What is there now, worst first, and what is gone; the same one of several profiles once."""
    groups: dict[tuple[told.FindingKind, Finding], tuple[Finding, dict[str, None]]] = {}
    for diff in diffs:
        for kind, finding in told.findings(diff):
            said = replace(finding, place=Place(""))  # where it stands may differ
            groups.setdefault((kind, said), (finding, {}))[1][diff.title] = None
    order = ("error", "warning", "note")
    for kind, said in sorted(
        groups, key=lambda item: (item[0] == "gone", order.index(item[1].severity))
    ):
        finding, titles = groups[kind, said]
        yield _finding(finding, kind, list(titles) if len(diffs) > 1 else ())


def _finding(finding: Finding, kind: str, titles: Sequence[str] = ()) -> str:
    told = _sentence(wording.finding_text(finding))
    fix = _sentence(wording.fix_text(finding)) if kind != "gone" else ""
    where = f" ({_name(titles[0])}" if titles else ""
    where += f" and {len(titles) - 1:,} more" if len(titles) > 1 else ""
    return f"- {kind}: {told}{where}{')' if titles else ''}{f'. Fix: {fix}' if fix else ''}"


def _notes(comparison: Comparison, diffs: Sequence[ProfileDiff]) -> Iterator[str]:
    """What the comparison rests on, and what was noted of profiles; the same note once."""
    for note in comparison.notes:
        yield f"- note: {_sentence(note)}"
    titles: dict[str, list[str]] = {}
    for diff in diffs:
        for note in diff.notes:
            titles.setdefault(note, []).append(diff.title)
    for note, names in titles.items():
        more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
        yield f"- {_name(names[0])}{more}: {_sentence(note)}"


def _effects(diffs: Sequence[ProfileDiff]) -> Iterator[str]:
    """Memory, ceiling, artifact, image and cost where they differ, as a table, its head first."""
    told_of = [(diff, effects) for diff in diffs if (effects := told.effects(diff))]
    if told_of:
        yield EFFECTS_HEAD
    for diff, effects in told_of:
        names = chain([_name(diff.title, is_cell=True)], repeat(""))
        for name, (label, text) in zip(names, effects, strict=False):
            moved = _sentence(text, is_cell=True)
            yield f"| {name} | {sentence(label, is_cell=True)} | {moved} |"


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


def _rendered(comparison: Comparison, shown: Sequence[ProfileDiff], *, is_open: bool) -> Section:
    """A closed block for each diff of rendered lines, or of a file as text."""
    diffs = [diff for diff in shown if diff.rendered or not is_open]
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
    effects = () if is_open else told.effects(diff)
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
