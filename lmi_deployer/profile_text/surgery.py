"""The cuts that make a change: each takes a text, and gives the text after it.

What is asked for has to be possible; `edit` sees to that, and reads the outcome again.
"""

from __future__ import annotations

from typing import Any

from lmi_deployer.profile_text import values
from lmi_deployer.profile_text.changes import EditError
from lmi_deployer.profile_text.layout import Item, Layout, Mapping, Node, Scalar
from lmi_deployer.yaml_source import Path

Cut = tuple[int, int, str]
"""(start, end, what comes in its place)."""
INDICATORS = "|>+-0123456789"
"""What a block scalar may begin with, before the comment on that line."""


def cut(text: str, cuts: list[Cut]) -> str:
    """The text with every cut made; they must not overlap."""
    for start, end, instead in sorted(cuts, key=lambda item: item[:2], reverse=True):
        text = text[:start] + instead + text[end:]
    return text


def replace(text: str, path: Path, value: Any) -> str:
    """Write another value; the line of its key keeps its comment."""
    layout = Layout(text)
    node, item = layout.node(path), layout.item(path)
    in_flow = layout.is_flow(path)
    if not path and node.start == node.end and isinstance(value, dict):
        return _appended(layout, value)
    column = layout.lines.column(item.key.start) if item else 0
    head = column + len(text[item.key.start : item.key.end]) if item else 0
    if item is None or in_flow or not values.needs_block(value, head):
        new = values.inline(value, style=_quote(node), in_flow=in_flow)
        return cut(text, _inline_cuts(layout, node, item, new))
    cuts, at = _erasure(layout, node, item)
    step = layout.step()
    return cut(text, [*cuts, _lines_at(layout, at, values.block(value, column + step, step))])


def add(text: str, path: Path, key: str, value: Any) -> str:
    """Write a new key at the end of the mapping at `path`, which has keys or is `{}`."""
    layout = Layout(text)
    mapping, lines = layout.node(path), layout.lines
    assert isinstance(mapping, Mapping)  # whatever else holds keys has been refused
    if mapping.is_flow:
        pair = f"{values.text(key)}: {values.inline(value, in_flow=True)}"
        return cut(text, [_flow_addition(mapping, pair)])
    indent = lines.column(mapping.first.key.start)
    number = lines.number(mapping.end)
    while lines.is_comment(number + 1) and lines.indent(number + 1) >= indent:
        number += 1
    written = values.entry(key, value, indent, layout.step())
    return cut(text, [_lines_at(layout, lines.end(number), written)])


def rename(text: str, path: Path, name: str) -> str:
    """Write another key in place of one, quoted alike."""
    item = Layout(text).item(path)
    assert item is not None  # items of lists have been refused
    return cut(text, [(item.key.start, item.key.end, values.text(name, style=_quote(item.key)))])


def comment(text: str, path: Path, words: str) -> str:
    """Write comment lines directly above the line on which the key, or what holds it, begins."""
    layout = Layout(text)
    lines = layout.lines
    while path:
        item = layout.item(path)
        if item is not None and not layout.is_flow(path) and lines.begins_with(item.key.start):
            number = lines.number(item.key.start)
            pad, newline = " " * lines.indent(number), lines.newline(number)
            above = [f"{pad}# {line}".rstrip() + newline for line in words.splitlines()]
            return cut(text, [(lines.start(number), lines.start(number), "".join(above))])
        path = path[:-1]
    raise EditError(path, "there is no line to put a comment above")


def _quote(node: Node) -> str | None:
    """The style that text in place of a value should have."""
    if not isinstance(node, Scalar) or node.style in {"|", ">"} or node.start == node.end:
        return None
    return node.style or values.PLAIN


def _appended(layout: Layout, value: dict[str, Any]) -> str:
    """An empty document with its first keys."""
    lines = layout.lines
    newline = lines.newline(0)
    written = newline.join(values.block(value, 0, layout.step())) + newline
    gap = "" if not lines.content(lines.count - 1) else newline
    return layout.text + gap + written


def _lines_at(layout: Layout, at: int, written: list[str]) -> Cut:
    """Lines of their own below the line that ends at `at`."""
    newline = layout.lines.newline(layout.lines.number(at))
    return at, at, "".join(newline + line for line in written)


def _flow_addition(mapping: Mapping, pair: str) -> Cut:
    if not mapping.items:
        return mapping.start + 1, mapping.start + 1, pair
    last = list(mapping.items.values())[-1]
    gap = " , " if last.end == last.colon else ", "  # some readers refuse "a:,"
    return last.end, last.end, gap + pair


def _inline_cuts(layout: Layout, node: Node, item: Item | None, new: str) -> list[Cut]:
    """The cuts that put a value of one line in the place of any other."""
    is_block = not isinstance(node, Scalar) and not node.is_flow
    if item is None:
        end = layout.lines.end(layout.lines.number(node.end)) if is_block else node.end
        gap = " " if node.start == node.end else ""
        return [(node.start, end, gap + new)]
    if item.colon is None:
        return [(item.key.end, item.key.end, f": {new}")]
    if is_block or node.start == node.end or _is_block_scalar(node):
        cuts, _ = _erasure(layout, node, item)
        return [*cuts, (item.colon, item.colon, f" {new}")]
    return [(node.start, node.end, new)]


def _erasure(layout: Layout, node: Node, item: Item) -> tuple[list[Cut], int]:
    """The cuts that take out a value, and the line end below which lines may stand instead.

    Comments on the key's own line stay. Those inside a mapping or list go with it.
    """
    lines, text = layout.lines, layout.text
    colon = item.colon or item.key.end
    head = lines.end(lines.number(colon))
    if isinstance(node, Scalar) and _is_block_scalar(node):
        inner = node.start
        while text[inner : inner + 1] and text[inner] in INDICATORS:
            inner += 1
        return [(colon, inner, ""), (head, max(head, node.end), "")], head
    if isinstance(node, Scalar) or node.is_flow:
        begin = colon if lines.number(node.start) == lines.number(colon) else node.start
        return [(begin, node.end, "")], lines.end(lines.number(node.end))
    return [(head, lines.end(lines.number(node.end)), "")], head


def _is_block_scalar(node: Node) -> bool:
    return isinstance(node, Scalar) and node.style in {"|", ">"}
