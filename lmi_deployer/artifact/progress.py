"""How far an upload is, in lines for people."""

from __future__ import annotations

import time
from typing import Callable, Dict

from lmi_deployer.artifact.manifest import ArtifactFile

GIB = 1024**3


class Progress:
    """Says how far an upload is: once for every GiB or more, and at its end."""

    def __init__(self, files: int, size_bytes: int, say: Callable[[str], None]) -> None:
        self._files = files
        self._bytes = size_bytes
        self._say = say
        self._begun = time.monotonic()
        self._counts: Dict[str, int] = {"files": 0, "bytes": 0, "sent": 0, "said": 0, "new": 0}

    def add(self, item: ArtifactFile, *, is_new: bool) -> None:
        """Count a file that is there now."""
        counts = self._counts
        counts["files"] += 1
        counts["bytes"] += item.size_bytes
        counts["new"] += is_new
        counts["sent"] += item.size_bytes if is_new else 0
        is_last = counts["files"] == self._files
        if is_last or counts["bytes"] - counts["said"] >= GIB:
            counts["said"] = counts["bytes"]
            self._say(self._line())

    def _line(self) -> str:
        counts = self._counts
        seconds = max(time.monotonic() - self._begun, 1e-3)
        kept = counts["files"] - counts["new"]
        already = f" ({kept} were already)" if kept else ""
        rate = f"; sent at {counts['sent'] / seconds / 1024**2:.0f} MiB/s" if counts["sent"] else ""
        return (
            f"{counts['files']} of {self._files} files, {counts['bytes'] / GIB:.2f} of "
            f"{self._bytes / GIB:.2f} GiB are there{already}{rate}"
        )
