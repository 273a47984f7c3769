"""Sends the files of an artifact, several at once, and those alone that are not there yet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Event, Lock
from typing import Callable, List, Mapping, Optional, Tuple

from lmi_deployer.artifact.hashing import sha256_of
from lmi_deployer.artifact.manifest import ARTIFACT_FOLDER, MANIFEST_FILE, ArtifactFile, Manifest
from lmi_deployer.artifact.progress import Progress
from lmi_deployer.artifact.store import Store, StoredFile, StoreError
from lmi_deployer.artifact.verifying import is_rewritten

THREADS = 4
"""Files hashed and sent at once; a store sends the parts of each in parallel as well."""
Say = Callable[[str], None]


class CommitError(StoreError):
    """An artifact that cannot be committed; nothing incomplete counts as one."""


class OvertakenError(CommitError):
    """Somebody else has committed an artifact while ours was being sent."""


class Upload:
    """One try at sending files, several at once."""

    def __init__(
        self,
        store: Store,
        prefix: str,
        say: Say,
        *,
        mark: Optional[StoredFile],
        committed: Optional[Manifest],
    ) -> None:
        """`mark` is the file of the manifest that this replaces, `committed` what stands in it."""
        self._store = store
        self._manifest = prefix + MANIFEST_FILE
        self._folder = prefix + ARTIFACT_FOLDER
        self._there: Mapping[str, StoredFile] = store.files(self._folder)
        self._committed = committed
        self._say = say
        self._mark = mark
        self._lock = Lock()
        self._is_over = Event()

    def send_all(self, source: Path, paths: Tuple[str, ...]) -> Tuple[ArtifactFile, ...]:
        """Send what is not there yet. The first failure ends it, and is raised."""
        self._delete_strays(paths)
        sizes = {path: (source / path).stat().st_size for path in paths}
        largest_first = sorted(paths, key=lambda path: (-sizes[path], path))
        progress = Progress(len(paths), sum(sizes.values()), self._say)
        sent: List[ArtifactFile] = []
        with ThreadPoolExecutor(THREADS) as pool:
            futures = [pool.submit(self._send, source, path) for path in largest_first]
            try:
                for future in as_completed(futures):
                    item, is_new = future.result()
                    sent.append(item)
                    progress.add(item, is_new=is_new)
            except BaseException:
                self._is_over.set()
                for future in futures:
                    future.cancel()
                self._store.stop()  # else the pool waits for hours of uploading
                raise
        return tuple(sorted(sent, key=lambda item: item.path))

    def _delete_strays(self, paths: Tuple[str, ...]) -> None:
        """First of all: in a folder, a file may be where another one needs a folder."""
        strays = sorted(set(self._there) - {self._folder + path for path in paths})
        if strays:
            self._say(f"deleting {len(strays)} files of an earlier try")
            self._begin()
            self._store.delete(strays)

    def _send(self, source: Path, path: str) -> Tuple[ArtifactFile, bool]:
        """Hash one file, and send it unless it is there; True where it was sent."""
        local, target = source / path, self._folder + path
        before = local.stat()
        sha256 = sha256_of(local, is_over=self._is_over.is_set)
        stored = self._there.get(target)
        if stored is not None and stored.size_bytes == before.st_size:
            stored = self._store.find(target)
        is_new = (
            stored is None
            or (stored.size_bytes, stored.sha256) != (before.st_size, sha256)
            or self._is_rewritten(path)
        )
        if is_new:
            self._begin()
            self._store.send(local, target, sha256)
        after = local.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise CommitError(f"{local} was changed while it was sent")
        return ArtifactFile(path, after.st_size, sha256), is_new

    def _begin(self) -> None:
        """Before a file changes: drop the manifest of those that are there, and no other one."""
        with self._lock:
            found = self._store.find(self._manifest)
            if found is None:  # roles that may not delete need not
                return
            if self._mark is None or found.version != self._mark.version:
                raise OvertakenError(f"{self._store.root}{self._manifest} is another writer's")
            self._store.delete([self._manifest])
            self._mark = None

    def _is_rewritten(self, path: str) -> bool:
        """Whether S3 says that a file was written again since it was committed.

        Who wrote it may have kept the hash that S3 remembers, so that it proves nothing.
        """
        files = () if self._committed is None else self._committed.files
        stored = self._there.get(self._folder + path)
        return stored is not None and any(
            item.path == path and is_rewritten(item, stored) for item in files
        )
