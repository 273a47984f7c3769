"""The nearest of the allowed names, for error messages."""

from __future__ import annotations

from collections.abc import Iterable

LISTED_AT_MOST = 12


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """A fix that offers the nearest allowed name, or lists the allowed ones when none is near."""
    from difflib import get_close_matches

    choices = sorted(allowed)
    near = get_close_matches(name, choices, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    listed = ", ".join(choices[:LISTED_AT_MOST])
    more = len(choices) - LISTED_AT_MOST
    return f"one of {listed}" + (f" and {more} more" if more > 0 else "")
