"""The changes that can be made to a profile's text, and what each does to its data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lmi_deployer.errors import InputError
from lmi_deployer.profile import ModelProfile
from lmi_deployer.yaml_source import Path


class EditError(InputError):
    """A change that the text cannot take, or that would not have come out as asked for."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{dotted(path)}: {problem}", fix="change it in an editor")


@dataclass(frozen=True)
class SetValue:
    """Give a key a value: text, a number, a bool, None, or lists and mappings of those.

    Mappings on the way that do not exist yet are created. A mapping that is set over a mapping
    keeps the comments about the keys that both have.
    """

    path: Path
    value: Any


@dataclass(frozen=True)
class RemoveKey:
    """Take a key away, with its value and the comments that are clearly about it.

    A mapping that loses its last key goes as well, unless the schema requires it.
    """

    path: Path


@dataclass(frozen=True)
class RenameKey:
    """Give the key that `path` ends in another name; its place and its value stay."""

    path: Path
    name: str


@dataclass(frozen=True)
class AddComment:
    """Put a comment directly above a key; inside `{}`, above the line on which that begins."""

    path: Path
    text: str


Change = SetValue | RemoveKey | RenameKey | AddComment


def dotted(path: Path) -> str:
    """`profiles.p4d.backend`; the empty path is the profile."""
    return ".".join(map(str, path)) or "the profile"


def same(one: Any, other: Any) -> bool:
    """True for values that are equal and of equal types all the way down: 1 is not True."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def value_at(data: Any, path: Path) -> Any:
    """The value at a path. Raises EditError where there is none."""
    for length, key in enumerate(path, start=1):
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            raise EditError(path[:length], "there is no such key") from None
    return data


def removal(data: Any, path: Path) -> tuple[Path, bool]:
    """What goes when the key at `path` does, and whether `{}` stays in its place.

    That is the key, or the outermost mapping that would be left empty. Raises EditError for a
    path that leads to no key of a mapping.
    """
    value_at(data, path)
    if not path or isinstance(path[-1], int):
        raise EditError(path, "only the key of a mapping can be removed")
    while len(value_at(data, path[:-1])) == 1:
        path = path[:-1]
        if _stays_when_empty(path):
            return path, True
    return path, False


def changed(data: Any, change: Change) -> Any:
    """The data with one change applied; what was given stays as it is.

    Raises EditError for a key that is not there, and for a new name that is taken.
    """
    match change:
        case SetValue(path, value):
            return _with_value(data, path, 0, value)
        case RemoveKey(path):
            target, leaves_empty = removal(data, path)
            if leaves_empty:
                return _with_value(data, target, 0, {})
            rest = dict(value_at(data, target[:-1]))
            del rest[target[-1]]
            return _with_value(data, target[:-1], 0, rest)
        case RenameKey(path, name):
            value_at(data, path)
            if not path or isinstance(path[-1], int):
                raise EditError(path, "only the key of a mapping can be renamed")
            siblings = value_at(data, path[:-1])
            if name != path[-1] and name in siblings:
                raise EditError(path, f"there is a key {name!r} already")
            renamed = {name if key == path[-1] else key: siblings[key] for key in siblings}
            return _with_value(data, path[:-1], 0, renamed)
        case AddComment(path, _):
            value_at(data, path)
            return data


def _stays_when_empty(path: Path) -> bool:
    """True for mappings that may be empty but not missing: `model`, each hardware profile, ..."""
    match path:
        case () | (*_, int()):
            return True
        case (str(section),):
            field = ModelProfile.model_fields.get(section)
            return field is not None and field.is_required()
        case ("profiles", _):
            return True
    return False


def _with_value(data: Any, path: Path, at: int, value: Any) -> Any:
    """`data`, which stands at `path[:at]`, with the value at `path` replaced."""
    if at == len(path):
        return value
    key = path[at]
    if isinstance(key, int):
        if not isinstance(data, list) or not 0 <= key < len(data):
            raise EditError(path[: at + 1], "there is no such item")
        return [*data[:key], _with_value(data[key], path, at + 1, value), *data[key + 1 :]]
    if data is not None and not isinstance(data, dict):
        raise EditError(path[:at], "is not a mapping of keys to values")
    below = (data or {}).get(key)
    return {**(data or {}), key: _with_value(below, path, at + 1, value)}
