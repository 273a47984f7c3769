"""What serving.properties and the environment say together, and what of it nobody reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Setting(NamedTuple):
    """One setting as the server ends up with it."""

    value: str
    name: str
    """The key, or the environment variable, as the user wrote it."""
    is_environment: bool


class Overridden(NamedTuple):
    """Something that was written and lost against something else for the same key."""

    key: str
    name: str
    """The key or variable that lost, as written."""
    value: str
    """Its value, which may be the winner's too."""
    by: str
    """The key or variable that holds instead, as written."""


class Unread(NamedTuple):
    """Something that looks right and is not read."""

    name: str
    reason: str
    """The end of a sentence that begins with the name."""
    instead: str | None
    """What to set, where anything does it."""


class Advice(NamedTuple):
    """Something that is read and had better not be set."""

    name: str
    reason: str


class Merged(NamedTuple):
    """The settings of one container before its server decides anything."""

    settings: Mapping[str, Setting]
    """By key of serving.properties."""
    texts: Mapping[str, str]
    """The values alone, by key."""
    overridden: tuple[Overridden, ...] = ()
    unread: tuple[Unread, ...] = ()
    advice: tuple[Advice, ...] = ()
    others: tuple[str, ...] = ()
    """Variables that nobody is known to read: the user's own, or misspelt."""
    late: frozenset[str] = frozenset()
    """Keys that the server does not see yet when it picks engine and rolling batch."""
