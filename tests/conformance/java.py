"""How Java reads numbers and switches, and what it means when the server does not start Python."""

from __future__ import annotations

import re


class RejectedByServerError(Exception):
    """The Java part refuses the settings, so that no Python process starts."""


class BeyondTheOracleError(Exception):
    """The settings choose a handler whose libraries the image may not have."""


def java_int(text: str, key: str) -> int:
    """Integer.parseInt: a sign and decimal digits of any script, within 32 bits, nothing else.

    Raises RejectedByServerError for any other text.
    """
    if re.fullmatch(r"[+-]?\d+", text) and -(2**31) <= int(text) < 2**31:
        return int(text)
    raise RejectedByServerError(f'NumberFormatException: For input string: "{text}" ({key})')


def java_bool(text: str | None) -> bool:
    """Boolean.parseBoolean: false for everything but `true` in any case."""
    return text is not None and text.lower() == "true"
