"""SHA-256 of files, piece by piece."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Callable

from lmi_deployer.artifact.store import CHUNK_BYTES, StoreError


def sha256_of(path: Path, *, is_over: Callable[[], bool] = lambda: False) -> str:
    """SHA-256 of a file, in hexadecimal. Raises StoreError once nobody waits for it any more."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while True:
            if is_over():
                raise StoreError(f"reading {path} was given up")
            piece = stream.read(CHUNK_BYTES)
            if not piece:
                return digest.hexdigest()
            digest.update(piece)
