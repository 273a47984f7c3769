"""Reads YAML into plain data while keeping the line and column of every key and value.

YAML 1.2's core schema, without the parts that make a reviewed file surprising: `on` and `no` are
text, a key may stand only once, and tags, anchors and aliases are refused. Built from the parser's
events, so that hostile nesting or size is refused before anything is built from it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from lmi_deployer.findings import Finding, Place, ProfileError

Path = tuple[str | int, ...]
"""Where a value stands: the keys and list indexes that lead to it."""

MAX_CHARACTERS = 200_000
MAX_DEPTH = 24
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {"": None, "~": None} | {
    spelling: value
    for word, value in {"null": None, "true": True, "false": False}.items()
    for spelling in (word, word.capitalize(), word.upper())
}
_UNPRINTABLE = yaml.reader.Reader.NON_PRINTABLE
"""What YAML refuses in a stream, lone surrogates included (YAML 1.2, section 5.1)."""


@dataclass(frozen=True)
class YamlSource:
    """A YAML document as plain data, and where each part of it stands."""

    name: str
    data: Any
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)

    def place(self, path: Path) -> Place:
        """Place of the value at `path`, or of its nearest enclosing value."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.values:
                return self.values[path[:length]]
        return Place(self.name)

    def key_place(self, path: Path) -> Place:
        """Place of the key that `path` ends in, or of its nearest enclosing value."""
        return self.keys.get(path) or self.place(path)


def scalar(text: str) -> str | int | float | bool | None:
    """The value of a plain scalar under YAML 1.2's core schema.

    >>> [scalar(text) for text in ("8", "0.5", "true", "on", "~")]
    [8, 0.5, True, 'on', None]
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text


def parse_yaml(text: str, name: str) -> YamlSource:
    """The document in `text`. Raises ProfileError, with the place, for what is not plain YAML."""
    if len(text) > MAX_CHARACTERS:
        raise _refused(Place(name), f"is larger than {MAX_CHARACTERS:,} characters", None)
    unprintable = _UNPRINTABLE.search(text)
    if unprintable:
        line = text.count("\n", 0, unprintable.start()) + 1
        column = unprintable.start() - text.rfind("\n", 0, unprintable.start())
        problem = f"holds the character {ord(unprintable.group()):#06x}, which YAML does not allow"
        raise _refused(Place(name, line, column), problem, "remove it")
    source = YamlSource(name, None)
    try:
        data = _Reader(name, text, source).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(name) if mark is None else Place(name, mark.line + 1, mark.column + 1)
        problem = error.problem or error.context or "cannot be read"
        raise _refused(place, f"is not valid YAML: {problem}", None) from error
    except yaml.YAMLError as error:
        raise _refused(Place(name), f"is not valid YAML: {error}", None) from error
    return YamlSource(name, data, source.values, source.keys)


def _refused(place: Place, problem: str, fix: str | None) -> ProfileError:
    return ProfileError([Finding.error("LMI001", problem, place=place, fix=fix)])


class _Reader:
    """Builds one document from the parser's events, noting places in `source` as it goes."""

    def __init__(self, name: str, text: str, source: YamlSource) -> None:
        self._name = name
        self._source = source
        self._events: Iterator[Any] = yaml.parse(text, Loader=_PARSER)

    def document(self) -> Any:
        next(self._events)  # StreamStart
        start = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            return None
        data = self._value(next(self._events), ())
        next(self._events)  # DocumentEnd
        rest = next(self._events)
        if not isinstance(rest, yaml.StreamEndEvent):
            raise _refused(self._place(rest), "holds more than one document", "one file a profile")
        return data

    def _place(self, event: Any) -> Place:
        return Place(self._name, event.start_mark.line + 1, event.start_mark.column + 1)

    def _refuse_surprises(self, event: Any) -> None:
        place = self._place(event)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _refused(place, "uses a YAML anchor or alias", "write the value out")
        if event.tag is not None and event.tag != "!":
            raise _refused(place, "uses a YAML tag", "remove it")

    def _value(self, event: Any, path: Path) -> Any:
        place = self._place(event)
        self._source.values[path] = place
        self._refuse_surprises(event)
        if len(path) >= MAX_DEPTH:
            raise _refused(place, f"is nested more than {MAX_DEPTH} levels deep", None)
        if isinstance(event, yaml.ScalarEvent):
            return scalar(event.value) if event.implicit[0] else event.value
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._mapping(path)

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            place = self._place(event)
            self._refuse_surprises(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise _refused(place, "has a key that is not plain text", None)
            key = event.value
            if key in items:
                first = self._source.keys[(*path, key)]
                raise _refused(place, f"repeats the key of line {first.line}", "keep one")
            self._source.keys[(*path, key)] = place
            items[key] = self._value(next(self._events), (*path, key))
        return items
