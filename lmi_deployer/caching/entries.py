"""The engines in a cache, listed and their small documents read side by side."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from lmi_deployer.artifact import claims
from lmi_deployer.artifact.manifest import (
    ARTIFACT_FOLDER,
    KEY_CHARACTERS,
    MANIFEST_FILE,
    Manifest,
    ManifestError,
    parse,
)
from lmi_deployer.artifact.store import Store, StoredFile, StoreError
from lmi_deployer.artifact.verifying import REWRITTEN, is_rewritten

State = Literal["complete", "half-written", "damaged"]
JOB_FILE = "job/job.json"
FOLDER = re.compile(rf"[0-9a-f]{{{KEY_CHARACTERS}}}")
"""Whatever else lies in the folder of a cache is none of ours, and is not looked into."""
DOCUMENTS = (
    MANIFEST_FILE,
    claims.CLAIM_FILE,
    JOB_FILE,
    "job/compile.pyz",
    "job/serving.properties",
)
"""Each of these, or anything of an artifact, makes a folder that of an engine."""
JOB_OUTPUT = "job-output/"
OWN_FOLDERS = (ARTIFACT_FOLDER, JOB_OUTPUT)
"""All else that is written into the folder of an engine."""
READERS = 16


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One folder of a cache."""

    name: str
    """The beginning of the key."""
    files: Mapping[str, StoredFile]
    """All of ours in it, by its path below the folder; nothing where it cannot be listed."""
    foreign: tuple[str, ...] = ()
    """Paths of files that somebody else has put there; they are left alone."""
    manifest: Manifest | None = None
    problem: str | None = None
    """Why it is damaged, as far as a listing shows it."""
    is_rewritten: bool = False
    """Damaged only in that files of it were written again, as a copy of a cache is: a deep look
    can tell whether they hold what they did."""
    claim: claims.Claim | None = None
    job_seconds: int = 0
    """How long the job that was started for it may run; 0 where it is complete, or none was."""

    @property
    def prefix(self) -> str:
        """Of every path of it."""
        return f"{self.name}/"

    @property
    def state(self) -> State:
        """Half-written is whatever has no manifest: work under way, or what is left of it."""
        if self.problem is not None:
            return "damaged"
        return "half-written" if self.manifest is None else "complete"

    @property
    def size_bytes(self) -> int:
        """Of everything in it."""
        return sum(item.size_bytes for item in self.files.values())

    @property
    def newest_seconds(self) -> float:
        """When somebody last wrote into it, in seconds since 1970."""
        return max((item.modified_seconds for item in self.files.values()), default=0.0)

    @property
    def made_seconds(self) -> float:
        """When it was committed; of what never was, when somebody last wrote into it."""
        stored = self.files.get(MANIFEST_FILE)
        return self.newest_seconds if stored is None else stored.modified_seconds

    def is_of(self, key: str) -> bool:
        """Whether it is of a key, or of one that begins so; as far as its manifest tells."""
        if self.manifest is None:
            return self.name.startswith(key) or key.startswith(self.name)
        return self.manifest.key.startswith(key) or self.name.startswith(key)


def read_entries(store: Store) -> list[Entry]:
    """Every engine of a cache, oldest first."""
    names = [name for name in store.folders() if FOLDER.fullmatch(name)]
    with ThreadPoolExecutor(READERS) as pool:
        found = [entry for entry in pool.map(lambda name: read_entry(store, name), names) if entry]
    return sorted(found, key=lambda entry: (entry.made_seconds, entry.name))


def read_entry(store: Store, name: str) -> Entry | None:
    """One engine as it is now; None where it has gone, or nothing of ours is there."""
    prefix = f"{name}/"
    try:
        listed = store.files(prefix)
    except (StoreError, PermissionError) as error:  # links, which lead out of the cache
        return Entry(name=name, files={}, problem=f"it cannot be listed: {error}")
    files = {path.removeprefix(prefix): item for path, item in listed.items()}
    if not any(path in DOCUMENTS or path.startswith(ARTIFACT_FOLDER) for path in files):
        return None
    return _entry(store, name, files)


def _own(files: Mapping[str, StoredFile], manifest: Manifest | None) -> dict[str, StoredFile]:
    """Those below an engine's folder that lmi-deploy or its jobs write.

    What a manifest does not list was not committed, so somebody else has put it there.
    """
    files_of = () if manifest is None else manifest.files
    listed = {f"{ARTIFACT_FOLDER}{item.path}" for item in files_of}
    return {
        path: item
        for path, item in files.items()
        if path in DOCUMENTS
        or path in listed
        or path.startswith(OWN_FOLDERS if manifest is None else JOB_OUTPUT)
    }


def _entry(store: Store, name: str, files: Mapping[str, StoredFile]) -> Entry:
    def read(path: str) -> bytes | None:
        return store.read(f"{name}/{path}") if path in files else None

    content, claim = read(MANIFEST_FILE), read(claims.CLAIM_FILE)
    manifest, problem, rewritten = None, None, None
    if content is not None:
        try:
            manifest = parse(content)
            problem = _damage(name, manifest, files)
            rewritten = None if problem is not None else _rewritten(manifest, files)
        except ManifestError as error:
            problem = f"{MANIFEST_FILE} {error}"
    problem = problem or rewritten
    is_complete = manifest is not None and problem is None
    own = _own(files, manifest)
    return Entry(
        name=name,
        files=own,
        foreign=tuple(sorted(set(files) - set(own))),
        manifest=manifest,
        problem=problem,
        is_rewritten=rewritten is not None,
        claim=None if claim is None else claims.parse(claim),
        job_seconds=0 if is_complete else _job_seconds(read(JOB_FILE)),
    )


def _damage(name: str, manifest: Manifest, files: Mapping[str, StoredFile]) -> str | None:
    """What a listing alone shows to be wrong; hashes and layout are for `cache verify`."""
    if not manifest.key.startswith(name):
        return f"{MANIFEST_FILE} is of another key, {manifest.key}"
    for item in manifest.files:
        stored = files.get(f"{ARTIFACT_FOLDER}{item.path}")
        if stored is None:
            return f"{item.path} is missing"
        if stored.size_bytes != item.size_bytes:
            return f"{item.path} has {stored.size_bytes} bytes, not {item.size_bytes}"
    return None


def _rewritten(manifest: Manifest, files: Mapping[str, StoredFile]) -> str | None:
    """Which file S3 says is not the one that was committed."""
    for item in manifest.files:
        if is_rewritten(item, files[f"{ARTIFACT_FOLDER}{item.path}"]):
            return f"{item.path} {REWRITTEN}"
    return None


def _job_seconds(content: bytes | None) -> int:
    """How long the job of a folder may run; 0 where its document does not say."""
    try:
        seconds = json.loads(content or b"")["max_seconds"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0
    return seconds if isinstance(seconds, int) else 0
