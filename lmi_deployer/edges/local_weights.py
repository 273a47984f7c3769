"""Weights on this machine: a folder that is here already, or a copy of one on S3."""

from __future__ import annotations

import hashlib
import json
import shutil
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from lmi_deployer.artifact.store import Store, StoredFile, checked_path
from lmi_deployer.edges.local_jobs import Say, locked
from lmi_deployer.errors import InputError
from lmi_deployer.spec import GIB

if TYPE_CHECKING:
    from lmi_deployer.edges.aws import Aws
    from lmi_deployer.steps import CompileEngine

THREADS = 4
"""Files fetched at once; the store fetches the parts of each in parallel as well."""
PARTIAL_SUFFIX = ".part"


class WeightsCopy:
    """A copy of a folder on S3 as it is now, which goes on where it was interrupted.

    What the folder holds at another time is another copy: a job may read this one meanwhile.
    """

    def __init__(self, store: Store, copies: Path, say: Say) -> None:
        self._store = store
        self._say = say
        self._listed = _files(store)
        versions = [(path, item.size_bytes, item.version) for path, item in self._listed.items()]
        content = json.dumps([store.root, sorted(versions)]).encode()
        self.files = copies / hashlib.sha256(content).hexdigest()[:16]
        """The folder to mount. A file has its name there once it is whole."""

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(item.size_bytes for item in self._listed.values())

    @property
    def missing_bytes(self) -> int:
        """Of what has to be fetched."""
        return sum(item.size_bytes for item in self.missing().values())

    def missing(self) -> dict[str, StoredFile]:
        """What is not here yet."""
        return {
            path: item
            for path, item in self._listed.items()
            if not _is_whole(self.files / path, item)
        }

    def fetch(self) -> None:
        """Fetch what is missing. Raises InputError where the folder on S3 changed meanwhile."""
        self.files.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.files.with_suffix(".lock"), f"fetching {self._store.root}", self._say):
            self._fetch()

    def _fetch(self) -> None:
        missing = self.missing()
        size = sum(item.size_bytes for item in missing.values())
        self._say(
            f"{len(self._listed) - len(missing)} of {len(self._listed)} files of"
            f" {self._store.root} are in {self.files}; fetching {size / GIB:.1f} GiB"
        )
        with ThreadPoolExecutor(THREADS) as pool:
            futures = [pool.submit(self._receive, path) for path in missing]
            try:
                for future in as_completed(futures):
                    future.result()
            except BaseException:
                for future in futures:
                    future.cancel()
                self._store.stop()  # else the pool waits for what is under way
                raise
        if missing and _files(self._store) != self._listed:
            shutil.rmtree(self.files, ignore_errors=True)
            raise InputError(f"{self._store.root} changed while it was fetched", fix="run it again")

    def _receive(self, path: str) -> None:
        target = self.files / path
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + PARTIAL_SUFFIX)
        partial.unlink(missing_ok=True)
        self._store.receive(path, partial)
        partial.replace(target)


def _files(store: Store) -> dict[str, StoredFile]:
    """What the folder holds, less the empty objects by which consoles draw folders."""
    listed = {
        checked_path(path): item
        for path, item in store.files().items()
        if path and not path.endswith("/")
    }
    if not listed:
        raise InputError(
            f"there are no weights in {store.root}",
            fix="copy them there, or model.source with the folder that holds them",
        )
    return listed


def _is_whole(path: Path, item: StoredFile) -> bool:
    try:
        return path.stat().st_size == item.size_bytes
    except OSError:
        return False


def copy_of(
    step: CompileEngine, source: str | None, aws: Aws | None, folder: Path, say: Say
) -> WeightsCopy | None:
    """The copy of the weights that a job wants mounted; None where it downloads them itself.

    Raises InputError where they are not those of the key any more.
    """
    if not step.job["model"]["is_mounted"]:
        return None
    if source is None or aws is None:
        raise InputError(
            "the job needs its weights mounted, and nothing says where on S3 they are",
            fix="`lmi-deploy compile`, which knows the profile",
        )
    if aws.weights_digest(source) != step.job["inputs"].get("weights_digest"):
        raise InputError(
            f"the weights in {source} have changed since the key was worked out",
            fix="run it again",
        )
    return WeightsCopy(aws.store(source), folder / "weights", say)
