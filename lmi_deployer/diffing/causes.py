"""Why a value changed, and which line to look at."""

from __future__ import annotations

from lmi_deployer.diffing.comparison import Cause
from lmi_deployer.diffing.snapshot import Item, Source
from lmi_deployer.findings import Place

WRITTEN: tuple[Source, ...] = ("override", "profile", "lock", "deployed")
"""Sources that somebody changed, the one that weighs most first; the rest are answers."""
_CAUSES: dict[Source, Cause] = {
    "override": "override",
    "profile": "profile",
    "lock": "lock",
    "deployed": "deployed",
}


def written_cause(before: Item | None, after: Item | None) -> Cause | None:
    """The cause of a value that somebody wrote, on either side; None for an answer."""
    found = _weightiest(before, after)
    return None if found is None else _CAUSES[found]


def is_input_changed(before: Item | None, after: Item | None) -> bool:
    """Whether somebody wrote a value that differs, or an `auto` that is on one side only.

    An answer has a place where a line leaves it open; `auto` can mean another than no line at all.
    """
    if written_cause(before, after) is not None:
        return True
    places = [item.place for item in (before, after) if item is not None and item.place is not None]
    return len(places) == 1


def answer_cause(*, is_input_changed: bool) -> Cause:
    """The cause of a value that nobody wrote.

    Where the inputs are the same on both sides, only what answers them can be another: the catalog,
    or the rules of another version of lmi-deploy.
    """
    return "derived" if is_input_changed else "catalog"


def place_of(before: Item | None, after: Item | None) -> Place | None:
    """The line that says it: on the later side, or on the earlier one where it went away."""
    found = _weightiest(before, after)
    sides = [item for item in (after, before) if item is not None]
    if found is not None:
        sides.sort(key=lambda item: item.source != found)
    return next((item.place for item in sides if item.place is not None), None)


def _weightiest(before: Item | None, after: Item | None) -> Source | None:
    sources = {item.source for item in (before, after) if item is not None}
    return next((source for source in WRITTEN if source in sources), None)
