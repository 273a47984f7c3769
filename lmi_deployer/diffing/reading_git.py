"""The sides that a git repository gives: the profiles at a commit, and those of the work tree."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from lmi_deployer.diffing.reading_files import (
    IS_FOLDER,
    IS_LINK,
    Entry,
    decoded,
    is_profile,
    local_entry,
    local_text,
    shown,
    unread,
)
from lmi_deployer.edges.git import (
    FOLDER,
    LINK,
    REGULAR,
    SUBMODULE,
    Repository,
    TreeFile,
)
from lmi_deployer.edges.git_links import Led
from lmi_deployer.edges.git_process import Blobs
from lmi_deployer.errors import InputError

WORK_TREE = "work tree"
_PROBLEMS = {LINK: f"{IS_LINK} elsewhere", FOLDER: IS_FOLDER, SUBMODULE: "is a submodule"}
MOST_KEPT = 2000
KEPT_BYTES = 8192
"""Of a file that is kept in memory between two looks; 16 MiB for all of them at most."""
MOST_MOVED = 500
"""Files elsewhere that may have been moved into the folder of profiles."""


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit, and what it is to the reader."""

    oid: str
    name: str
    """`main (1a2b3c4d)`, `merge base of main (1a2b3c4d)`."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A repository while it is read: one process gives all contents."""

    repository: Repository
    blobs: Blobs
    _contents: dict[str, bytes] = field(default_factory=dict)
    """By their ids, until they are asked for again: names are looked at first, then the whole."""

    def text(self, entry: Entry) -> str:
        """The text of a file in the repository. Raises ProfileError."""
        if entry.problem is not None:
            raise unread(entry, entry.problem)
        oid = entry.ids[0]
        content = self._contents.pop(oid, None)
        if content is None:
            try:
                content = self.blobs.read(oid)
            except InputError as error:
                raise unread(entry, error.problem, fix=error.fix) from error
            if len(self._contents) < MOST_KEPT and len(content) <= KEPT_BYTES:
                self._contents[oid] = content
        return decoded(entry, content)


class TreeSide:
    """The profiles of one folder at a commit."""

    def __init__(self, opened: Opened, commit: Commit, folder: str) -> None:
        self.commit = commit
        self._opened = opened
        self.folder = folder

    @property
    def name(self) -> str:
        """`main (1a2b3c4d)`."""
        return self.commit.name

    @cached_property
    def _files(self) -> dict[str, TreeFile]:
        found = self._opened.repository.folder_at(self.commit.oid, self.folder)
        return {file.path: file for file in found}

    def profiles(self) -> dict[str, Entry]:
        """The *.yaml and *.yml files of the folder."""
        return {path: self._entry(f) for path, f in self._files.items() if is_profile(path)}

    @cached_property
    def _links(self) -> dict[str, Led]:
        """Where the links of the folder lead."""
        links = [path for path, file in self._files.items() if file.mode == LINK]
        return self._opened.repository.led_to(self.commit.oid, links)

    def _entry(self, file: TreeFile) -> Entry:
        """A file, or what a link leads to under the link's own name."""
        if file.mode != LINK:
            return _entry(file)
        led = self._links.get(file.path) or self._led_to(file.path)
        if led.oid is None:
            return replace(_entry(file), problem=f"{IS_LINK} {led.end}")
        return replace(_entry(file), ids=(led.oid,), problem=None)

    def _led_to(self, path: str) -> Led:
        return self._opened.repository.led_to(self.commit.oid, [path])[path]

    def is_in_folder(self, path: str) -> bool:
        """Whether a path lies right in the folder of profiles."""
        return posixpath.dirname(path) == self.folder

    def file(self, key: str) -> Entry | None:
        """A file of the commit, whatever it is called."""
        found = self._files.get(key)
        if found is None and not self.is_in_folder(key):
            found = self._opened.repository.file_at(self.commit.oid, key)
        return None if found is None else self._entry(found)

    def beside(self, entry: Entry, name: str) -> Entry | None:
        """A file in the same folder; None where there is none."""
        return self.file(posixpath.join(posixpath.dirname(entry.place), name))

    def elsewhere(self) -> dict[str, Entry]:
        """The *.yaml and *.yml files of all other folders."""
        files = self._opened.repository.everything_at(self.commit.oid)
        found = (f for f in files if is_profile(f.path) and f.path not in self._files)
        return {file.path: _entry(file) for file in found}

    def text(self, entry: Entry) -> str:
        """What a file says at this commit."""
        return self._opened.text(entry)


