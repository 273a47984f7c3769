"""What one container version knows of settings: the compiled catalog, ready to be asked quickly."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from lmi_deployer.settings.conditions import CombinationIndex
from lmi_deployer.settings.values import Checker, Fault, canonical, checker

Reading = Mapping[str, Any]
"""A compiled option_rows.Reading: fields that are null or the default are left out."""
_COMPILED = Path(__file__).parents[1] / "catalog" / "compiled" / "lint"
SERVER = "server"
HARM = {"load_error": 0, "request_error": 1, "fallback": 2, "ignored": 3}
"""Outcome of a fault: its rank where readers find several; the others come last."""
REMEMBERED_VALUES = 512
REMEMBERED_LENGTH = 200
"""Verdicts kept for each key: files repeat few values, and a hostile one must not fill memory."""


class Entry:
    """How one handler, and the server before it, read one key."""

    def __init__(self, readings: tuple[Reading, ...]) -> None:
        self.readings = readings
        self.is_used = any(reading.get("effect", "used") == "used" for reading in readings)
        """False when it is read and then does nothing."""
        self.advice: str | None = self.first("deprecated")
        """What to write instead of a deprecated key."""
        self.skips_empty = any(reading.get("skips_empty") for reading in readings)
        """True where an empty value counts as left out."""
        self.default: str | None = self._default()
        """What holds without the key; the handler's own before the server's."""
        self._checkers: tuple[Checker, ...] = tuple(checker(reading) for reading in readings)
        self._seen: dict[str, Fault | None] = {}

    def fault(self, text: str) -> Fault | None:
        """What is wrong with a value: the worst of what its readers find."""
        seen = self._seen
        if text in seen:
            return seen[text]
        faults = [fault for find in self._checkers if (fault := find(text))]
        found = min(faults, key=lambda fault: HARM.get(fault.outcome, len(HARM)), default=None)
        if found is not None and found.outcome == "fallback" and len(faults) < len(self._checkers):
            found = replace(found, outcome="divided")
        if len(seen) < REMEMBERED_VALUES and len(text) < REMEMBERED_LENGTH:
            seen[text] = found
        return found

    def first(self, field: str) -> Any:
        """A field of the first reading that has it, or None."""
        return next((reading[field] for reading in self.readings if field in reading), None)

    def _default(self) -> str | None:
        for reading in reversed(self.readings):
            if "default" in reading:
                return str(reading["default"])
        return None

    def canonical(self, text: str) -> str:
        """A value in one spelling, as the last reader of it means it."""
        return canonical(self.readings[-1], text)


class HandlerTable:
    """Every key that one handler reads, or the server for it."""

    def __init__(self, name: str, rows: Iterable[tuple[str, tuple[Reading, ...]]]) -> None:
        self.name = name
        self.entries: dict[str, Entry] = {key: Entry(readings) for key, readings in rows}


class Table:
    """The compiled facts of one container version about settings.

    `raw` is the document that catalog/build.py writes into compiled/lint/.
    """

    def __init__(self, version: str, raw: Mapping[str, Any]) -> None:
        self.version = version
        self.keys: Mapping[str, Mapping[str, Any]] = raw["keys"]
        self.server: Mapping[str, Any] = raw["server"]
        self.variables: Mapping[str, Sequence[Mapping[str, Any]]] = raw["variables"]
        self._raw = raw
        self._handlers: dict[str, HandlerTable] = {}
        self._combinations: dict[str, CombinationIndex] = {}

    @cached_property
    def config_keys(self) -> frozenset[str]:
        """Settings of the whole server, which only the environment can give."""
        return frozenset(self.server["config_keys"])

    @cached_property
    def server_keys(self) -> frozenset[str]:
        """What the server reads without a prefix, from the file or as SERVING_<NAME>."""
        return frozenset((*self.server["server_keys"], *self.server["server_variables"]))

    @cached_property
    def engines(self) -> frozenset[str]:
        """Every engine that the server has, for Python handlers or not."""
        return frozenset((*self.server["engines"], *self.server["other_engines"]))

    @property
    def handler_names(self) -> tuple[str, ...]:
        """Every handler that some image of this version has."""
        return tuple(name for name in self._raw["handlers"] if name != SERVER)

    def handler(self, name: str) -> HandlerTable:
        """What one handler reads; `server` alone for one that is the user's own."""
        if name not in self._handlers:
            self._handlers[name] = HandlerTable(name, self._rows(name))
        return self._handlers[name]

    def combinations(self, handler: str) -> CombinationIndex:
        """The combinations that do not go together with one handler."""
        if handler not in self._combinations:
            rows = [
                row
                for row in self._raw["combinations"]
                if handler in row.get("handlers", (handler,))
            ]
            self._combinations[handler] = CombinationIndex(rows, self.handler(handler).entries)
        return self._combinations[handler]

    def readers_of(self, key: str) -> tuple[str, ...]:
        """The handlers of this version that act on a key; `server` where Java does."""
        readings = self._raw["readings"]
        return tuple(
            name
            for name, table in self._raw["handlers"].items()
            if key in table and readings[table[key]].get("effect", "used") == "used"
        )

    @cached_property
    def read_keys(self) -> tuple[str, ...]:
        """Every key that something in this version acts on."""
        return tuple(key for key in self.keys if self.readers_of(key))

    @cached_property
    def bare_keys(self) -> Mapping[str, str]:
        """Each known key without and with its prefix: {"dtype": "option.dtype"}."""
        return {key.removeprefix("option."): key for key in self.keys if key.startswith("option.")}

    def _rows(self, name: str) -> Iterable[tuple[str, tuple[Reading, ...]]]:
        readings, handlers = self._raw["readings"], self._raw["handlers"]
        server = handlers.get(SERVER, {})
        own = {} if name == SERVER else handlers.get(name, {})
        for key in {**server, **own}:
            indexes = [table[key] for table in (server, own) if key in table]
            yield key, tuple(readings[index] for index in dict.fromkeys(indexes))


@cache
def table(version: str) -> Table:
    """The table of a version that the catalog holds."""
    path = _COMPILED / f"{version}.json"
    return Table(version, json.loads(path.read_text(encoding="utf-8")))
