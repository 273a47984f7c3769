"""The profiles that live endpoints are compared with, as they are now or at a revision."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lmi_deployer import api
from lmi_deployer.diffing.locks import Locks
from lmi_deployer.diffing.reading_files import Entry, LocalFolder, Side
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, ProfileError
from lmi_deployer.hardware import LoadedProfile, load_profile, merge
from lmi_deployer.resolving.endpoint import endpoint_name
from lmi_deployer.resources import shipped_profiles

OWN = Path("profiles")
"""Where profiles are looked for by name."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """One profile file, or why it cannot be read."""

    file: str
    loaded: LoadedProfile | None
    findings: tuple[Finding, ...] = ()

    @property
    def name(self) -> str:
        """Of the profile; of one that cannot be read, what its file is called."""
        return Path(self.file).stem if self.loaded is None else self.loaded.profile.name

    def endpoint(self, hardware: str) -> str | None:
        """What a hardware profile deploys as; None where that cannot be told."""
        if self.loaded is None:
            return None
        try:
            return endpoint_name(merge(self.loaded, hardware))
        except ProfileError:
            return None


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A hardware profile, decided, or the reason for which there is none to compare with."""

    profile: str
    hardware: str
    file: str | None = None
    checked: api.Checked | None = None
    problem: str | None = None
    """As a sentence without its full stop."""
    is_broken: bool = False
    """True where a file holds it, and has to be mended before it says what should run."""
    moved_to: str | None = None
    """The endpoint that it deploys as now, where the one that is looked at has another name."""
    heir: Subject | None = None
    """The hardware profile that deploys as the endpoint that is looked at, where this one does not
    any more."""

    @property
    def title(self) -> str:
        """`llama2-70b / p4d`."""
        return f"{self.profile} / {self.hardware}"


@dataclass(frozen=True, kw_only=True)
class Profiles:
    """All profiles of one place."""

    where: str
    """In words: `profiles`, `profiles at main (1a2b3c4d)`."""
    held: tuple[Held, ...]
    revision: str | None = None
    """The commit; None for the work tree."""
    has_shipped: bool = False
    """Whether those that come with lmi-deploy count where no other has the name, as for `up`."""

    def subject(self, profile: str, hardware: str) -> Subject:
        """One hardware profile."""
        about = Subject(profile=profile, hardware=hardware)
        named = [held for held in self.held if held.name == profile] or [*self._shipped(profile)]
        if len(named) != 1:
            return replace(about, problem=self._unnamed(profile, named))
        (held,) = named
        about = replace(about, file=held.file)
        if held.loaded is None:
            why = f"{held.file} cannot be read: {_first(held.findings)}"
            return replace(about, problem=why, is_broken=True)
        if hardware not in held.loaded.hardware_names:
            return replace(about, problem=f"{held.file} has no hardware profile {hardware}")
        checked = api.check(held.loaded, hardware)
        if checked.spec is None:
            why = _first(checked.findings)
            why = f"{held.file} cannot be decided: {why}"
            return replace(about, problem=why, is_broken=True)
        return replace(about, checked=checked)

    def _unnamed(self, profile: str, named: Sequence[Held]) -> str:
        """Why a name is that of no one profile."""
        if not profile:
            return "its tags name no profile"
        if not named:
            return f"no profile {profile} is in {self.where}"
        files = ", ".join(held.file for held in named)
        return f"several profiles are called {profile}: {files}"

    def endpoints(self) -> Iterator[tuple[str, str, str]]:
        """(endpoint, profile, hardware) of every hardware profile that can be read."""
        for held in self.held:
            for hardware in held.loaded.hardware_names if held.loaded else ():
                endpoint = held.endpoint(hardware)
                if endpoint is not None:
                    yield endpoint, held.name, hardware

    def named(self, name: str) -> Held | None:
        """The profile of a name, or in a file of that name; None where there is none."""
        own = [held for held in self.held if name in {held.name, held.file}]
        return next(iter([*own, *self._shipped(name)]), None)

    def _shipped(self, name: str) -> Iterator[Held]:
        path = shipped_profiles().get(name) if self.has_shipped else None
        if path is not None:
            side = LocalFolder(path.parent, "lmi-deploy")
            yield from _held(side, [side.file(path.name)])


def _first(findings: Sequence[Finding]) -> str:
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    found = findings[0]
    return f"{found.place}: {found.problem}{more}"


def in_work_tree(places: Iterable[Path], *, has_shipped: bool) -> Profiles:
    """The profiles of some files and folders as they are now. Raises InputError."""
    places = list(places)
    held: list[Held] = []
    for place in places:
        is_folder = place.is_dir()
        if not is_folder and not place.exists():
            if place == OWN:
                continue  # nobody named it
            raise InputError(f"there is no {place}", fix="a folder of profiles, or a profile")
        side = LocalFolder(place if is_folder else place.parent, str(place))
        entries = side.profiles().values() if is_folder else [side.file(place.name)]
        held += _held(side, entries)
    where = ", ".join(map(str, places))
    return Profiles(where=where, held=tuple(held), has_shipped=has_shipped)


def at_revision(places: Iterable[Path], revision: str, *, has_shipped: bool) -> Profiles:
    """The same as they are at a git revision. Raises InputError."""
    from lmi_deployer.diffing.reading_git import Commit, Opened, TreeSide
    from lmi_deployer.edges.git import FOLDER, SHOWN_DIGITS, Repository

    repository = Repository.find(Path())
    oid = repository.resolve(revision)
    name = revision if oid.startswith(revision) else f"{revision} ({oid[:SHOWN_DIGITS]})"
    commit = Commit(oid=oid, name=name)
    places = list(places)
    held: list[Held] = []
    with repository.blobs() as blobs:
        opened = Opened(repository=repository, blobs=blobs)
        for place in places:
            path = repository.inside(place)
            found = repository.file_at(oid, path) if path else None
            is_folder = not path or (found is not None and found.mode == FOLDER)
            if found is None and not is_folder and place != OWN:
                raise InputError(f"there is no {place} at {name}", fix="a path that is there")
            side = TreeSide(opened, commit, path if is_folder else posixpath.dirname(path))
            entries = side.profiles().values() if is_folder else [side.file(path)]
            held += _held(side, entries)
    where = f"{', '.join(map(str, places))} at {name}"
    return Profiles(where=where, held=tuple(held), has_shipped=has_shipped, revision=oid)


def _held(side: Side, entries: Iterable[Entry | None]) -> Iterator[Held]:
    """Each profile file of a side, with the lock beside it."""
    locks = Locks()
    for entry in entries:
        if entry is None:
            continue
        try:
            loaded = load_profile(side.text(entry), entry.file)
        except ProfileError as error:
            yield Held(file=entry.file, loaded=None, findings=error.findings)
            continue
        found = locks.beside(side, entry)
        if found.findings:
            yield Held(file=entry.file, loaded=None, findings=found.findings)
        else:
            yield Held(file=entry.file, loaded=replace(loaded, lock=found.lock))
