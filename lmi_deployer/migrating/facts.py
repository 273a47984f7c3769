"""What catalog/migrations.yaml says, looked up for one version or one setting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from lmi_deployer import catalog
from lmi_deployer.catalog.migration_rows import (
    Harmless,
    Implied,
    Migrations,
    Successor,
    Topic,
)
from lmi_deployer.catalog.rows import Backend
from lmi_deployer.catalog.typed import typed
from lmi_deployer.catalog.versions import versions_in
from lmi_deployer.render import as_text
from lmi_deployer.spec import Value


@cache
def migrations() -> Migrations:
    """Every row of migrations.yaml."""
    return typed(Migrations, _document())


def _document() -> dict[str, Any]:
    path = files("lmi_deployer.catalog").joinpath("compiled", "migrations.json")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def order() -> tuple[str, ...]:
    """Every version, oldest first."""
    return catalog.names(catalog.CONTAINERS)


@cache
def holds(expression: str, version: str) -> bool:
    """Whether a range of versions holds one of them."""
    return version in versions_in(expression, order())


def successor(backend: Backend, version: str) -> Successor | None:
    """What follows a backend in a version that does not have it."""
    rows = migrations().successors
    return next(
        (row for row in rows if row.backend == backend and holds(row.versions, version)), None
    )


def same_methods(backend: Backend, method: str) -> Iterator[str]:
    """The other names of a quantization method of a backend."""
    for row in migrations().renamed:
        if row.backend == backend and method in row.names:
            yield from (name for name in row.names if name != method)


def implied(backend: Backend, version: str, method: str | None) -> dict[str, Implied]:
    """What a backend always does in a version: the row of each such setting."""
    return {
        row.setting: row
        for row in migrations().implied
        if row.backend == backend
        and holds(row.versions, version)
        and row.only_with in {None, method}
    }


def harmless(*, setting: str | None, key: str, value: Value) -> Harmless | None:
    """Why a setting, or a raw key, may be dropped without harm; None when it may not."""
    for row in migrations().harmless:
        is_named = setting in row.settings or key in row.keys
        if is_named and (row.values is None or as_text(value) in row.values):
            return row
    return None


def way_out(setting: str, value: Value) -> str | None:
    """What to do about a setting that nothing reads any more."""
    for row in migrations().ways_out:
        if row.setting == setting and (row.values is None or as_text(value) in row.values):
            return row.instead
    return None


def state(topic: Topic, backend: Backend, version: str) -> str | None:
    """What holds of a topic; None where no state of it is about the backend and version."""
    return next(
        (
            row.text
            for row in topic.states
            if (row.backends is None or backend in row.backends) and holds(row.versions, version)
        ),
        None,
    )
