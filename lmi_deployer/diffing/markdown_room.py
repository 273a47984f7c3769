"""Fits the sections of a comment into the room that a comment has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

REMARK = 120
"""Characters that the remark on what is left out takes."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """Lines or blocks under a heading; each is shown whole or not at all."""

    heading: str
    items: Sequence[str]
    noun: str
    """What one of them is: `row`."""
    sure: int
    """Characters it gets before any section gets more."""
    between: str = "\n"
    is_table: bool = False
    """Of a table the first item is its head, which does not count."""
    total: int = field(default=-1)
    """How many there are where `items` are only the first of them."""


def within(sections: Sequence[Section], room: int) -> str:
    """The sections, whole where that fits; else as much of each as fits, the first ones first.

    A section that is not whole says how many are left out.
    """
    sections = [section for section in sections if section.items]
    room -= sum(len(section.heading) + 2 * len("\n\n") + REMARK for section in sections)
    counts = [0] * len(sections)
    for is_extra in (False, True):
        for index, section in enumerate(sections):
            used = sum(_size(section, item) for item in section.items[: counts[index]])
            for item in section.items[counts[index] :]:
                size = _size(section, item)
                if size > room or (not is_extra and used + size > section.sure):
                    break
                counts[index] += 1
                used, room = used + size, room - size
    shown = zip(sections, counts, strict=True)
    return "\n\n".join(text for section, count in shown if (text := _text(section, count)))


def _size(section: Section, item: str) -> int:
    return len(item) + len(section.between)


def _text(section: Section, count: int) -> str:
    head = 1 if section.is_table else 0
    every = max(section.total, len(section.items) - head)
    shown = max(0, count - head)
    left = every - shown
    parts = [section.heading] if section.heading else []
    if shown:
        parts.append(section.between.join(section.items[:count]))
    if left:
        noun = section.noun if left == 1 else f"{section.noun}s"
        verb = "is" if left == 1 else "are"
        parts.append(f"*{left:,} {'more ' if shown else ''}{noun} {verb} left out here.*")
    return "\n\n".join(parts)
