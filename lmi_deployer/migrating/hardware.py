"""Carries one hardware profile over to another version: which backend, and with which settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydantic import ValidationError

from lmi_deployer import checks
from lmi_deployer.catalog.rows import Backend, Container
from lmi_deployer.findings import Finding, ProfileError, errors_among
from lmi_deployer.hardware import MergedProfile
from lmi_deployer.migrating import facts, raw, steps
from lmi_deployer.migrating.draft import Draft
from lmi_deployer.migrating.flat import Flat
from lmi_deployer.migrating.notes import notes, recompile
from lmi_deployer.migrating.outcome import Carried, Note, Refusal
from lmi_deployer.render import properties
from lmi_deployer.resolve import resolve
from lmi_deployer.spec import ResolvedSpec

VERSION = ("container", "version")
BACKEND = ("backend",)
STEPS: tuple[Callable[[Draft], None], ...] = (
    steps.sections,
    steps.quantization,
    steps.shared,
    raw.raw_options,
)
"""Each notes what stands in its way, so that all of it is told at once."""


def carry(
    merged: MergedProfile, written: Flat, target: Container, drops: frozenset[str]
) -> tuple[Draft | None, list[Refusal]]:
    """The draft of one hardware profile at the target, or why there is none.

    `written` is what the hardware profile has of each setting; `drops` are keys that may go.
    """
    try:
        old = resolve(merged)
        found = checks.check(old)
    except ProfileError as error:
        found = error.findings
    if errors_among(found):
        where = f"on LMI {merged.get('container.version')}, where it is now: "
        return None, [_as_refusal(item, merged, where) for item in errors_among(found)]
    candidates, refusal = _backends(old, merged, target)
    if refusal is not None:
        return None, [refusal]
    first: list[Refusal] = []
    for backend in candidates:
        draft = Draft(
            merged=merged,
            old=old,
            target=target,
            backend=backend,
            drops=drops,
            wanted={**written, VERSION: target.version},
            found_before=found,
        )
        _fill(draft)
        if not draft.refusals:
            return draft, []
        first = first or draft.refusals
    return None, first


def outcome(draft: Draft) -> Carried:
    """What a hardware profile that is carried over comes to."""
    old, new = draft.old, draft.decided()
    before, after = properties(old), properties(new)
    told = (*draft.notes, *_new_warnings(draft), *notes(old, new))
    return Carried(
        hardware=old.hardware,
        from_version=old.container.version,
        from_backend=old.backend,
        backend=new.backend,
        changes=tuple(draft.changes),
        notes=tuple(told),
        recompile=recompile(old, new),
        removed={key: before[key] for key in before if before[key] != after.get(key)},
        added={key: after[key] for key in after if after[key] != before.get(key)},
    )


def _new_warnings(draft: Draft) -> Iterator[Note]:
    """What the checks warn of at the target and did not warn of before."""
    known = {(item.code, item.key) for item in draft.found_before}
    for item in draft.found:
        if item.severity == "warning" and (item.code, item.key) not in known:
            text = f"{item.key}: {item.problem} ({item.code})"
            yield Note(severity="change", text=text, advice=item.fix)


def _backends(
    old: ResolvedSpec, merged: MergedProfile, target: Container
) -> tuple[tuple[Backend, ...], Refusal | None]:
    """The backends to try, the best first; or why there is none."""
    if old.backend in target.backends or is_left_open(merged):
        return (old.backend,), None
    row = facts.successor(old.backend, target.version)
    known = tuple(backend for backend in row.to if backend in target.backends) if row else ()
    if known:
        return known, None
    problem = f"LMI {target.version} has no {old.backend}"
    problem += f": {row.why}" if row else ""
    refusal = Refusal(
        hardware=merged.hardware,
        key="backend",
        problem=problem,
        fix=row.instead if row else f"backend: one of {', '.join(target.backends)}, by hand",
    )
    return (), refusal


def is_left_open(merged: MergedProfile) -> bool:
    """Whether the profile leaves its backend to the rules."""
    return merged.get("backend") in {None, steps.AUTO}


def _fill(draft: Draft) -> None:
    """Take the settings over, and note what stands in the way."""
    try:
        _choose_backend(draft)
        for step in STEPS:
            step(draft)
        if not draft.refusals:
            steps.pins(draft)
            _check(draft)
    except ProfileError as error:
        draft.refusals += [_as_refusal(item, draft.merged) for item in error.findings]
    except ValidationError as error:
        for detail in error.errors():
            key = ".".join(map(str, detail["loc"]))
            draft.refuse(key, f"on {draft.where}: {detail['msg']}", "change it by hand first")


def _choose_backend(draft: Draft) -> None:
    """Write another backend down, unless the profile leaves the choice to rules."""
    if is_left_open(draft.merged):
        draft.backend = draft.decided().backend
        if draft.backend != draft.old.backend:
            text = f"backend: the rules choose {draft.backend} (before: {draft.old.backend})"
            draft.notes.append(Note(severity="change", text=text))
    elif draft.backend != draft.old.backend:
        row = facts.successor(draft.old.backend, draft.target.version)
        assert row is not None  # no other backend is tried without one
        draft.set(BACKEND, draft.backend, row.why, row.source)


def _check(draft: Draft) -> None:
    """Refuse what is not sound at the target."""
    draft.found = checks.check(draft.decided())
    draft.refusals += [_as_refusal(item, draft.merged) for item in errors_among(draft.found)]


def _as_refusal(finding: Finding, merged: MergedProfile, where: str = "") -> Refusal:
    return Refusal(
        hardware=merged.hardware,
        key=finding.key or "container.version",
        problem=f"{where}{finding.problem} ({finding.code})",
        fix=finding.fix,
    )
