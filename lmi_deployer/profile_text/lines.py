"""The lines of a YAML text, counted from 0, and what stands on them besides values."""

from __future__ import annotations

from bisect import bisect_right

BREAKS = "\r\n\x85\u2028\u2029"
"""What ends a line in YAML 1.1, which is what the parser reads."""
BLANKS = " \t"


class Lines:
    """The lines of a text, counted from 0."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0]
        for line in text.splitlines(keepends=True):  # unprintable breaks are refused before
            self._starts.append(self._starts[-1] + len(line))
        if len(self._starts) > 1 and text[-1] not in BREAKS:
            self._starts.pop()

    def number(self, offset: int) -> int:
        """The line that holds an offset."""
        return bisect_right(self._starts, offset) - 1

    def column(self, offset: int) -> int:
        """How many characters stand before an offset on its line."""
        return offset - self.start(self.number(offset))

    @property
    def count(self) -> int:
        """How many there are; the empty one behind the last line break counts."""
        return len(self._starts)

    def start(self, number: int) -> int:
        """Offset of a line's first character; of the text's end behind the last line."""
        return self._starts[number] if number < self.count else len(self.text)

    def end(self, number: int) -> int:
        """Offset of a line's break, or of the text's end."""
        begin, end = self.start(number), self.start(number + 1)
        return begin + len(self.text[begin:end].rstrip(BREAKS))

    def content(self, number: int) -> str:
        """A line without its break."""
        return self.text[self.start(number) : self.end(number)]

    def indent(self, number: int) -> int:
        """The spaces that a line begins with."""
        content = self.content(number)
        return len(content) - len(content.lstrip(" "))

    def is_blank(self, number: int) -> bool:
        """True for a line of blanks; also the empty one behind the last break."""
        return 0 <= number < self.count and not self.content(number).strip(BLANKS)

    def is_comment(self, number: int) -> bool:
        """True for a line that holds a comment only, if it stands between values."""
        return number < self.count and self.content(number).lstrip(BLANKS).startswith("#")

    def begins_with(self, offset: int) -> bool:
        """True when nothing but spaces stands before an offset on its line."""
        number = self.number(offset)
        return self.start(number) + self.indent(number) == offset

    def newline(self, number: int) -> str:
        """The break of a line or, where it has none, of the text's first."""
        own = self.text[self.end(number) : self.start(number + 1)]
        return own or self.text[self.end(0) : self.start(1)] or "\n"
