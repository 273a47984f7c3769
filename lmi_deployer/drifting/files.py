"""Whether the files of a bundle on S3 are still those that lmi-deploy uploaded. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping

from lmi_deployer.bundle import MANIFEST_FILE
from lmi_deployer.deployment import FOLDER_HASH_CHARACTERS
from lmi_deployer.drifting.states import LiveFiles

LATER = "it takes effect with the next container that starts"


def problems_of_files(files: LiveFiles, objects: Mapping[str, str | None]) -> Iterator[str]:
    """What about a bundle's folder is not as it was uploaded.

    `objects` are those of the deployment: S3 address and SHA-256. The folder is named by a hash of
    the manifest, and the manifest holds a hash of every file.
    """
    folder = files.folder
    if files.manifest is None:
        yield f"{folder}{MANIFEST_FILE} is gone, so that nothing tells what its files should be"
        return
    wanted = _listed(files)
    if wanted is None:
        yield f"{folder}{MANIFEST_FILE} is not what lmi-deploy uploaded"
        return
    found = {
        uri.removeprefix(folder): sha256
        for uri, sha256 in objects.items()
        if uri.startswith(folder) and uri != f"{folder}{MANIFEST_FILE}"
    }
    for path in sorted(wanted.keys() | found.keys()):
        if path not in found:
            yield f"{folder}{path} is gone; {LATER}"
        elif path not in wanted:
            yield f"{folder}{path} was not uploaded by lmi-deploy; {LATER}"
        elif found[path] != wanted[path]:
            yield f"{folder}{path} is not what lmi-deploy uploaded; {LATER}"


def _listed(files: LiveFiles) -> dict[str, str] | None:
    """Path: SHA-256 of each file; None for a manifest that the folder was not named by."""
    assert files.manifest is not None
    digest = hashlib.sha256(files.manifest).hexdigest()[:FOLDER_HASH_CHARACTERS]
    if digest != files.folder.rstrip("/").rpartition("/")[2]:
        return None
    listed = json.loads(files.manifest)["files"]
    return {path: str(item["sha256"]) for path, item in listed.items()}
