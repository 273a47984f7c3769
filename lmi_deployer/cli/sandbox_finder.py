"""How one command finds the sandbox that another keeps running: a small file in the user's folder.

The file names a port; whether a sandbox really answers there is asked before it is used.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from lmi_deployer.errors import InputError
from lmi_deployer.sandbox import SandboxSettings

ANSWER_SECONDS = 2


def _file() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "lmi-deploy" / "sandbox.json"


@contextmanager
def announced(settings: SandboxSettings) -> Iterator[None]:
    """Let other commands find a sandbox for as long as the block runs."""
    file = _file()
    other = find()
    if other is not None:
        raise InputError(
            f"a sandbox is running already, at {other.endpoint_url}",
            fix="use that one, or give this one a folder of its own with XDG_STATE_HOME",
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_text(json.dumps(asdict(settings)), encoding="utf-8")
        file.chmod(0o600)
    except OSError as error:
        raise InputError(
            f"{file} cannot be written: {error.strerror}", fix="another XDG_STATE_HOME"
        ) from error
    try:
        yield
    finally:
        if find_announced() == settings:
            file.unlink(missing_ok=True)


def find() -> SandboxSettings | None:
    """The sandbox that `lmi-deploy sandbox serve` keeps running, or None."""
    settings = find_announced()
    return settings if settings is not None and _answers(settings) else None


def find_announced() -> SandboxSettings | None:
    """What the file says, whether or not anything still runs there."""
    try:
        return SandboxSettings(**json.loads(_file().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None  # no file, or one that an interrupted write left: as good as none


def _answers(settings: SandboxSettings) -> bool:
    opener = build_opener(ProxyHandler({}))  # loopback must not go through a proxy
    url = f"{settings.endpoint_url}/lmi-sandbox/health"
    if not url.startswith("http://127.0.0.1:"):
        return False
    try:
        with opener.open(url, timeout=ANSWER_SECONDS) as answer:
            return bool(json.load(answer).get("sandbox") == "lmi-deploy")
    except (URLError, OSError, ValueError):
        return False
