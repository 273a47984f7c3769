"""What goes when a key is removed: its lines, the comments about it, and a blank line too many."""

from __future__ import annotations

import re

from lmi_deployer.profile_text.changes import EditError
from lmi_deployer.profile_text.layout import Item, Layout, Mapping
from lmi_deployer.profile_text.lines import BLANKS
from lmi_deployer.profile_text.surgery import Cut, cut
from lmi_deployer.yaml_source import Path

_COMMENTED_SETTING = re.compile(r"# ?[a-z_][\w.-]*:( |$)")
"""`# source: s3://...`: a setting that somebody took out, not a remark on the line below it."""


def remove(text: str, path: Path) -> str:
    """Take out a key that has siblings, with its value.

    Comments go with it when they are clearly about it: on its lines, indented more than it below
    them, and directly above it with its own indent. The comment that a file begins with and
    settings that are commented out are about something else, and stay.
    """
    layout = Layout(text)
    item, parent = layout.item(path), layout.node(path[:-1])
    assert item is not None  # items of lists have been refused
    assert isinstance(parent, Mapping)
    if layout.is_flow(path):
        return cut(text, _flow_cuts(layout, parent, item))
    if layout.lines.begins_with(item.key.start):
        return cut(text, [_block_cut(layout, parent, item)])
    return cut(text, [_cut_behind_a_dash(layout, path, item)])


def _cut_behind_a_dash(layout: Layout, path: Path, item: Item) -> Cut:
    """The first key of a mapping in a list: the dash before it stays."""
    lines = layout.lines
    before = layout.text[lines.start(lines.number(item.key.start)) : item.key.start]
    if before.strip(" -"):
        raise EditError(path, "its key does not begin a line")
    return item.key.start, lines.end(lines.number(item.end)), ""


def _block_cut(layout: Layout, parent: Mapping, item: Item) -> Cut:
    """Whole lines, with the blank ones that would otherwise stand double or at an end."""
    lines = layout.lines
    column, floor = lines.column(item.key.start), _line_before(layout, item)
    first, last = _first_line(layout, item), lines.number(item.end)
    below = last + 1
    while lines.is_blank(below) or (lines.is_comment(below) and lines.indent(below) > column):
        last = below if lines.is_comment(below) else last
        below += 1
    is_last = all(lines.is_blank(number) for number in range(last + 1, lines.count))
    is_first = item is parent.first and first - 1 <= floor
    would_be_taken = layout.takes_blank_lines(layout.content_before(item.key.start))
    if is_first or is_last or would_be_taken or lines.is_blank(first - 1):
        while lines.is_blank(last + 1):
            last += 1
    while is_last and first - 1 > floor and lines.is_blank(first - 1):
        first -= 1
    return lines.start(first), lines.start(last + 1), ""


def _line_before(layout: Layout, item: Item) -> int:
    """The line on which what stands before a key ends; -1 for the first key of the text."""
    return layout.lines.number(layout.content_before(item.key.start))


def _first_line(layout: Layout, item: Item) -> int:
    """The line of a key, or of the first of the comments above it that are clearly about it."""
    lines = layout.lines
    first = lines.number(item.key.start)
    own, floor = first, _line_before(layout, item)
    while own - 1 > floor and _is_remark(layout, own - 1, lines.column(item.key.start)):
        own -= 1
    return own if own > 0 else first


def _is_remark(layout: Layout, number: int, column: int) -> bool:
    lines = layout.lines
    if not lines.is_comment(number) or lines.indent(number) != column:
        return False
    return not _COMMENTED_SETTING.match(lines.content(number).strip(BLANKS))


def _flow_cuts(layout: Layout, parent: Mapping, item: Item) -> list[Cut]:
    """The key, its value and one comma; whole lines where nothing else stands on them."""
    text, lines = layout.text, layout.lines
    start, end = item.key.start, item.end
    comma = layout.skip(end)
    has_comma = text[comma : comma + 1] == ","
    stop = comma + 1 if has_comma else end
    last = lines.number(stop)
    rest = text[stop : lines.end(last)].lstrip(BLANKS)
    if lines.begins_with(start) and (not rest or rest.startswith("#")) and last + 1 < lines.count:
        return [(lines.start(_first_line(layout, item)), lines.start(last + 1), "")]
    if has_comma and text[end:comma].strip(BLANKS):
        return [(start, end, ""), (comma, stop, "")]
    if has_comma:
        while not rest.startswith("#") and text[stop] in BLANKS:
            stop += 1
        return [(start, stop, "")]
    before = max(
        (other.end for other in parent.items.values() if other.end <= start), default=start
    )
    return [(start if "#" in text[before:start] else before, end, "")]
