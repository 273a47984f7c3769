"""The text of a lock, read and checked: everything wrong with it is told with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast, get_args

from lmi_deployer.findings import Finding, Place, ProfileError
from lmi_deployer.lockfile import (
    GATES,
    LATEST,
    LOCK_VERSION,
    MOST,
    PREFERRED,
    Lock,
    LockedModel,
    Origin,
    WeightFiles,
    WeightFormat,
)
from lmi_deployer.yaml_source import Path as KeyPath

_COMMIT = re.compile(r"[0-9a-f]{40}")
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7})", re.MULTILINE)
_KEYS = frozenset(
    {"id", "source", "requested", "commit", "content", "facts_from", "checked", "renamed_to",
     "gated", "private", "parameters", "weights", "tokenizer", "config", "doubts"}
)  # fmt: skip


class _WrongError(Exception):
    """A value of a lock that cannot be right, and where it stands below its entry."""

    def __init__(self, problem: str, *path: str) -> None:
        super().__init__(problem)
        self.path = path


def parse(text: str, file: str) -> Lock:
    """The lock in a text. Raises ProfileError, with the place, for what is none."""
    try:
        data = json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise _not_json(text, file, error) from error
    except (RecursionError, ValueError) as error:
        raise refused(Place(file), f"is not valid JSON: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("models"), list):
        raise refused(Place(file, 1), "is no lock: it has no list `models`")
    version = data.get("lock_version")
    if type(version) is not int or version != LOCK_VERSION:
        problem = f"has lock_version {str(version)[:20]}; this lmi-deploy reads {LOCK_VERSION}"
        raise refused(place_in(text, file, ("lock_version",)), problem)
    models = []
    for index, row in enumerate(data["models"]):
        try:
            models.append(_entry(row))
        except _WrongError as error:
            place = place_in(text, file, ("models", index, *error.path))
            raise refused(place, str(error)) from error
    if len({entry.key for entry in models}) < len(models):
        raise refused(Place(file), "holds a model twice")
    return Lock(file=file, models=tuple(models), text=text)


def _entry(row: object) -> LockedModel:
    """One entry, checked. Raises _WrongError."""
    if not isinstance(row, dict):
        raise _WrongError("is no model")
    for key in row:
        if key not in _KEYS:
            raise _WrongError(f"has the unknown key {key[:40]!r}", key)
    requested = _text(row, "requested", LATEST)
    if requested != LATEST and not _COMMIT.fullmatch(requested):
        raise _WrongError(f"is neither {LATEST} nor a commit of 40 hex digits", "requested")
    commit = _text_or_none(row, "commit")
    if commit is not None and not _COMMIT.fullmatch(commit):
        raise _WrongError("is no commit of 40 hex digits", "commit")
    facts_from = _text(row, "facts_from", None)
    if facts_from not in get_args(Origin):
        raise _WrongError(f"is none of {', '.join(get_args(Origin))}", "facts_from")
    gated, private = row.get("gated"), row.get("private")
    if gated not in GATES:
        raise _WrongError(f"is none of {', '.join(map(json.dumps, GATES))}", "gated")
    if not isinstance(private, bool | None):
        raise _WrongError("is neither true nor false", "private")
    doubts = row.get("doubts", [])
    if not isinstance(doubts, list) or not all(isinstance(item, str) for item in doubts):
        raise _WrongError("is no list of texts", "doubts")
    return LockedModel(
        model_id=_text(row, "id", None),
        source=_text_or_none(row, "source"),
        requested=requested,
        commit=commit,
        facts_from=cast(Origin, facts_from),
        checked=_text(row, "checked", None),
        renamed_to=_text_or_none(row, "renamed_to"),
        gated=gated,
        is_private=private,
        content=_text_or_none(row, "content"),
        config=_mapping(row, "config"),
        parameters={key: _count(n, "parameters", key) for key, n in _items(row, "parameters")},
        weights={_format(key): _files(value, key) for key, value in _items(row, "weights")},
        tokenizer=_mapping(row, "tokenizer"),
        doubts=tuple(doubts),
    )


def _items(row: Mapping[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    return iter(_mapping(row, key).items())


def _mapping(row: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = row.get(key, {})
    if not isinstance(value, dict):
        raise _WrongError("is no mapping", key)
    return value


def _text(row: Mapping[str, Any], key: str, default: str | None) -> str:
    value = row.get(key, default)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise _WrongError(f"has no text {key!r}", key)
    return value


def _text_or_none(row: Mapping[str, Any], key: str) -> str | None:
    return None if row.get(key) is None else _text(row, key, None)


def _count(value: object, *path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MOST:
        raise _WrongError("is no count", *path)
    return value


def _format(name: str) -> WeightFormat:
    if name not in PREFERRED:
        raise _WrongError(f"{name[:40]!r} is none of {', '.join(PREFERRED)}", "weights", name)
    return name


def _files(value: object, name: str) -> WeightFiles:
    if not isinstance(value, dict):
        raise _WrongError("is no mapping", "weights", name)
    stored = _count(value.get("bytes"), "weights", name, "bytes")
    return WeightFiles(bytes=stored, files=_count(value.get("files"), "weights", name, "files"))


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _not_json(text: str, file: str, error: json.JSONDecodeError) -> ProfileError:
    conflict = _CONFLICT.search(text)
    if conflict is not None:
        place = Place(file, text.count("\n", 0, conflict.start()) + 1, 1)
        return refused(place, "holds the marks of a merge conflict")
    return refused(Place(file, error.lineno, error.colno), f"is not valid JSON: {error.msg}")


def place_in(text: str, file: str, path: KeyPath) -> Place:
    """Where something stands in a lock; JSON is YAML too, and that reader knows the lines."""
    from lmi_deployer.yaml_source import parse_yaml

    try:
        return parse_yaml(text, file).place(path)
    except ProfileError:
        return Place(file)


def refused(place: Place, problem: str) -> ProfileError:
    """LMI414: a lock that cannot be used."""
    fix = "take the file of the last commit, or delete it and run `lmi-deploy lock`"
    return ProfileError([Finding.error("LMI414", problem, place=place, fix=fix)])
