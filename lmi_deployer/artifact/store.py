"""Where artifacts are kept: a folder of this machine, or one on S3. Paths are below its root."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Protocol

MAX_READ_BYTES = 64 * 1024**2
"""Of a file that is read whole; a manifest has some 200 bytes for each file of an artifact."""
CHUNK_BYTES = 8 * 1024**2
"""Of large files, read piece by piece."""


class StoreError(Exception):
    """A store refuses, or lacks what was asked for; nothing was changed."""


@dataclass(frozen=True)
class StoredFile:
    """One file of a store, as a listing or a look at it shows it."""

    size_bytes: int
    version: str
    """Changes whenever the content does: an ETag, or size and time of a file."""
    modified_seconds: float
    """Since 1970."""
    sha256: Optional[str] = None
    """Of the content, where the store remembers it; None in listings of S3."""
    etag: Optional[str] = None
    """What S3 says of the content, in listings too; None of a folder, which says nothing."""


class Store(Protocol):
    """Files by path. Every write is whole or has not happened; nothing here retries by itself.

    Several threads may use one store at once.
    """

    root: str
    """What people call it: `s3://bucket/folder/` or a folder, ending in "/"."""

    def files(self, prefix: str = "") -> Dict[str, StoredFile]:
        """All files whose path begins so, by path."""

    def folders(self) -> List[str]:
        """Names of the folders right below the root; nothing in them is looked at."""

    def find(self, path: str) -> Optional[StoredFile]:
        """One file, with its sha256 where that is remembered; None where there is none."""

    def read(self, path: str) -> Optional[bytes]:
        """The content of a small file, or None where there is none."""

    def digest(self, path: str) -> Optional[str]:
        """SHA-256 of a file, however large, from every byte of it; None where there is none."""

    def write(self, path: str, content: bytes) -> None:
        """Write a small file, whatever was there."""

    def create(self, path: str, content: bytes) -> bool:
        """Write a small file where there is none; False where there is one already."""

    def replace(self, path: str, content: bytes, version: str) -> bool:
        """Write a small file over that version of it; False where it has changed or gone."""

    def send(self, source: Path, path: str, sha256: str) -> None:
        """Store a file of this machine, however large, and remember its hash."""

    def receive(self, path: str, target: Path) -> None:
        """Fetch a file, however large, into a new file of this machine."""

    def delete(self, paths: Iterable[str]) -> None:
        """Delete files; what is gone already is fine."""

    def clean(self, prefix: str) -> None:
        """Drop what interrupted uploads below a prefix left, which is invisible and costs money."""

    def stop(self) -> None:
        """Make every transfer under way fail soon, and the next ones; for another thread to call.

        Only `send`, `receive` and `digest` end so: small files can still be read and written.
        """


def checked_path(path: str) -> str:
    """The path, if it names one file below whatever root it is put under. Raises StoreError.

    >>> checked_path("a/b.json")
    'a/b.json'
    """
    parts = path.split("/")
    is_plain = all(part not in ("", ".", "..") for part in parts)
    if not is_plain or "\\" in path or not path.isprintable():
        raise StoreError(f"{path!r} is not a path below a folder")
    return path
