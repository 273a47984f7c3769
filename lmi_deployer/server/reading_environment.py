"""Reads environment variables from a file: `NAME=value` lines as docker takes them, or JSON.

`docker run --env-file` (ParseEnvFile of docker/cli) takes a value as it stands, quotes and trailing
spaces included; a line whose first character is `#` is a comment, and a name may hold no space.
A shell script of `export NAME=value` lines is read too, with the quotes that a shell removes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from lmi_deployer.server.reading_properties import Duplicate, FileProblem

_EXPORT = re.compile(r"export[ \t]+")
_QUOTED = re.compile(r"""(["'])(.*)\1\s*""")
_JSON_PART = re.compile(r'"(?:[^"\\]|\\.)*"(\s*:)?|[{}\[\]]|\n', re.DOTALL)
_BYTE_ORDER_MARK = "\ufeff"
_JSON = "an object of strings"


class Note(NamedTuple):
    """Something about a line that does no harm."""

    line: int
    text: str


class EnvironmentFile(NamedTuple):
    """Variables of a file."""

    variables: dict[str, str]
    lines: dict[str, int]
    """Name: its line, from 1."""
    duplicates: tuple[Duplicate, ...]
    """Names that a later line gives again; their `key` is the name."""
    problems: tuple[FileProblem, ...]
    notes: tuple[Note, ...]


def read_environment(data: bytes) -> EnvironmentFile:
    """Read a file of any content, in linear time; what cannot be used is a problem."""
    problems: list[FileProblem] = []
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        text = data.decode("utf-8", "replace")
        line = data.count(b"\n", 0, error.start) + 1
        problem = f"has the byte 0x{data[error.start]:02x}, which is no UTF-8"
        problems.append(FileProblem(line, "load_error", problem, "save the file as UTF-8"))
    text = text.removeprefix(_BYTE_ORDER_MARK)
    notes: list[Note] = []
    if text.lstrip().startswith("{"):
        pairs = _json_pairs(text, problems)
    else:
        pairs = _pairs(text, problems, notes)
    variables: dict[str, str] = {}
    lines: dict[str, int] = {}
    duplicates: list[Duplicate] = []
    for number, name, value in pairs:
        if "\0" in value or "\0" in name:
            problem = "has the character U+0000, which no variable can hold"
            problems.append(FileProblem(number, "load_error", problem, "remove it"))
        if name in variables:
            duplicates.append(Duplicate(name, variables[name], lines[name], number))
        variables[name] = value
        lines[name] = number
    return EnvironmentFile(variables, lines, tuple(duplicates), tuple(problems), tuple(notes))


def _pairs(
    text: str, problems: list[FileProblem], notes: list[Note]
) -> Iterator[tuple[int, str, str]]:
    for number, full in enumerate(text.split("\n"), 1):
        line = full.removesuffix("\r").lstrip()
        if not line or line.startswith("#"):
            continue
        export = _EXPORT.match(line)
        name, equals, value = (line[export.end() :] if export else line).partition("=")
        if not equals:
            notes.append(
                Note(number, f"{name.strip()[:60]!a} alone takes its value from elsewhere")
            )
            continue
        if export is not None:
            quoted = _QUOTED.fullmatch(value)
            value = quoted[2] if quoted else value
            notes.append(Note(number, "`export` is left out; docker --env-file would refuse it"))
        elif _QUOTED.fullmatch(value):
            notes.append(Note(number, f"the quotes belong to the value of {name[:60]!a}"))
        if not name.strip():
            problem = "has no name before `=`"
            problems.append(FileProblem(number, "load_error", problem, "NAME=value"))
            continue
        if name != name.strip() or len(name.split()) > 1:
            problem = f"has spaces in the name {name[:60]!a}, which docker --env-file refuses"
            problems.append(FileProblem(number, "load_error", problem, "NAME=value"))
            name, value = name.strip(), value.lstrip()
        yield number, name, value


class _Bare(str):
    """A number of JSON, as it is spelt."""


def _json_pairs(text: str, problems: list[FileProblem]) -> Iterator[tuple[int, str, str]]:
    try:
        found = json.loads(
            text,
            object_pairs_hook=list,
            parse_int=_Bare,
            parse_float=_Bare,
            parse_constant=_Bare,
        )
    except json.JSONDecodeError as error:
        problem = f"is no JSON: {error.msg}"
        problems.append(FileProblem(error.lineno, "load_error", problem, _JSON))
        return
    except RecursionError:
        problems.append(FileProblem(1, "load_error", "is nested too deeply", _JSON))
        return
    for number, (name, value) in zip(_key_lines(text), found, strict=False):
        if type(value) is not str:
            problem = f"gives {name[:60]!a} no string"
            problems.append(FileProblem(number, "load_error", problem, "a value in quotes"))
        if isinstance(value, (str, bool)):
            yield number, name, str(value).lower() if isinstance(value, bool) else str(value)


def _key_lines(text: str) -> Iterator[int]:
    """The line of each key of the outermost object."""
    number, depth = 1, 0
    for match in _JSON_PART.finditer(text):
        found = match[0]
        if found == "\n":
            number += 1
        elif found in "{[":
            depth += 1
        elif found in "]}":
            depth -= 1
        else:
            if match[1] and depth == 1:
                yield number
            number += found.count("\n")
