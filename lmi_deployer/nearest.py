"""The nearest of the allowed names, for error messages."""

from __future__ import annotations

from collections.abc import Iterable

LISTED_AT_MOST = 12


def nearest(name: str, allowed: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The allowed name that is nearly the given one, if any is. `cutoff` is difflib's."""
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(allowed), n=1, cutoff=cutoff)
    return near[0] if near else None


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """A fix that offers the nearest allowed name, or lists the allowed ones when none is near."""
    choices = sorted(allowed)
    near = nearest(name, choices)
    if near is not None:
        return f"did you mean {near!r}?"
    listed = ", ".join(choices[:LISTED_AT_MOST])
    more = len(choices) - LISTED_AT_MOST
    return f"one of {listed}" + (f" and {more} more" if more > 0 else "")
