"""The files that go to S3 for one spec, and a manifest of their hashes."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lmi_deployer.render import PROPERTIES_FILE, serving_properties
from lmi_deployer.spec import ResolvedSpec

MANIFEST_FILE = "manifest.json"
ARCHIVE_FILE = "model.tar.gz"
MANIFEST_VERSION = 1


@dataclass(frozen=True)
class Bundle:
    """What one deployment uploads; the same spec gives the same bytes."""

    files: Mapping[str, bytes]
    """Path under the upload folder: content. The manifest is not one of them."""

    @cached_property
    def manifest(self) -> bytes:
        """SHA-256 and size of every file, as JSON. Uploaded last: it marks the rest complete."""
        listed = {
            path: {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
            for path, content in sorted(self.files.items())
        }
        document = {"schema_version": MANIFEST_VERSION, "files": listed}
        return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest, in hexadecimal: the identity of the bundle."""
        return hashlib.sha256(self.manifest).hexdigest()

    @property
    def size_bytes(self) -> int:
        """Bytes of all files, without the manifest."""
        return sum(len(content) for content in self.files.values())

    def as_json(self) -> dict[str, Any]:
        """The files as texts, or as base64 where they are not text; `bundle_from_json` reads it."""
        import base64

        return {path: base64.b64encode(data).decode() for path, data in self.files.items()}


def bundle_from_json(document: Mapping[str, str]) -> Bundle:
    """The bundle that `Bundle.as_json` wrote. Raises ValueError for what is not base64."""
    import base64

    return Bundle({path: base64.b64decode(text, validate=True) for path, text in document.items()})


def make_bundle(spec: ResolvedSpec) -> Bundle:
    """The files of a spec: loose under `model/`, or one reproducible archive."""
    files = {PROPERTIES_FILE: serving_properties(spec).encode("ascii")}
    if spec.endpoint.packaging == "tar.gz":
        return Bundle({ARCHIVE_FILE: archive(files)})
    return Bundle({f"model/{path}": content for path, content in files.items()})


def archive(files: Mapping[str, bytes]) -> bytes:
    """A .tar.gz of the files whose bytes depend on their names and contents alone."""
    import gzip
    import tarfile

    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", filename="", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode, entry.mtime = len(content), 0o644, 0
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
