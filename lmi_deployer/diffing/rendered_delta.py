"""What differs in serving.properties, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lmi_deployer.diffing.hiding import HIDDEN
from lmi_deployer.diffing.snapshot import Snapshot
from lmi_deployer.secrets import is_secret, redacted


def rendered_delta(
    before: Snapshot | None, after: Snapshot | None, names: tuple[str, ...] | None = None
) -> tuple[str, ...]:
    """`-name=value` and `+name=value`, by name; every line of what is there on one side only.

    `names` are the lines that differ; None for all. Nothing where a side cannot tell its lines.
    """
    sides: list[dict[str, str]] = []
    for side in (before, after):
        if side is None:
            sides.append({})
        elif side.deployed is None or side.deployed.properties is None:
            return ()
        else:
            sides.append(dict(side.deployed.properties))
    every = sorted({*sides[0], *sides[1]}) if names is None else names
    return tuple(line for name in every for line in _lines(name, sides[0], sides[1]))


def _lines(name: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for sign, side in (("-", before), ("+", after)):
        if name in side:
            text = HIDDEN if is_secret(name, side[name]) else redacted(side[name])
            yield f"{sign}{redacted(name)}={text}"
