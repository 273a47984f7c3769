"""A table of measured accuracy, as the benchmark prints it and the docs carry it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """A Markdown table with what is to be read above and below it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    about: str = ""
    notes: Sequence[str] = field(default=())
    """Below the table, an item each: targets met or missed, single rows that are far off."""

    def markdown(self) -> str:
        """The table under a heading; columns after the first are aligned to the right."""
        lines = [f"### {self.title}", ""]
        if self.about:
            lines += [self.about, ""]
        if self.rows:
            marks = ["---", *("---:" for _ in self.columns[1:])]
            lines += [_line(self.columns), "|" + "|".join(marks) + "|"]
            lines += [_line(row) for row in self.rows]
            lines.append("")
        lines += [f"- {note}" for note in self.notes]
        return "\n".join(lines).rstrip() + "\n"


def target(is_met: bool, text: str) -> str:
    """A note about a target."""
    return f"{'met' if is_met else 'missed'}: {text}"


def percent(value: float, digits: int = 1) -> str:
    """A share as percent.

    >>> percent(0.0213)
    '2.1 %'
    """
    return f"{100 * value:.{digits}f} %"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"
