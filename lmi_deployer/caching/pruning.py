"""Which engines of a cache may go, and why the others stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lmi_deployer.caching.entries import Entry

DAY_SECONDS = 24 * 3600
TO_TELL = "`cache verify --deep --record` tells whether it is whole"


@dataclass(frozen=True, kw_only=True)
class Criteria:
    """What `cache prune` was asked to remove of what is complete: what meets all that are given."""

    older_than_seconds: int | None = None
    keep: int | None = None
    """So many of each model stay: the newest."""
    is_unused: bool = False
    """Only what no endpoint serves from."""

    @property
    def is_any(self) -> bool:
        """True where complete engines may go at all."""
        return self.older_than_seconds is not None or self.keep is not None or self.is_unused


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether one engine goes, and why."""

    entry: Entry
    goes: bool
    reason: str


def decide(
    entries: Sequence[Entry], criteria: Criteria, used: Mapping[str, Sequence[str]], now: float
) -> list[Verdict]:
    """What becomes of every engine of a cache. `used` names the endpoints that serve from it.

    Nothing goes that an endpoint serves from, or that somebody may be writing.
    """
    kept = _newest(entries, criteria.keep)
    return [_verdict(entry, criteria, used.get(entry.name, ()), kept, now) for entry in entries]


def _verdict(
    entry: Entry, criteria: Criteria, endpoints: Sequence[str], kept: set[str], now: float
) -> Verdict:
    busy = _busy(entry, now)
    if endpoints:
        return Verdict(entry=entry, goes=False, reason=f"used by {', '.join(endpoints)}")
    if not entry.files:
        return Verdict(entry=entry, goes=False, reason=entry.problem or entry.state)
    if busy is not None:
        return Verdict(entry=entry, goes=False, reason=busy)
    if entry.state != "complete" and not entry.is_rewritten:
        reason = entry.problem or f"{entry.state}, and nobody writes it"
        return Verdict(entry=entry, goes=True, reason=reason)
    return _of_complete(entry, criteria, kept, now)


def _of_complete(entry: Entry, criteria: Criteria, kept: set[str], now: float) -> Verdict:
    age = now - entry.made_seconds
    if not criteria.is_any:
        reason = f"{entry.problem}; {TO_TELL}" if entry.is_rewritten else entry.state
        return Verdict(entry=entry, goes=False, reason=reason)
    if criteria.older_than_seconds is not None and age <= criteria.older_than_seconds:
        return Verdict(entry=entry, goes=False, reason="not old enough")
    if entry.name in kept:
        reason = f"one of the {criteria.keep} newest of its model"
        return Verdict(entry=entry, goes=False, reason=reason)
    reasons = ["unused"] if criteria.is_unused else []
    reasons += ["older than asked for"] if criteria.older_than_seconds is not None else []
    reasons += [f"{criteria.keep} newer ones of its model"] if criteria.keep is not None else []
    return Verdict(entry=entry, goes=True, reason=", ".join(reasons))


def _busy(entry: Entry, now: float) -> str | None:
    """Why somebody may still be writing an engine; None where nobody can be.

    A job on SageMaker writes nothing while it compiles, so what it was told of its time counts.
    """
    if entry.claim is not None and entry.claim.is_live(now):
        return f"being written by {entry.claim.owner}"
    if entry.state == "complete":
        return None
    if now - entry.newest_seconds <= DAY_SECONDS + entry.job_seconds:
        return f"{entry.state}, and may be under way"
    return None


def _newest(entries: Sequence[Entry], keep: int | None) -> set[str]:
    """Names of the newest whole engines of each model."""
    models: dict[object, list[Entry]] = {}
    for entry in entries:
        if entry.state == "complete" and entry.manifest is not None:
            models.setdefault(entry.manifest.inputs.get("model_id"), []).append(entry)
    return {
        entry.name
        for group in models.values()
        for entry in sorted(group, key=lambda item: item.made_seconds, reverse=True)[: keep or 0]
    }
