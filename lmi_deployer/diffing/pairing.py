"""Which hardware profile of one side is which of the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from lmi_deployer.diffing.snapshot import Snapshot
from lmi_deployer.impact import UNKNOWN

SAME_MACHINE = ("instance_type", "model.id", "backend")
"""Values by which a hardware profile with another name and another endpoint is known again."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One hardware profile on both sides; at least one of them is there."""

    before: Snapshot | None
    after: Snapshot | None
    file_before: str | None = None
    """Where the file had another name."""
    notes: tuple[str, ...] = ()
    """What is known of this pair alone, each a sentence without its full stop."""
    is_missing_live: bool = False
    """True where the side that is not there is an account: nothing of the other is deployed."""


def paired(
    before: Sequence[Snapshot], after: Sequence[Snapshot], file_before: str | None = None
) -> list[Pair]:
    """The hardware profiles of one file: those of the later side in their order, then what is gone.

    By name; of the rest by the endpoint, which is then renamed; of the rest by machine, model and
    backend, where just one on each side has them.
    """
    partner: dict[int, Snapshot] = {}
    left, right = list(before), list(after)
    for mark in (_name, _endpoint, _machine):
        earlier, later = _unique(left, mark), _unique(right, mark)
        for value in earlier.keys() & later.keys():
            partner[id(later[value])] = earlier[value]
        taken = {id(side) for side in partner.values()}
        left = [side for side in left if id(side) not in taken]
        right = [side for side in right if id(side) not in partner]
    pairs = [
        Pair(
            before=partner.get(id(side)),
            after=side,
            file_before=file_before if id(side) in partner else None,
        )
        for side in after
    ]
    return pairs + [Pair(before=side, after=None) for side in left]


def _unique(
    sides: Sequence[Snapshot], mark: Callable[[Snapshot], Hashable | None]
) -> dict[Hashable, Snapshot]:
    """Those that alone have their mark, by it."""
    marks = [mark(side) for side in sides]
    counts = Counter(marks)
    return {
        value: side
        for value, side in zip(marks, sides, strict=True)
        if value is not None and counts[value] == 1
    }


def _name(side: Snapshot) -> Hashable | None:
    return side.hardware


def _endpoint(side: Snapshot) -> Hashable | None:
    if side.deployed is None or side.deployed.endpoint == UNKNOWN:
        return None
    return side.deployed.endpoint


def _machine(side: Snapshot) -> Hashable | None:
    items = [side.values.get(key) for key in SAME_MACHINE]
    return None if None in items else tuple(item.value for item in items if item is not None)
