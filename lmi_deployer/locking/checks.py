"""Whether a lock is about what the profiles beside it ask for; nothing here needs a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from lmi_deployer.findings import Finding, Place, Severity
from lmi_deployer.lockfile import SHOWN_DIGITS, Key, Lock, LockedModel
from lmi_deployer.locking.wanted import Wanted

CODE = "LMI411"
FIX = "`lmi-deploy lock`, or `lmi-deploy lock --offline` without a network"


def checks_of_lock(
    lock: Lock | None,
    *,
    model_id: str,
    revision: str | None,
    source: str | None,
    place: Callable[[str], Place],
) -> Iterator[Finding]:
    """LMI411: what is wrong between one hardware profile and the lock beside it.

    `place` gives the place of a key, as `MergedProfile.place` and `ResolvedSpec.place` do. No lock
    is no problem: the catalog is asked then.
    """
    if lock is None:
        return
    entry = lock.find(model_id, revision=revision, source=source)
    if entry is not None:
        if source is not None and entry.source is None:
            problem = f"{lock.file} holds {model_id} itself, not the copy in {source}"
            yield _finding("note", problem, place("model.source"), key="model.source")
        return
    pinned = sorted({other.commit for other in lock.of_model(model_id) if other.commit})
    if revision is not None and pinned:
        commits = " and ".join(commit[:SHOWN_DIGITS] for commit in pinned)
        problem = f"is {revision[:SHOWN_DIGITS]}, but {lock.file} holds facts of {commits}"
        yield _finding("error", problem, place("model.revision"), key="model.revision")
        return
    others = " with this revision or copy" if any(lock.of_model(model_id)) else ""
    problem = f"{lock.file} does not hold {model_id}{others}"
    yield _finding("warning", problem, place("model.id"), key="model.id")


def contradictions_in(entry: LockedModel) -> tuple[str, ...]:
    """What cannot be true at once of a model, in words. Raises InputError for unusable facts."""
    from lmi_deployer.known_models import from_lock

    shape = from_lock(entry).shape
    return shape.contradictions if shape else ()


def contradictions(entry: LockedModel, wanted: Wanted) -> Iterator[Finding]:
    """LMI413: what cannot be true at once of a model whose facts were just taken."""
    for problem in contradictions_in(entry):
        fix = "look at the checkpoint: it may be cut off, or config.json another model's"
        yield Finding(
            code="LMI413",
            severity="warning",
            problem=f"{entry.model_id}: {problem}",
            place=wanted.place,
            key=wanted.written_as,
            fix=fix,
        )


def staleness(
    lock: Lock, wanted: Mapping[Key, Wanted], *, is_whole_folder: bool
) -> Iterator[Finding]:
    """LMI411: everything that `lock` would change without asking anybody for news.

    `is_whole_folder` says that `wanted` is all that the folder names, so that more is too much.
    """
    for key, item in wanted.items():
        entry = lock.entry(key)
        if entry is None:
            problem = f"{item.title} is not in {lock.file}"
            revised = [other for other in lock.of_model(item.model_id) if other.key != key]
            if revised:
                problem += f", which holds {' and '.join(other.title for other in revised)}"
            yield _finding("error", problem, item.place, key=item.written_as)
        elif entry.facts_from == "catalog" and entry != (now := item.from_catalog()):
            verb = "no longer holds" if now is None else "knows better by now what there is of"
            problem = f"the catalog {verb} {item.title}"
            yield _finding("error", problem, lock.place(entry), key=None)
        elif entry.facts_from != "catalog":
            yield from _untrue(entry, lock)
    if not is_whole_folder:
        return
    named = {entry.key for key in wanted if (entry := lock.entry(key)) is not None}
    for entry in lock.models:
        if entry.key not in named:
            problem = f"no profile names {entry.title} any more"
            yield _finding("error", problem, lock.place(entry), key=None)


def _untrue(entry: LockedModel, lock: Lock) -> Iterator[Finding]:
    """LMI413: what no model can have, and contradictions that nobody noted when it was locked.

    Those that were there then stand among the doubts of the entry: somebody has seen them.
    """
    from lmi_deployer.known_models import from_lock

    facts = from_lock(entry)
    found = [f"config: {wrong}, which no model has" for wrong in facts.impossible]
    found += [text for text in contradictions_in(entry) if text not in entry.doubts]
    for problem in found:
        yield Finding.error(
            "LMI413",
            f"{entry.title}: {problem}",
            place=lock.place(entry),
            fix="take this entry as the last commit has it; or delete it and run `lmi-deploy lock`",
        )


def _finding(severity: Severity, problem: str, place: Place, *, key: str | None) -> Finding:
    return Finding(code=CODE, severity=severity, problem=problem, place=place, key=key, fix=FIX)
