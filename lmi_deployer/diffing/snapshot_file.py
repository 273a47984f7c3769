"""Snapshots as JSON and back: what a saved plan says it will bring about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

from lmi_deployer.diffing.hiding import hidden
from lmi_deployer.diffing.snapshot import Snapshot

if TYPE_CHECKING:
    from pydantic import TypeAdapter

VERSION = 1
"""Raised when the meaning of a field changes. A document with other fields than these is refused
in any case: what a plan says is compared with what another one says, so nothing may be left out."""
_VERSION_KEY = "snapshot_version"


def as_json(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as plain data, in a stable order and without secrets."""
    return {_VERSION_KEY: VERSION, **_plain(hidden(snapshot))}


def _plain(value: Any) -> Any:
    """Dataclasses and mappings as objects, sets sorted, enumerations as their texts."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(value[key]) for key in sorted(value)}
    if isinstance(value, frozenset):
        return sorted(map(_plain, value))
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def from_json(document: Any) -> Snapshot:
    """The snapshot that `as_json` wrote. Raises ValueError for anything else."""
    version = document.get(_VERSION_KEY) if isinstance(document, dict) else None
    if type(version) is not int or version != VERSION:
        raise ValueError(f"is a snapshot of version {str(version)[:20]}, and not {VERSION}")
    content = {key: value for key, value in document.items() if key != _VERSION_KEY}
    snapshot = _adapter().validate_python(content)
    again = as_json(snapshot)
    json.dumps(again, allow_nan=False)
    if not _is_same(again, document):
        raise ValueError("is not a snapshot as it is written: fields are missing or unknown")
    return snapshot


def _is_same(written: Any, read: Any) -> bool:
    """Equality that tells true from 1 and 1 from 1.0, as deep as what is written goes."""
    if type(written) is not type(read):
        return False
    if isinstance(written, dict):
        return written.keys() == read.keys() and all(
            _is_same(value, read[key]) for key, value in written.items()
        )
    if isinstance(written, list):
        return len(written) == len(read) and all(map(_is_same, written, read))
    return bool(written == read)


@cache
def _adapter() -> TypeAdapter[Snapshot]:
    from pydantic import TypeAdapter

    return TypeAdapter(Snapshot)
