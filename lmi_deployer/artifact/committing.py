"""Puts an artifact into a store so that it counts only once all of it is there.

The manifest is written last. Where an artifact is replaced, the old one stays until the first of
its files is about to change; its manifest goes before that, so that at every moment in between
there is none. What an earlier try has sent already is not sent again.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, List, Mapping, Optional, Tuple

from lmi_deployer.artifact.manifest import (
    ARTIFACT_FOLDER,
    KEY_CHARACTERS,
    MANIFEST_FILE,
    ArtifactFile,
    Manifest,
    ManifestError,
    as_json,
    key_of,
    meets,
    parse,
)
from lmi_deployer.artifact.store import Store, StoredFile, StoreError, checked_path
from lmi_deployer.artifact.uploading import CommitError, OvertakenError, Say, Upload
from lmi_deployer.artifact.verifying import artifact_files, differences, verify

__all__ = ["CommitError", "adopt", "commit", "find", "is_named_by", "record"]


def find(store: Store, prefix: str) -> Optional[Manifest]:
    """The manifest below a prefix; None where nothing has been committed.

    Raises ManifestError for one that cannot be read.
    """
    content = store.read(prefix + MANIFEST_FILE)
    if content is None:
        return None
    try:
        return parse(content)
    except ManifestError as error:
        raise ManifestError(f"{store.root}{prefix}{MANIFEST_FILE} {error}") from error


def commit(
    store: Store,
    prefix: str,
    source: Path,
    *,
    inputs: Mapping[str, Any],
    layout: str,
    made: Mapping[str, Any],
    quality: Optional[Mapping[str, Any]],
    say: Say,
    replaces: bool = False,
) -> Manifest:
    """Store the files of a folder as the artifact of these inputs; the manifest of what is there.

    A whole artifact of the same inputs is left alone, since endpoints may be starting from it,
    unless `replaces`, or `quality` says something new of the one at hand. So is one that another
    writer commits meanwhile. Raises CommitError, also for the artifact of other inputs whose key
    begins as this folder is named.
    """
    paths = _local_files(source)
    begun = time.monotonic()
    mark = store.find(prefix + MANIFEST_FILE)  # before it is read, so it is never newer
    committed = _committed(store, prefix, inputs)
    if committed is not None and not replaces and _is_fine(store, prefix, committed, quality):
        say(f"{store.root}{prefix} holds a whole artifact of these inputs already")
        return committed
    _clean(store, prefix, say)
    try:
        upload = Upload(store, prefix, say, mark=mark, committed=committed)
        files = upload.send_all(source, paths)
    except OvertakenError:
        theirs = _committed(store, prefix, inputs)
        if theirs is None or not _is_fine(store, prefix, theirs, quality):
            raise
        say(f"another writer has committed {store.root}{prefix} meanwhile")
        return theirs
    seconds = {**made.get("seconds", {}), "upload": round(time.monotonic() - begun, 1)}
    manifest = Manifest(
        inputs=inputs,
        layout=layout,
        files=files,
        made={**made, "seconds": seconds},
        quality=quality,
    )
    there = artifact_files(store, prefix)
    wrong = differences(store, prefix, manifest, there)
    if wrong:
        raise CommitError(
            "{}{} changed while it was written, so that it is not committed: {}".format(
                store.root, prefix, "; ".join(wrong)
            )
        )
    manifest = replace(manifest, files=_marked(files, there))
    store.write(prefix + MANIFEST_FILE, as_json(manifest))
    return manifest


def record(store: Store, prefix: str) -> List[str]:
    """Commit a copied artifact anew, with the ETags that its files have here.

    It reads every byte first; what is wrong is returned, and then nothing is written. A file
    without a hash has to have its old ETag: nobody could tell what it holds.
    """
    mark = store.find(prefix + MANIFEST_FILE)
    manifest = find(store, prefix)
    if mark is None or manifest is None:
        return [f"there is no {MANIFEST_FILE}"]
    there = artifact_files(store, prefix)  # before it is read: what changes meanwhile is noticed
    unmarked = tuple(
        item if item.sha256 is None else replace(item, etag=None) for item in manifest.files
    )
    wrong = verify(store, prefix, replace(manifest, files=unmarked), deep=True)
    if wrong:
        return wrong
    renewed = replace(manifest, files=_marked(manifest.files, there))
    path = prefix + MANIFEST_FILE
    if renewed != manifest and not store.replace(path, as_json(renewed), mark.version):
        return [f"{MANIFEST_FILE} was written meanwhile"]
    return []


def adopt(
    store: Store,
    prefix: str,
    *,
    inputs: Mapping[str, Any],
    layout: str,
    made: Mapping[str, Any],
    quality: Optional[Mapping[str, Any]],
) -> Manifest:
    """Commit what somebody else has put below a prefix, as SageMaker's optimization jobs do.

    Its files have no hashes in the manifest, unless the store remembers them; what S3 says of
    them is all there is to notice a change by. Raises CommitError where there are none.
    """
    files = tuple(
        ArtifactFile(path, stored.size_bytes, stored.sha256, stored.etag)
        for path, stored in sorted(artifact_files(store, prefix).items())
    )
    if not files:
        raise CommitError(f"{store.root}{prefix}{ARTIFACT_FOLDER} holds no files")
    manifest = Manifest(inputs=inputs, layout=layout, files=files, made=made, quality=quality)
    store.write(prefix + MANIFEST_FILE, as_json(manifest))
    return manifest


def _committed(store: Store, prefix: str, inputs: Mapping[str, Any]) -> Optional[Manifest]:
    """What is committed there of these inputs, whole or not.

    Raises CommitError where it is of others, unless its key does not begin as the folder is named:
    then it was copied here, and says nothing of this folder.
    """
    try:
        manifest = find(store, prefix)
    except ManifestError:
        return None
    if manifest is None or manifest.key == key_of(inputs):
        return manifest
    if not is_named_by(store, prefix, manifest):
        return None
    raise CommitError(
        f"{store.root}{prefix} holds the artifact of another key, {manifest.key}, which is"
        " not written over"
    )


def _is_fine(
    store: Store, prefix: str, manifest: Manifest, quality: Optional[Mapping[str, Any]]
) -> bool:
    """Whether an artifact is whole, and `quality` says nothing new of it."""
    if quality is not None and not meets(manifest.quality, quality):
        return False
    # As look-ups judge it: what they refuse to use must not stop it from being made anew.
    return not verify(store, prefix, manifest, deep=False)


def is_named_by(store: Store, prefix: str, manifest: Manifest) -> bool:
    """Whether a manifest is of the folder that it lies in, which its key names."""
    folder = (store.root + prefix).rstrip("/").rpartition("/")[2]
    return folder == manifest.key[:KEY_CHARACTERS]


def _marked(
    files: Tuple[ArtifactFile, ...], there: Mapping[str, StoredFile]
) -> Tuple[ArtifactFile, ...]:
    """The files with the ETags of a listing; those without a hash keep their own."""
    return tuple(
        item if item.sha256 is None else replace(item, etag=there[item.path].etag) for item in files
    )


def _clean(store: Store, prefix: str, say: Say) -> None:
    try:
        store.clean(prefix)
    except StoreError as error:  # it costs money, but keeps nothing from being right
        say(f"what interrupted uploads left is still there: {error}")


def _local_files(source: Path) -> Tuple[str, ...]:
    """Every file below a folder. Raises CommitError for what is no file, and for none at all."""
    paths: List[str] = []

    def fail(error: OSError) -> None:
        raise CommitError(f"{error.filename} cannot be read: {error.strerror}")

    top = source.resolve()
    for folder, folders, names in os.walk(str(source), onerror=fail):
        for name in [*folders, *names]:
            path = Path(folder) / name
            if path.is_dir() and not path.is_symlink():
                continue
            # A container that made the folder must not get at files of the host through links.
            if not path.is_file() or top not in path.resolve().parents:
                raise CommitError(f"{path} is not a file of {source}")
            paths.append(checked_path(path.relative_to(source).as_posix()))
    if not paths:
        raise CommitError(f"{source} holds no files")
    return tuple(sorted(paths))
