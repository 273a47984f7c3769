"""Every value that differs between two snapshots, with why, where and what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lmi_deployer.diffing.causes import answer_cause, is_input_changed, place_of, written_cause
from lmi_deployer.diffing.comparison import Cause, Change
from lmi_deployer.diffing.deployed_changes import Sides, sides_of
from lmi_deployer.diffing.hiding import hidden_item, hidden_place
from lmi_deployer.diffing.snapshot import INSTANCES, RUNNING_INSTANCES, Item, Snapshot
from lmi_deployer.impact import Part, impact_of
from lmi_deployer.render import as_text
from lmi_deployer.secrets import redacted


def changes_of(
    before: Snapshot,
    after: Snapshot,
    names: Mapping[Part, tuple[str, ...]],
    parts: frozenset[Part],
) -> tuple[Change, ...]:
    """Every value that differs, most costly first, then by key.

    `names` has what differs between the two deployments, `parts` what deploying would change.

    What differs between the deployments and follows from no value that does (another rule, another
    template, other weights under the same name) is told as it is deployed.
    """
    is_decided = before.is_decided and after.is_decided
    found = dict(_values(before, after) if is_decided else _scaled(before, after))
    reached = frozenset[Part]().union(*(_reached(sides) for sides in found.values()))
    for part in names:
        if part not in reached:
            found.update(sides_of(part, names[part], before, after))
    has_other_inputs = before.title != after.title
    has_other_inputs |= any(is_input_changed(*sides) for sides in found.values())
    changes = []
    for key, sides in found.items():
        cause: Cause = written_cause(*sides) or answer_cause(is_input_changed=has_other_inputs)
        change = Change(
            key=redacted(key),
            before=hidden_item(key, sides[0]),
            after=hidden_item(key, sides[1]),
            cause=cause if is_decided else "deployed",
            place=hidden_place(place_of(*sides)),
            impact=impact_of(_reached(sides) & parts),
        )
        changes.append(change)
    return tuple(sorted(changes, key=lambda change: (-change.impact, change.key)))


def _values(before: Snapshot, after: Snapshot) -> Iterator[tuple[str, Sides]]:
    """(key, both sides) of each value that differs as it would be rendered."""
    for key in {**before.values, **after.values}:
        sides = before.values.get(key), after.values.get(key)
        if not _is_same(*sides):
            yield key, sides


def _scaled(before: Snapshot, after: Snapshot) -> Iterator[tuple[str, Sides]]:
    """The instances that run, where somebody scaled what is live: deploying does not undo it."""
    sides = before.values.get(RUNNING_INSTANCES), after.values.get(RUNNING_INSTANCES)
    wanted = before.values.get(INSTANCES), after.values.get(INSTANCES)
    if sides != (None, None):
        yield RUNNING_INSTANCES, (sides[0] or wanted[0], sides[1] or wanted[1])


def _is_same(before: Item | None, after: Item | None) -> bool:
    if before is None or after is None:
        return before is after
    if before.value is after.value and before.unit == after.unit:
        return True
    return (as_text(before.value), before.unit) == (as_text(after.value), after.unit)


def _reached(sides: Sides) -> frozenset[Part]:
    return frozenset[Part]().union(*(item.reaches for item in sides if item is not None))
