"""The values that differ, as lines in columns: as wide as there is room, or one under the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from lmi_deployer.diffing import wording
from lmi_deployer.diffing.comparison import Change
from lmi_deployer.diffing.page_lines import (
    AFTER_COLOR,
    ALIKE,
    BEFORE_COLOR,
    IMPACT_COLORS,
    filled,
    pieces,
    seen,
)
from lmi_deployer.impact import Impact
from lmi_deployer.paint import Paint

NARROW = 60
"""Columns below which values stand under their keys."""
ARROW = " -> "
GAP = "  "
LEAST_CAUSE = 24
"""Columns that are kept for the cause, where it stands beside the values."""


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One value as text."""

    key: str
    before: str
    after: str
    cause: str
    impact: Impact | None
    """None where it is that of the whole profile."""

    @property
    def tail(self) -> str:
        return self.cause if self.impact is None else f"{self.cause} ({self.impact.label})"


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """Widths of a table of rows."""

    key: int
    """0 where keys stand above their values."""
    room: int
    """For all that stands behind the key."""
    before: int
    both: int
    """Of both values, where the cause stands behind them."""


def value_texts(change: Change, *, unit_once: bool = False) -> tuple[str, str]:
    """Both values with their units; in quotes where their ends could not be seen, never alike."""
    shown = wording.shown_values(change, unit_once=unit_once)
    before, after = (_told(seen(text)) for text in shown)
    return before, after + (ALIKE if before == after else "")


def _told(text: str) -> str:
    return text if text and text == text.strip() else f'"{text}"'


def value_lines(
    changes: Sequence[Change], whole: Impact, width: int, paint: Paint, *, is_wide: bool
) -> Iterator[str]:
    """Every value that differs: what it was and is, why, and its impact where that is another."""
    rows = [_row(change, whole, is_wide=is_wide) for change in changes]
    if not rows:
        return
    longest = max(len(row.key) for row in rows)
    if is_wide:
        yield from _wide(rows, longest, width, paint)
        return
    key_width = 0 if width < NARROW else min(longest, _widest_key(rows, width))
    room = width - (4 if key_width == 0 else 2 + key_width + len(GAP))
    few = room // 4 if key_width else 0
    short = max((len(row.before) for row in rows if len(row.before) <= few), default=0)
    widths = [_both_width(row, short) for row in rows]
    beside = max((item for item in widths if item <= room - len(GAP) - LEAST_CAUSE), default=0)
    columns = _Columns(key=key_width, room=room, before=short, both=beside)
    for row in rows:
        yield from _flowing(row, columns, paint)


def _widest_key(rows: Sequence[_Row], width: int) -> int:
    """A third of the width, or what short values leave over."""
    values = max(_both_width(row, 0) for row in rows)
    return max(width // 3, width - 2 - 2 * len(GAP) - values - LEAST_CAUSE)


def _row(change: Change, whole: Impact, *, is_wide: bool) -> _Row:
    before, after = value_texts(change, unit_once=not is_wide)
    return _Row(
        key=seen(change.key),
        before=before,
        after=after,
        cause=seen(wording.cause(change)),
        impact=None if change.impact == whole else change.impact,
    )


def _both_width(row: _Row, short: int) -> int:
    return max(len(row.before), short) + len(ARROW) + len(row.after)


def _flowing(row: _Row, columns: _Columns, paint: Paint) -> Iterator[str]:
    """One row; what does not fit beside its key or its values goes on below them."""
    room, width = columns.room, _both_width(row, columns.before)
    margin = " " * (2 + columns.key + len(GAP)) if columns.key else "    "
    start = f"  {row.key:<{columns.key}}{GAP}"
    if len(row.key) > columns.key:
        yield from (f"  {part.rstrip()}" for part in pieces(row.key, room + len(margin) - 2))
        start = margin
    if width > room:
        yield from _stacked(row, start, margin, room, paint)
    else:
        padding = " " * (width - len(row.before) - len(ARROW) - len(row.after))
        before, after = paint(row.before, BEFORE_COLOR), paint(row.after, AFTER_COLOR)
        start += f"{before}{padding}{ARROW}{after}"
        gap = GAP + " " * max(0, columns.both - width)
        for between in (gap, GAP):  # in its column, or at least on the line
            if width + len(between) + len(row.tail) <= room:
                yield start + between + _tail_part(row.tail, row, paint)
                return
        yield start
    yield from (_tail_part(line, row, paint) for line in _tail_lines(row, margin, room))


def _stacked(row: _Row, start: str, margin: str, room: int, paint: Paint) -> Iterator[str]:
    """The value before, and the one after below it."""
    arrow = ARROW.lstrip()
    for index, part in enumerate(pieces(row.before, room - len(arrow))):
        yield (margin if index else start) + paint(part.rstrip(), BEFORE_COLOR)
    for index, part in enumerate(pieces(row.after, room - len(arrow))):
        yield margin + (" " * len(arrow) if index else arrow) + paint(part.rstrip(), AFTER_COLOR)


def _tail_lines(row: _Row, margin: str, room: int) -> list[str]:
    return filled(row.tail, len(margin) + room, first=margin)


def _tail_part(line: str, row: _Row, paint: Paint) -> str:
    """The cause, with the impact behind it in its color."""
    label = "" if row.impact is None else f"({row.impact.label})"
    if row.impact is None or not line.endswith(label):
        return line
    return line.removesuffix(label) + paint(label, IMPACT_COLORS[row.impact])


def _wide(rows: Sequence[_Row], longest_key: int, width: int, paint: Paint) -> Iterator[str]:
    """Before on the left, after on the right, and the cause behind both."""
    widest = max(len(text) for row in rows for text in (row.before, row.after))
    widest = max(widest, len("before"))
    room = width - 2 - 3 * len(GAP)
    value = min(widest, room // 4)
    key_width = min(longest_key, max(width // 4, room - 2 * value - width // 3))
    cause = max(min(max(len(row.tail) for row in rows), width // 3), LEAST_CAUSE)
    value = min(widest, (room - key_width - cause) // 2)
    cause = max(cause, room - key_width - 2 * value)
    yield f"  {'':<{key_width}}{GAP}{'before':<{value}}{GAP}{'after':<{value}}{GAP}because of"
    for row in rows:
        cells = zip_longest(
            pieces(row.key, key_width),
            pieces(row.before, value),
            pieces(row.after, value),
            filled(row.tail, cause),
            fillvalue="",
        )
        for key, left, right, tail in cells:
            pairs = ((left, BEFORE_COLOR), (right, AFTER_COLOR))
            shown = (_padded(text, value, color, paint) for text, color in pairs)
            line = [f"{key:<{key_width}}", *shown, _tail_part(tail, row, paint)]
            yield f"  {GAP.join(line)}".rstrip()


def _padded(text: str, width: int, color: str, paint: Paint) -> str:
    text = text.rstrip()
    return (paint(text, color) if text else "") + " " * (width - len(text))
