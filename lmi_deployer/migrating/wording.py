"""A migration as text for people and as plain data for programs."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from lmi_deployer.migrating.outcome import Carried, KeyChange, Migration, Note
from lmi_deployer.paint import Paint, plain
from lmi_deployer.render import as_text
from lmi_deployer.spec import Value

SIGNS = {"set": ("~", "yellow"), "move": (">", "yellow"), "drop": ("-", "red")}
"""Before each change: a value that is another, a key that stands elsewhere, one that goes."""
SEVERITY_COLORS = {"break": "red", "change": "yellow", "info": ""}


def as_words(migration: Migration, paint: Paint = plain) -> str:
    """Every hardware profile with its changes and their reasons, then what people have to know."""
    lines = [_headline(migration)]
    for carried in migration.carried:
        lines += ["", *_hardware_lines(carried, paint)]
    notes = list(_note_lines(migration, paint))
    return "\n".join([*lines, *(["", "to know"] if notes else []), *notes])


def diff(migration: Migration) -> str:
    """The change of the file, as `diff -u` shows it; empty when there is none."""
    lines = difflib.unified_diff(
        migration.before.splitlines(keepends=True),
        migration.after.splitlines(keepends=True),
        migration.name,
        migration.name,
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def status(migration: Migration) -> str:
    """`refused`, `nothing to do` or `migrated`."""
    if migration.refusals:
        return "refused"
    return "migrated" if migration.after != migration.before else "nothing to do"


def as_data(migration: Migration) -> dict[str, Any]:
    """The same as a document."""
    return {
        "file": migration.name,
        "status": status(migration),
        "hardware": [_hardware_data(carried) for carried in migration.carried],
        "refusals": [asdict(refusal) for refusal in migration.refusals],
        "diff": diff(migration),
    }


def _headline(migration: Migration) -> str:
    versions = dict.fromkeys(carried.from_version for carried in migration.carried)
    before = ", ".join(versions)
    arrow = f"{before} -> " if before else ""
    return f"{migration.name}    LMI {arrow}{migration.to_version}    {status(migration)}"


def _hardware_lines(carried: Carried, paint: Paint) -> Iterator[str]:
    backend = carried.from_backend
    if carried.backend != backend:
        backend += f" -> {carried.backend}"
    yield f"{carried.hardware}    {backend}"
    for change in carried.changes:
        is_new = change.action == "set" and change.before is None
        sign, color = ("+", "green") if is_new else SIGNS[change.action]
        yield f"  {paint(sign, color)} {_change_text(change)}"
        yield f"      {change.why}"
    if carried.recompile is not None:
        yield f"  {paint('!', 'yellow')} compiled anew: {carried.recompile}"
    if carried.removed or carried.added:
        yield "  serving.properties"
        for key in sorted({*carried.removed, *carried.added}):
            if key in carried.removed:
                yield f"    {paint('-', 'red')}{key}={carried.removed[key]}"
            if key in carried.added:
                yield f"    {paint('+', 'green')}{key}={carried.added[key]}"
    else:
        yield "  serving.properties stays as it is"


def _change_text(change: KeyChange) -> str:
    if change.action == "move":
        return f"{change.key} -> {change.to}: {_shown(change.after)}"
    if change.action == "drop":
        return f"{change.key}: {_shown(change.before)}"
    before = "" if change.before is None else f"{_shown(change.before)} -> "
    return f"{change.key}: {before}{_shown(change.after)}"


def _shown(value: Value | dict[str, Any] | None) -> str:
    """A value as a profile writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(item)}" for key, item in value.items()) + "}"
    return "null" if value is None else as_text(value)


def _note_lines(migration: Migration, paint: Paint) -> Iterator[str]:
    """Each note once, with the hardware profiles it is about where it is not about all."""
    about: dict[Note, list[str]] = {}
    for carried in migration.carried:
        for note in carried.notes:
            about.setdefault(note, []).append(carried.hardware)
    order = list(SEVERITY_COLORS)
    for note, names in sorted(about.items(), key=lambda item: order.index(item[0].severity)):
        whom = f" [{', '.join(names)}]" if len(names) < len(migration.carried) else ""
        yield f"  {paint(f'{note.severity:6}', SEVERITY_COLORS[note.severity])}  {note.text}{whom}"
        if note.advice is not None:
            yield f"          {note.advice}"


def _hardware_data(carried: Carried) -> dict[str, Any]:
    return {
        "hardware": carried.hardware,
        "from": carried.from_version,
        "backend": {"before": carried.from_backend, "after": carried.backend},
        "changes": [asdict(change) for change in carried.changes],
        "recompile": carried.recompile,
        "properties": {"removed": dict(carried.removed), "added": dict(carried.added)},
        "notes": [asdict(note) for note in carried.notes],
    }
