"""Lines of a unified diff: as they are, or with what was on the left of what is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby, zip_longest

from lmi_deployer.diffing.hiding import HIDDEN
from lmi_deployer.diffing.page_lines import (
    AFTER_COLOR,
    ALIKE,
    BEFORE_COLOR,
    MOST_LINES,
    cut,
    cut_pair,
    pieces,
    seen,
)
from lmi_deployer.paint import Paint

MARGIN = "    "
BETWEEN = " | "
HUNK_COLOR = "cyan"
_COLORS = {"-": BEFORE_COLOR, "+": AFTER_COLOR, "@": HUNK_COLOR}
SPACE = r"\x20"
"""A space at the end of a line, where nobody would see it."""
Row = tuple[str | None, str | None]
"""The line before and the one after, with their signs; None where there is none."""


@lru_cache(maxsize=8192)
def seen_line(line: str) -> str:
    """A line of a diff as it can be shown, its last space too."""
    shown = seen(line)
    return shown[:-1] + SPACE if shown[1:].endswith(" ") else shown


def rows(lines: Sequence[str]) -> Iterator[Row]:
    """Both sides of each line of a unified diff, ready to be shown.

    Of a block that replaces another, lines of the same key stand beside one another. Two lines that
    differ are never shown as the same one. The heading of a hunk is on both sides.
    """
    for is_block, group in groupby(lines, key=lambda line: line[:1] in {"-", "+"}):
        if not is_block:
            yield from ((shown, shown) for shown in map(seen_line, group))
            continue
        block = list(group)
        yield from _beside(
            [line for line in block if line.startswith("-")],
            [line for line in block if line.startswith("+")],
        )


def _beside(removed: Sequence[str], added: Sequence[str]) -> Iterator[Row]:
    """A block in rows: those of the same key, where each key stands once; else one by one."""
    by_key = {_key(line): line for line in added}
    old = {_key(line): line for line in removed}
    if len(by_key) < len(added) or len(old) < len(removed):
        yield from (_pair(before, after) for before, after in zip_longest(removed, added))
        return
    used = set()
    for key, line in old.items():
        yield _pair(line, by_key.get(key))
        used.add(key)
    yield from ((None, seen_line(line)) for key, line in by_key.items() if key not in used)


def _key(line: str) -> str:
    """What names a line: what stands before its first `=`, or else its first `: `."""
    text = line[1:]
    return text.partition("=" if "=" in text else ": ")[0].strip()


def _pair(before: str | None, after: str | None) -> Row:
    if before is None or after is None:
        return before and seen_line(before), after and seen_line(after)
    left, right = seen_line(before), seen_line(after)
    # What is the same on both sides is no line of a rendered diff, unless a secret is hidden in it.
    is_alike = left[1:] == right[1:] and (before[1:] != after[1:] or left.endswith(f"={HIDDEN}"))
    return left, right + (ALIKE if is_alike else "")


def unified(lines: Sequence[str], width: int, paint: Paint) -> Iterator[str]:
    """The lines one under the other, those that were before those that are."""
    room = width - len(MARGIN)
    for line in shown_lines(lines, MOST_LINES * (room - len(MARGIN))):
        yield from _line(line, room, paint)


def shown_lines(lines: Sequence[str], room: int) -> Iterator[str]:
    """The lines of a unified diff as they can be shown, each cut to the room."""
    block: list[str] = []
    for before, after in rows(lines):
        if before == after and before is not None:
            yield from block
            block = []
            yield cut(before, room)
            continue
        left, right = _cut(before, after, room)
        if left is not None:
            yield left
        if right is not None:
            block.append(right)
    yield from block


def _cut(before: str | None, after: str | None, room: int) -> Row:
    if before is None or after is None:
        return before and cut(before, room), after and cut(after, room)
    left, right = cut_pair(before[1:], after[1:], room - 1)  # their signs always differ
    return before[0] + left, after[0] + right


def _line(line: str, room: int, paint: Paint) -> Iterator[str]:
    """A line, gone on with further in where it is too long."""
    color = _COLORS.get(line[:1], "")
    if len(line) <= room:
        yield MARGIN + paint(line, color)
        return
    for index, part in enumerate(pieces(line, room - len(MARGIN))):
        yield MARGIN * (2 if index else 1) + paint(part.rstrip(), color)


def beside(lines: Sequence[str], width: int, paint: Paint) -> Iterator[str]:
    """The lines in two columns: what was on the left, what is on the right."""
    half = (width - len(MARGIN) - len(BETWEEN)) // 2
    for before, after in rows(lines):
        left, right = (text or "" for text in _cut(before, after, MOST_LINES * half))
        colors = [_COLORS.get(text[:1], "") for text in (left, right)]
        for old, new in zip_longest(pieces(left, half), pieces(right, half), fillvalue=""):
            shown = (paint(old, colors[0]) if old else "") + " " * (half - len(old))
            if new:
                yield MARGIN + shown + BETWEEN + paint(new.rstrip(), colors[1])
            else:
                yield MARGIN + shown + BETWEEN.rstrip()
