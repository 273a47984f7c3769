"""Where the files of both sides are: which commits, which folders, which file of them."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lmi_deployer.diffing.operands import File, Folder, Git
from lmi_deployer.diffing.reading_commits import exactly, merge_base
from lmi_deployer.diffing.reading_files import Entry, LocalFolder, Side, quietly
from lmi_deployer.diffing.reading_git import Commit, Opened, TreeSide, WorkTreeSide
from lmi_deployer.diffing.reading_spots import PROFILES, OfFiles, Spot, spot_of, usual_folder
from lmi_deployer.edges.git import NoRepositoryError, Repository
from lmi_deployer.edges.git_refs import HEAD
from lmi_deployer.errors import InputError
from lmi_deployer.profile import API_VERSION

if TYPE_CHECKING:
    from lmi_deployer.diffing.reading import Asked

NO_PROFILES = "name a folder with *.yaml or *.yml files, or give it with --profiles"
"""What to do about a folder without any."""
OUR_MARK = API_VERSION.partition("/")[0] + "/"
"""In the apiVersion of every profile, whatever its version."""
SHALLOW = "this clone is shallow: commits that it leaves out are not looked at"


@dataclass(frozen=True, kw_only=True)
class Place:
    """One side: a folder of profiles, and the one file of it that is asked for."""

    side: Side
    key: str | None = None
    hardware: str | None = None
    opened: Opened | None = None
    """The repository that its files are in; None where they are looked for on the disk alone."""
    is_whole_folder: bool = True
    """False where files are looked for in a folder that may hold others as well."""

    def profiles(self) -> dict[str, Entry]:
        """The profile files of the folder, by their keys."""
        found = dict(self.side.profiles())
        if self.is_whole_folder:
            return found
        text = quietly(self.side)
        return {key: entry for key, entry in found.items() if OUR_MARK in (text(entry) or "")}

    @property
    def looked_in(self) -> str:
        """Where profiles are looked for: `sub/profiles or sub at work tree`."""
        if isinstance(self.side, LocalFolder):
            return self.side.name
        assert isinstance(self.side, TreeSide | WorkTreeSide)
        folder = self.side.folder or "the top folder"
        if not self.is_whole_folder:
            folder = f"{posixpath.join(self.side.folder, PROFILES)} or {folder}"
        return f"{folder} at {self.side.name}"

    def named(self) -> Entry:
        """The file that is asked for. Raises InputError where it is not there."""
        assert self.key is not None
        found = self.side.file(self.key)
        if found is None:
            problem = f"there is no {self.key} at {self.side.name}"
            raise InputError(problem, fix="a path that exists")
        return found

    def close(self) -> None:
        """End the process that reads the repository, where there is one."""
        if self.opened is not None:
            self.opened.blobs.close()


@dataclass(kw_only=True)
class Places:
    """Both sides."""

    before: Place
    after: Place
    notes: list[str] = field(default_factory=list)


def find_places(a: OfFiles | None, b: OfFiles | None, asked: Asked) -> Places:
    """Where the files of both sides are. Raises InputError."""
    if isinstance(a, File | Folder):
        if isinstance(b, File | Folder):
            return Places(before=local_place(a), after=local_place(b))
        if b is None:
            a, b = None, a
    if a is None and _is_shipped(b):
        assert isinstance(b, File)
        problem = f"{b.path.stem} comes with lmi-deploy: no repository here has an earlier one"
        raise InputError(problem, fix=f"name two sides: lmi-deploy diff OLD {b.path.stem}")
    return _apart(a, b, asked) or _in_git(a, b, asked)


def _is_shipped(operand: OfFiles | None) -> bool:
    """Whether it is a profile that comes with lmi-deploy, and so in nobody's repository."""
    return isinstance(operand, File) and operand.is_shipped


def local_place(operand: File | Folder) -> Place:
    """A file or folder of this disk, wherever it is."""
    if isinstance(operand, Folder):
        return Place(side=LocalFolder(operand.path, str(operand.path)))
    path, hardware = operand.path, operand.hardware
    name = str(path) if hardware is None else f"{path}#{hardware}"
    return Place(side=LocalFolder(path.parent, name), key=path.name, hardware=hardware)


