"""Reads serving.properties as the scripts do that compile or partition a model in the container.

Source: load_properties in serving/docker/partition of every version. It is stricter than Java:
lines are split at the first `=`, only a `#` in the first column makes a comment, nothing is
escaped or continued, and a line without `=` stops the script.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lmi_deployer.server.facts import Row
from lmi_deployer.server.reading_properties import FileProblem, PropertiesFile, natural_lines

_STORED = re.compile(r"[:=#!\\]")
_MODEL_IS_AN_ARGUMENT = "option.model_id"
"""The server hands the model's path to the script by itself."""


def script_problems(data: bytes, file: PropertiesFile, conversion: Row) -> list[FileProblem]:
    """What a script reads differently from the server, given `Facts.conversion`.

    Raises nothing for any bytes. Where the script reads a copy that the server stores, only values
    that such a copy escapes differ.
    """
    if conversion["at_load_reads"] == "copy":
        return _of_the_copy(file)
    text = data.decode("utf-8", "replace")
    problems: list[FileProblem] = []
    seen: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(natural_lines(text), 1):
        if line.startswith("#") or not line.strip():
            continue
        key, equals, value = line.strip().partition("=")
        if not equals:
            problem = "has no `=`, at which the script that converts the model stops"
            problems.append(FileProblem(number, "load_error", problem, _how_to_fix(line)))
        elif conversion["keeps_spaces"]:
            seen[key] = (value, number)
        else:
            seen[key.strip()] = (value.strip(), number)
    problems.extend(_differences(file, seen))
    return problems


def _differences(file: PropertiesFile, seen: Mapping[str, tuple[str, int]]) -> list[FileProblem]:
    problems = []
    for key, value in file.properties.items():
        other = seen.get(key)
        if other is None:
            problem = f"does not give {key} to the script that converts the model"
        elif other[0] != value.rstrip():
            problem = f"gives {key} as {other[0]!r} to the script that converts the model"
        else:
            continue
        fix = f"write {key}=<value> on one line, without spaces or escapes"
        problems.append(FileProblem(file.lines[key], "ignored", problem, fix))
    return problems


def _of_the_copy(file: PropertiesFile) -> list[FileProblem]:
    problems = []
    for key, value in file.properties.items():
        if key != _MODEL_IS_AN_ARGUMENT and key.startswith("option.") and _STORED.search(value):
            problem = f"gives {key} with backslashes to the script that converts the model"
            fix = "a value without any of : = # ! and backslash"
            problems.append(FileProblem(file.lines[key], "unchecked", problem, fix))
    return problems


def _how_to_fix(line: str) -> str:
    if line.lstrip().startswith(("#", "!")):
        return "begin comments with `#` in the first column"
    return "write key=value"
