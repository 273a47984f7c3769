"""Colors for people who read on a terminal."""

from __future__ import annotations

from collections.abc import Callable

Paint = Callable[[str, str], str]
"""Colors a text: `paint("ok", "green")`."""


def plain(text: str, _color: str) -> str:
    """The text as it is, for output that is not a terminal."""
    return text
