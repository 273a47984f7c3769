"""The manifest of an artifact: what it was made from, what it holds, and that it is complete.

It is written last. A folder without one is not an artifact, whatever else lies in it.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Tuple

from lmi_deployer.artifact.store import StoreError, checked_path

SCHEMA_VERSION = 1
MANIFEST_FILE = "manifest.json"
ARTIFACT_FOLDER = "artifact/"
"""Below an engine's folder: all that the server is given, and nothing else."""
KEY_CHARACTERS = 16
"""How much of a key names its folder and its jobs; the manifest holds all of it."""
SHA256 = r"[0-9a-f]{64}"
GATE = ("prompts", "reference", "max_new_tokens", "metric")
"""Members of a measurement that say what was asked."""


class ManifestError(ValueError):
    """A manifest that cannot be read, or is not one."""


@dataclass(frozen=True)
class ArtifactFile:
    """One file of an artifact; `path` is below ARTIFACT_FOLDER, with "/" between its parts."""

    path: str
    size_bytes: int
    sha256: Optional[str]
    """None where nobody but S3 has seen the content, as after SageMaker's optimization jobs."""
    etag: Optional[str] = None
    """What S3 said of the content when it was committed; None in a folder, which says nothing."""


@dataclass(frozen=True)
class Manifest:
    """What stands in manifest.json."""

    inputs: Mapping[str, Any]
    """What the artifact depends on; the key is the hash of it."""
    layout: str
    files: Tuple[ArtifactFile, ...]
    made: Mapping[str, Any] = field(default_factory=dict)
    """How it came to be: runner, job, image, host, `seconds` of each phase, lmi_deploy version."""
    quality: Optional[Mapping[str, Any]] = None
    """What the quality gate measured; None where the profile asked for none."""

    @property
    def key(self) -> str:
        """SHA-256 of the inputs, in hexadecimal."""
        return key_of(self.inputs)

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(item.size_bytes for item in self.files)


def key_of(inputs: Mapping[str, Any]) -> str:
    """SHA-256, in hexadecimal, of a document of inputs, whatever the order of its keys."""
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def folder_of(cache: str, key: str) -> str:
    """Where an artifact lies in a cache; both end in "/"."""
    return f"{cache}{key[:KEY_CHARACTERS]}/"


def meets(found: Optional[Mapping[str, Any]], asked: Mapping[str, Any]) -> bool:
    """Whether what was measured of an artifact answers a quality gate, and reaches its minimum.

    `asked` has the members of a measurement; what was measured there does not matter.
    """
    if found is None or any(found.get(name) != asked.get(name) for name in GATE):
        return False
    agreement = found.get("agreement")
    return isinstance(agreement, (int, float)) and agreement >= asked["minimum"]


def as_json(manifest: Manifest) -> bytes:
    """The content of manifest.json."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "key": manifest.key,
        "inputs": manifest.inputs,
        "layout": manifest.layout,
        "files": [
            _file_document(item) for item in sorted(manifest.files, key=lambda item: item.path)
        ],
        "made": manifest.made,
        "quality": manifest.quality,
    }
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def parse(content: bytes) -> Manifest:
    """The manifest in `content`. Raises ManifestError."""
    try:
        document = json.loads(content)
        version, key, quality = (document[name] for name in ("schema_version", "key", "quality"))
        manifest = Manifest(
            inputs=dict(document["inputs"]),
            layout=str(document["layout"]),
            files=tuple(_file(item) for item in document["files"]),
            made=dict(document["made"]),
            quality=None if quality is None else dict(quality),
        )
    except ManifestError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ManifestError("is not a manifest that lmi-deploy has written") from error
    if version != SCHEMA_VERSION:
        raise ManifestError(f"is of schema version {version!r}")
    if key != manifest.key:
        raise ManifestError("has been changed: its key is not that of its inputs")
    if len({item.path for item in manifest.files}) != len(manifest.files):
        raise ManifestError("names a file twice")
    return manifest


def _file_document(item: ArtifactFile) -> Dict[str, Any]:
    """One file, as a manifest names it."""
    etag = {} if item.etag is None else {"etag": item.etag}
    return {"path": item.path, "size_bytes": item.size_bytes, "sha256": item.sha256, **etag}


def _file(item: Mapping[str, Any]) -> ArtifactFile:
    """One file, as a manifest may name it: paths become paths of whoever fetches an artifact."""
    path, size, sha256 = item["path"], item["size_bytes"], item["sha256"]
    try:
        checked_path(path)
    except (StoreError, AttributeError) as error:
        raise ManifestError(f"names a file {path!r}") from error
    if type(size) is not int or size < 0:
        raise ManifestError(f"gives {path} a size of {size!r}")
    if sha256 is not None and not (isinstance(sha256, str) and re.fullmatch(SHA256, sha256)):
        raise ManifestError(f"gives {path} a hash of {sha256!r}")
    etag = item.get("etag")
    if etag is not None and not (isinstance(etag, str) and etag):
        raise ManifestError(f"gives {path} an ETag of {etag!r}")
    return ArtifactFile(path, size, sha256, etag)