class WorkTreeSide:
    """The profiles of one folder of the work tree: what git tracks or would offer to."""

    def __init__(self, opened: Opened, folder: str) -> None:
        self.folder = folder
        self._opened = opened
        self._root = opened.repository.top

    @property
    def name(self) -> str:
        """`work tree`."""
        return WORK_TREE

    @cached_property
    def _tracked(self) -> dict[str, TreeFile]:
        return self._opened.repository.tracked(self.folder)

    def profiles(self) -> dict[str, Entry]:
        """The *.yaml and *.yml files of the folder, without those that git ignores."""
        return self._profiles

    @cached_property
    def _profiles(self) -> dict[str, Entry]:
        names = set(filter(is_profile, self._on_disk()))
        kept = {path for path, file in self._tracked.items() if self._is_kept_out(path, file)}
        unknown = names - self._tracked.keys()
        names |= kept
        names -= self._opened.repository.ignored(unknown)
        found = {path: self.file(path) for path in sorted(names)}
        return {path: entry for path, entry in found.items() if entry is not None}

    def _on_disk(self) -> list[str]:
        folder = self._root / self.folder
        if folder.resolve() != folder:
            raise folder_link(self.folder, WORK_TREE)
        try:
            paths = list(folder.iterdir())
        except OSError:  # no such folder here: all of it is gone
            return []
        return [posixpath.join(self.folder, path.name) for path in paths]

    def _is_kept_out(self, path: str, file: TreeFile) -> bool:
        """Whether a sparse checkout leaves a profile of this folder out of the work tree."""
        is_here = posixpath.dirname(path) == self.folder
        return file.is_left_out and is_here and is_profile(path)

    def file(self, key: str) -> Entry | None:
        """A file of the work tree, whatever it is called, and whether git ignores it or not."""
        hash_name, root = self._opened.repository.hash_name, self._root
        entry = local_entry(root / key, key=key, hash_name=hash_name, inside=root)
        if entry is not None:
            return replace(entry, file=shown(key))
        tracked = self._tracked.get(key)
        return _entry(tracked) if tracked is not None and tracked.is_left_out else None

    def beside(self, entry: Entry, name: str) -> Entry | None:
        """A file in the same folder; None where there is none."""
        return self.file(posixpath.join(posixpath.dirname(entry.key), name))

    def text(self, entry: Entry) -> str:
        """What a file says now; at the index, where the work tree leaves it out."""
        return local_text(entry) if Path(entry.place).is_absolute() else self._opened.text(entry)


GitSide = TreeSide | WorkTreeSide


def folder_link(folder: str, name: str) -> InputError:
    """The error for a folder of a side that is a link."""
    problem = f"{folder} at {name} is a symbolic link, or lies behind one"
    return InputError(problem, fix="name the folder that it leads to")


def moved_from(before: GitSide, after: GitSide) -> dict[str, Entry]:
    """Files elsewhere on the earlier side that are not there any more on the later one."""
    if isinstance(before, WorkTreeSide):
        return {}
    found = before.elsewhere()
    if isinstance(after, TreeSide):
        there = after.elsewhere()
        found = {path: entry for path, entry in found.items() if path not in there}
    else:
        found = {path: entry for path, entry in found.items() if after.file(path) is None}
    return found if len(found) <= MOST_MOVED else {}


def _entry(file: TreeFile) -> Entry:
    problem = None if file.mode in REGULAR else _PROBLEMS.get(file.mode, "is no file")
    return Entry(
        key=file.path, place=file.path, file=shown(file.path), ids=(file.oid,), problem=problem
    )
