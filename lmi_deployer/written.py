"""Settings as somebody wrote them: serving.properties, environment files, and folders with both."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lmi_deployer.edges.files import read_bytes
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, Place, Severity
from lmi_deployer.render import PROPERTIES_FILE
from lmi_deployer.secrets import redacted
from lmi_deployer.server.facts import Facts
from lmi_deployer.server.reading_environment import read_environment
from lmi_deployer.server.reading_properties import Duplicate, FileProblem, read_properties
from lmi_deployer.server.reading_scripts import script_problems

ENVIRONMENT_NAMES = (
    "environment",
    "env",
    ".env",
    "environment.json",
    "environment.env",
    "env.list",
)
"""Files of a folder that hold its environment, the first of them that is there."""
OWN_CODE = "model.py"
ENTRY_POINT = "option.entryPoint"
NAMES_A_HANDLER = frozenset({"DJL_ENTRY_POINT", "OPTION_ENTRYPOINT", "OPTION_entryPoint"})
"""Variables for option.entryPoint."""
_FUNCTION = re.compile(r"(?:async[ \t]+)?def[ \t]+(\w+)")
_VARIABLE_LINE = re.compile(rb"\s*(?:#.*|(?:export[ \t]+)?[A-Z][A-Z0-9_]*=.*|\{.*)?", re.DOTALL)
_PROPERTY_LINE = re.compile(rb"\s*(?:option\.|engine\s*[=: ])")
SEVERITIES: Mapping[str, Severity] = {
    "load_error": "error",
    "request_error": "error",
    "ignored": "error",
    "fallback": "warning",
    "unchecked": "warning",
}


@dataclass(frozen=True, kw_only=True)
class Written:
    """Settings with the place of each."""

    name: str
    """The file, the folder, or `-`."""
    properties: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)
    """Of each key and variable, as written."""
    findings: tuple[Finding, ...] = ()
    """What was wrong with reading it."""


def read_written(path: Path, facts: Facts) -> Written:
    """The settings of a file, a folder with serving.properties and its environment, or `-`.

    The server takes a model.py that lies beside serving.properties for the handler, so it counts
    for a folder and for a file of that name alike; other files are judged for themselves.

    Raises InputError where nothing can be read.
    """
    if str(path) != "-" and os.path.isdir(path):  # noqa: PTH112 - never raises, whatever the name
        return _read_folder(path, facts)
    data = read_bytes(path)
    is_environment = holds_environment(path.name, data)
    return make_written(
        str(path),
        facts,
        environment=data if is_environment else None,
        properties=None if is_environment else data,
        own_code=_own_code(path.parent) if path.name == PROPERTIES_FILE else None,
    )


def _read_folder(folder: Path, facts: Facts) -> Written:
    properties = folder / PROPERTIES_FILE
    environment = next(
        (folder / name for name in ENVIRONMENT_NAMES if _is_file(folder / name)), None
    )
    if not _is_file(properties) and environment is None:
        problem = f"{folder} holds no {PROPERTIES_FILE} and no environment file"
        fix = f"name the file, or call it one of {', '.join((PROPERTIES_FILE, *ENVIRONMENT_NAMES))}"
        raise InputError(problem, fix=fix)
    return make_written(
        str(folder),
        facts,
        properties=read_bytes(properties) if _is_file(properties) else None,
        environment=None if environment is None else read_bytes(environment),
        properties_name=str(properties),
        environment_name=str(environment),
        own_code=_own_code(folder),
    )


def _own_code(folder: Path) -> bytes | None:
    """The model.py of a folder, where it has one."""
    path = folder / OWN_CODE
    return read_bytes(path) if _is_file(path) else None


def _is_file(path: Path) -> bool:
    """Whether a regular file is there, as far as one may look."""
    return os.path.isfile(path)  # noqa: PTH113 - never raises, unlike its namesake


def holds_environment(name: str, data: bytes) -> bool:
    """Whether a file holds environment variables, by its name, or else by its lines."""
    if name.endswith(".properties"):
        return False
    if name in ENVIRONMENT_NAMES or name.endswith((".env", ".json")):
        return True
    lines = [line for line in data[:65536].splitlines() if line.strip()]
    if not lines or any(_PROPERTY_LINE.match(line) for line in lines):
        return False
    return lines[0].lstrip().startswith(b"{") or all(map(_VARIABLE_LINE.fullmatch, lines))


def make_written(
    name: str,
    facts: Facts,
    *,
    properties: bytes | None = None,
    environment: bytes | None = None,
    properties_name: str | None = None,
    environment_name: str | None = None,
    own_code: bytes | None = None,
) -> Written:
    """Settings from the bytes of a file and of an environment; either may be None.

    `own_code` is a model.py beside them, and None without one.
    """
    file = read_properties(properties or b"")
    variables = read_environment(environment or b"")
    in_file, in_environment = properties_name or name, environment_name or name
    findings = [
        *_problems(in_file, file.problems),
        *_duplicates(in_file, file.duplicates),
        *_problems(in_environment, variables.problems),
        *_duplicates(in_environment, variables.duplicates),
        *(
            Finding(code="LMI315", severity="note", problem=redacted(note.text),
                    place=Place(in_environment, note.line))
            for note in variables.notes
        ),
    ]  # fmt: skip
    if properties is not None and facts.flavor in facts.conversion["at_load"]:
        found = script_problems(properties, file, facts.conversion)
        findings += _problems(in_file, found, code="LMI304")
    places = {key: Place(in_environment, line) for key, line in variables.lines.items()}
    places |= {key: Place(in_file, line) for key, line in file.lines.items()}
    settings = file.properties
    if own_code is not None and _serves(own_code, settings, variables.variables):
        settings = {**settings, ENTRY_POINT: OWN_CODE}
    return Written(
        name=name,
        properties=settings,
        environment=variables.variables,
        places=places,
        findings=tuple(findings),
    )


def _serves(own_code: bytes, properties: Mapping[str, str], environment: Mapping[str, str]) -> bool:
    """Whether a model.py is the handler: no other one is named, and it has the function.

    One without the function only formats inputs and outputs, for the handler of the image. Source:
    PyModel.findModelFile of every version; python_sync_engine.py, from 0.29.0 on.
    """
    if ENTRY_POINT in properties or not NAMES_A_HANDLER.isdisjoint(environment):
        return False
    function = properties.get("option.handler", "handle")
    return any(_defines(line, function) for line in own_code.decode("utf-8", "replace").split("\n"))


def _defines(line: str, function: str) -> bool:
    """Whether a line of a module gives it a function: by `def`, as another name, or imported."""
    if line[:1].isspace():
        return line.strip().rstrip(",") == function  # one of several imports
    if line.startswith("from "):
        imported = line.partition(" import ")[2].partition("#")[0]
        return function in re.findall(r"\w+", imported) or "*" in imported
    found = _FUNCTION.match(line)
    name = line.partition("=")[0].strip() if found is None else found[1]
    return name == function and (found is not None or "=" in line)


def _problems(
    file: str, problems: tuple[FileProblem, ...] | list[FileProblem], code: str = "LMI315"
) -> Iterator[Finding]:
    for item in problems:
        yield Finding(
            code=code,
            severity=SEVERITIES[item.outcome],
            problem=redacted(f"the line {item.problem}"),
            place=Place(file, item.line),
            fix=item.fix,
        )


def _duplicates(file: str, duplicates: tuple[Duplicate, ...]) -> Iterator[Finding]:
    for item in duplicates:
        yield Finding(
            code="LMI314",
            severity="warning",
            problem=f"is given again on line {item.by_line}, which holds",
            place=Place(file, item.line),
            key=item.key,
            fix="keep one of them",
        )
