"""Judges keys: whether this container reads them at all, and what to write instead."""

from __future__ import annotations

from functools import lru_cache

from lmi_deployer.nearest import nearest
from lmi_deployer.settings.table import Table
from lmi_deployer.settings.view import Issue, View

PREFIX = "option."
CUSTOM = "custom"
MOST_SETTINGS = 500
"""No file that people write has more; looking for the nearest of each would then take minutes."""
SPEAKS_OF = {"server": "the server"}


HANDLER_ENGINE = "option.engine"
"""The engine as some handlers ask for it; an environment that serves them all holds it beside."""


def unread(view: View, key: str) -> Issue | None:
    """Why a key has no effect; None where it has one, or where nobody can know."""
    table = view.table
    entry = None if key in table.config_keys else view.entries.entries.get(key)
    if entry is not None:
        return None if entry.is_used else _without_effect(view, key, str(entry.first("why")))
    if _is_beyond_the_options(view, key):
        return None
    readers = table.readers_of(key)
    if view.handler is None and set(readers) & set(table.handler_names):
        return None
    if readers:
        return _read_by_others(view, key, readers)
    if key in table.keys:
        return _not_in_this_version(table, key)
    return _misspelt(view, key)


def _is_beyond_the_options(view: View, key: str) -> bool:
    """Whether something reads a key that is no option: the server, a translator, own code.

    Keys of the whole server are here where the environment gives them; in a file nothing reads
    them, which `merging` says.
    """
    table = view.table
    if key in table.config_keys or key in table.server_keys or not view.runs_python:
        return True
    if key == HANDLER_ENGINE and view.settings[key] == view.engine:
        return True
    return view.handler == CUSTOM and key.startswith(PREFIX)


def _without_effect(view: View, key: str, why: str) -> Issue:
    problem = f"has no effect with {view.handler} on LMI {view.table.version}: {why}"
    return Issue("LMI303", "warning", key, problem, "remove it")


def _read_by_others(view: View, key: str, readers: tuple[str, ...]) -> Issue:
    names = ", ".join(SPEAKS_OF.get(name, name) for name in readers)
    problem = f"is read by {names} on LMI {view.table.version}; {view.handler} ignores it"
    return Issue("LMI303", "error", key, problem, replacement(view.table, key) or "remove it")


def _not_in_this_version(table: Table, key: str) -> Issue:
    readers = table.keys[key]["readers"]
    when = "; ".join(f"{name} in {versions}" for name, versions in sorted(readers.items()))
    problem = f"nothing in LMI {table.version} acts on it"
    problem += f"; it is read by {when}" if when else ", nor in any other version"
    return Issue("LMI312", "error", key, problem, replacement(table, key) or "remove it")


def replacement(table: Table, key: str) -> str | None:
    """What to write instead of a key, in words, where the catalog knows it."""
    for row in table.keys[key].get("replacements", ()):
        if row.get("key"):
            note = f" ({row['note']})" if row.get("note") else ""
            return f"write {row['key']} instead{note}"
        if row.get("note"):
            return f"remove it: {row['note']}"
    return None


def _misspelt(view: View, key: str) -> Issue:
    table = view.table
    if key.startswith(PREFIX) and key.removeprefix(PREFIX) in table.keys:
        bare = key.removeprefix(PREFIX)
        if not table.readers_of(bare):
            return _not_in_this_version(table, bare)
        problem = f"nothing reads it with the prefix {PREFIX!r}"
        return Issue("LMI318", "error", key, problem, f"write {bare}")
    prefixed = table.bare_keys.get(key)
    if prefixed is not None:
        problem = f"the server reads it as {prefixed} only"
        return Issue("LMI318", "error", key, problem, f"write {prefixed}")
    near = _nearest(table, key) if len(view.settings) <= MOST_SETTINGS else None
    fix = f"did you mean {near}?" if near else "remove it"
    problem = f"LMI {table.version} does not know it, and ignores it without a message"
    return Issue("LMI301", "error", key, problem, fix)


@lru_cache(maxsize=4096)
def _nearest(table: Table, key: str) -> str | None:
    known = table.read_keys
    return nearest(key, known, cutoff=0.75) or nearest(f"{PREFIX}{key}", known, cutoff=0.8)


def deprecated(view: View, key: str, advice: str) -> Issue:
    """A key that still works and should not be written any more."""
    return Issue("LMI311", "warning", key, f"is deprecated on LMI {view.table.version}", advice)
