"""A file that one process at a time works with, though each change puts a new one in its place."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows, where two processes can undo each other's changes
    fcntl = None


class InUseError(Exception):
    """Another process works with the file."""


class HeldFile:
    """What lies at a path: held from when it is read or written until it is let go of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def read(self) -> bytes:
        """All of it. Raises OSError, FileNotFoundError among them, and InUseError."""
        while True:
            with self.path.open("rb") as file:
                lock = _locked(file.fileno())
                content = file.read()
            if lock is None or _lies_at(self.path, lock):
                self._lock = lock
                return content
            os.close(lock)  # of a file that was replaced meanwhile

    def write(self, content: bytes) -> None:
        """Put this in its place, whole or not at all. Raises OSError and InUseError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp's files are for their owner only.
        descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name)
        lock = None
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                lock = _locked(descriptor)
            if lock is not None and self._lock is None and self.path.exists():
                raise InUseError  # it came while there was nothing to hold
            Path(temporary).replace(self.path)
            lock, self._lock = self._lock, lock
        finally:
            Path(temporary).unlink(missing_ok=True)
            if lock is not None:
                os.close(lock)

    def let_go(self) -> None:
        """Let other processes work with it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _locked(descriptor: int) -> int | None:
    """Another descriptor of a file, which holds it until closed; None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InUseError from None
    except OSError:  # a file system without locks
        return None
    return os.dup(descriptor)


def _lies_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
