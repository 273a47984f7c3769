"""A store whose failures are errors that a user can act on.

The store itself also runs inside containers, where nothing but botocore's own errors exists.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lmi_deployer.artifact.store import Store, StoredFile
from lmi_deployer.edges.aws_calls import explained
from lmi_deployer.errors import UnreachableError


class ExplainedStore:
    """Another store, its botocore errors turned into AwsErrors that say what was being done."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.root = store.root

    def files(self, prefix: str = "") -> dict[str, StoredFile]:
        """All files whose path begins so, by path."""
        with explained(f"listing {self.root}{prefix}"):
            return dict(self._store.files(prefix))

    def folders(self) -> list[str]:
        """Names of the folders right below the root."""
        with explained(f"listing {self.root}"):
            return self._store.folders()

    def find(self, path: str) -> StoredFile | None:
        """One file, or None where there is none."""
        with explained(f"looking at {self.root}{path}"):
            return self._store.find(path)

    def read(self, path: str) -> bytes | None:
        """The content of a small file, or None where there is none."""
        with explained(f"reading {self.root}{path}"):
            return self._store.read(path)

    def digest(self, path: str) -> str | None:
        """SHA-256 of a file, from every byte of it; None where there is none."""
        with explained(f"reading {self.root}{path}"):
            return self._store.digest(path)

    def write(self, path: str, content: bytes) -> None:
        """Write a small file, whatever was there."""
        with explained(f"writing {self.root}{path}"):
            self._store.write(path, content)

    def create(self, path: str, content: bytes) -> bool:
        """Write a small file where there is none; False where there is one already."""
        with explained(f"creating {self.root}{path}"):
            return self._store.create(path, content)

    def replace(self, path: str, content: bytes, version: str) -> bool:
        """Write a small file over that version of it; False where it has changed or gone."""
        with explained(f"writing {self.root}{path}"):
            return self._store.replace(path, content, version)

    def send(self, source: Path, path: str, sha256: str) -> None:
        """Store a file of this machine, however large, and remember its hash."""
        with explained(f"uploading {self.root}{path}"):
            self._store.send(source, path, sha256)

    def receive(self, path: str, target: Path) -> None:
        """Fetch a file, however large, into a new file of this machine."""
        from s3transfer.exceptions import RetriesExceededError

        doing = f"downloading {self.root}{path}"
        try:
            with explained(doing):
                self._store.receive(path, target)
        except RetriesExceededError as error:  # no error of botocore's own, unlike what it wraps
            raise UnreachableError(f"{doing}: {error.last_exception}") from error

    def delete(self, paths: Iterable[str]) -> None:
        """Delete files; what is gone already is fine."""
        with explained(f"deleting below {self.root}"):
            self._store.delete(paths)

    def clean(self, prefix: str) -> None:
        """Drop what interrupted uploads below a prefix left."""
        with explained(f"dropping interrupted uploads below {self.root}{prefix}"):
            self._store.clean(prefix)

    def stop(self) -> None:
        """Make every transfer under way fail soon."""
        self._store.stop()
