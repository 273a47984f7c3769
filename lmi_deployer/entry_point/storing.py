"""The cache as the job sees it: what is committed already, and committing what it has made."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Mapping, Optional

from lmi_deployer.artifact.committing import commit, find, is_named_by
from lmi_deployer.artifact.hashing import sha256_of
from lmi_deployer.artifact.manifest import (
    ARTIFACT_FOLDER,
    MANIFEST_FILE,
    Manifest,
    ManifestError,
    folder_of,
    key_of,
)
from lmi_deployer.artifact.store import Store, StoreError
from lmi_deployer.artifact.verifying import verify
from lmi_deployer.entry_point.causes import find_cause
from lmi_deployer.entry_point.failures import JobError
from lmi_deployer.entry_point.job import Job
from lmi_deployer.entry_point.log import Log
from lmi_deployer.entry_point.places import empty

STARTED_FILE = "job-output/started.json"
"""Written before anything costs time: who may not write to the cache learns it at once."""
_ATTEMPTS = 8


class Cache:
    """The folder of one key in the cache of a job."""

    def __init__(self, job: Job, store: Store, log: Log) -> None:
        self._job = job
        self._store = store
        self._log = log
        self._key = key_of(job.inputs)
        self._prefix = folder_of("", self._key)

    def committed(self) -> Optional[Manifest]:
        """The whole artifact of this very key; None where there is none, or it is to be replaced.

        Raises JobError where the folder holds an artifact of another key that begins as this one
        does, which must not be written over.
        """
        with explained(f"looking into {self._store.root}{self._prefix}"):
            try:
                manifest = find(self._store, self._prefix)
            except ManifestError as error:
                self._log.say(f"{error}; it is made anew")
                return None
            if manifest is None:
                return None
            if manifest.key != self._key:
                self._log.say(self._of_another(manifest))
                return None
            if self._job.is_forced:
                self._log.say(f"{self._key} is committed already; it is replaced, as demanded")
                return None
            wrong = verify(self._store, self._prefix, manifest, deep=False)
        if wrong:
            self._log.say(f"what is committed is not whole, and is made anew: {'; '.join(wrong)}")
            return None
        return manifest

    def _of_another(self, manifest: Manifest) -> str:
        """What to say of a manifest of another key. Raises JobError for one that belongs here."""
        if is_named_by(self._store, self._prefix, manifest):
            raise JobError(
                f"{self._store.root}{self._prefix} holds the artifact of another key,"
                f" {manifest.key}",
                fix="another compile.cache",
            )
        return (
            f"{self._store.root}{self._prefix}{MANIFEST_FILE} is of another key, {manifest.key},"
            " and says nothing of this folder; it is replaced"
        )

    def announce(self, document: Mapping[str, Any]) -> None:
        """Note that a job has started, and find out that it may write."""
        with explained(f"writing to {self._store.root}{self._prefix}"):
            content = json.dumps(document, indent=2, sort_keys=True) + "\n"
            self._store.write(self._prefix + STARTED_FILE, content.encode())

    def fetch(self, manifest: Manifest, folder: Path) -> None:
        """The files of a committed artifact, in a folder emptied for them.

        Raises JobError where one is not what the manifest says, however S3 remembers it.
        """
        empty(folder)
        with explained(f"fetching {self._store.root}{self._prefix}"):
            for item in manifest.files:
                target = folder / item.path
                target.parent.mkdir(parents=True, exist_ok=True)
                self._store.receive(f"{self._prefix}{ARTIFACT_FOLDER}{item.path}", target)
                if item.sha256 not in (None, sha256_of(target)):
                    raise JobError(
                        f"{self._store.root}{self._prefix}{ARTIFACT_FOLDER}{item.path} is not the"
                        f" file that {MANIFEST_FILE} says it is",
                        fix=f"delete {self._store.root}{self._prefix}{MANIFEST_FILE}, and run it"
                        " again, which makes the artifact anew",
                    )

    def commit(
        self, folder: Path, made: Mapping[str, Any], quality: Optional[Mapping[str, Any]]
    ) -> Manifest:
        """Store what the job has made, manifest last."""
        with explained(f"committing to {self._store.root}{self._prefix}"):
            return commit(
                self._store,
                self._prefix,
                folder,
                inputs=self._job.inputs,
                layout=self._job.layout,
                made=made,
                quality=quality,
                say=self._log.say,
                replaces=self._job.is_forced,
            )


def open_cache(job: Job, log: Log, environment: Mapping[str, str]) -> Optional[Cache]:
    """The cache of a job; None where somebody else collects what it makes."""
    if job.cache is None:
        return None
    try:
        import botocore.session
        from botocore.config import Config

        from lmi_deployer.artifact.s3_store import S3Store
    except ImportError as error:
        raise JobError(
            f"the image's Python has no {error.name}, with which artifacts are uploaded",
            fix="compile.runner: docker, which uploads from the host",
        ) from error
    with explained(f"connecting to {job.cache}"):
        client = botocore.session.get_session().create_client(
            "s3",
            region_name=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"),
            config=Config(retries={"mode": "standard", "total_max_attempts": _ATTEMPTS}),
        )
        return Cache(job, S3Store(client, job.cache), log)


@contextmanager
def explained(action: str) -> Iterator[None]:
    """Turn what stores and botocore raise inside the block into an error that says what helps."""
    try:
        yield
    except StoreError as error:
        raise JobError(f"{action}: {error}") from error
    except Exception as error:
        # botocore and s3transfer share no base class, and s3transfer comes with the image.
        if not type(error).__module__.startswith(("botocore", "s3transfer")):
            raise
        text = f"{type(error).__name__}: {error}"
        found = find_cause([text])
        raise JobError(f"{action}: {text}", fix=found.fix if found else None) from error
