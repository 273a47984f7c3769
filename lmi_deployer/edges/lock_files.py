"""Rewrites a lock that somebody else may be rewriting at the same time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lmi_deployer.edges.files import MAX_FILE_BYTES, write_text
from lmi_deployer.errors import InputError
from lmi_deployer.lockfile import LockedModel, read_anew
from lmi_deployer.locking.writing import text_of


def rewrite(path: Path, change: Callable[[Iterable[LockedModel]], tuple[LockedModel, ...]]) -> bool:
    """Make a change to the lock in a file, whole or not at all; True when its bytes are others.

    Only one process at a time is between reading and writing, so that none undoes what another
    has added. Behind a link, the file that it leads to is rewritten.
    """
    path = Path(os.path.realpath(path))
    with _alone_in(path.parent):
        now = read_anew(path)
        text = text_of(change(now.models if now else ()))
        if now is not None and now.text == text:
            return False
        if len(text) > MAX_FILE_BYTES:  # ASCII alone
            problem = f"{path} would be larger than {MAX_FILE_BYTES:,} bytes"
            raise InputError(problem, fix="fewer profiles in one folder")
        write_text(path, text)
        return True


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process holds the folder. Where that cannot be told, go on."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # write_text says what is wrong with the folder
        yield
        return
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
