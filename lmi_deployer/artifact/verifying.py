"""Whether an artifact in a store is what its manifest says, and what its server takes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import List, Mapping, Optional, Sequence

from lmi_deployer.artifact.manifest import (
    ARTIFACT_FOLDER,
    KEY_CHARACTERS,
    MANIFEST_FILE,
    ArtifactFile,
    Manifest,
)
from lmi_deployer.artifact.store import Store, StoredFile

THREADS = 8
REWRITTEN = "was written again since it was committed"


def verify(store: Store, prefix: str, manifest: Manifest, *, deep: bool) -> List[str]:
    """What keeps the artifact below a prefix from being used, each file by its name.

    Sizes and ETags as one listing shows them; of files without an ETag the hashes, as the store
    remembers them. `deep` reads every byte instead.
    """
    there = artifact_files(store, prefix)
    problems = _of_key(prefix, manifest)
    problems += differences(store, prefix, manifest, there, deep=deep)
    return problems + _of_layout(store, prefix, manifest, there)


def differences(
    store: Store,
    prefix: str,
    manifest: Manifest,
    there: Optional[Mapping[str, StoredFile]] = None,
    *,
    deep: bool = False,
) -> List[str]:
    """In what the files below a prefix are not those of the manifest; layout and key aside."""
    found = artifact_files(store, prefix) if there is None else there
    problems, to_hash = [], []
    for item in manifest.files:
        stored = found.get(item.path)
        problem = _seen(item, stored, deep=deep)
        if problem is not None:
            problems.append(f"{item.path} {problem}")
        elif stored is not None and item.sha256 is not None and not _is_same(item, stored, deep):
            to_hash.append(item)
    named = {item.path for item in manifest.files}
    problems += [f"{path} is not in the manifest" for path in sorted(found) if path not in named]
    hashes = _hashes(store, prefix + ARTIFACT_FOLDER, to_hash, deep=deep)
    for item, sha256 in zip(to_hash, hashes):  # noqa: B905 - 3.8
        if sha256 is None:
            problems.append(f"{item.path} has been deleted meanwhile")
        elif sha256 != item.sha256:
            both = f"SHA-256 {sha256} where the manifest says {item.sha256}"
            problems.append(f"{item.path} has {both}")
        elif is_rewritten(item, found[item.path]):
            problems.append(f"{item.path} {REWRITTEN}, with the same bytes")
    return problems


def _seen(item: ArtifactFile, stored: Optional[StoredFile], *, deep: bool) -> Optional[str]:
    """What a listing alone shows to be wrong with a file."""
    if stored is None:
        return "is missing"
    if stored.size_bytes != item.size_bytes:
        return f"has {stored.size_bytes} bytes where the manifest says {item.size_bytes}"
    will_read = deep and item.sha256 is not None
    return REWRITTEN if is_rewritten(item, stored) and not will_read else None


def _is_same(item: ArtifactFile, stored: StoredFile, deep: bool) -> bool:
    """Whether a file needs no other look: S3 says that it is the one that was committed."""
    return not deep and item.etag is not None and item.etag == stored.etag


def is_rewritten(item: ArtifactFile, stored: StoredFile) -> bool:
    """Whether S3 says that a file is not the one that was committed.

    It also says so of a copy that was uploaded in other parts, or encrypted by another key.
    """
    return None not in (item.etag, stored.etag) and item.etag != stored.etag


def _hashes(
    store: Store, folder: str, items: Sequence[ArtifactFile], *, deep: bool
) -> List[Optional[str]]:
    """Of every file; None where it has gone.

    What a folder does not remember, as it was written again, is read. S3 is not: that takes hours
    and costs money, so a file that another tool has put there counts by its size.
    """

    def hash_of(item: ArtifactFile) -> Optional[str]:
        if deep:
            return store.digest(folder + item.path)
        stored = store.find(folder + item.path)
        if stored is None or stored.sha256 is not None:
            return None if stored is None else stored.sha256
        return store.digest(folder + item.path) if stored.etag is None else item.sha256

    with ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(hash_of, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            store.stop()  # else the pool reads on for as long as all the files take
            raise


def artifact_files(store: Store, prefix: str) -> Mapping[str, StoredFile]:
    """What lies below a prefix for the server, by its path in the artifact."""
    folder = prefix + ARTIFACT_FOLDER
    return {path[len(folder) :]: stored for path, stored in store.files(folder).items()}


def _of_key(prefix: str, manifest: Manifest) -> List[str]:
    folder = prefix.rstrip("/").rpartition("/")[2]
    if not folder or folder == manifest.key[:KEY_CHARACTERS]:
        return []
    return [f"{MANIFEST_FILE} is of another key, {manifest.key}: it says nothing of this folder"]


def _of_layout(
    store: Store, prefix: str, manifest: Manifest, there: Mapping[str, StoredFile]
) -> List[str]:
    from lmi_deployer.artifact.layouts import problems

    degrees = [
        manifest.inputs.get(name) for name in ("tensor_parallel_degree", "pipeline_parallel_degree")
    ]
    ranks = 1
    for degree in degrees:
        if type(degree) is not int or degree < 1:
            return ["the inputs name no parallel degrees"]
        ranks *= degree

    def read(path: str) -> bytes:
        content = store.read(prefix + ARTIFACT_FOLDER + path)
        if content is None:
            raise FileNotFoundError(path)
        return content

    sizes = {path: stored.size_bytes for path, stored in there.items()}
    try:
        return problems(manifest.layout, sizes, read, ranks)
    except ValueError as error:
        return [str(error)]
