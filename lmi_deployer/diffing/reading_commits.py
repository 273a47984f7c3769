"""Which commit a revision means: itself, or where the other side parted from it."""

from __future__ import annotations

from lmi_deployer.diffing.reading_git import Commit
from lmi_deployer.edges.git import SHOWN_DIGITS, Repository
from lmi_deployer.edges.git_refs import short


def merge_base(repository: Repository, revision: str, other: str) -> tuple[Commit, list[str]]:
    """Where a revision and another one parted, with notes. Raises InputError for none."""
    tip, end = repository.resolve(revision), repository.resolve(other)
    name = short(revision)
    bases = repository.merge_bases(tip, end, names=(name, short(other)))
    notes = []
    if len(bases) > 1:
        notes.append(f"{name} and {short(other)} have {len(bases)} merge bases; this is the first")
    if bases[0] == tip:
        return Commit(oid=tip, name=named(revision, tip)), notes
    digits = bases[0][:SHOWN_DIGITS]
    notes.append(f"{name} is at {tip[:SHOWN_DIGITS]}; it parted from {short(other)} at {digits}")
    return Commit(oid=bases[0], name=f"merge base of {name} ({digits})"), notes


def exactly(repository: Repository, revision: str) -> Commit:
    """The commit of a revision itself."""
    oid = repository.resolve(revision)
    return Commit(oid=oid, name=named(revision, oid))


def named(revision: str, oid: str) -> str:
    """`main (1a2b3c4d)`; the digits alone where the revision is nothing else."""
    digits = oid[:SHOWN_DIGITS]
    return digits if oid.startswith(revision) else f"{short(revision)} ({digits})"
