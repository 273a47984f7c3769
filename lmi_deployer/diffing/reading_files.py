"""The files of one side of a comparison: what there is, whether it is the same, what it says."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lmi_deployer.diffing.operands import PROFILE_SUFFIXES
from lmi_deployer.edges.files import read_bytes
from lmi_deployer.edges.git_links import OUTSIDE, TO_FOLDER, TO_ITSELF, TO_NOTHING
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, Place, ProfileError

SHA1 = "sha1"
"""By which git names contents, and so everything here outside of a repository."""
IS_FOLDER = "is a folder"
IS_LINK = "is a symbolic link that leads"
"""Followed by where it leads, where that is no file of its side."""
GIT_FOLDER = ".git"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of a side."""

    key: str
    """By which it is the same file on both sides: its path below the folders that are compared."""
    place: str
    """Where its side finds it."""
    file: str
    """As people are told of it."""
    ids: tuple[str, ...]
    """Hashes of its content as git makes them, as it stands and with other line ends."""
    problem: str | None = None
    """Why it cannot be read, in words."""

    def is_same(self, other: Entry) -> bool:
        """Whether both have the same content, line ends aside.

        What cannot be read is never the same: what it comes to may have changed all the same.
        """
        if self.problem is not None or other.problem is not None:
            return self.problem == other.problem == IS_FOLDER
        return not set(self.ids).isdisjoint(other.ids)


class Side(Protocol):
    """The files of one side."""

    @property
    def name(self) -> str:
        """As people are told of it: `main (1a2b3c4d)`, `work tree`."""

    def profiles(self) -> Mapping[str, Entry]:
        """The profile files of its folder, by their keys."""

    def file(self, key: str) -> Entry | None:
        """A file by its key, whatever it is called; None where there is none."""

    def beside(self, entry: Entry, name: str) -> Entry | None:
        """A file in the same folder; None where there is none."""

    def text(self, entry: Entry) -> str:
        """What a file says. Raises ProfileError where that cannot be told."""


def quietly(side: Side) -> Callable[[Entry], str | None]:
    """Reads texts of a side; None for what cannot be read, which is told elsewhere."""

    def text(entry: Entry) -> str | None:
        try:
            return side.text(entry)
        except ProfileError:
            return None

    return text


def is_profile(name: str) -> bool:
    """Whether a file is called as profiles are."""
    return name.endswith(PROFILE_SUFFIXES)


def content_ids(content: bytes, hash_name: str) -> tuple[str, ...]:
    """The ids that git gives a content as it stands, and as it would commit it from Windows."""
    forms = (content, content.replace(b"\r\n", b"\n")) if b"\r\n" in content else (content,)
    return tuple(
        hashlib.new(hash_name, b"blob %d\0" % len(form) + form, usedforsecurity=False).hexdigest()
        for form in forms
    )


def unread(entry: Entry, problem: str, *, line: int = 0, fix: str | None = None) -> ProfileError:
    """LMI001 for a file that cannot be read."""
    return ProfileError([Finding.error("LMI001", problem, place=Place(entry.file, line), fix=fix)])


def decoded(entry: Entry, content: bytes) -> str:
    """The text of a file. Raises ProfileError for what is none."""
    if b"\0" in content:
        raise unread(entry, "is binary, not text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise unread(entry, "is not UTF-8 text", line=line, fix="save it as UTF-8") from error


def shown(path: str) -> str:
    """A path for people, whatever bytes the file system has for it."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


class LocalFolder:
    """Profile files in a folder of this disk, as the other commands see them."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name

    @property
    def name(self) -> str:
        """The folder or file that was named."""
        return self._name

    def profiles(self) -> dict[str, Entry]:
        """Its *.yaml and *.yml files."""
        entries = {}
        for name in sorted(filter(is_profile, _names_in(self._folder))):
            entry = self.file(name)
            if entry is not None:
                entries[name] = entry
        return entries

    def file(self, key: str) -> Entry | None:
        """A file of the folder, whatever it is called."""
        return local_entry(self._folder / key, key=key, hash_name=SHA1)

    def beside(self, entry: Entry, name: str) -> Entry | None:
        """A file in the same folder; None where there is none."""
        place = Path(entry.place).parent / name
        key = posixpath.join(posixpath.dirname(entry.key), name)
        return local_entry(place, key=key, hash_name=SHA1)

    def text(self, entry: Entry) -> str:
        """What a file says now."""
        return local_text(entry)


def local_entry(
    path: Path, *, key: str, hash_name: str, inside: Path | None = None
) -> Entry | None:
    """A file of this disk; None where there is none.

    A symbolic link is followed, where `inside` is given to files of that repository alone.
    """
    try:
        mode = path.lstat().st_mode
    except OSError:
        return None
    ids: tuple[str, ...] = ()
    problem = IS_FOLDER if stat.S_ISDIR(mode) else None
    if stat.S_ISLNK(mode):
        end = _wrong_end(path, inside)
        problem = f"{IS_LINK} {end}" if end else None
    if problem is None:
        try:
            ids = content_ids(read_bytes(path), hash_name)
        except InputError as error:
            problem = error.problem.removeprefix(str(path)).strip()
    return Entry(key=key, place=str(path), file=shown(str(path)), ids=ids, problem=problem)


def _wrong_end(path: Path, inside: Path | None) -> str:
    """Where a link leads, if to no file or to none of the repository; empty for a file."""
    try:
        real = path.resolve(strict=True)
        mode = real.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return TO_NOTHING
    except PermissionError:
        return "to what cannot be read"
    except (OSError, RuntimeError):  # Python before 3.13 raises the second
        return TO_ITSELF
    if inside is not None and not _is_inside(real, inside):
        return OUTSIDE
    if stat.S_ISDIR(mode):
        return TO_FOLDER
    return "" if stat.S_ISREG(mode) else "to what is no file"


def _is_inside(real: Path, top: Path) -> bool:
    """Whether a file lies in a repository, and not in what git itself keeps there: credentials."""
    if not real.is_relative_to(top):
        return False
    return all(part.lower() != GIT_FOLDER for part in real.relative_to(top).parts)


def local_text(entry: Entry) -> str:
    """What a file of this disk says. Raises ProfileError."""
    if entry.problem is not None:
        raise unread(entry, entry.problem)
    try:
        content = read_bytes(Path(entry.place))
    except InputError as error:
        raise unread(entry, error.problem.removeprefix(entry.place).strip()) from error
    return decoded(entry, content)


def _names_in(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}") from error
