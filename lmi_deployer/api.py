"""The library's front door without an account: read, decide and check profiles.

`live.py` is the other half, which plans and calls. Neither prints, and neither exits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lmi_deployer import checks, lockfile
from lmi_deployer.edges.files import read_text
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, Place, ProfileError, errors_among
from lmi_deployer.hardware import LoadedProfile, MergedProfile, load_profile, merge
from lmi_deployer.lockfile import Lock
from lmi_deployer.resolve import resolve
from lmi_deployer.resources import find_profile
from lmi_deployer.spec import ResolvedSpec

ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What became of one hardware profile: its spec where it could be decided, and findings."""

    title: str
    spec: ResolvedSpec | None
    findings: tuple[Finding, ...]
    lock: Lock | None = None
    """What it was decided with; None where there is no lock beside the profile."""


def read_profile(path: Path) -> LoadedProfile:
    """The profile in a file, with the lock beside it.

    Raises InputError, or ProfileError with all that is wrong with either.
    """
    loaded = load_profile(read_text(path), str(path))
    return replace(loaded, lock=lockfile.read_beside(path))


def parse_profile(text: str, file: str, lock: Lock | None) -> LoadedProfile:
    """The profile in a text that somebody else has read, with the lock beside it there.

    Raises ProfileError with all that is wrong with it.
    """
    return replace(load_profile(text, file), lock=lock)


def check(loaded: LoadedProfile, hardware: str, overrides: Sequence[str] = ()) -> Checked:
    """One hardware profile, decided and checked; problems are findings, not exceptions."""
    try:
        merged = merge(loaded, hardware, overrides)
    except ProfileError as error:
        title = f"{loaded.profile.name} / {hardware}"
        return Checked(title=title, spec=None, findings=error.findings)
    return check_merged(merged)


def check_merged(merged: MergedProfile) -> Checked:
    """The same for one with all that it inherits."""
    title = f"{merged.name} / {merged.hardware}"
    try:
        spec = resolve(merged)
    except ProfileError as error:
        return Checked(title=title, spec=None, findings=error.findings)
    findings = (*checks.check(spec), *_of_lock(merged.lock, spec))
    return Checked(title=title, spec=spec, findings=findings, lock=merged.lock)


def _of_lock(lock: Lock | None, spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI411: a lock beside the profile that is about other weights."""
    weights = spec.weights
    if lock is None or lock.find(
        weights.model_id, revision=weights.revision, source=weights.source
    ):
        return
    from lmi_deployer.locking.checks import checks_of_lock

    yield from checks_of_lock(
        lock,
        model_id=weights.model_id,
        revision=weights.revision,
        source=weights.source,
        place=spec.place,
    )


def check_file(path: Path, overrides: Sequence[str] = ()) -> tuple[Checked, ...]:
    """Every hardware profile of a file; one entry without a spec when the file cannot be read."""
    try:
        loaded = read_profile(path)
    except ProfileError as error:
        return (Checked(title=str(path), spec=None, findings=error.findings),)
    except InputError as error:
        place = Place(str(path))
        found = Finding.error("LMI001", error.problem, place=place, fix=error.fix)
        return (Checked(title=str(path), spec=None, findings=(found,)),)
    checked = [check(loaded, hardware, overrides) for hardware in loaded.hardware_names]
    clashes = tuple(same_names([item.spec for item in checked if item.spec is not None]))
    if clashes:
        checked.append(Checked(title=str(path), spec=None, findings=clashes))
    return tuple(checked)


def same_names(specs: Sequence[ResolvedSpec]) -> Iterator[Finding]:
    """LMI501: hardware profiles that would fight over one endpoint."""
    first: dict[str, ResolvedSpec] = {}
    for spec in specs:
        other = first.setdefault(spec.endpoint.name, spec)
        if other is not spec:
            problem = f"{other.hardware} and {spec.hardware} both deploy as {spec.endpoint.name}"
            fix = "a name for each of them, or none: the default names differ"
            place, key = spec.place("endpoint.name"), "endpoint.name"
            yield Finding.error("LMI501", problem, place=place, key=key, fix=fix)


def decide(
    model: str, hardware: Iterable[str], overrides: Sequence[str] = ()
) -> list[tuple[ResolvedSpec, tuple[Finding, ...]]]:
    """The specs of the named hardware profiles of a model, with findings that stop nothing.

    As `check_model` says.
    """
    checked = check_model(model, hardware, overrides)
    return [(item.spec, item.findings) for item in checked if item.spec is not None]


def check_model(
    model: str, hardware: Iterable[str], overrides: Sequence[str] = ()
) -> list[Checked]:
    """The named hardware profiles of a model, each with a spec and the lock it was decided with.

    `model` is a profile's name or path; `hardware` may hold "all", and may be empty when the
    profile has one only. Raises InputError or ProfileError when any of them has an error.
    """
    loaded = read_profile(find_profile(model))
    checked = [check(loaded, name, overrides) for name in _selected(loaded, hardware)]
    errors = [finding for item in checked for finding in errors_among(item.findings)]
    errors += same_names([item.spec for item in checked if item.spec is not None])
    if errors:
        raise ProfileError(dict.fromkeys(errors))
    return checked


def _selected(loaded: LoadedProfile, hardware: Iterable[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(hardware))
    if ALL in names:
        return loaded.hardware_names
    if names:
        return names
    if len(loaded.hardware_names) == 1:
        return loaded.hardware_names
    listed = ", ".join(loaded.hardware_names)
    raise InputError(
        f"{loaded.profile.name} has several hardware profiles",
        fix=f"--profile with one of {listed}, or all",
    )