def single_place(operand: OfFiles | None, asked: Asked) -> Place:
    """Where the files of one side are, beside a side that has no history: a revision is itself.

    Without an operand, the folder of profiles on this disk.
    """
    if isinstance(operand, File | Folder):
        return local_place(operand)
    if operand is None:
        usual = asked.profiles or asked.here / PROFILES
        is_whole = usual.is_dir()
        place = local_place(Folder(path=usual if is_whole else asked.here))
        return replace(place, is_whole_folder=is_whole)
    repository = Repository.find(asked.here)
    commit = exactly(repository, operand.revision)
    spot, is_whole = spot_of(repository, operand, commit, asked), True
    if spot is None:
        spot, is_whole = usual_folder(repository, (commit,), asked)
    opened = Opened(repository=repository, blobs=repository.blobs())
    return Place(
        side=TreeSide(opened, commit, spot.folder),
        key=spot.key,
        hardware=operand.hardware,
        opened=opened,
        is_whole_folder=is_whole,
    )


def _apart(a: OfFiles | None, b: OfFiles | None, asked: Asked) -> Places | None:
    """A revision of the repository around `here`, and a file or folder that is not in that one.

    None where both are in the same repository, or where there is none here.
    """
    match a, b:
        case Git() as revision, File() | Folder() as other:
            pass
        case File() | Folder() as other, Git() as revision:
            pass
        case _:
            return None
    here = _repository(asked.here)
    if here is None or (not _is_shipped(other) and _is_around(here, _start(a, b, asked))):
        return None
    place = single_place(revision, asked)
    beside = local_place(other)
    note = f"{beside.side.name} is not in this repository: {place.side.name} itself is compared"
    before, after = (place, beside) if revision is a else (beside, place)
    notes = [] if asked.exact else [note]
    return Places(before=before, after=after, notes=notes)


def _is_around(repository: Repository, folder: Path) -> bool:
    """Whether a folder is in that repository."""
    found = _repository(folder)
    return found is not None and found.root == repository.root


def _repository(folder: Path) -> Repository | None:
    """The repository around a folder; None where there is none."""
    try:
        return Repository.find(folder)
    except NoRepositoryError:
        return None


def _in_git(a: OfFiles | None, b: OfFiles | None, asked: Asked) -> Places:
    repository = Repository.find(_start(a, b, asked))
    before, after, notes = _commits(repository, a, b, asked)
    spots = spot_of(repository, a, before, asked), spot_of(repository, b, after, asked)
    named = next((spot for spot in spots if spot is not None), None)
    is_whole = True
    if named is None:
        named, is_whole = usual_folder(repository, (before, after), asked)
    opened = Opened(repository=repository, blobs=repository.blobs())
    if repository.is_shallow:
        notes.append(SHALLOW)

    def place(operand: OfFiles | None, commit: Commit | None, spot: Spot | None) -> Place:
        folder = (spot or named).folder
        side = WorkTreeSide(opened, folder) if commit is None else TreeSide(opened, commit, folder)
        hardware = None if operand is None or isinstance(operand, Folder) else operand.hardware
        key = spot.key if spot else None
        return Place(side=side, key=key, hardware=hardware, opened=opened, is_whole_folder=is_whole)

    places = place(a, before, spots[0]), place(b, after, spots[1])
    return Places(before=places[0], after=places[1], notes=notes)


def _start(a: OfFiles | None, b: OfFiles | None, asked: Asked) -> Path:
    """The folder to look for the repository from."""
    for operand in (a, b):
        if isinstance(operand, File):
            return operand.path.parent
        if isinstance(operand, Folder):
            return operand.path
    return asked.profiles if asked.profiles and asked.profiles.is_dir() else asked.here


def _commits(
    repository: Repository, a: OfFiles | None, b: OfFiles | None, asked: Asked
) -> tuple[Commit | None, Commit | None, list[str]]:
    """The commit of each side; None for the work tree."""
    notes: list[str] = []

    def parted(revision: str, other: str) -> Commit:
        if asked.exact:
            return exactly(repository, revision)
        commit, found = merge_base(repository, revision, other)
        notes.extend(found)
        return commit

    if isinstance(a, File | Folder):
        assert isinstance(b, Git)  # anything else needs no repository, or is turned round
        return None, parted(b.revision, HEAD), notes
    end = b.revision if isinstance(b, Git) else HEAD
    before = parted(repository.default_branch() if a is None else a.revision, end)
    return before, exactly(repository, end) if isinstance(b, Git) else None, notes
