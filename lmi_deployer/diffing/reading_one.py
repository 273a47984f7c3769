"""Sides that are no files of profiles: a saved plan, a bundle, and what is live."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from lmi_deployer.diffing import reading_saved
from lmi_deployer.diffing.comparison import Unread
from lmi_deployer.diffing.locks import Locks
from lmi_deployer.diffing.operands import BundleFolder, File, Folder, Git, Live, Operand, SavedPlan
from lmi_deployer.diffing.pairing import Pair
from lmi_deployer.diffing.reading_files import Entry
from lmi_deployer.diffing.reading_places import OfFiles, Place, single_place
from lmi_deployer.diffing.reading_profiles import (
    Which,
    loaded,
    merged_all,
    no_such_hardware,
    taken,
)
from lmi_deployer.errors import InputError
from lmi_deployer.findings import ProfileError
from lmi_deployer.impact import UNKNOWN

if TYPE_CHECKING:
    from lmi_deployer.diffing.reading import Asked, Sides
    from lmi_deployer.diffing.reading_live import LiveReader
    from lmi_deployer.diffing.snapshot import Snapshot
    from lmi_deployer.hardware import LoadedProfile

Saved = SavedPlan | BundleFolder


def read_one(a: Operand | None, b: Operand | None, asked: Asked) -> Sides:
    """Both sides, where one of them at least is no file of profiles. Raises InputError."""
    if asked.overrides and isinstance(b, Live | SavedPlan | BundleFolder):
        fix = "name the profile last: lmi-deploy diff live FILE --set KEY=VALUE"
        raise InputError("--set is of the later side, which is no profile here", fix=fix)
    match a, b:
        case Live(), Live():
            raise InputError("`live` is the same on both sides", fix="a profile on one of them")
        case Live(), SavedPlan() | BundleFolder():
            sides = _live_and_saved(b, asked, live="before")
        case SavedPlan() | BundleFolder(), Live():
            sides = _live_and_saved(a, asked, live="after")
        case Live(), None | File() | Folder() | Git():
            sides = _live_and_files(b, asked, live="before")
        case None | File() | Folder() | Git(), Live():
            sides = _live_and_files(a, asked, live="after")
        case SavedPlan() | BundleFolder(), SavedPlan() | BundleFolder():
            pair = Pair(before=_saved(a), after=_saved(b))
            sides = _sides(str(a.path), str(b.path), iter([pair]))
        case SavedPlan() | BundleFolder(), None | File() | Folder() | Git():
            sides = _saved_and_files(a, b, asked, saved="before")
        case None | File() | Folder() | Git(), SavedPlan() | BundleFolder():
            sides = _saved_and_files(b, a, asked, saved="after")
        case _:
            raise AssertionError((a, b))  # two sides of files are for reading_sets
    return sides


def _sides(before: str, after: str, pairs: Iterator[Pair]) -> Sides:
    from lmi_deployer.diffing.reading import Sides

    return Sides(before=before, after=after, pairs=pairs)


def _turned(which: Which, name: str, other: str) -> tuple[str, str]:
    """(earlier, later) of two names, the first of which is on that side."""
    return (name, other) if which == "before" else (other, name)


def _pair(which: Which, one: Snapshot | None, other: Snapshot | None) -> Pair:
    """The pair of two snapshots, the first of which is on that side."""
    return Pair(before=one, after=other) if which == "before" else Pair(before=other, after=one)


def _saved(operand: Saved) -> Snapshot:
    if isinstance(operand, SavedPlan):
        return reading_saved.snapshot_of_plan(operand.path)
    return reading_saved.snapshot_of_bundle(operand.path)


def _reader(asked: Asked) -> LiveReader:
    if asked.live is None:
        fix = "credentials of an account, or --sandbox"
        raise InputError("what is live can only be told with an account", fix=fix)
    return asked.live


def _live_name(reader: LiveReader) -> str:
    return f"live in {reader.region}"


def _live_and_files(operand: OfFiles | None, asked: Asked, *, live: Which) -> Sides:
    """Every hardware profile beside its endpoint."""
    reader = _reader(asked)
    place, opened = single_place(operand, asked)
    entries = _entries(place)
    before, after = _turned(live, _live_name(reader), place.side.name)
    sides = _sides(before, after, iter(()))

    def pairs() -> Iterator[Pair]:
        from lmi_deployer.api import check_merged

        names = (place.hardware,) if place.hardware else asked.names
        known: set[str] = set()
        met: set[str] = set()
        locks = Locks()
        try:
            for entry in entries:
                try:
                    profile = loaded(place.side, entry, locks.beside(place.side, entry))
                except ProfileError as error:
                    found = Unread(name=entry.file, side=_other(live), findings=error.findings)
                    sides.unread.append(found)
                    continue
                known.update(profile.hardware_names)
                overrides = asked.overrides if live == "before" else ()
                for name, merged in merged_all(profile, names, overrides).items():
                    met.add(name)
                    wanted, there, problem = reader.pair(check_merged(merged), entry.file)
                    if problem is not None:
                        sides.unread.append(replace(problem, side=live))
                    if there is not None or problem is None:
                        yield _pair(live, there, wanted)
        finally:
            if opened is not None:
                opened.blobs.close()
        for name in names:
            if name not in met and known:
                raise no_such_hardware(name, known)

    sides.pairs = pairs()
    return sides


def _other(which: Which) -> Which:
    return "after" if which == "before" else "before"


def _entries(place: Place) -> list[Entry]:
    if place.key is None:
        found = list(place.side.profiles().values())
        if not found:
            problem = f"there are no profiles at {place.side.name}"
            raise InputError(problem, fix="--profiles with the folder that holds them")
        return found
    entry = place.side.file(place.key)
    if entry is None:
        raise InputError(f"there is no {place.key} at {place.side.name}", fix="a path that exists")
    return [entry]


def _live_and_saved(operand: Saved, asked: Asked, *, live: Which) -> Sides:
    """A saved plan beside the endpoint that it is about."""
    from lmi_deployer.diffing.live_snapshot import live_snapshot
    from lmi_deployer.diffing.reading_live import unread
    from lmi_deployer.importing.looking import look

    reader, snapshot = _reader(asked), _saved(operand)
    deployed = snapshot.deployed
    if deployed is None or deployed.endpoint == UNKNOWN:
        fix = "the profile it was rendered from, or a saved plan"
        raise InputError(f"{operand.path} does not say which endpoint it is for", fix=fix)
    looked = look(deployed.endpoint, reader.aws)
    there = None if looked is None else live_snapshot(looked, snapshot, reader.region)
    pairs = [_pair(live, there, snapshot)] if there is not None or looked is None else []
    sides = _sides(*_turned(live, _live_name(reader), str(operand.path)), iter(pairs))
    if looked is not None and looked.problems:
        findings = tuple(unread(looked.name, error) for error in looked.problems.values())
        sides.unread.append(Unread(name=f"endpoint {looked.name}", side=live, findings=findings))
    return sides


def _saved_and_files(operand: Saved, files: OfFiles | None, asked: Asked, *, saved: Which) -> Sides:
    """A saved plan or a bundle beside the hardware profile that it was made from."""
    snapshot = _saved(operand)
    place, opened = single_place(files, asked)
    try:
        profile = _profile_of(snapshot, place)
    finally:
        if opened is not None:
            opened.blobs.close()
    named = (place.hardware,) if place.hardware else asked.names
    hardware = named[0] if named else snapshot.hardware
    overrides = asked.overrides if saved == "before" else ()
    merged = merged_all(profile, (hardware,), overrides).get(hardware)
    if merged is None:
        raise no_such_hardware(hardware, profile.hardware_names)
    pair = _pair(saved, snapshot, taken(merged, asked.region))
    return _sides(*_turned(saved, str(operand.path), place.side.name), iter([pair]))


def _profile_of(snapshot: Snapshot, place: Place) -> LoadedProfile:
    """The profile that a plan or bundle was made from: the file that is named, else by its name.

    Raises ProfileError for a file that cannot be read, InputError where none has that name.
    """
    locks = Locks()
    name = snapshot.file.rpartition("/")[2]
    entries = sorted(_entries(place), key=lambda entry: entry.file.rpartition("/")[2] != name)
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
