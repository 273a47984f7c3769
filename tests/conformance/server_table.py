"""servers.yaml, typed: which handler each version runs for each backend, and what chooses it."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from lmi_deployer.catalog.versions import versions_in


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BackendRow(_Row):
    """One backend in a range of versions."""

    backend: str
    versions: str
    flavor: str
    settings: dict[str, str]
    """What chooses the backend, spelt as in serving.properties."""
    handler: str
    """A method of inside.handlers.Handlers."""
    classes: tuple[str, ...]
    hands_over_everything: bool = False
    """True when every key goes on to a library, so that none is ignored as far as LMI can tell."""
    reads_raw: tuple[str, ...] = ()
    """Options that the handler takes from the settings themselves, whatever a class made of it."""
    source: str


class FeaturesRow(_Row):
    """SERVING_FEATURES of one flavor in a range of versions."""

    versions: str
    flavor: str
    features: tuple[str, ...]


class KeysRow(_Row):
    """Keys that Java reads in a range of versions."""

    versions: str
    keys: tuple[str, ...]


class HandedOnRow(_Row):
    """Keys whose texts some backends hand to their library without a look."""

    backends: tuple[str, ...]
    keys: tuple[str, ...]


class ElsewhereRow(_Row):
    """A key, as written, whose value something else than the validators judges."""

    key: str
    versions: str = "all"
    backends: tuple[str, ...] | None = None
    """Null for all of them."""
    beside: str | None = None
    """Only where this key is written too."""
    why: str


class Table(_Row):
    """All of servers.yaml."""

    order: tuple[str, ...]
    checked: object
    pydantic_1: str
    backends: tuple[BackendRow, ...]
    features: tuple[FeaturesRow, ...]
    server_keys: tuple[KeysRow, ...]
    handed_on: tuple[HandedOnRow, ...]
    judged_elsewhere: tuple[ElsewhereRow, ...]
    flags: dict[str, str]
    overwritten: tuple[str, ...]
    file_keys: tuple[str, ...]

    def at_least(self, version: str, oldest: str) -> bool:
        """True when `version` is `oldest` or came after it."""
        return self.order.index(version) >= self.order.index(oldest)

    def backends_of(self, version: str) -> tuple[BackendRow, ...]:
        """The backends of one version, in the order of the file."""
        return tuple(r for r in self.backends if version in versions_in(r.versions, self.order))

    def backend(self, version: str, name: str) -> BackendRow:
        """The row of one backend. Raises KeyError when the version does not have it."""
        for row in self.backends_of(version):
            if row.backend == name:
                return row
        raise KeyError(f"{version} has no backend {name}")

    def features_of(self, version: str, flavor: str) -> tuple[str, ...]:
        """SERVING_FEATURES of an image; empty when it sets none."""
        for row in self.features:
            if row.flavor == flavor and version in versions_in(row.versions, self.order):
                return row.features
        return ()

    def server_keys_of(self, version: str) -> frozenset[str]:
        """The keys that the Java part of a version reads, as it spells them."""
        rows = (r for r in self.server_keys if version in versions_in(r.versions, self.order))
        return frozenset(key for row in rows for key in row.keys)

    def handed_on_by(self, backend: str) -> frozenset[str]:
        """The options that a backend hands to its library without a look."""
        rows = (row for row in self.handed_on if backend in row.backends)
        return frozenset(key for row in rows for key in row.keys)

    def judged_elsewhere_in(
        self, version: str, backend: str, written: Collection[str]
    ) -> frozenset[str]:
        """The keys, as written, that an error may be about although the validators accept them."""
        return frozenset(
            row.key
            for row in self.judged_elsewhere
            if row.key in written
            and (row.backends is None or backend in row.backends)
            and (row.beside is None or row.beside in written)
            and version in versions_in(row.versions, self.order)
        )


@cache
def load_table() -> Table:
    """servers.yaml of this folder."""
    text = Path(__file__).with_name("servers.yaml").read_text(encoding="utf-8")
    return Table.model_validate(yaml.safe_load(text))
