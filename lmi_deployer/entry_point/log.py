"""What the job says: one line at a time to stdout, which is its log, with no secret in it."""

from __future__ import annotations

import re
import sys
import threading
import time
from contextlib import contextmanager
from typing import Dict, Iterator, List, Mapping

LINE_CHARACTERS = 2000
"""What is longer says no more, and fills the log."""
_SECRET_NAMES = re.compile(r"(?i)(token|secret|password|passwd|credential|api_?key|access_key)")
_SECRET_FORMS = re.compile(
    r"(?<![A-Za-z0-9])(?:hf_[A-Za-z0-9]{20,}|(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9]))"
    r"|(?<=://)[^/\s@]+:[^/\s@]+(?=@)"  # a proxy or package index with its password
    r"|(?<=Signature=)[^&\s]+|(?<=Security-Token=)[^&\s]+"  # a download address signed in advance
)
_SHORTEST_SECRET = 8
"""`true` and `1` under such a name are settings, and would be struck out of every line."""


def secrets_of(environment: Mapping[str, str]) -> List[str]:
    """The values that variables with telling names hold, the longest first."""
    found = {
        value
        for name, value in environment.items()
        if _SECRET_NAMES.search(name)
        and len(value) >= _SHORTEST_SECRET
        # Where credentials are to be had is no secret, and a path stands in many lines.
        and not name.endswith(("_URI", "_FILE"))
    }
    return sorted(found, key=len, reverse=True)


class Log:
    """Writes lines, and remembers how long each phase took."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._secrets = secrets_of(environment)
        self._lock = threading.Lock()
        self.seconds: Dict[str, float] = {}
        self.phase = "start"

    def clean(self, text: str) -> str:
        """`text` without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _SECRET_FORMS.sub("***", text)

    def say(self, line: str) -> None:
        """One line of our own."""
        self.echo(f"lmi-deploy: {line}")

    def echo(self, line: str) -> None:
        """One line of somebody else's. Threads may write at the same time."""
        text = self.clean(line)[:LINE_CHARACTERS]
        with self._lock:
            # The encoding of a container without a locale is ASCII.
            encoding = sys.stdout.encoding or "ascii"
            sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")
            sys.stdout.flush()

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """One phase of the job: named in failures, timed, and logged when it is done."""
        self.phase = phase
        began = time.monotonic()
        yield
        self.seconds[phase] = round(time.monotonic() - began, 1)
        self.say(f"{phase}: done in {self.seconds[phase]} s")
