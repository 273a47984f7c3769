"""Compares snapshots. Pure: everything that could be looked up stands in them already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from lmi_deployer.diffing.changes import changes_of
from lmi_deployer.diffing.comparison import Change, Comparison, ProfileDiff, Status, Unread
from lmi_deployer.diffing.deployed_changes import differing
from lmi_deployer.diffing.findings_delta import findings_delta
from lmi_deployer.diffing.hiding import hidden, hidden_finding, hidden_unread
from lmi_deployer.diffing.notes import (
    is_taken_over,
    notes_of_added,
    notes_of_both,
    notes_of_removed,
    notes_of_undeployed,
    taken_over,
)
from lmi_deployer.diffing.pairing import Pair, paired
from lmi_deployer.diffing.rendered_delta import rendered_delta
from lmi_deployer.diffing.snapshot import Snapshot
from lmi_deployer.impact import (
    UNKNOWN,
    Deployed,
    Impact,
    Part,
    changed_names,
    changed_parts,
    impact_of,
)
from lmi_deployer.secrets import redacted

__all__ = ["Pair", "compare", "compare_all", "paired"]


def compare(pair: Pair) -> ProfileDiff:
    """What became of one hardware profile, and what that costs. At least one side is there.

    Nothing in the answer holds a secret. Of what is equal, nothing but the name is kept.
    """
    before, after = pair.before, pair.after
    if before is not None and after is not None:
        return _compare_both(pair, before, after)
    if after is not None:
        notes = notes_of_undeployed(after) if pair.is_missing_live else notes_of_added(after)
        return _one_sided(pair, after, "added", _impact_of_adding(after), notes)
    assert before is not None
    if pair.is_missing_live:  # as beside what is live: what bringing it there does
        turned = replace(pair, before=None, after=before)
        notes = notes_of_undeployed(before)
        return _one_sided(turned, before, "added", _impact_of_adding(before), notes)
    notes = notes_of_removed(before)
    return _one_sided(pair, before, "removed", Impact.REPLACE_ENDPOINT, notes)


def compare_all(
    pairs: Iterable[Pair],
    *,
    before: str,
    after: str,
    unchanged_files: int = 0,
    unread: Sequence[Unread] = (),
    notes: Sequence[str] = (),
) -> Comparison:
    """All pairs, in their order.

    `pairs` is walked once, so that snapshots of what is equal need not be in memory together, and
    `unread` and `notes` are taken afterwards: reading the pairs may add to them. An endpoint that
    one hardware profile had and another one takes is INCOMPATIBLE: `plan` refuses it.
    """
    owners: dict[str, str] = {}
    diffs: list[ProfileDiff] = []
    for pair in pairs:
        if pair.before is not None and pair.before.deployed is not None:
            owners.setdefault(pair.before.deployed.endpoint, redacted(pair.before.title))
        diffs.append(compare(pair))
    return Comparison(
        before=redacted(before),
        after=redacted(after),
        profiles=tuple(taken_over(diff, owners) for diff in diffs),
        unchanged_files=unchanged_files,
        unread=tuple(map(hidden_unread, unread)),
        notes=_told(*notes),
    )


def _impact_of_adding(side: Snapshot) -> Impact:
    deployed = side.deployed
    if deployed is None or side.is_refused:
        return Impact.INCOMPATIBLE
    is_compiled = deployed.engine not in {None, UNKNOWN} and deployed.is_compiled_ahead
    if is_compiled and not deployed.is_engine_ready:
        return Impact.RECOMPILE
    return Impact.NEW_ENDPOINT_CONFIG


def _one_sided(
    pair: Pair, side: Snapshot, status: Status, impact: Impact, notes: tuple[str, ...]
) -> ProfileDiff:
    """What is there on one side only: its values are not changes, its lines and findings are."""
    before, after = hidden(pair.before), hidden(pair.after)
    findings = tuple(map(hidden_finding, side.findings))
    return ProfileDiff(
        profile=redacted(side.profile),
        hardware=redacted(side.hardware),
        file=redacted(side.file),
        file_before=pair.file_before and redacted(pair.file_before),
        status=status,
        impact=impact,
        before=before,
        after=after,
        appeared=findings if status == "added" else (),
        gone=findings if status == "removed" else (),
        rendered=rendered_delta(before, after),
        notes=_told(*notes, *pair.notes),
    )


def _compare_both(pair: Pair, before: Snapshot, after: Snapshot) -> ProfileDiff:
    changes: tuple[Change, ...] = ()
    parts: frozenset[Part] = frozenset()
    lines: tuple[str, ...] = ()
    if before.deployed is not None and after.deployed is not None:
        names = _names(before, after)
        lines = names.get(Part.FILES, ())
        parts = _parts(before, after)
        changes = changes_of(before, after, names, parts)
    found = findings_delta(before, after)
    status = _status(before, after, is_same=not (changes or found.appeared or found.gone))
    standing = () if status == "equal" else found.standing
    return ProfileDiff(
        profile=redacted(after.profile),
        hardware=redacted(after.hardware),
        file=redacted(after.file),
        file_before=_file_before(pair, before, after),
        status=status,
        impact=Impact.NONE if status == "equal" else _impact(before, after, parts),
        changes=changes,
        before=None if status == "equal" else hidden(before),
        after=None if status == "equal" else hidden(after),
        appeared=tuple(map(hidden_finding, found.appeared)),
        gone=tuple(map(hidden_finding, found.gone)),
        standing=tuple(map(hidden_finding, standing)),
        rendered=rendered_delta(before, after, lines),
        notes=_told(*notes_of_both(before, after), *pair.notes),
    )


def _told(*notes: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(redacted, notes)))


def _file_before(pair: Pair, before: Snapshot, after: Snapshot) -> str | None:
    """`old.yaml#g5` where the file or the hardware profile had another name."""
    name = pair.file_before
    if before.is_decided and after.is_decided and before.file != after.file:
        name = name or before.file
    if before.hardware != after.hardware:
        name = f"{name or before.file}#{before.hardware}"
    return name and redacted(name)


def _wanted(before: Snapshot, after: Snapshot) -> tuple[Snapshot, Snapshot]:
    """(what is there, what would be deployed over it): the later side, if a profile decides it."""
    is_turned = before.is_decided and not after.is_decided
    return (after, before) if is_turned else (before, after)


def _names(before: Snapshot, after: Snapshot) -> Mapping[Part, tuple[str, ...]]:
    """What differs of each part: whichever way round, unless only one side is a profile's.

    What is live may hold more than a profile asks for, and a plan leaves that as it is.
    """
    if before.is_decided == after.is_decided:
        return differing(*_deployed(before, after))
    return changed_names(*_deployed(*_wanted(before, after)))


def _parts(before: Snapshot, after: Snapshot) -> frozenset[Part]:
    """What deploying would change."""
    return changed_parts(*_deployed(*_wanted(before, after)))


def _deployed(before: Snapshot, after: Snapshot) -> tuple[Deployed, Deployed]:
    assert before.deployed is not None
    assert after.deployed is not None
    return before.deployed, after.deployed


def _impact(before: Snapshot, after: Snapshot, parts: frozenset[Part]) -> Impact:
    _, wanted = _wanted(before, after)
    if wanted.deployed is None or wanted.is_refused or is_taken_over(before, after):
        return Impact.INCOMPATIBLE
    if before.deployed is None or after.deployed is None:
        return _impact_of_adding(wanted)
    return impact_of(parts)


def _status(before: Snapshot, after: Snapshot, *, is_same: bool) -> Status:
    if before.deployed is None or after.deployed is None:
        return "equal" if is_same and _is_refused_alike(before, after) else "unknown"
    if not is_same or is_taken_over(before, after):
        return "changed"
    return "equal" if _can_tell(before.deployed, after.deployed) else "unknown"


def _is_refused_alike(before: Snapshot, after: Snapshot) -> bool:
    """Whether both sides stop at the very same places, so that nothing about them differs."""
    both_stop = before.deployed is None and after.deployed is None
    return both_stop and before.findings == after.findings


def _can_tell(before: Deployed, after: Deployed) -> bool:
    """False where lines or machines of an endpoint could not be read; a bundle has no machines."""
    if (before.properties is None) != (after.properties is None):
        return False
    if UNKNOWN in {before.endpoint, after.endpoint}:
        return True
    return (before.endpoint_config is None) == (after.endpoint_config is None)
