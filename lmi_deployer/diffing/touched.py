"""Which files have to be read: those that differ, and those whose models have got other facts."""

from __future__ import annotations

from dataclasses import dataclass

from lmi_deployer.diffing.comparison import Unread
from lmi_deployer.diffing.locks import FoundLock, LockChange, lock_change
from lmi_deployer.diffing.matching import FilePair, Matched, path_of
from lmi_deployer.diffing.reading_files import Entry, quietly
from lmi_deployer.diffing.reading_profiles import ProfileReader, Which


@dataclass(frozen=True, kw_only=True)
class Touched:
    """What came out."""

    files: tuple[FilePair, ...]
    """In the order of their paths."""
    unchanged: int
    """Files that surely come to the same on both sides."""
    notes: tuple[str, ...]


class Sorting:
    """Sorts files of two sides; a lock that cannot be read is told to the reader once."""

    def __init__(self, reader: ProfileReader) -> None:
        self._reader = reader
        self._text = quietly(reader.after)
        self._changes: dict[tuple[int, int], tuple[LockChange, FoundLock, FoundLock]] = {}

    def sorted_out(self, matched: Matched) -> Touched:
        """What has to be read of all files."""
        touched = list(matched.pairs)
        unchanged, untold = 0, 0
        notes = []
        for before, after in matched.same:
            change = self._change(before, after)
            if change is None:
                untold += 1
            elif after.problem is None and self._is_reached(change, after):
                touched.append((before, after))
            else:
                unchanged += 1
        for pair in matched.pairs:
            if pair[0] is not None and pair[1] is not None:
                self._change(*pair)
        if untold:
            files = "file is" if untold == 1 else "files are"
            notes.append(f"{untold} {files} the same, but a lock beside them cannot be read")
        touched.sort(key=path_of)
        return Touched(files=tuple(touched), unchanged=unchanged, notes=tuple(notes))

    def _is_reached(self, change: LockChange, entry: Entry) -> bool:
        if self._reader.overrides:
            return True
        if change.models is not None and not change.models:
            return False
        text = self._text(entry)
        return text is not None and change.may_reach(text)

    def _change(self, before: Entry | None, after: Entry | None) -> LockChange | None:
        """What the locks beside a file say otherwise; None where that cannot be told."""
        locks = self._reader.locks
        earlier = locks.beside(self._reader.before, before)
        later = locks.beside(self._reader.after, after)
        key = (id(earlier), id(later))
        if key not in self._changes:
            self._changes[key] = lock_change(earlier, later), earlier, later
            self._note_unread(earlier, later)
        change = self._changes[key][0]
        is_untold = change.models is None and bool(earlier.findings or later.findings)
        return None if is_untold else change

    def _note_unread(self, before: FoundLock, after: FoundLock) -> None:
        if before is after:
            return  # as it was before: nothing of it is new
        sides: tuple[tuple[Which, FoundLock], ...] = (("before", before), ("after", after))
        for side, lock in sides:
            if lock.findings and lock.entry is not None:
                unread = Unread(name=lock.entry.file, side=side, findings=lock.findings)
                self._reader.unread.append(unread)
