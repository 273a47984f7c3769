"""Makes the documents that the program loads, one container version at a time, from the rows.

What is null, or is what the class says when a column is left out, is left out of them too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from lmi_deployer.catalog.by_version import SERVER, AtVersion, is_acted_on
from lmi_deployer.catalog.option_rows import Option, Reader, Reading
from lmi_deployer.catalog.rows import BackendSupport
from lmi_deployer.catalog.server_rows import compile_server, compile_variables
from lmi_deployer.catalog.sources import Sources
from lmi_deployer.catalog.versions import expression_of

Document = dict[str, Any]


class Compiler:
    """The rows of a catalog, and the documents they come to."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.at = {version: AtVersion(sources, version) for version in sources.order}

    def container(self, version: str) -> Document:
        """One row of rows.Container."""
        at = self.at[version]
        backends = {
            name: plain(
                BackendSupport(
                    **row.model_dump(include=set(BackendSupport.model_fields)),
                    property_names=at.property_names(name),
                )
            )
            for name, row in at.backends.items()
        }
        for name, row in backends.items():
            if row["flavor"] not in self.sources.containers[version].flavors:
                raise ValueError(f"LMI {version}: {name} needs an image {row['flavor']}")
        return {
            **plain(self.sources.containers[version]),
            "backends": backends,
            "options": {key: list(readers) for key, readers in at.actors.items()},
        }

    def lint(self, version: str) -> Document:
        """Everything that checking settings by themselves needs to know of a version.

        keys: every key of the catalog, with the versions in which each reader acts on it.
        readings and handlers: for each reader of the version, which reading each key has.
        """
        at = self.at[version]
        readings: dict[str, int] = {}
        handlers: dict[Reader, dict[str, int]] = {}
        for reader, table in at.readings.items():
            handlers[reader] = {
                key: readings.setdefault(_text(_reading(reading, at, reader)), len(readings))
                for key, reading in table.items()
            }
        return {
            "parsers": {name: parser for name, parser in at.parsers.items() if name != SERVER},
            "keys": {key: self._key(option, at) for key, option in self.sources.options.items()},
            "readings": [json.loads(text) for text in readings],
            "handlers": handlers,
            "variables": compile_variables(version, self.sources.order, self.sources.variables),
            "combinations": [
                plain(row, exclude={"versions", "source", "checked"}) for row in at.combinations
            ],
            "server": compile_server(version, self.sources.order, self.sources.servers),
        }

    def compilers(self) -> Document:
        """The rows of compiler_rows.Compiler, by version and backend."""
        found = {version: at.compilers for version, at in self.at.items()}
        return {
            version: {
                backend: plain(row, exclude={"backend", "versions", "checked"})
                for backend, row in rows.items()
            }
            for version, rows in found.items()
            if rows
        }

    def options(self) -> Document:
        """Every row of the option catalog, by key."""
        return {key: plain(option) for key, option in self.sources.options.items()}

    def _key(self, option: Option, at: AtVersion) -> Document:
        row = plain(option, include={"setting", "meaning", "unit"})
        replacements = [plain(item, exclude={"versions"}) for item in at.replacements(option)]
        if replacements:
            row["replacements"] = replacements
        row["readers"] = self._readers[option.key]
        return row

    @cached_property
    def _readers(self) -> Mapping[str, Mapping[Reader, str]]:
        """Of each key, who acts on it, and in which versions."""
        versions: dict[str, dict[Reader, list[str]]] = {key: {} for key in self.sources.options}
        for version, at in self.at.items():
            for reader, table in at.readings.items():
                for key, reading in table.items():
                    if is_acted_on(reading):
                        versions[key].setdefault(reader, []).append(version)
        return {
            key: {
                reader: expression_of(found, self.sources.order) for reader, found in rows.items()
            }
            for key, rows in versions.items()
        }


def _reading(reading: Reading, at: AtVersion, reader: Reader) -> Document:
    """How one reader reads a key: the row, with its own parser where the row names none."""
    row = plain(reading, exclude={"versions", "readers", "source"})
    row.setdefault("parser", at.parsers[reader])
    return row


def plain(row: BaseModel, **choice: Any) -> Document:
    """A row as plain data for JSON, without what is left out or left at its default."""
    return row.model_dump(mode="json", exclude_defaults=True, **choice)


def _text(document: Document) -> str:
    return json.dumps(document, sort_keys=True)
