"""Changes the text of a profile and leaves everything else in it as it is, byte for byte.

Comments, blank lines, order, quotes, indents and line ends are the author's. So nothing is loaded
and written again: each change is a few cuts at places that the YAML parser names. Afterwards the
text is read again, and has to hold exactly the data that was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from lmi_deployer.findings import ProfileError
from lmi_deployer.profile_text import removing, surgery
from lmi_deployer.profile_text.changes import (
    AddComment,
    Change,
    EditError,
    RemoveKey,
    RenameKey,
    SetValue,
    changed,
    removal,
    same,
    value_at,
)
from lmi_deployer.yaml_source import Path, parse_yaml

__all__ = ["AddComment", "Change", "EditError", "RemoveKey", "RenameKey", "SetValue", "edit"]

Step = Callable[[str], str]


def edit(text: str, changes: Sequence[Change], *, name: str = "profile") -> str:
    r"""The text with the changes made, one after the other; `name` is the file's, for errors.

    Raises EditError for a change that does not fit the data, or that this text cannot take in
    place, and ProfileError for a text that is not plain YAML. Never gives another text than one
    that reads as the old data with the changes applied.

    >>> print(edit("a: 1  # one\nb: {c: '2'}", [SetValue(("a",), 5), SetValue(("b", "c"), "x")]))
    a: 5  # one
    b: {c: 'x'}
    """
    data = parse_yaml(text, name).data
    for change in changes:
        wanted = changed(data, change)
        for step in _steps(data, change):
            text = step(text)
        _require(text, wanted, change.path, name)
        data = wanted
    return text


def _require(text: str, wanted: Any, path: Path, name: str) -> None:
    """Raise EditError unless the text reads as the wanted data."""
    try:
        came_out = same(parse_yaml(text, name).data, wanted)
    except ProfileError:
        came_out = False
    if not came_out:
        raise EditError(path, f"cannot be changed in {name} without changing more than it")


def _steps(data: Any, change: Change) -> Iterator[Step]:
    """The cuts that a change comes to, given the data of the text."""
    match change:
        case SetValue(path, value):
            yield from _setting(data, path, value)
        case RemoveKey(path):
            target, leaves_empty = removal(data, path)
            if leaves_empty:
                yield partial(surgery.replace, path=target, value={})
            else:
                yield partial(removing.remove, path=target)
        case RenameKey(path, name) if name != path[-1]:
            yield partial(surgery.rename, path=path, name=name)
        case AddComment(path, words):
            yield partial(surgery.comment, path=path, words=words)


def _setting(data: Any, path: Path, value: Any) -> Iterator[Step]:
    """Replace what is there, or add what is missing at the deepest mapping that is there."""
    for length, key in enumerate(path):
        below = value_at(data, path[:length])
        if below is None or (isinstance(key, str) and key not in below):
            for missing in reversed(path[length + 1 :]):
                value = {missing: value}
            at, name = path[:length], str(key)
            if below is None:
                yield partial(surgery.replace, path=at, value={name: value})
            else:
                yield partial(surgery.add, path=at, key=name, value=value)
            return
    yield from _replacing(value_at(data, path), path, value)


def _replacing(old: Any, path: Path, new: Any) -> Iterator[Step]:
    """Key by key, and item by item, as far as that goes: what stays keeps its comments."""
    if same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict) and old and new:
        for key in new:
            if key in old:
                yield from _replacing(old[key], (*path, key), new[key])
            else:
                yield partial(surgery.add, path=path, key=key, value=new[key])
        for key in [key for key in old if key not in new]:
            yield partial(removing.remove, path=(*path, key))
    elif isinstance(old, list) and isinstance(new, list) and old and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _replacing(before, (*path, index), after)
    else:
        yield partial(surgery.replace, path=path, value=new)
