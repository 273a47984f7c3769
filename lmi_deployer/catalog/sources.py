"""Reads the YAML files about LMI versions and checks each row by itself.

What the rows say together, version by version, is for by_version.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter

from lmi_deployer.catalog.backend_rows import BackendRow, HandlerRow
from lmi_deployer.catalog.compiler_rows import CompilerRow
from lmi_deployer.catalog.option_rows import Combination, Option, Replacement, Variable
from lmi_deployer.catalog.rows import ContainerRow, Row
from lmi_deployer.catalog.server_rows import Server
from lmi_deployer.catalog.versions import versions_in

AnyRow = TypeVar("AnyRow", bound=Row)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C where there is one: twenty times as fast."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Every row about LMI versions, as the files hold them."""

    containers: Mapping[str, ContainerRow]
    """By version, oldest first."""
    backends: tuple[BackendRow, ...]
    handlers: tuple[HandlerRow, ...]
    options: Mapping[str, Option]
    """By key."""
    variables: tuple[Variable, ...]
    combinations: tuple[Combination, ...]
    servers: tuple[Server, ...]
    compilers: tuple[CompilerRow, ...] = ()
    _covered: dict[str, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def order(self) -> tuple[str, ...]:
        """Every version, oldest first."""
        return tuple(self.containers)

    def covers(self, expression: str, version: str) -> bool:
        """Whether a range of versions holds one of them. Raises ValueError for a bad range."""
        if expression not in self._covered:
            self._covered[expression] = frozenset(versions_in(expression, self.order))
        return version in self._covered[expression]


def read_sources(folder: Path) -> Sources:
    """The rows of a catalog folder.

    Raises ValueError, as pydantic's ValidationError too is, for a row that is incomplete, and for
    two rows of one name.
    """
    containers = _rows(folder / "containers.yaml", ContainerRow)
    return Sources(
        containers=by_name("containers.yaml", ((row.version, row) for row in containers)),
        backends=tuple(_rows(folder / "backends.yaml", BackendRow)),
        handlers=tuple(_rows(folder / "handlers.yaml", HandlerRow)),
        options=_options(folder / "options"),
        variables=tuple(_rows(folder / "environment.yaml", Variable)),
        combinations=tuple(_rows(folder / "combinations.yaml", Combination)),
        servers=tuple(_rows(folder / "servers.yaml", Server)),
        compilers=tuple(_rows(folder / "compilers.yaml", CompilerRow)),
    )


def _options(folder: Path) -> dict[str, Option]:
    """Options by key. A key that several files hold, for other readers each, becomes one row."""
    parts: dict[str, list[Option]] = {}
    for path in sorted(folder.glob("*.yaml")):
        rows = _rows(path, Option)
        for key, row in by_name(path.name, ((row.key, row) for row in rows)).items():
            parts.setdefault(key, []).append(row)
    return {key: rows[0] if len(rows) == 1 else _joined(rows) for key, rows in parts.items()}


def _joined(rows: Sequence[Option]) -> Option:
    """One row for a key; the first file's words hold. Raises ValueError where facts differ."""
    settings = {row.setting for row in rows if row.setting}
    units = {row.unit for row in rows if row.unit}
    if len(settings) > 1 or len(units) > 1:
        facts = ", ".join(sorted({*settings, *units}))
        raise ValueError(f"{rows[0].key} stands in several files that differ: {facts}")
    replacements = dict.fromkeys(
        item.model_dump_json() for row in rows for item in row.replacements
    )
    return Option(
        key=rows[0].key,
        setting=settings.pop() if settings else None,
        meaning=rows[0].meaning,
        unit=units.pop() if units else None,
        readings=tuple(reading for row in rows for reading in row.readings),
        replacements=tuple(Replacement.model_validate_json(text) for text in replacements),
        source="; ".join(dict.fromkeys(row.source for row in rows)),
        checked=min(row.checked for row in rows),
    )


def by_name(table: str, rows: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Rows by their names. Raises ValueError when two have one."""
    named: dict[str, Any] = {}
    twice = {name for name, row in rows if named.setdefault(name, row) is not row}
    if twice:
        raise ValueError(f"{table} names these rows twice: {', '.join(sorted(twice))}")
    return named


def read_yaml(path: Path) -> Any:
    """What a YAML file of the catalog holds."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - it is safe


def _rows(path: Path, kind: type[AnyRow]) -> list[AnyRow]:
    try:
        rows: list[AnyRow] = _adapter(kind).validate_python(read_yaml(path))
    except ValueError as error:
        error.add_note(f"in {path.name}")
        raise
    return rows


@cache
def _adapter(kind: type[Row]) -> TypeAdapter[Any]:
    return TypeAdapter(list[kind])  # type: ignore[valid-type]
