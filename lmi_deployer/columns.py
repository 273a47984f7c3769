"""Rows as text in columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

GAP = "  "
NARROWEST = 8
"""Characters below which no column is squeezed."""
SENTENCE = 24
"""Characters of the last column, which holds sentences, below which others have to give way."""


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as columns, each as wide as its widest cell; the first row is the heading."""
    widths = _widths(rows)
    return "\n".join(
        GAP.join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def wrapped(rows: Sequence[Sequence[str]], width: int) -> str:
    """A table no wider than asked for; the cells of its widest columns wrap.

    Lines of a cell stay apart. Words are broken only where nothing else makes it narrow enough.
    """
    widths = _widths_within(rows, width)
    lines = []
    for row in rows:
        cells = [_lines(cell, most) for cell, most in zip(row, widths, strict=True)]
        for parts in zip_longest(*cells, fillvalue=""):
            padded = (f"{part:<{most}}" for part, most in zip(parts, widths, strict=True))
            lines.append(GAP.join(padded).rstrip())
    return "\n".join(lines)


def _lines(cell: str, width: int) -> list[str]:
    return [
        part
        for line in cell.split("\n")
        for part in textwrap.wrap(line, width, break_on_hyphens=False) or [""]
    ]


def _widths_within(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """The widest columns squeezed first: to their longest words, and further if that must be."""
    columns = range(len(rows[0]))
    lines = [[line for row in rows for line in row[column].split("\n")] for column in columns]
    widths = [max(map(len, texts)) for texts in lines]
    words = [max(len(word) for text in texts for word in text.split() or [""]) for texts in lines]
    room = max(width - len(GAP) * (len(widths) - 1), NARROWEST * len(widths))
    words[-1] = min(words[-1], SENTENCE)
    for floors in (words, [NARROWEST] * len(widths)):
        while sum(widths) > room:
            able = [item for item in columns if widths[item] > floors[item]]
            if not able:
                break
            widths[max(able, key=lambda item: widths[item])] -= 1
    return widths


def folded(rows: Sequence[Sequence[str]], width: int, *, keys: int = 1) -> str:
    """A table, cut into several below one another where it is wider than asked for.

    Each of them begins with the first `keys` columns, so that its rows can be told.
    """
    widths = _widths(rows)
    blocks: list[list[int]] = [[]]
    for column in range(keys, len(widths)):
        wanted = [*range(keys), *blocks[-1], column]
        if blocks[-1] and sum(widths[item] + 2 for item in wanted) - 2 > width:
            blocks.append([])
        blocks[-1].append(column)
    shown = [[*range(keys), *block] for block in blocks]
    return "\n\n".join(table([[row[item] for item in block] for row in rows]) for block in shown)


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
