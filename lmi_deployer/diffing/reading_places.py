"""Where the files of both sides are: which commits, which folders, which file of them."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lmi_deployer.diffing.operands import File, Folder, Git
from lmi_deployer.diffing.reading_files import LocalFolder, Side
from lmi_deployer.diffing.reading_git import (
    HEAD,
    Commit,
    Opened,
    TreeSide,
    WorkTreeSide,
    exactly,
    merge_base,
)
from lmi_deployer.edges.git import FOLDER, Repository
from lmi_deployer.errors import InputError
from lmi_deployer.nearest import did_you_mean

if TYPE_CHECKING:
    from lmi_deployer.diffing.reading import Asked

PROFILES = "profiles"
OfFiles = File | Folder | Git
SHALLOW = "this clone is shallow: commits that it leaves out are not looked at"


@dataclass(frozen=True, kw_only=True)
class Place:
    """One side: a folder of profiles, and the one file of it that is asked for."""

    side: Side
    key: str | None = None
    hardware: str | None = None


@dataclass(kw_only=True)
class Places:
    """Both sides."""

    before: Place
    after: Place
    opened: Opened | None = None
    """The repository of both; None where neither is of git."""
    is_whole_folder: bool = True
    """False where files are looked for in a folder that may hold others as well."""
    notes: list[str] = field(default_factory=list)


def find_places(a: OfFiles | None, b: OfFiles | None, asked: Asked) -> Places:
    """Where the files of both sides are. Raises InputError."""
    if isinstance(a, File | Folder):
        if isinstance(b, File | Folder):
            return Places(before=local_place(a), after=local_place(b))
        if b is None:
            a, b = None, a
    return _in_git(a, b, asked)


def local_place(operand: File | Folder) -> Place:
    """A file or folder of this disk, wherever it is."""
    if isinstance(operand, Folder):
        return Place(side=LocalFolder(operand.path, str(operand.path)))
    path, hardware = operand.path, operand.hardware
    name = str(path) if hardware is None else f"{path}#{hardware}"
    return Place(side=LocalFolder(path.parent, name), key=path.name, hardware=hardware)


def single_place(operand: OfFiles | None, asked: Asked) -> tuple[Place, Opened | None]:
    """Where the files of one side are, beside a side that has no history: a revision is itself.

    Without an operand, the folder of profiles on this disk.
    """
    if isinstance(operand, File | Folder):
        return local_place(operand), None
    if operand is None:
        usual = asked.profiles or asked.here / PROFILES
        return local_place(Folder(path=usual if usual.is_dir() else asked.here)), None
    repository = Repository.find(asked.here)
    commit = exactly(repository, operand.revision)
    spot = _spot(repository, operand, commit, asked)
    spot = spot or _usual_folder(repository, (commit,), asked)[0]
    opened = Opened(repository=repository, blobs=repository.blobs())
    side = TreeSide(opened, commit, spot.folder)
    return Place(side=side, key=spot.key, hardware=operand.hardware), opened


@dataclass(frozen=True, kw_only=True)
class _Spot:
    """A folder of a repository, and a file in it."""

    folder: str
    key: str | None = None


def _in_git(a: OfFiles | None, b: OfFiles | None, asked: Asked) -> Places:
    repository = Repository.find(_start(a, b, asked))
    before, after, notes = _commits(repository, a, b, asked)
    spots = _spot(repository, a, before, asked), _spot(repository, b, after, asked)
    named = next((spot for spot in spots if spot is not None), None)
    is_whole = True
    if named is None:
        named, is_whole = _usual_folder(repository, (before, after), asked)
    opened = Opened(repository=repository, blobs=repository.blobs())
    if repository.is_shallow:
        notes.append(SHALLOW)

    def place(operand: OfFiles | None, commit: Commit | None, spot: _Spot | None) -> Place:
        folder = (spot or named).folder
        side = WorkTreeSide(opened, folder) if commit is None else TreeSide(opened, commit, folder)
        hardware = None if operand is None or isinstance(operand, Folder) else operand.hardware
        return Place(side=side, key=spot.key if spot else None, hardware=hardware)

    return Places(
        before=place(a, before, spots[0]),
        after=place(b, after, spots[1]),
        opened=opened,
        is_whole_folder=is_whole,
        notes=notes,
    )


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


def _spot(
    repository: Repository, operand: OfFiles | None, commit: Commit | None, asked: Asked
) -> _Spot | None:
    """The folder and file that an operand names; None where it names none."""
    match operand:
        case File():
            key = repository.inside(operand.path)
            return _Spot(folder=posixpath.dirname(key), key=key)
        case Folder():
            return _Spot(folder=repository.inside(operand.path.resolve()))
        case Git() if operand.path is not None and commit is not None:
            return _at_commit(repository, operand.path, commit, asked)
    return None


def _at_commit(repository: Repository, path: str, commit: Commit, asked: Asked) -> _Spot:
    key = _from_root(repository, path, asked)
    found = repository.file_at(commit.oid, key) if key else None
    if not key or (found is not None and found.mode == FOLDER):
        return _Spot(folder=key)
    folder = posixpath.dirname(key)
    if found is None:
        names = [file.path for file in repository.folder_at(commit.oid, folder)]
        below = repository.inside(asked.here) if repository.root else ""
        if below and repository.file_at(commit.oid, posixpath.join(below, path)):
            fix = f"did you mean './{path}'? without ./ it is from the top of the repository"
        else:
            fix = did_you_mean(key, names) if names else f"{folder or '.'} is not there either"
        raise InputError(f"there is no {key} at {commit.name}", fix=fix)
    return _Spot(folder=folder, key=key)


def _from_root(repository: Repository, path: str, asked: Asked) -> str:
    """A path of an operand from the root of the repository, which it may not leave."""
    if path.startswith(("./", "../")) or path in {".", ".."}:
        path = posixpath.join(repository.inside(asked.here), path)
    normal = posixpath.normpath(path)
    if normal.startswith(("/", "..")):
        fix = "a path from the top of the repository, or from here with a leading ./"
        raise InputError(f"{path} leads out of the repository", fix=fix)
    return "" if normal == "." else normal


def _usual_folder(
    repository: Repository, commits: tuple[Commit | None, ...], asked: Asked
) -> tuple[_Spot, bool]:
    """The folder that was asked for, ./profiles, or this one; and whether it holds nothing else."""
    if asked.profiles is not None and repository.root is None:
        return _Spot(folder=_from_root(repository, asked.profiles.as_posix(), asked)), True
    if asked.profiles is not None:
        return _Spot(folder=repository.inside(asked.profiles.resolve())), True
    below = repository.inside(asked.here.resolve()) if repository.root else ""
    usual = posixpath.join(below, PROFILES)
    for commit in commits:
        if commit is None and (repository.top / usual).is_dir():
            return _Spot(folder=repository.inside(repository.top / usual)), True
        if commit is not None:
            found = repository.file_at(commit.oid, usual)
            if found is not None and found.mode == FOLDER:
                return _Spot(folder=usual), True
    return _Spot(folder=below), False
