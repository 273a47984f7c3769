"""The Hugging Face token of this machine, handed to one container and to nothing that lasts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder in it


def hub_token(own: Mapping[str, str] = os.environ) -> str | None:
    """The token, found as huggingface_hub finds it: a variable, or the file of `hf auth login`."""
    for name in TOKEN_VARIABLES:
        if own.get(name, "").strip():
            return own[name].strip()
    cache = own.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    home = Path(own.get("HF_HOME") or Path(cache) / "huggingface")
    try:
        return Path(own.get("HF_TOKEN_PATH") or home / "token").read_text().strip() or None
    except OSError:
        return None


@contextmanager
def token_file(token: str) -> Iterator[Path]:
    """A file with the token that its owner alone can read, gone when the block ends.

    In memory where the system has a folder there. A container that has been started meanwhile
    keeps reading it: a mounted file lives on until the container ends.
    """
    where = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="lmi-deploy-", dir=where) as folder:
        path = Path(folder) / "token"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(token)
        yield path
