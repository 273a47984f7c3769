"""The page of `explain MODEL`: every decided value, what it renders to, where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lmi_deployer import columns, report
from lmi_deployer.decided import DecidedValue
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding
from lmi_deployer.hardware import Origin
from lmi_deployer.nearest import did_you_mean
from lmi_deployer.paint import Paint, plain
from lmi_deployer.render import as_text
from lmi_deployer.spec import ResolvedSpec


def select(values: Sequence[DecidedValue], word: str) -> tuple[DecidedValue, ...]:
    """The values that a word names: a key, its last part, a section or a rendered property.

    Raises InputError, with the nearest name, when it names none.
    """
    found = tuple(item for item in values if word in _names(item))
    if not found:
        known = {name for item in values for name in _names(item)}
        raise InputError(
            f"this hardware profile decides no {word!r}", fix=did_you_mean(word, known)
        )
    return found


def _names(item: DecidedValue) -> set[str]:
    section, _, last = item.key.rpartition(".")
    names = {item.key, last or item.key, *item.properties}
    return names | {section} if section else names


def page(
    spec: ResolvedSpec,
    findings: Sequence[Finding],
    values: Iterable[DecidedValue],
    paint: Paint = plain,
    *,
    width: int | None = None,
) -> str:
    """What a hardware profile comes to: its checks with the memory, then the table of values."""
    blocks = (
        report.header(spec, None, None),
        report.checks_block(spec, findings, paint),
        table(values, spec.file, width=width),
    )
    return "\n\n".join(blocks)


def table(
    values: Iterable[DecidedValue], file: str | None = None, *, width: int | None = None
) -> str:
    """Key, value, property and origin as columns; below them what the rules did not take.

    Lines of `file`, the profile that is explained, are told without its name. Text is wrapped
    within `width` columns, where one is given.
    """
    values = tuple(values)
    rows = [("KEY", "VALUE", "PROPERTY", "FROM")]
    for item in values:
        shown = as_text(item.value)
        names = [
            name if text == shown else f"{name}={text}" for name, text in item.properties.items()
        ]
        rows.append((item.key, shown, ", ".join(names) or "-", _shown(item.origin, file)))
    told = columns.table(rows)
    if width is not None and max(map(len, told.splitlines())) > width:
        told = columns.wrapped([_stacked(row) for row in rows], width)
    return "\n\n".join(part for part in (told, choices(values, width)) if part)


def _stacked(row: tuple[str, str, str, str]) -> tuple[str, str, str]:
    """A row with its property below its value, since a page has no room for them side by side."""
    key, value, rendered, origin = row
    return key, value if rendered == "-" else f"{value}\n{rendered}", origin


def _shown(origin: Origin, file: str | None) -> str:
    """An origin; of a place in the profile, which the page has named, the line alone."""
    if origin.place.line and origin.place.file == file:
        return f"{origin.reason} (line {origin.place.line})"
    return str(origin)


def choices(values: Iterable[DecidedValue], width: int | None = None) -> str:
    """The rules that decided something, each with what it did not take, and why."""
    lines = []
    for item in values:
        if item.origin.rule is None or not item.origin.runners_up:
            continue
        lines.append(f"{item.key} = {as_text(item.value)}, by {item.origin.rule}")
        rows = [(f"  not {other.value}", other.why_not) for other in item.origin.runners_up]
        lines.append(columns.table(rows) if width is None else columns.wrapped(rows, width))
    return "\n".join(lines)


def as_json(values: Iterable[DecidedValue]) -> list[dict[str, Any]]:
    """The same as plain data."""
    return [
        {
            "key": item.key,
            "value": item.value,
            "properties": dict(item.properties),
            "reason": item.origin.reason,
            "rule": item.origin.rule,
            "runners_up": [
                {"value": other.value, "why_not": other.why_not} for other in item.origin.runners_up
            ],
            "file": item.origin.place.file if item.origin.place.line else None,
            "line": item.origin.place.line or None,
            "column": item.origin.place.column or None,
        }
        for item in values
    ]
