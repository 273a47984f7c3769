"""Saved plans and bundles, beside each other or beside the profiles that they were made from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from lmi_deployer.diffing import reading_saved
from lmi_deployer.diffing.comparison import Unread
from lmi_deployer.diffing.locks import Locks
from lmi_deployer.diffing.operands import BundleFolder, BundleTree, SavedPlan
from lmi_deployer.diffing.pairing import Pair
from lmi_deployer.diffing.reading import Asked, Sides
from lmi_deployer.diffing.reading_one_side import entries_of, every_merged, overrides_of
from lmi_deployer.diffing.reading_places import Place, single_place
from lmi_deployer.diffing.reading_profiles import (
    Which,
    loaded,
    looked_up,
    merged_all,
    no_such_hardware,
    opposite,
    turned,
)
from lmi_deployer.diffing.reading_spots import OfFiles
from lmi_deployer.diffing.snapshot import Snapshot
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, ProfileError
from lmi_deployer.findings import Place as Line
from lmi_deployer.hardware import LoadedProfile

Kept = SavedPlan | BundleFolder | BundleTree


def snapshot_of(operand: SavedPlan | BundleFolder, *, beside_a_profile: bool = False) -> Snapshot:
    """What one saved plan or bundle holds; see snapshot_of_plan. Raises InputError."""
    if isinstance(operand, SavedPlan):
        return reading_saved.snapshot_of_plan(operand.path, beside_a_profile=beside_a_profile)
    return reading_saved.snapshot_of_bundle(operand.path)


def read_kept(a: Kept, b: Kept) -> Sides:
    """Two that are kept: one beside one as they are, more of them by their titles."""
    unread: list[Unread] = []
    earlier, later = _snapshots(a, "before", unread), _snapshots(b, "after", unread)
    if isinstance(a, BundleTree) or isinstance(b, BundleTree):
        pairs = list(_by_titles(earlier, later))
    else:
        pairs = [Pair(before=earlier[0], after=later[0])]
    return Sides(before=str(a.path), after=str(b.path), pairs=iter(pairs), unread=unread)


def _by_titles(earlier: Iterable[Snapshot], later: Iterable[Snapshot]) -> Iterator[Pair]:
    waiting = _by_title(earlier)
    for side in later:
        yield Pair(before=_next(waiting, side.title), after=side)
    for side in _rest(waiting):
        yield Pair(before=side, after=None)


def read_kept_beside_files(
    operand: Kept, files: OfFiles | None, asked: Asked, *, kept: Which
) -> Sides:
    """What is kept, on that side, beside the hardware profiles that it was made from."""
    place = single_place(files, asked)
    unread: list[Unread] = []
    if isinstance(operand, BundleTree):
        pairs = _tree_beside_files(operand, place, asked, kept, unread)
    else:
        pairs = iter([_one_beside_files(operand, place, asked, kept, unread)])
    before, after = turned(kept, str(operand.path), place.side.name)
    return Sides(before=before, after=after, pairs=pairs, unread=unread)


def _one_beside_files(
    operand: SavedPlan | BundleFolder, place: Place, asked: Asked, kept: Which, unread: list[Unread]
) -> Pair:
    snapshot = snapshot_of(operand, beside_a_profile=asked.live is None)
    try:
        profile = _profile_of(snapshot, place)
    finally:
        place.close()
    named = (place.hardware,) if place.hardware else asked.names
    hardware = named[0] if named else snapshot.hardware
    side = opposite(kept)
    merged = merged_all(profile, (hardware,), overrides_of(asked, side)).get(hardware)
    if merged is None:
        raise no_such_hardware(hardware, profile.hardware_names)
    other = looked_up(merged, asked.region, asked.live, side, unread)
    before, after = turned(kept, snapshot, other)
    return Pair(before=before, after=after)


def _tree_beside_files(
    tree: BundleTree, place: Place, asked: Asked, kept: Which, unread: list[Unread]
) -> Iterator[Pair]:
    """Each hardware profile and its bundle; then bundles of none, unless one file is named."""
    names = (place.hardware,) if place.hardware else asked.names
    bundles = _snapshots(tree, kept, unread)
    waiting = _by_title(side for side in bundles if not names or side.hardware in names)
    profiles = set()
    for merged in every_merged(place, asked, opposite(kept), unread):
        profiles.add(merged.name)
        bundle = _next(waiting, f"{merged.name} / {merged.hardware}")
        other = looked_up(merged, asked.region, asked.live, opposite(kept), unread)
        before, after = turned(kept, bundle, other)
        yield Pair(before=before, after=after)
    for side in _rest(waiting):
        if place.key is None or side.profile in profiles:
            before, after = turned(kept, side, None)
            yield Pair(before=before, after=after)


def _snapshots(operand: Kept, side: Which, unread: list[Unread]) -> list[Snapshot]:
    """All that is kept; of a folder of bundles, those that cannot be read are noted."""
    if not isinstance(operand, BundleTree):
        return [snapshot_of(operand)]
    found = []
    for folder in operand.bundles:
        try:
            found.append(reading_saved.snapshot_of_bundle(folder))
        except InputError as error:
            unread.append(Unread(name=str(folder), side=side, findings=(_unusable(folder, error),)))
    return found


def _unusable(folder: Path, error: InputError) -> Finding:
    return Finding.error("LMI001", error.problem, place=Line(str(folder)), fix=error.fix)


def _by_title(sides: Iterable[Snapshot]) -> dict[str, list[Snapshot]]:
    """Snapshots by what they are of; of one hardware profile there may be several."""
    found: defaultdict[str, list[Snapshot]] = defaultdict(list)
    for side in sides:
        found[side.title].append(side)
    return dict(found)


def _next(waiting: dict[str, list[Snapshot]], title: str) -> Snapshot | None:
    """The next one with this title, which then waits no more."""
    sides = waiting.get(title)
    return sides.pop(0) if sides else None


def _rest(waiting: dict[str, list[Snapshot]]) -> Iterator[Snapshot]:
    """Those that still wait."""
    return (side for sides in waiting.values() for side in sides)


def _profile_of(snapshot: Snapshot, place: Place) -> LoadedProfile:
    """The profile that a plan or bundle was made from: the file that is named, else by its name.

    Raises ProfileError for a file that cannot be read, InputError where none has that name.
    """
    locks = Locks()
    name = snapshot.file.rpartition("/")[2]
    entries = sorted(entries_of(place), key=lambda entry: entry.file.rpartition("/")[2] != name)
    for entry in entries:
        try:
            profile = loaded(place.side, entry, locks.beside(place.side, entry))
        except ProfileError:
            if place.key is not None:
                raise
            continue
        if place.key is not None or profile.profile.name == snapshot.profile:
            return profile
    problem = f"{place.side.name} holds no profile {snapshot.profile!r} that can be read"
    raise InputError(problem, fix="name its file")
