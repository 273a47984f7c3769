"""Where the parts of a YAML text stand, as offsets into it: what edits are made with."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from lmi_deployer.profile_text.lines import BLANKS, BREAKS, Lines
from lmi_deployer.yaml_source import Path

PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser that also reads profiles: the other one differs in what it takes."""


@dataclass(frozen=True)
class Scalar:
    """Text, a number or a word. An empty value has no extent."""

    start: int
    end: int
    style: str | None
    """The quote, `|` or `>`; None for plain text."""


@dataclass(frozen=True)
class Mapping:
    """Keys and values, in the order of the text."""

    start: int
    end: int
    is_flow: bool
    items: dict[str, Item]

    @property
    def first(self) -> Item:
        """The first key of a mapping that has one."""
        return next(iter(self.items.values()))


@dataclass(frozen=True)
class Sequence:
    """A list."""

    start: int
    end: int
    is_flow: bool
    items: list[Node]


Node = Scalar | Mapping | Sequence


@dataclass(frozen=True)
class Item:
    """One key of a mapping, and its value."""

    key: Scalar
    colon: int | None
    """Offset just behind the colon; None for a key that stands alone inside `{}`."""
    value: Node

    @property
    def end(self) -> int:
        """Offset behind the value, or behind the colon or key of an empty one."""
        return max(self.value.end, self.colon or self.key.end)


class Layout:
    """A text and the extents of its values."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = Lines(text)
        self._events: Iterator[Any] = yaml.parse(text, Loader=PARSER)
        self._ends = [-1]
        self._kept_ends: set[int] = set()
        next(self._events)  # StreamStart
        is_empty = isinstance(next(self._events), yaml.StreamEndEvent)
        self.root = Scalar(len(text), len(text), None) if is_empty else self._node()

    def node(self, path: Path) -> Node:
        """The value at a path that exists."""
        node: Node = self.root
        for key in path:
            items: Any = node.items  # type: ignore[union-attr]  # paths are looked up before
            node = items[key].value if isinstance(node, Mapping) else items[key]
        return node

    def item(self, path: Path) -> Item | None:
        """The key and value at a path that exists; None for the root and items of lists."""
        parent = self.node(path[:-1])
        return parent.items[str(path[-1])] if path and isinstance(parent, Mapping) else None

    def is_flow(self, path: Path) -> bool:
        """True when the value at `path` stands inside `{}` or `[]`."""
        parents = (self.node(path[:length]) for length in range(len(path)))
        return any(not isinstance(node, Scalar) and node.is_flow for node in parents)

    def content_before(self, offset: int) -> int:
        """Where the last key or value that ends before `offset` does; -1 where there is none."""
        return self._ends[bisect_right(self._ends, offset) - 1]

    def takes_blank_lines(self, end: int) -> bool:
        """True where a scalar of the form `|+` ends: blank lines below it become part of it."""
        return end in self._kept_ends

    def skip(self, offset: int) -> int:
        """The next offset that is not a blank, a line break or inside a comment."""
        text = self.text
        while offset < len(text) and text[offset] in f"{BLANKS}{BREAKS}#":
            at_comment = text[offset] == "#"
            offset = self.lines.end(self.lines.number(offset)) if at_comment else offset + 1
        return offset

    def step(self) -> int:
        """By how much the first nested mapping is indented."""
        if isinstance(self.root, Mapping):
            for item in self.root.items.values():
                if isinstance(item.value, Mapping) and not item.value.is_flow:
                    return max(1, self.lines.column(item.value.first.key.start))
        return 2

    def _node(self) -> Node:
        return self._of(next(self._events))

    def _of(self, event: Any) -> Node:
        start, end = _extent(event)
        if isinstance(event, yaml.ScalarEvent):
            if event.style in {"|", ">"}:
                block = self.text[start:end]
                is_kept = "+" in block.splitlines()[0].partition("#")[0]
                end = start + len(_without_last_break(block) if is_kept else block.rstrip(BREAKS))
                self._kept_ends |= {end} if is_kept else set()
            self._ends += [end] if end > start else []
            return Scalar(start, end, event.style or None)
        is_flow = bool(event.flow_style)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(start, is_flow=is_flow)
        return self._mapping(start, is_flow=is_flow)

    def _sequence(self, start: int, *, is_flow: bool) -> Sequence:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._of(event))
        end = _extent(event)[1] if is_flow else items[-1].end
        self._ends.append(end)
        return Sequence(start, end, is_flow, items)

    def _mapping(self, start: int, *, is_flow: bool) -> Mapping:
        items: dict[str, Item] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = Scalar(*_extent(event), event.style or None)
            after = self.skip(key.end)
            colon = after + 1 if self.text[after : after + 1] == ":" else None
            self._ends += [key.end, colon or key.end]
            value = self._node()
            if isinstance(value, Scalar) and value.start == value.end:
                value = Scalar(colon or key.end, colon or key.end, None)
            items[event.value] = Item(key, colon, value)
        end = _extent(event)[1] if is_flow else max(item.end for item in items.values())
        self._ends.append(end)
        return Mapping(start, end, is_flow, items)


def _extent(event: Any) -> tuple[int, int]:
    return event.start_mark.index, event.end_mark.index


def _without_last_break(block: str) -> str:
    return block.removesuffix("\n").removesuffix("\r")
