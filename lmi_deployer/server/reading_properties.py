"""Reads serving.properties as the server does: java.util.Properties, over any bytes at all.

The server loads the file as ISO-8859-1 and then once more as strict UTF-8 (BaseModelLoader of DJL,
every version), which adds no key that is there already but stops the load at bytes that are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lmi_deployer.catalog.option_rows import Outcome

_LINE_END = re.compile(r"\r\n|\r|\n")
_BLANKS = " \t\f"
_COMMENT = ("#", "!")
_PAIR = re.compile(r"((?:[^\\=: \t\f]+|\\.)*)[ \t\f]*[=:]?[ \t\f]*(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_NAMED = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_BYTE_ORDER_MARK = "\xef\xbb\xbf"


class Duplicate(NamedTuple):
    """A key that a later line gives again."""

    key: str
    value: str
    """The value that is lost."""
    line: int
    by_line: int


class FileProblem(NamedTuple):
    """Something about the file itself rather than about a setting."""

    line: int
    outcome: Outcome
    problem: str
    fix: str


class PropertiesFile(NamedTuple):
    """What java.util.Properties makes of a file."""

    properties: dict[str, str]
    lines: dict[str, int]
    """Key: the line on which its value begins, from 1."""
    duplicates: tuple[Duplicate, ...]
    problems: tuple[FileProblem, ...]


def read_properties(data: bytes) -> PropertiesFile:
    """Read a file of any content, in linear time; what Java refuses is a problem, no exception.

    Characters beyond ASCII come out as the server sees them: one per byte.
    """
    text = data.decode("latin-1")
    problems = [] if text.isascii() else _encoding_problems(data, text)
    properties: dict[str, str] = {}
    lines: dict[str, int] = {}
    duplicates: list[Duplicate] = []
    for number, line in _plain_lines(text) if "\\" not in text else _logical_lines(text):
        key, value = _PAIR.match(line).groups()  # type: ignore[union-attr]
        if "\\" in line:
            if _is_malformed(line):
                problem = r"has `\u` without four hexadecimal digits; the file cannot be read"
                problems.append(FileProblem(number, "load_error", problem, r"write `\\u`"))
            key, value = _unescaped(key), _unescaped(value)
        if key in properties:
            duplicates.append(Duplicate(key, properties[key], lines[key], number))
        properties[key] = value
        lines[key] = number
    if _CONTROL.search(text):
        problems.extend(_control_characters(text))
    return PropertiesFile(properties, lines, tuple(duplicates), tuple(problems))


def natural_lines(text: str) -> list[str]:
    """A text's lines, which end in CR, LF or both."""
    return text.split("\n") if "\r" not in text else _LINE_END.split(text)


def _plain_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with a pair, and their numbers, of a text in which nothing is escaped."""
    for number, line in enumerate(natural_lines(text), 1):
        stripped = line.lstrip(_BLANKS)
        if stripped and not stripped.startswith(_COMMENT):
            yield number, stripped


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """The same, with lines joined that end in a backslash which is not escaped itself."""
    parts: list[str] = []
    first = 0
    is_empty = True
    for number, line in enumerate(natural_lines(text), 1):
        stripped = line.lstrip(_BLANKS)
        if is_empty and (not stripped or stripped.startswith(_COMMENT)):
            continue  # Java looks for comments as long as nothing has been gathered
        if is_empty:
            parts, first = [], number
        is_continued = (len(stripped) - len(stripped.rstrip("\\"))) % 2 == 1
        parts.append(stripped[:-1] if is_continued else stripped)
        is_empty = is_empty and not parts[-1]
        if not is_continued:
            yield first, "".join(parts)
            is_empty = True
    if not is_empty:
        yield first, "".join(parts)
    elif _ends_in_a_backslash_alone(text):
        yield number, ""


def _ends_in_a_backslash_alone(text: str) -> bool:
    """Whether the last line is a backslash: Java takes that for an empty key, at the end alone."""
    body = text[:-1] if text.endswith(("\n", "\r")) else text
    begin = max(body.rfind("\n"), body.rfind("\r")) + 1
    return body[begin:].lstrip(_BLANKS) == "\\"


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    plain = _ESCAPE.sub(_character, text)
    if plain.isascii():
        return plain
    # Java's characters are UTF-16 units, so that two escapes can make one character of Python.
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _character(match: re.Match[str]) -> str:
    escaped = match[1]
    return chr(int(escaped[1:], 16)) if len(escaped) > 1 else _NAMED.get(escaped, escaped)


def _is_malformed(line: str) -> bool:
    return any(match[1] == "u" for match in _ESCAPE.finditer(line))


def _encoding_problems(data: bytes, text: str) -> list[FileProblem]:
    problems = []
    if text.startswith(_BYTE_ORDER_MARK):
        problem = "begins with a byte order mark, which becomes part of the first key"
        problems.append(FileProblem(1, "ignored", problem, "save it as UTF-8 without one"))
        text = text.replace(_BYTE_ORDER_MARK, "", 1)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = len(_LINE_END.findall(text, 0, error.start)) + 1
        problem = f"has the byte 0x{data[error.start]:02x}, which is no UTF-8; the load stops there"
        return [*problems, FileProblem(line, "load_error", problem, "save the file as UTF-8")]
    return problems + [
        FileProblem(
            number,
            "unchecked",
            "has characters beyond ASCII, which the server reads as one for each byte of UTF-8",
            r"write them as \uXXXX",
        )
        for number, line in enumerate(natural_lines(text), 1)
        if not line.isascii() and not line.lstrip(_BLANKS).startswith(_COMMENT)
    ]


def _control_characters(text: str) -> Iterator[FileProblem]:
    for number, line in enumerate(natural_lines(text), 1):
        found = _CONTROL.search(line)
        if found is not None and not line.lstrip(_BLANKS).startswith(_COMMENT):
            problem = f"has the control character U+{ord(found[0]):04X}"
            yield FileProblem(number, "unchecked", problem, "remove it")
