"""Reasons: counted by kind, and the nearest misses kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.recommending.reasons import NEAREST, TITLES, Kind, Miss, Tally


def miss(shortage: float, machine: str = "1 x A10G") -> Miss:
    return Miss(shortage=shortage, subject="x", detail="y", machine=machine)


@given(st.lists(st.tuples(st.floats(0, 1e12), st.sampled_from("abcdef")), max_size=60))
def test_the_nearest_of_each_machine_stays_whatever_the_order(misses: list[tuple[float, str]]):
    tally = Tally()
    for shortage, machine in misses:
        tally.miss("memory", miss(shortage, machine))
    best: dict[str, float] = {}
    for shortage, machine in misses:
        best[machine] = min(shortage, best.get(machine, shortage))
    group = tally.group("memory")
    kept = [] if group is None else [item.shortage for item in group.nearest]
    assert kept == sorted(best.values())[:NEAREST]
    assert (0 if group is None else group.count) == len(misses)


def test_kinds_are_told_in_one_order_whatever_came_first():
    tally = Tally()
    kinds: tuple[Kind, ...] = ("budget", "memory", "family")
    for kind in kinds:
        tally.discard(kind, "so")
    told = [group.kind for group in tally]
    assert told == [kind for kind in TITLES if kind in kinds]


def test_problems_are_counted_each():
    tally = Tally()
    tally.discard("family", "a", count=3)
    tally.discard("family", "b")
    tally.discard("family", "a", count=2)
    group = tally.group("family")
    assert group is not None
    assert (group.count, group.problems) == (6, {"a": 5, "b": 1})
