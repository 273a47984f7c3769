"""Reads pairs of profile files, and takes the snapshots of their hardware profiles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeVar

from lmi_deployer.diffing.comparison import Unread
from lmi_deployer.diffing.locks import FoundLock, Locks
from lmi_deployer.diffing.matching import FilePair
from lmi_deployer.diffing.pairing import Pair, paired
from lmi_deployer.diffing.reading_files import Entry, Side
from lmi_deployer.diffing.text_diffs import text_diff
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, ProfileError
from lmi_deployer.hardware import OVERRIDE_FILE
from lmi_deployer.nearest import did_you_mean

if TYPE_CHECKING:
    from lmi_deployer.diffing.reading_live import LiveReader
    from lmi_deployer.diffing.snapshot import Snapshot
    from lmi_deployer.hardware import LoadedProfile, MergedProfile

Which = Literal["before", "after"]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Which hardware profiles of a file are asked for; all of them where none is named."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def is_other(self) -> bool:
        """True where one hardware profile is compared with one that has another name."""
        return len(self.before) == len(self.after) == 1 and self.before != self.after


@dataclass(kw_only=True)
class ProfileReader:
    """Reads files of two sides, and gathers what could not be read."""

    before: Side
    after: Side
    region: str
    hardware: Hardware
    overrides: tuple[str, ...] = ()
    """`--set`, of the later side."""
    locks: Locks = field(default_factory=Locks)
    unread: list[Unread] = field(default_factory=list)
    met: set[str] = field(default_factory=set)
    """Hardware profiles that were there, on either side, of those that were asked for."""
    known: set[str] = field(default_factory=set)
    """All hardware profiles of what was read."""
    account: LiveReader | None = None
    """Looks into the caches of engines; None where nobody asked for that."""

    def pairs(self, files: Sequence[FilePair]) -> Iterator[Pair]:
        """The hardware profiles of all files, one file after the other."""
        for before, after in files:
            yield from self._pairs_of(before, after)

    def _pairs_of(self, before: Entry | None, after: Entry | None) -> Iterator[Pair]:
        lock_before = self.locks.beside(self.before, before)
        lock_after = self.locks.beside(self.after, after)
        old = self._loaded(self.before, before, lock_before)
        new = self._loaded(self.after, after, lock_after)
        if isinstance(old, tuple) or isinstance(new, tuple):
            self._note_unread(before, after, old, new)
            return
        was = before.file if before and after and before.key != after.key else None
        merged_before = merged_all(old, self.hardware.before, ())
        merged_after = merged_all(new, self.hardware.after, self.overrides)
        self.met |= merged_before.keys() | merged_after.keys()
        self.known |= {name for item in (old, new) if item for name in item.hardware_names}
        snapshots: dict[str, Snapshot] = {}
        later = []
        for name, merged in merged_after.items():
            snapshot = self._taken(merged, "after")
            later.append(snapshot)
            other = merged_before.get(name)
            if other is not None and _is_equal(other, merged, lock_before, lock_after):
                is_moved = other.file != merged.file
                snapshots[name] = replace(snapshot, file=other.file) if is_moved else snapshot
        earlier = [
            snapshots.get(name) or self._taken(merged, "before")
            for name, merged in merged_before.items()
        ]
        if self.hardware.is_other:
            for names, found in ((self.hardware.before, earlier), (self.hardware.after, later)):
                if not found:
                    raise no_such_hardware(names[0], self.known)
            yield Pair(before=earlier[0], after=later[0], file_before=was)
            return
        yield from paired(earlier, later, was)

    def _taken(self, merged: MergedProfile, side: Which) -> Snapshot:
        return looked_up(merged, self.region, self.account, side, self.unread)

    def _loaded(
        self, side: Side, entry: Entry | None, lock: FoundLock
    ) -> LoadedProfile | tuple[Finding, ...] | None:
        """The profile in a file; what is wrong with it or its lock; None where there is no file."""
        if entry is None:
            return None
        try:
            return loaded(side, entry, lock)
        except ProfileError as error:
            return error.findings

    def _note_unread(self, before: Entry | None, after: Entry | None, *found: object) -> None:
        """What is wrong with either side, and with the last of them the difference as text."""
        sides: tuple[tuple[Which, Entry | None], ...] = (("before", before), ("after", after))
        unread = [
            Unread(name=entry.file, side=side, findings=problems)
            for (side, entry), problems in zip(sides, found, strict=True)
            if entry is not None and isinstance(problems, tuple)
        ]
        unread[-1] = replace(unread[-1], text_diff=self._text_diff(before, after))
        self.unread += unread

    def _text_diff(self, before: Entry | None, after: Entry | None) -> tuple[str, ...]:
        if before is None or after is None:
            return ()
        try:
            old, new = self.before.text(before), self.after.text(after)
        except ProfileError:
            return ()
        return text_diff(old, new, file_before=before.file, file_after=after.file)


def taken(merged: MergedProfile, region: str) -> Snapshot:
    """What a hardware profile comes to."""
    from lmi_deployer.api import check_merged
    from lmi_deployer.diffing.taking import take

    return take(
        check_merged(merged),
        region=region,
        profile=merged.name,
        hardware=merged.hardware,
        file=merged.file,
    )


def looked_up(
    merged: MergedProfile,
    region: str,
    account: LiveReader | None,
    side: Which,
    unread: list[Unread],
) -> Snapshot:
    """The same, with what the cache of its engines holds where an account is to be asked.

    What of the account could not be read is added to `unread`.
    """
    if account is None:
        return taken(merged, region)
    from lmi_deployer.api import check_merged
    from lmi_deployer.diffing.live_wanted import WantedReader

    reader = WantedReader(account.aws, account.region)
    wanted = reader.wanted(check_merged(merged), merged.file, None)
    if wanted.problems:
        name = f"{merged.name} / {merged.hardware}"
        unread.append(Unread(name=name, side=side, findings=wanted.problems))
    return wanted.snapshot


def opposite(which: Which) -> Which:
    """The other side."""
    return "after" if which == "before" else "before"


def turned(which: Which, one: T, other: T) -> tuple[T, T]:
    """(earlier, later) of two things, the first of which is on that side."""
    return (one, other) if which == "before" else (other, one)


def loaded(side: Side, entry: Entry, lock: FoundLock) -> LoadedProfile:
    """The profile in a file. Raises ProfileError, with what is wrong with it or with its lock."""
    from lmi_deployer.api import parse_profile

    if lock.findings:
        raise ProfileError(lock.findings)
    return parse_profile(side.text(entry), entry.file, lock.lock)


def no_such_hardware(name: str, known: Iterable[str]) -> InputError:
    """The error for a hardware profile that is in none of the files."""
    problem = f"there is no hardware profile {name!r} in what is compared"
    return InputError(problem, fix=did_you_mean(name, known))


def merged_all(
    loaded: object, hardware: Sequence[str], overrides: Sequence[str]
) -> Mapping[str, MergedProfile]:
    """Each hardware profile that is asked for, with all that it inherits.

    Raises ProfileError for an override that is wrong: nothing else can be, in a valid profile.
    """
    from lmi_deployer.hardware import LoadedProfile, merge

    if not isinstance(loaded, LoadedProfile):
        return {}
    names = [name for name in loaded.hardware_names if not hardware or name in hardware]
    return {name: merge(loaded, name, overrides) for name in names}


def _is_equal(
    before: MergedProfile, after: MergedProfile, lock_before: FoundLock, lock_after: FoundLock
) -> bool:
    """Whether both surely come to the same: all that is written, and all that is locked of it.

    What is written is compared by its paths as well: a value that a default repeats is written.
    """
    if before.name != after.name or before.settings != after.settings:
        return False
    if before.origins.keys() != after.origins.keys() or _overrides(before) or _overrides(after):
        return False
    if lock_before is lock_after:
        return True
    model_id = str(after.get("model.id"))
    has_lock = (lock_before.lock is None) == (lock_after.lock is None)
    return has_lock and lock_before.entries(model_id) == lock_after.entries(model_id)


def _overrides(merged: MergedProfile) -> bool:
    return any(origin.place.file == OVERRIDE_FILE for origin in merged.origins.values())
