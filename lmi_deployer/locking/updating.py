"""Which models of a lock are asked for, what came of it, and what moved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from lmi_deployer.errors import LmiDeployError, MissingExtraError
from lmi_deployer.findings import Finding
from lmi_deployer.lockfile import LATEST, Key, Lock, LockedModel
from lmi_deployer.locking.checkpoint import CheckpointError
from lmi_deployer.locking.checks import contradictions, contradictions_in
from lmi_deployer.locking.wanted import Wanted

Kind = Literal["added", "moved", "kept", "removed"]
_DATE = "checked"
"""Not a fact of the model: facts that are as they were keep their day."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What became of one model of a lock."""

    kind: Kind
    before: LockedModel | None
    after: LockedModel | None

    @property
    def title(self) -> str:
        """The model in words."""
        entry = self.after or self.before
        return entry.title if entry else ""

    def moved(self) -> Iterator[tuple[str, Any, Any]]:
        """Every fact that is another now: its name, before and after."""
        if self.before is None or self.after is None:
            return
        before, after = (dict(_flat(asdict(entry))) for entry in (self.before, self.after))
        for name in [*before, *(name for name in after if name not in before)]:
            if before.get(name) != after.get(name) and name != _DATE:
                yield name, before.get(name), after.get(name)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A model whose facts could not be had."""

    wanted: Wanted
    error: LmiDeployError

    @property
    def finding(self) -> Finding | None:
        """What is wrong with the model, where it is the model and not the way to it."""
        if not isinstance(self.error, CheckpointError):
            return None
        item = self.wanted
        return Finding.error(
            self.error.code,
            self.error.problem,
            place=item.place,
            key=item.written_as,
            fix=self.error.fix,
        )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of every model of a lock, in the order of the file."""

    changes: tuple[Change, ...]
    failures: tuple[Failure, ...]
    not_asked: tuple[Wanted, ...] = ()
    """Models that were left alone after the way to them had failed for another."""
    doubted: tuple[Finding, ...] = ()
    """What cannot be true of models whose facts were taken."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that is wrong with models, rather than with the way to them."""
        failed = (failure.finding for failure in self.failures)
        return (*(finding for finding in failed if finding is not None), *self.doubted)

    def applied_to(self, models: Iterable[LockedModel]) -> tuple[LockedModel, ...]:
        """These entries with the changes made, whoever changed the others meanwhile."""
        entries = {entry.key: entry for entry in models}
        for change in self.changes:
            if change.kind != "kept" and change.before is not None:
                entries.pop(change.before.key, None)
        for change in self.changes:
            if change.kind != "kept" and change.after is not None:
                entries[change.after.key] = change.after
        return tuple(entries.values())


def update(
    wanted: Mapping[Key, Wanted],
    lock: Lock | None,
    *,
    ask: Callable[[Wanted], LockedModel],
    is_asked_again: Callable[[LockedModel], bool],
    is_whole_folder: bool,
) -> Outcome:
    """Ask for what the lock lacks and for what is to be asked again, and compare.

    A model whose facts cannot be had keeps the entry it has. When the way to the models fails,
    rather than one model, the rest of them that take this way are not tried.
    """
    lock = lock or Lock(file="")
    run = _Run(ask)
    changes: dict[Key, Change] = {}
    named = set()
    for item in wanted.values():
        old = lock.entry(item.key)
        if old is not None:
            named.add(old.key)
        change = None if old is None else _compared(old, replace(old, requested=item.requested))
        if old is None or is_asked_again(old):
            entry = run.asked(item)
            change = change if entry is None else _compared(old, entry)
        if change is not None:
            changes[item.key] = change
    if is_whole_folder:
        for entry in lock.models:
            if entry.key not in named:
                changes[entry.key] = Change(kind="removed", before=entry, after=None)
    return Outcome(
        changes=tuple(change for _, change in sorted(changes.items())),
        failures=tuple(run.failures),
        not_asked=tuple(run.not_asked),
        doubted=tuple(run.doubted),
    )


class _Run:
    """Asks for one model after the other, as long as the way to them is open."""

    def __init__(self, ask: Callable[[Wanted], LockedModel]) -> None:
        self._ask = ask
        self._closed: set[bool] = set()
        self.failures: list[Failure] = []
        self.not_asked: list[Wanted] = []
        self.doubted: list[Finding] = []

    def asked(self, item: Wanted) -> LockedModel | None:
        """The facts of a model, or None where they could not be had."""
        way = item.source is None  # to the hub, and not to a copy
        if way in self._closed:
            self.not_asked.append(item)
            return None
        try:
            entry = self._ask(item)
            self.doubted += contradictions(entry, item)
            entry = replace(entry, doubts=(*entry.doubts, *contradictions_in(entry)))
        except MissingExtraError:
            raise
        except LmiDeployError as error:
            self.failures.append(Failure(wanted=item, error=error))
            if not isinstance(error, CheckpointError):
                self._closed.add(way)
            return None
        return entry


def _compared(old: LockedModel | None, new: LockedModel) -> Change:
    if old is None:
        return Change(kind="added", before=None, after=new)
    if replace(new, checked=old.checked) == old:
        return Change(kind="kept", before=old, after=old)
    return Change(kind="moved", before=old, after=new)


def is_open(entry: LockedModel) -> bool:
    """True for facts that nobody has taken from the model itself yet."""
    return entry.facts_from == "catalog"


def can_move(entry: LockedModel) -> bool:
    """True for what may be another today: an open revision, or a copy that can be listed again."""
    if entry.facts_from == "hub":
        return entry.requested == LATEST
    return entry.facts_from in {"s3", "catalog"}


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every fact by its dotted name; lists are one fact each."""
    if isinstance(value, Mapping) and value:
        for key in sorted(value):
            yield from _flat(value[key], f"{name}.{key}" if name else str(key))
    elif value not in (None, {}, [], ()):
        yield name, value
