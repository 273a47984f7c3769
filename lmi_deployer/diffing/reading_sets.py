"""Files on both sides: which ones are touched, which only counted, and what they come to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from lmi_deployer.diffing.matching import FilePair, Matched, match
from lmi_deployer.diffing.pairing import Pair
from lmi_deployer.diffing.reading_files import Entry, Side, quietly
from lmi_deployer.diffing.reading_git import (
    HEAD,
    TreeSide,
    WorkTreeSide,
    exactly,
    moved_from,
)
from lmi_deployer.diffing.reading_places import OfFiles, Place, Places, find_places
from lmi_deployer.diffing.reading_profiles import Hardware, ProfileReader, no_such_hardware
from lmi_deployer.diffing.touched import Sorting
from lmi_deployer.errors import InputError
from lmi_deployer.profile import API_VERSION

if TYPE_CHECKING:
    from lmi_deployer.diffing.reading import Asked, Sides

OUR_MARK = API_VERSION.partition("/")[0] + "/"
"""In the apiVersion of every profile, whatever its version."""


def read_sets(a: OfFiles | None, b: OfFiles | None, asked: Asked) -> Sides:
    """Both sides, where both are files. Raises InputError."""
    from lmi_deployer.diffing.reading import Sides

    places = find_places(a, b, asked)
    hardware = _hardware(places, asked)
    reader = ProfileReader(
        before=places.before.side,
        after=places.after.side,
        region=asked.region,
        hardware=hardware,
        overrides=asked.overrides,
        account=asked.live,
    )
    matched = _matched(places)
    touched = Sorting(reader).sorted_out(matched)
    notes = [*places.notes, *_uncommitted(places), *touched.notes]
    return Sides(
        before=places.before.side.name,
        after=places.after.side.name,
        pairs=_walked(reader, touched.files, places, notes),
        unchanged_files=touched.unchanged,
        unread=reader.unread,
        notes=notes,
    )


def _hardware(places: Places, asked: Asked) -> Hardware:
    """What an operand names goes before -p, and for the other side too where that names none."""
    before, after = places.before.hardware, places.after.hardware
    if before is None and after is None:
        return Hardware(before=asked.names, after=asked.names)
    named = before or after
    assert named is not None
    return Hardware(before=(before or named,), after=(after or named,))


def _walked(
    reader: ProfileReader, files: tuple[FilePair, ...], places: Places, notes: list[str]
) -> Iterator[Pair]:
    """The pairs of all files; then what was asked for and not there."""
    try:
        yield from reader.pairs(files)
    finally:
        if places.opened is not None:
            places.opened.blobs.close()
    asked = dict.fromkeys((*reader.hardware.before, *reader.hardware.after))
    missing = [name for name in asked if name not in reader.met]
    if missing and reader.known:
        if places.before.key is not None or places.after.key is not None:
            raise no_such_hardware(missing[0], reader.known)
        notes.append(f"no file that differs has a hardware profile {', '.join(missing)}")


def _matched(places: Places) -> Matched:
    """The files of both sides; one pair alone where a file is named."""
    before, after = places.before, places.after
    if before.key is not None and after.key is not None:
        pair = _file(before), _file(after)
        is_same = pair[0].is_same(pair[1]) and _hardware_is_same(before, after)
        return Matched(same=(pair,) if is_same else (), pairs=() if is_same else (pair,))
    found, later = _profiles(before, places), _profiles(after, places)
    if not found and not later:
        problem = f"there are no profiles at {before.side.name} or {after.side.name}"
        raise InputError(problem, fix="--profiles with the folder that holds them")
    if later.keys() - found.keys() and _is_git(before.side) and _is_git(after.side):
        found = {**_moved(places, later), **found}
    matched = match(found, later, quietly(before.side), quietly(after.side))
    pairs = tuple(pair for pair in matched.pairs if not _is_elsewhere(pair, places))
    matched = Matched(same=matched.same, pairs=pairs)
    key = before.key or after.key
    return matched if key is None else _only(matched, key, is_before=before.key is not None)


def _hardware_is_same(before: Place, after: Place) -> bool:
    named = before.hardware is not None and after.hardware is not None
    return not named or before.hardware == after.hardware


def _file(place: Place) -> Entry:
    """The file that is named. Raises InputError where it is not there."""
    assert place.key is not None
    found = place.side.file(place.key)
    if found is None:
        raise InputError(f"there is no {place.key} at {place.side.name}", fix="a path that exists")
    return found


def _profiles(place: Place, places: Places) -> dict[str, Entry]:
    found = dict(place.side.profiles())
    if place.key is not None:
        found[place.key] = _file(place)
    if places.is_whole_folder:
        return found
    text = quietly(place.side)
    return {key: entry for key, entry in found.items() if OUR_MARK in (text(entry) or "")}


def _is_git(side: Side) -> bool:
    return isinstance(side, TreeSide | WorkTreeSide)


def _moved(places: Places, later: Mapping[str, Entry]) -> dict[str, Entry]:
    """Profiles of other folders that are there no more, and may have come into this one."""
    before, after = places.before.side, places.after.side
    assert isinstance(before, TreeSide | WorkTreeSide)
    assert isinstance(after, TreeSide | WorkTreeSide)
    text = quietly(before)
    found = moved_from(before, after)
    return {
        key: entry
        for key, entry in found.items()
        if key not in later and OUR_MARK in (text(entry) or "")
    }


def _is_elsewhere(pair: FilePair, places: Places) -> bool:
    """Whether a file of another folder is gone, which nobody asked about."""
    before, after = pair
    if after is not None or before is None or not isinstance(places.before.side, TreeSide):
        return False
    return not places.before.side.is_in_folder(before.key)


def _only(matched: Matched, key: str, *, is_before: bool) -> Matched:
    """The pair of one file."""

    def is_it(pair: FilePair) -> bool:
        entry = pair[0] if is_before else pair[1]
        return entry is not None and entry.key == key

    return Matched(
        same=tuple(filter(is_it, matched.same)), pairs=tuple(filter(is_it, matched.pairs))
    )


def _uncommitted(places: Places) -> Iterator[str]:
    """How many profiles of the work tree are not as the last commit has them."""
    side = places.after.side
    if not isinstance(side, WorkTreeSide) or places.opened is None:
        return
    commit = exactly(places.opened.repository, HEAD)
    last = TreeSide(places.opened, commit, side.folder).profiles()
    now = side.profiles()
    asked = {places.after.key} if places.after.key else last.keys() | now.keys()
    keys = [
        key for key in asked if key not in last or key not in now or not last[key].is_same(now[key])
    ]
    if keys:
        files = "file differs" if len(keys) == 1 else "files differ"
        yield f"{len(keys)} profile {files} in the work tree from the last commit"
