"""The locks beside the profiles of both sides, and which models they say something else about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from lmi_deployer.diffing.reading_files import Entry, Side
from lmi_deployer.findings import Finding, ProfileError
from lmi_deployer.lockfile import LOCK_NAME, Lock, LockedModel


@dataclass(frozen=True, kw_only=True)
class FoundLock:
    """What lies beside a profile under the name of the lock."""

    entry: Entry | None = None
    """None where there is none, which is no problem."""
    lock: Lock | None = None
    findings: tuple[Finding, ...] = ()
    """Why it cannot be used."""

    def entries(self, model_id: str) -> tuple[LockedModel, ...]:
        """All that it holds of a model."""
        return () if self.lock is None else tuple(self.lock.of_model(model_id))


NO_LOCK = FoundLock()


class Locks:
    """Reads each lock once; two sides with the same one share it."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, str], FoundLock] = {}
        self._by_content: dict[tuple[str, str], FoundLock] = {}

    def beside(self, side: Side, entry: Entry | None) -> FoundLock:
        """The lock beside a profile of a side."""
        if entry is None:
            return NO_LOCK
        folder = entry.place.rpartition("/")[0]
        key = (id(side), folder)
        if key not in self._found:
            self._found[key] = self._read(side, side.beside(entry, LOCK_NAME))
        return self._found[key]

    def _read(self, side: Side, entry: Entry | None) -> FoundLock:
        if entry is None:
            return NO_LOCK
        for content in entry.ids:
            known = self._by_content.get((content, entry.file))
            if known is not None and known.entry is not None and known.entry.is_same(entry):
                return known
        found = _parsed(side, entry)
        self._by_content.update({(content, entry.file): found for content in entry.ids})
        return found


def _parsed(side: Side, entry: Entry) -> FoundLock:
    from lmi_deployer.locking.parsing import parse, refused

    try:
        text = side.text(entry)
    except ProfileError as error:
        finding = error.findings[0]
        return FoundLock(entry=entry, findings=refused(finding.place, finding.problem).findings)
    try:
        return FoundLock(entry=entry, lock=parse(text, entry.file))
    except ProfileError as error:
        return FoundLock(entry=entry, findings=error.findings)


@dataclass(frozen=True, kw_only=True)
class LockChange:
    """What two locks say otherwise."""

    models: frozenset[str] | None
    """Ids of the models that they hold other facts of; None where every profile has to look."""

    def may_reach(self, text: str) -> bool:
        """False where a profile surely names none of these models.

        A model's id stands in the text as it is, unless an escape of YAML spells it.
        """
        if self.models is None:
            return True
        return bool(self.models) and ("\\" in text or any(name in text for name in self.models))


def lock_change(before: FoundLock, after: FoundLock) -> LockChange:
    """What the locks beside a profile say otherwise on the later side.

    One that appears or goes says something of every model: that it holds them, or does not.
    """
    if before.entry is None and after.entry is None:
        return LockChange(models=frozenset())
    if before.entry is not None and after.entry is not None and before.entry.is_same(after.entry):
        return LockChange(models=frozenset())
    if before.lock is None or after.lock is None:
        return LockChange(models=None)
    earlier, later = _by_model(before.lock), _by_model(after.lock)
    names = earlier.keys() | later.keys()
    return LockChange(
        models=frozenset(name for name in names if earlier.get(name) != later.get(name))
    )


def _by_model(lock: Lock) -> Mapping[str, list[LockedModel]]:
    found: defaultdict[str, list[LockedModel]] = defaultdict(list)
    for entry in lock.models:
        found[entry.model_id].append(entry)
    return found
