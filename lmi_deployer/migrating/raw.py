"""The step that takes raw options over: renamed, made settings, dropped, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmi_deployer.migrating.draft import Draft
from lmi_deployer.migrating.flat import OPTIONS, Path, can_say, dotted, path_of
from lmi_deployer.migrating.outcome import Note
from lmi_deployer.render import DERIVED_PROPERTIES, as_text
from lmi_deployer.settings.table import table
from lmi_deployer.spec import Value
from lmi_deployer.yaml_source import scalar

Replacement = Mapping[str, Any]
"""A compiled option_rows.Replacement."""


def raw_options(draft: Draft) -> None:
    """Take every raw option over."""
    decided = _decided(draft)
    for path in [path for path in draft.wanted if path[0] == OPTIONS]:
        key = path[-1]
        entry = draft.entries.get(key)
        if key in DERIVED_PROPERTIES:
            _follow_the_backend(draft, path)
        elif draft.wanted[path] is None:
            continue  # it leaves a line out, or none where there is none
        elif key in decided:
            _as_setting(draft, path, decided[key], draft.wanted[path])
        elif entry is not None and entry.is_used:
            _check_value(draft, path)
        else:
            _replace(draft, path, decided)


def _decided(draft: Draft) -> dict[str, str]:
    """The keys that settings come to: our setting of each."""
    support = draft.support
    decided = {name: ours for ours, more in support.same_value.items() for name in more}
    return decided | {name: ours for ours, name in support.property_names.items()}


def _follow_the_backend(draft: Draft, path: Path) -> None:
    """Keep how the backend is chosen as long as it stays; the checks say whether it still is."""
    if draft.backend != draft.old.backend:
        draft.drop(path, f"it chose {draft.old.backend}; backend: {draft.backend} says it now")


def _as_setting(draft: Draft, path: Path, setting: str, value: Value) -> None:
    """Write a raw key as the setting that it has become."""
    to = path_of(draft.backend, setting)
    if not can_say(to):
        problem = f"{draft.where} has it decided by the profile itself"
        draft.refuse(dotted(path), problem, "remove it")
        return
    written: Any = {"method": value} if setting == "quantize" else value
    draft.move(path, to, written, f"profiles say it so for {draft.where}")


def _check_value(draft: Draft, path: Path) -> None:
    """Keep a key, with another spelling of its value where that is needed."""
    key, value = path[-1], draft.wanted[path]
    fault = draft.entries[key].fault(as_text(value))
    before = draft.old_entries.get(key)
    if fault is None or (before is not None and before.fault(as_text(value)) is not None):
        return
    for row in _replacements(draft, key):
        if row.get("key") == key and as_text(value) in row.get("values", {}):
            why = f"{draft.where} calls it so"
            draft.set(path, scalar(row["values"][as_text(value)]), why)
            return
    if fault.outcome == "unchecked":
        text = f"{key} {fault.problem}; {draft.where} may not take that"
        draft.notes.append(Note(severity="break", text=text, advice=fault.allowed))
    elif dotted(path) in draft.drops:
        draft.drop(path, f"{draft.where} does not take its value, and --drop allows it")
    else:
        problem = f"{fault.problem}, which {draft.where} does not take"
        draft.refuse(dotted(path), problem, f"{fault.allowed}; or --drop {dotted(path)}")


def _replace(draft: Draft, path: Path, decided: Mapping[str, str]) -> None:
    """Write what takes the place of a key that nothing reads, if it means just the same."""
    key, value = path[-1], draft.wanted[path]
    reason: str | None = None
    instead: str | None = None
    for row in _replacements(draft, key):
        to, values, note = row.get("key"), row.get("values", {}), row.get("note")
        if to is None or to == key:
            reason = reason or note
        elif as_text(value) not in values and (values or note):
            instead = f"write {to}{f' ({note})' if note else ''}"
        elif to in decided:
            _as_setting(draft, path, decided[to], _mapped(value, values))
            return
        elif to in draft.entries and draft.entries[to].is_used:
            why = f"{draft.where} reads it under this name"
            draft.move(path, (OPTIONS, to), _mapped(value, values), why)
            return
    draft.give_up(path, key=key, note=reason, instead=instead)


def _mapped(value: Value, values: Mapping[str, str]) -> Any:
    text = as_text(value)
    return scalar(values[text]) if text in values else value


def _replacements(draft: Draft, key: str) -> tuple[Replacement, ...]:
    row = table(draft.target.version).keys.get(key, {})
    return tuple(row.get("replacements", ()))
