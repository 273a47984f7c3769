"""A store in a folder of this machine, or on a file system that several machines share.

Beside the files it keeps what is being written, remembered hashes, and a lock.
"""

from __future__ import annotations

import os
import stat
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, ContextManager, Dict, Iterable, Iterator, List, Optional, Tuple

from lmi_deployer.artifact.hashing import sha256_of
from lmi_deployer.artifact.local_files import (
    locked,
    make_folder,
    new_file,
    prune_folders,
    unlink,
    write_all,
)
from lmi_deployer.artifact.store import (
    CHUNK_BYTES,
    MAX_READ_BYTES,
    StoredFile,
    StoreError,
    checked_path,
)

PARTIAL = ".partial"
"""Files that are being written, each under its path and a name of its own."""
HASHES = ".sha256"
"""For each file that was sent: its version and its hash."""
LOCK = ".lock"
OWN = (PARTIAL, HASHES, LOCK)


class FolderStore:
    """Files below a folder. Symbolic links in it are refused: they would lead out of it."""

    def __init__(self, path: Path) -> None:
        self._folder = Path(os.path.abspath(path))  # noqa: PTH100 - links above it may stay
        self.root = self._folder.as_posix().rstrip("/") + "/"
        self._is_stopped = False

    def files(self, prefix: str = "") -> Dict[str, StoredFile]:
        """All files whose path begins so, by path."""
        return {
            path: _stored(status)
            for path, status in self._walk(self._folder, "", prefix)
            if path.startswith(prefix)
        }

    def folders(self) -> List[str]:
        """Folders right below this one, and links, which `files` refuses; not the store's own."""
        try:
            with os.scandir(self._folder) as scan:
                found = [entry.name for entry in scan if entry.is_symlink() or entry.is_dir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(set(found) - set(OWN))

    def find(self, path: str) -> Optional[StoredFile]:
        """One file, with its hash where `send` wrote it and nobody has changed it since."""
        try:
            status = os.lstat(self._at(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(status.st_mode):
            raise StoreError(f"{self.root}{path} is not a file")
        return _stored(status, self._remembered(path, _version(status)))

    def read(self, path: str) -> Optional[bytes]:
        """The content of a small file, or None where there is none."""
        found = self.find(path)
        if found is None:
            return None
        if found.size_bytes > MAX_READ_BYTES:
            raise StoreError(f"{self.root}{path} is too large to be read whole")
        try:
            return self._at(path).read_bytes()
        except FileNotFoundError:
            return None

    def digest(self, path: str) -> Optional[str]:
        """SHA-256 of a file, from every byte of it; None where there is none."""
        if self.find(path) is None:
            return None
        return sha256_of(self._at(path), is_over=lambda: self._is_stopped)

    def write(self, path: str, content: bytes) -> None:
        """Write a small file, whatever was there."""
        with self._locked():
            self._put(path, content)

    def create(self, path: str, content: bytes) -> bool:
        """Write a small file where there is none; False where there is one already."""
        with self._locked():
            if self.find(path) is not None:
                return False
            self._put(path, content)
            return True

    def replace(self, path: str, content: bytes, version: str) -> bool:
        """Write a small file over that version of it; False where it has changed or gone."""
        with self._locked():
            found = self.find(path)
            if found is None or found.version != version:
                return False
            self._put(path, content)
            return True

    def send(self, source: Path, path: str, sha256: str) -> None:
        """Copy a file of this machine here, and remember its hash."""
        target = self._at(path)
        with self._partial(path) as partial:
            with source.open("rb") as reader, new_file(partial) as descriptor:
                self._copy(reader, descriptor, path)
                os.fsync(descriptor)
            with self._locked():
                # Moving a file keeps its version, so its hash can be there first.
                self._remember(path, _version(os.lstat(partial)), sha256)
                make_folder(target.parent)
                partial.replace(target)

    def receive(self, path: str, target: Path) -> None:
        """Copy a file from here into a new file; it has its name once it is whole."""
        if os.path.lexists(target):
            raise StoreError(f"{target} is there already")
        if self.find(path) is None:
            raise StoreError(f"there is no {self.root}{path}")
        partial = target.with_name(f"{target.name}.{uuid.uuid4().hex}")
        try:
            with self._at(path).open("rb") as reader, new_file(partial) as descriptor:
                self._copy(reader, descriptor, path)
            partial.replace(target)
        finally:
            unlink(partial)

    def delete(self, paths: Iterable[str]) -> None:
        """Delete files, and the folders that are empty then; what is gone already is fine."""
        for path in paths:
            with self._locked():
                for place in (self._at(path), self._folder / HASHES / path):
                    unlink(place)
                    prune_folders(place.parent, self._folder)

    def clean(self, prefix: str) -> None:
        """Drop what interrupted writes below a prefix left."""
        partial = self._folder / PARTIAL
        for path, _ in list(self._walk(partial, "", prefix)):
            if path.startswith(prefix):
                unlink(partial / path)
                prune_folders((partial / path).parent, self._folder)

    def stop(self) -> None:
        """Make whatever reads or writes a large file fail at its next piece."""
        self._is_stopped = True

    # How it is done

    def _at(self, path: str) -> Path:
        """Where a path lies. Raises StoreError for one that leads out, or is the store's own."""
        parts = checked_path(path).split("/")
        if parts[0] in OWN:
            raise StoreError(f"{parts[0]} is a name that the store needs itself")
        place = self._folder
        for part in parts:
            place = place / part
            if place.is_symlink():
                raise StoreError(f"{place} is a symbolic link")
        return place

    def _walk(self, folder: Path, path: str, prefix: str) -> Iterator[Tuple[str, os.stat_result]]:
        """Every file below a folder that may begin with a prefix, by its path."""
        try:
            with os.scandir(folder) as scan:
                found = sorted(scan, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in found:
            inner = path + entry.name
            if folder == self._folder and entry.name in OWN:
                continue
            if not (inner.startswith(prefix) or prefix.startswith(inner + "/")):
                continue
            if entry.is_symlink():
                raise StoreError(f"{entry.path} is a symbolic link")
            if entry.is_dir():
                yield from self._walk(folder / entry.name, inner + "/", prefix)
                continue
            try:
                yield inner, entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # deleted since the folder was read
                continue

    def _copy(self, reader: BinaryIO, descriptor: int, path: str) -> None:
        while True:
            if self._is_stopped:
                raise StoreError(f"copying {path} was given up")
            piece = reader.read(CHUNK_BYTES)
            if not piece:
                return
            write_all(descriptor, piece)

    def _put(self, path: str, content: bytes) -> None:
        target = self._at(path)
        with self._partial(path) as partial:
            with new_file(partial) as descriptor:
                write_all(descriptor, content)
                os.fsync(descriptor)
            make_folder(target.parent)
            partial.replace(target)

    @contextmanager
    def _partial(self, path: str) -> Iterator[Path]:
        """A name for a file until it is whole; nothing is left of it after the block."""
        partial = self._folder / PARTIAL / (f"{path}.{uuid.uuid4().hex}")
        try:
            yield partial
        except FileNotFoundError as error:
            if str(error.filename) != str(partial):
                raise
            raise StoreError(f"another writer has dropped what was sent to {path}") from error
        finally:
            unlink(partial)
            prune_folders(partial.parent, self._folder)

    def _remember(self, path: str, version: str, sha256: str) -> None:
        place = self._folder / HASHES / path
        unlink(place)
        with new_file(place) as descriptor:
            write_all(descriptor, (f"{version} {sha256}\n").encode())

    def _remembered(self, path: str, version: str) -> Optional[str]:
        try:
            words = (self._folder / HASHES / path).read_text().split()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return words[1] if words[:1] == [version] else None

    def _locked(self) -> ContextManager[None]:
        """No other process or thread changes files meanwhile."""
        return locked(self._folder / LOCK)


def _stored(status: os.stat_result, sha256: Optional[str] = None) -> StoredFile:
    return StoredFile(status.st_size, _version(status), status.st_mtime, sha256)


def _version(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"
