"""What coverage-guided fuzzing starts from: seeds and words, made out of what the tests hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.fuzz.generators import ODD_KEYS, ODD_LINES, ODD_VALUES, known_settings, known_variables
from tests.fuzz.models import PROFILES, configurations
from tests.fuzz.specs import as_file

TESTS = Path(__file__).parents[1]
PUBLISHED = TESTS / "published" / "recorded.json"
LONGEST_WORD = 60
EVERY = 5
"""One of so many published configurations is a seed: most differ in the model alone."""


def _published() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    return rows


def _properties() -> Iterator[bytes]:
    for path in sorted((TESTS / "golden").rglob("serving.properties")):
        yield path.read_bytes()
    for row in _published()[::EVERY]:
        if row.get("properties"):
            yield as_file(row["properties"])
    yield b"\n".join(ODD_LINES)


def _environments() -> Iterator[bytes]:
    for row in _published():
        variables = row.get("environment") or {
            f"OPTION_{key.removeprefix('option.').upper()}": value
            for key, value in list(row["properties"].items())[:4]
        }
        yield "".join(f"{name}={value}\n" for name, value in variables.items()).encode()
        yield json.dumps(variables).encode()
    yield b"\n".join(ODD_LINES)


def _folders() -> Iterator[bytes]:
    for file, variables in zip(_properties(), _environments(), strict=False):
        yield file + b"\n---\n" + variables


def _profiles() -> Iterator[bytes]:
    for path in sorted(PROFILES.glob("*.yaml")):
        yield path.read_bytes()


def _models() -> Iterator[bytes]:
    for config in configurations():
        yield json.dumps(config).encode()


def _values() -> Iterator[bytes]:
    for text in dict.fromkeys((*(value for _, value in known_settings()), *ODD_VALUES)):
        yield text.encode("utf-8", "surrogatepass")


SEEDS: Mapping[str, Callable[[], Iterator[bytes]]] = {
    "properties": _properties,
    "environment": _environments,
    "folder": _folders,
    "profile": _profiles,
    "model_facts": _models,
    "values": _values,
}
"""Name of a target: what it starts from."""


def words() -> Iterator[str]:
    """What mutations put in: keys, values and variables, as a dictionary of libFuzzer has them."""
    settings = known_settings()
    texts = (*(key for key, _ in settings), *(value for _, value in settings), *known_variables())
    for text in dict.fromkeys((*texts, *ODD_KEYS, *ODD_VALUES)):
        data = text.encode("utf-8", "surrogatepass")
        if 0 < len(data) <= LONGEST_WORD:
            yield '"' + "".join(f"\\x{byte:02x}" for byte in data) + '"'
