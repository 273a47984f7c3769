"""Which folder of a repository a side is about, and which file of it."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lmi_deployer.diffing.operands import File, Folder, Git
from lmi_deployer.diffing.reading_git import Commit, folder_link
from lmi_deployer.edges.git import FOLDER, LINK, Repository, TreeFile
from lmi_deployer.edges.git_links import TO_FOLDER
from lmi_deployer.errors import InputError
from lmi_deployer.nearest import did_you_mean

if TYPE_CHECKING:
    from lmi_deployer.diffing.reading import Asked

PROFILES = "profiles"
OfFiles = File | Folder | Git


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A folder of a repository, and a file in it."""

    folder: str
    key: str | None = None


def spot_of(
    repository: Repository, operand: OfFiles | None, commit: Commit | None, asked: Asked
) -> Spot | None:
    """The folder and file that an operand names; None where it names none."""
    match operand:
        case File():
            key = repository.inside(operand.path)
            return Spot(folder=posixpath.dirname(key), key=key)
        case Folder():
            return Spot(folder=repository.inside(operand.path.resolve()))
        case Git() if operand.path is not None and commit is not None:
            return _at_commit(repository, operand.path, commit, asked)
    return None


def _at_commit(repository: Repository, path: str, commit: Commit, asked: Asked) -> Spot:
    key = _from_root(repository, path, asked)
    found = repository.file_at(commit.oid, key) if key else None
    if not key or (found is not None and found.mode == FOLDER):
        return Spot(folder=key)
    _refuse_folder_link(repository, commit, found)
    folder = posixpath.dirname(key)
    if found is None:
        _refuse_submodule(repository, commit, key)
        names = [file.path for file in repository.folder_at(commit.oid, folder)]
        below = repository.inside(asked.here) if repository.root else ""
        if below and repository.file_at(commit.oid, posixpath.join(below, path)):
            fix = f"did you mean './{path}'? without ./ it is from the top of the repository"
        else:
            fix = did_you_mean(key, names) if names else f"{folder or '.'} is not there either"
        raise InputError(f"there is no {key} at {commit.name}", fix=fix)
    return Spot(folder=folder, key=key)


def _refuse_folder_link(repository: Repository, commit: Commit, found: TreeFile | None) -> None:
    """Raise InputError for a link to a folder, of which git does not tell which one it is."""
    if found is not None and found.mode == LINK:
        led = repository.led_to(commit.oid, [found.path])[found.path]
        if led.end == TO_FOLDER:
            raise folder_link(found.path, commit.name)


def _refuse_submodule(repository: Repository, commit: Commit, key: str) -> None:
    """Raise InputError for a path inside of a submodule."""
    around = repository.submodule_around(commit.oid, key)
    if around is not None:
        problem = f"{around} is a submodule at {commit.name}: its files are in another repository"
        raise InputError(problem, fix=f"run it inside of {around}, with a revision of that one")


def _from_root(repository: Repository, path: str, asked: Asked) -> str:
    """A path of an operand from the root of the repository, which it may not leave."""
    if repository.root is not None and Path(path).is_relative_to(repository.root):
        path = Path(path).relative_to(repository.root).as_posix()
    if path.startswith(("./", "../")) or path in {".", ".."}:
        path = posixpath.join(repository.inside(asked.here), path)
    normal = posixpath.normpath(path)
    if normal.startswith(("/", "..")):
        fix = "a path from the top of the repository, or from here with a leading ./"
        raise InputError(f"{path} leads out of the repository", fix=fix)
    return "" if normal == "." else normal


def usual_folder(
    repository: Repository, commits: tuple[Commit | None, ...], asked: Asked
) -> tuple[Spot, bool]:
    """The folder that was asked for, ./profiles, or this one; and whether it holds nothing else."""
    if asked.profiles is not None and repository.root is None:
        return Spot(folder=_from_root(repository, asked.profiles.as_posix(), asked)), True
    if asked.profiles is not None:
        return Spot(folder=repository.inside(asked.profiles.resolve())), True
    below = repository.inside(asked.here.resolve()) if repository.root else ""
    usual = posixpath.join(below, PROFILES)
    for commit in commits:
        if commit is None and (repository.top / usual).is_dir():
            return Spot(folder=repository.inside((repository.top / usual).resolve())), True
        if commit is not None:
            found = repository.file_at(commit.oid, usual)
            if found is not None and found.mode == FOLDER:
                return Spot(folder=usual), True
            if None not in commits:
                _refuse_folder_link(repository, commit, found)
    return Spot(folder=below), False
