"""What the rows of the catalog say together about one LMI version.

A mistake that no row shows by itself shows here: two rows for one thing, or none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from lmi_deployer.catalog.backend_rows import BackendRow
from lmi_deployer.catalog.compiler_rows import CompilerRow
from lmi_deployer.catalog.option_rows import (
    Combination,
    Handler,
    Option,
    Parser,
    Reader,
    Reading,
    Replacement,
)
from lmi_deployer.catalog.rows import Backend
from lmi_deployer.catalog.sources import Sources

SERVER: Reader = "server"


def is_acted_on(reading: Reading) -> bool:
    """False where the key does nothing, and where no value of it is ever right."""
    return reading.effect == "used" and (reading.type != "choice" or bool(reading.choices))


@dataclass(frozen=True)
class AtVersion:
    """One LMI version of the catalog. Each property raises ValueError where rows contradict."""

    sources: Sources
    version: str

    @cached_property
    def backends(self) -> dict[Backend, BackendRow]:
        """The version's backends, in the order in which `backend: auto` tries them."""
        rows: dict[Backend, BackendRow] = {}
        for row in self.sources.backends:
            if self._covers(row.versions):
                self._require(row.backend not in rows, f"backends.yaml has {row.backend} twice")
                rows[row.backend] = row
        return rows

    @property
    def compilers(self) -> dict[Backend, CompilerRow]:
        """How the version's backends compile ahead of time, for those that do."""
        rows: dict[Backend, CompilerRow] = {}
        for row in self.sources.compilers:
            if self._covers(row.versions):
                name = row.backend
                self._require(name not in rows, f"compilers.yaml has {name} twice")
                self._require(name in self.backends, f"there is no {name} to compile for")
                rows[name] = row
        return rows

    @cached_property
    def parsers(self) -> dict[Reader, Parser]:
        """Who parses the keys of each handler of the version, and of the server."""
        parsers: dict[Reader, Parser] = {SERVER: "java"}
        parsers |= {name: row.parser for name, row in self.backends.items()}
        for row in self.sources.handlers:
            if self._covers(row.versions):
                self._require(row.handler not in parsers, f"handlers.yaml has {row.handler} twice")
                parsers[row.handler] = row.parser
        return parsers

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """The handlers that some image of the version has."""
        return tuple(name for name in self.parsers if name not in {"server", "any"})  # type: ignore[misc]

    @cached_property
    def readings(self) -> dict[Reader, dict[str, Reading]]:
        """Of each reader of the version, the keys it reads and how; `any` is every handler."""
        tables: dict[Reader, dict[str, Reading]] = {reader: {} for reader in self.parsers}
        for key, option in self.sources.options.items():
            for reading in self._readings_of(option):
                for reader in self._expanded(reading):
                    table = tables[reader]
                    self._require(key not in table, f"two readings of {key} are for {reader}")
                    table[key] = reading
        return tables

    @cached_property
    def actors(self) -> dict[str, tuple[Reader, ...]]:
        """Of each key the version acts on, who does, as the rows name them."""
        actors: dict[str, tuple[Reader, ...]] = {}
        for key, option in self.sources.options.items():
            named = [
                reader
                for reading in self._readings_of(option)
                if is_acted_on(reading)
                for reader in reading.readers
                if reader == "any" or reader in self.parsers
            ]
            if named:
                actors[key] = tuple(dict.fromkeys(named))
        return actors

    def property_names(self, backend: Backend) -> dict[str, str]:
        """Our name of each setting that a backend, or the server for all of them, acts on: its key.

        The row of the backend comes before the option catalog.
        """
        own = self.backends[backend].setting_keys
        names: dict[str, str] = {}
        for key, option in self.sources.options.items():
            if option.setting is None or option.setting in own or not self._acts(backend, key):
                continue
            other = names.setdefault(option.setting, key)
            self._require(
                other == key, f"{backend} reads {option.setting} from {other} and from {key}"
            )
        for setting, written in own.items():
            if written is not None:
                self._require(self._acts(backend, written), f"{backend} does not read {written}")
                names[setting] = written
        return names

    def replacements(self, option: Option) -> tuple[Replacement, ...]:
        """What to write instead of a key, less what no image of the version reads either."""
        return tuple(
            item
            for item in option.replacements
            if self._covers(item.versions) and (item.key is None or item.key in self.read_keys)
        )

    @cached_property
    def read_keys(self) -> frozenset[str]:
        """Every key that some handler of the version, or the server, reads."""
        return frozenset(key for table in self.readings.values() for key in table)

    @property
    def combinations(self) -> tuple[Combination, ...]:
        """The combinations that concern a handler of the version."""
        return tuple(
            row
            for row in self.sources.combinations
            if self._covers(row.versions)
            and (row.handlers is None or not set(row.handlers).isdisjoint(self.parsers))
        )

    def _acts(self, backend: Backend, key: str) -> bool:
        """Whether a backend acts on a key; the server counts where it alone does."""
        acting = {
            reader
            for reader, table in self.readings.items()
            if key in table and is_acted_on(table[key])
        }
        return backend in acting or acting == {SERVER}

    def _readings_of(self, option: Option) -> Iterator[Reading]:
        return (reading for reading in option.readings if self._covers(reading.versions))

    def _expanded(self, reading: Reading) -> Iterator[Reader]:
        """The readers that a reading is for, less those that the version does not have."""
        for reader in reading.readers:
            if reader == "any":
                yield from self.handlers
            elif reader in self.parsers:
                yield reader

    def _covers(self, expression: str) -> bool:
        return self.sources.covers(expression, self.version)

    def _require(self, is_right: bool, problem: str) -> None:
        if not is_right:
            raise ValueError(f"LMI {self.version}: {problem}")
