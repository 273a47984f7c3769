"""Configurations shown in the documentation of the server: fenced blocks of its pages."""

from __future__ import annotations

import ast
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

PLACEHOLDER = re.compile(r"<[^>]*>|\{\{.*?\}\}|\bYOUR_\w+|^\$\w+$")
"""What a reader is to replace."""
MODEL_KEYS = ("option.model_id", "HF_MODEL_ID", "OPTION_MODEL_ID", "SERVING_LOAD_MODELS")
A_MODEL = "s3://bucket/model/"
"""Stands for a model that the page leaves open."""

_FENCE = re.compile(r"^([ \t>]*)(```|~~~)[^\n]*\n(.*?)^[ \t>]*\2", re.DOTALL | re.MULTILINE)
_PROPERTY = re.compile(r"([A-Za-z][\w.]*) ?= ?([^\s=].*)")
_VARIABLE = re.compile(r"(?:export )?([A-Z][A-Z0-9_]*)=(.+)")
_INSTANCE = re.compile(r"\b((?:inf|trn|g|p)\d\w*\.\w+)\b")
_TITLES = {"Constants:", "%%writefile serving.properties"}
_OTHER_ENGINES = ("option.mapLocation", "option.modelName", "option.modeName")
"""Keys of blocks for engines that serve no language model."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One block: a file, or variables of the environment."""

    name: str
    """The heading it stands under, with its number from the second one on."""
    properties: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    instance: str | None = None
    """The instance type that the paragraph before it names."""


def shown_on(page: str) -> Iterator[Shown]:
    """The configurations of a page; blocks that hold anything else are passed over."""
    counts: Counter[str] = Counter()
    for match in _FENCE.finditer(page):
        properties, environment = _read(match[3])
        if properties or environment:
            before = page[: match.start()]
            heading = _heading(before)
            counts[heading] += 1
            number = f"#{counts[heading]}" if counts[heading] > 1 else ""
            yield Shown(
                name=heading + number,
                properties=properties,
                environment=environment,
                instance=_instance(before),
            )


def _read(block: str) -> tuple[dict[str, str], dict[str, str]]:
    """The properties and the variables of a block; at most one of them has any."""
    lines = [line.strip() for line in block.splitlines()]
    lines = [line for line in lines if line and line not in _TITLES and line[0] != "#"]
    settings = _settings(lines, _PROPERTY)
    if settings and not all(key.isupper() for key in settings):
        return ({} if any(key in settings for key in _OTHER_ENGINES) else settings), {}
    found = _settings(lines, _VARIABLE) or _docker_variables(lines) or _python_variables(block)
    return {}, found if any(map(_is_for_the_server, found)) else {}


def _settings(lines: list[str], form: re.Pattern[str]) -> dict[str, str]:
    """The settings of a block; none if a line of it is something else."""
    found: dict[str, str] = {}
    for line in lines:
        match = form.fullmatch(line)
        if match is None:
            return {}
        found[match[1]] = match[2]
    return _filled(found)


def _docker_variables(lines: list[str]) -> dict[str, str]:
    """The variables of lines such as `-e NAME=value`, with prose between them."""
    words = [shlex.split(line.rstrip("\\"))[1] for line in lines if re.match(r"-e [A-Z]", line)]
    return _filled(dict(word.split("=", 1) for word in words))


def _python_variables(block: str) -> dict[str, str]:
    """The first dictionary of variables in a piece of Python."""
    try:
        tree = ast.parse(block)
    except SyntaxError:
        return {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict) and any(_is_for_the_server(key) for key in _names(node)):
            try:
                values = ast.literal_eval(node)
            except ValueError:
                continue
            return _filled({name: str(value) for name, value in values.items()})
    return {}


def _names(node: ast.Dict) -> list[str]:
    return [str(key.value) for key in node.keys if isinstance(key, ast.Constant)]


def _is_for_the_server(name: str) -> bool:
    """Leaves out blocks with a token alone, or with options of Java."""
    return name.startswith(("OPTION_", "HF_MODEL_ID", "SERVING_LOAD", "SERVING_BATCH"))


def _filled(settings: dict[str, str]) -> dict[str, str]:
    """The settings with a model in place of a placeholder; none where more is left open."""
    filled = {}
    for key, value in settings.items():
        is_open = PLACEHOLDER.search(value) or "->" in value or "override" in value
        if "['" in value or " * " in value:
            return {}  # a line of Python, or a formula
        if is_open and key not in MODEL_KEYS:
            return {}
        filled[key] = A_MODEL if is_open else value.strip('"')
    return filled


def _heading(before: str) -> str:
    """The last heading, in lower case with dashes."""
    headings = re.findall(r"^#+ +(.*)$", before, re.MULTILINE)
    return re.sub(r"[^a-z0-9.]+", "-", headings[-1].lower()).strip("-") if headings else "top"


def _instance(before: str) -> str | None:
    """The instance type in the last line above a block, as `g5.12xlarge`."""
    lines = before.strip().splitlines()
    match = _INSTANCE.search(lines[-1]) if lines and len(lines[-1]) < 80 else None
    return f"ml.{match[1]}" if match else None
