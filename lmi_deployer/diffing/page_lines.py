"""Texts of others made fit to be shown: on one line, in ASCII, without secrets, never cut blindly.

What comes from a profile, an endpoint or an old revision may hold anything. Two texts that differ
are never shown as the same one, however little room there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from lmi_deployer.impact import Impact
from lmi_deployer.secrets import redacted

MARK = "..."
"""Stands where something is left out."""
CONTEXT = 6
"""Characters before a difference that are kept, so that its place can be found."""
LEAST_ROOM = 2 * len(MARK) + CONTEXT + 4
"""Characters below which nothing is cut to: both marks, the context, and some of the difference."""
ALIKE = " (not the same)"
"""Behind the second of two texts that differ only in what is not shown."""
LEAST_WIDTH = 40
"""Columns below which nothing is squeezed."""
MOST_LINES = 4
"""Of one value; a longer one is cut."""
BEFORE_COLOR, AFTER_COLOR = "red", "green"
IMPACT_COLORS: Mapping[Impact, str] = {
    Impact.NONE: "",
    Impact.RESTART: "yellow",
    Impact.NEW_ENDPOINT_CONFIG: "yellow",
    Impact.RECOMPILE: "magenta",
    Impact.REPLACE_ENDPOINT: "red",
    Impact.INCOMPATIBLE: "red",
}
_BREAKS = "/,;:=&|.- "


@lru_cache(maxsize=8192)
def seen(text: str) -> str:
    r"""A text on one line of ASCII, without secrets.

    Everything else is escaped as in Python: control characters, marks that turn the direction of
    writing, and letters that look like others. Each character left takes one column.

    >>> seen("a\x1b[2Jb\u202e")
    'a\\x1b[2Jb\\u202e'
    """
    text = redacted(text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char.isascii() and char.isprintable() else _escaped(char) for char in text
    )


def _escaped(char: str) -> str:
    # A lone surrogate, which a file name can hold, has no other encoding.
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def cut(text: str, room: int) -> str:
    """Both ends of a text that is too long, with a mark between them.

    >>> cut("s3://a-bucket/with/a/long/key", 20)
    's3://a-b.../long/key'
    """
    room = max(room, LEAST_ROOM)
    if len(text) <= room:
        return text
    kept = room - len(MARK)
    return text[: kept // 2] + MARK + text[len(text) - (kept + 1) // 2 :]


def cut_pair(before: str, after: str, room: int) -> tuple[str, str]:
    """Two texts, each cut to the room around the first place where they differ.

    Both begin at the same place, so that they stay different.

    >>> cut_pair("s3://a-bucket/engines/1111", "s3://a-bucket/engines/2222", 20)
    ('...gines/1111', '...gines/2222')
    """
    room = max(room, LEAST_ROOM)
    if max(len(before), len(after)) <= room:
        return before, after
    if before == after:
        return cut(before, room), cut(after, room)
    same = next(
        (
            index
            for index, (left, right) in enumerate(zip(before, after, strict=False))
            if left != right
        ),
        min(len(before), len(after)),
    )
    start = 0 if same + 1 <= room - len(MARK) else same - CONTEXT
    return _window(before, start, room), _window(after, start, room)


def _window(text: str, start: int, room: int) -> str:
    shown = text if start == 0 else MARK + text[start:]
    return shown if len(shown) <= room else shown[: room - len(MARK)] + MARK


def pieces(text: str, room: int) -> Iterator[str]:
    """A text as lines no longer than the room; nothing is dropped.

    Broken behind a separator where the last third of a line has one.
    """
    while len(text) > room:
        found = max(text.rfind(char, room * 2 // 3, room) for char in _BREAKS)
        end = found + 1 if found >= 0 else room
        yield text[:end]
        text = text[end:]
    yield text


def filled(text: str, width: int, *, first: str = "", rest: str | None = None) -> list[str]:
    """A sentence on as many lines as it needs, broken between words where that is possible."""
    rest = " " * len(first) if rest is None else rest
    if len(first) + len(text) <= width:
        return [first + text]
    room = max(width - max(len(first), len(rest)), LEAST_ROOM)
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if len(longer) <= room:
            lines[-1] = longer
            continue
        broken = list(pieces(word, room))
        lines[-1:] = broken if not lines[-1] else [lines[-1], *broken]
    return [(rest if index else first) + line for index, line in enumerate(lines)]
