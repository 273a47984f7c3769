"""Labels with wrapped text beside them, as every page of `explain` has."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill

LABEL_COLUMNS = 14


def paragraph(text: str, width: int, indent: str = "") -> str:
    """Text wrapped to a width; names and addresses are never broken."""
    return fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def labelled(rows: Iterable[tuple[str, str]], width: int, indent: str = "") -> list[str]:
    """A line or more for each row that has a text, beginning with its label."""
    margin = " " * (len(indent) + LABEL_COLUMNS)
    return [
        f"{indent}{label:<{LABEL_COLUMNS}}{paragraph(text, width, margin).lstrip()}"
        for label, text in rows
        if text
    ]
