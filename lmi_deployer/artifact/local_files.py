"""Small things that a store in a folder does with files."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator

from lmi_deployer.artifact.store import StoreError


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, even while others remove the empty ones of them."""
    while not folder.is_dir():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileNotFoundError:
            continue
        except FileExistsError:
            if os.path.lexists(folder) and not folder.is_dir():
                raise


def prune_folders(folder: Path, top: Path) -> None:
    """Remove a folder and those above it that are empty, up to `top`, which stays."""
    while folder != top:
        try:
            folder.rmdir()
        except OSError:  # not empty, or somebody else has removed it
            if folder.exists():
                return
        folder = folder.parent


def unlink(path: Path) -> None:
    """Remove a file; one that has gone is fine."""
    with suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()


@contextmanager
def new_file(path: Path) -> Iterator[int]:
    """A file that was not there, open for writing."""
    while True:
        try:
            make_folder(path.parent)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            break
        except FileNotFoundError:  # another writer has removed the empty folder
            continue
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file that no other process or thread has; the kernel drops it with us."""
    try:
        import fcntl
    except ImportError as error:
        raise StoreError("a folder can be a cache on Linux and macOS only") from error
    make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of the content, in as many calls as the system makes of it."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
