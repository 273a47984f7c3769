"""Files on both sides: which ones are touched, which only counted, and what they come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from lmi_deployer.diffing.locks import NO_LOCK
from lmi_deployer.diffing.matching import FilePair, Matched, match
from lmi_deployer.diffing.pairing import Pair
from lmi_deployer.diffing.reading import Asked, Sides
from lmi_deployer.diffing.reading_commits import exactly
from lmi_deployer.diffing.reading_files import Entry, Side, quietly
from lmi_deployer.diffing.reading_git import TreeSide, WorkTreeSide, moved_from
from lmi_deployer.diffing.reading_places import NO_PROFILES, OUR_MARK, Place, Places, find_places
from lmi_deployer.diffing.reading_profiles import Hardware, ProfileReader, loaded, no_such_hardware
from lmi_deployer.diffing.reading_spots import OfFiles
from lmi_deployer.diffing.touched import Sorting
from lmi_deployer.diffing.wording import listed
from lmi_deployer.edges.git_refs import HEAD
from lmi_deployer.errors import InputError
from lmi_deployer.findings import ProfileError


def read_sets(a: OfFiles | None, b: OfFiles | None, asked: Asked) -> Sides:
    """Both sides, where both are files. Raises InputError."""
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
        pairs=_walked(reader, touched.files, matched.same, places, notes),
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
    reader: ProfileReader,
    files: Sequence[FilePair],
    same: Sequence[tuple[Entry, Entry]],
    places: Places,
    notes: list[str],
) -> Iterator[Pair]:
    """The pairs of all files; then what was asked for and not met, which may be in the others.

    Raises InputError for a hardware profile that is in no file.
    """
    try:
        yield from reader.pairs(files)
        asked = dict.fromkeys((*reader.hardware.before, *reader.hardware.after))
        missing = [name for name in asked if name not in reader.met]
        unchanged = [after for _, after in same]
        for name in missing:
            if not reader.unread and not _may_hold(reader.after, unchanged, name):
                names = (_names_in(reader.after, entry) or () for entry in unchanged)
                raise no_such_hardware(name, reader.known.union(*names))
    finally:
        places.before.close()
        places.after.close()
    if missing and places.before.key is None and places.after.key is None:
        notes.append(f"no file that differs has a hardware profile {', '.join(missing)}")


def _may_hold(side: Side, entries: Iterable[Entry], hardware: str) -> bool:
    """Whether a hardware profile is in any of these files; what cannot be read may hold it.

    Only those whose text holds its name are parsed.
    """
    for entry in entries:
        text = quietly(side)(entry) or ""
        if hardware in text or "\\" in text:
            names = _names_in(side, entry)
            if names is None or hardware in names:
                return True
    return False


def _names_in(side: Side, entry: Entry) -> tuple[str, ...] | None:
    """The hardware profiles of a file; None where it cannot be read."""
    try:
        return loaded(side, entry, NO_LOCK).hardware_names
    except ProfileError:
        return None


def _matched(places: Places) -> Matched:
    """The files of both sides; one pair alone where a file is named."""
    before, after = places.before, places.after
    if before.key is not None and after.key is not None:
        pair = before.named(), after.named()
        is_same = pair[0].is_same(pair[1]) and _hardware_is_same(before, after)
        return Matched(same=(pair,) if is_same else (), pairs=() if is_same else (pair,))
    found, later = _profiles(before), _profiles(after)
    if not found and not later:
        problem = f"there are no profiles in {before.looked_in}, nor in {after.looked_in}"
        raise InputError(problem, fix=NO_PROFILES)
    for place, held in ((before, found), (after, later)):
        if not held:
            places.notes.append(f"there are no profiles in {place.looked_in}")
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


def _profiles(place: Place) -> dict[str, Entry]:
    """All profile files of a side, and the one that is named, whatever it is called."""
    named = {} if place.key is None else {place.key: place.named()}
    return {**place.profiles(), **named}


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
    """Profiles of the work tree that no commit has, where the comparison holds commits as well.

    Beside the last commit itself, everything that differs is what is not committed.
    """
    before, after = places.before.side, places.after.side
    if places.after.opened is None or not isinstance(after, WorkTreeSide):
        return
    commit = exactly(places.after.opened.repository, HEAD)
    if not isinstance(before, TreeSide) or before.commit.oid == commit.oid:
        return
    last = TreeSide(places.after.opened, commit, after.folder).profiles()
    now = after.profiles()
    asked = {places.after.key} if places.after.key else last.keys() | now.keys()
    names = [
        (now.get(key) or last[key]).file
        for key in sorted(asked & (last.keys() | now.keys()))
        if key not in last or key not in now or not _is_committed(last[key], now[key])
    ]
    if names:
        yield f"not committed yet: {listed(names)}"


def _is_committed(last: Entry, now: Entry) -> bool:
    """Whether a file is as its commit has it, as far as can be told."""
    return last.is_same(now) or (last.problem is not None and last.problem == now.problem)
