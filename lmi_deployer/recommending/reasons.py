"""Why candidates were discarded: counted by kind, with those that came nearest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "hosting",
    "region",
    "devices",
    "family",
    "quantize",
    "dtype",
    "degree",
    "memory",
    "batch",
    "concurrency",
    "budget",
    "checks",
    "dearer",
]
TITLES: dict[Kind, str] = {
    "hosting": "SageMaker does not host on the machine",
    "region": "there is no image in the region",
    "devices": "the image does not run on the devices",
    "family": "the backend does not serve the model family",
    "quantize": "the backend does not take the weights so",
    "dtype": "backend or GPU do not compute in the dtype",
    "degree": "the degree does not share out the attention heads",
    "memory": "it does not fit",
    "batch": "it fits too tightly to be sure of one request",
    "concurrency": "it holds too few requests at once",
    "budget": "over the budget",
    "checks": "the checks of a profile refuse it",
    "dearer": "the same GPUs as a row above, and not known to be cheaper",
}
"""In the order in which they are told: what money cannot change comes first."""
NEAREST = 3
"""Near misses that are remembered of each kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """One candidate that was discarded, and by how much it missed."""

    shortage: float
    """In the unit of its kind: bytes, dollars or requests; smaller is nearer."""
    subject: str
    """`ml.g5.12xlarge, vllm, degree 4`."""
    detail: str
    """`6.2 GiB too little on each GPU`."""
    machine: str
    """Its devices: of several types around the same ones the nearest is remembered."""
    remedy: str | None = None
    """What would make it do."""


@dataclass(slots=True)
class Group:
    """The discarded candidates of one kind."""

    kind: Kind
    count: int = 0
    problems: dict[str, int] = field(default_factory=dict)
    """What was said, and of how many."""
    nearest: list[Miss] = field(default_factory=list)
    """The nearest misses, one a kind of machine, the nearest first."""

    @property
    def title(self) -> str:
        """The reason in words."""
        return TITLES[self.kind]


class Tally:
    """Counts candidates and collects reasons while a search goes on."""

    def __init__(self) -> None:
        self.seen = 0
        self._groups: dict[Kind, Group] = {}

    def discard(self, kind: Kind, problem: str, *, count: int = 1) -> None:
        """Note candidates that are out for a reason that knows no nearly."""
        group = self._group(kind)
        group.count += count
        group.problems[problem] = group.problems.get(problem, 0) + count

    def miss(self, kind: Kind, miss: Miss) -> None:
        """Note a candidate that is out by an amount."""
        group = self._group(kind)
        group.count += 1
        nearest = group.nearest
        for index, other in enumerate(nearest):
            if other.machine == miss.machine:
                if miss.shortage < other.shortage:
                    nearest[index] = miss
                    nearest.sort(key=_shortage)
                return
        if len(nearest) < NEAREST or miss.shortage < nearest[-1].shortage:
            nearest.append(miss)
            nearest.sort(key=_shortage)
            del nearest[NEAREST:]

    def __iter__(self) -> Iterator[Group]:
        return (self._groups[kind] for kind in TITLES if kind in self._groups)

    def group(self, kind: Kind) -> Group | None:
        """The reasons of one kind, where there are any."""
        return self._groups.get(kind)

    def _group(self, kind: Kind) -> Group:
        return self._groups.setdefault(kind, Group(kind))


def _shortage(miss: Miss) -> float:
    return miss.shortage
