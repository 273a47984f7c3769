"""What a step of GitHub Actions hands on: outputs, a summary, and lines that are no commands.

Sources: "Workflow commands for GitHub Actions", and actions/runner:
src/Runner.Worker/FileCommandManager.cs and ActionCommandManager.cs. A profile of a fork is text of
a stranger, and the runner takes orders from text.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

SUMMARY_LIMIT_BYTES = 1024 * 1024
"""Of one step; a larger summary is not shown at all."""
LEFT_OUT = "\n\nThe rest is left out: GitHub shows 1 MiB of a summary. The log has all of it.\n"


def outputs_text(outputs: Mapping[str, str]) -> str:
    """Lines for GITHUB_OUTPUT: no value can end before its end, and so name another output.

    >>> outputs_text({"impact": "restart"}).splitlines()[1]
    'restart'
    """
    return "".join(_output(name, value) for name, value in outputs.items())


def _output(name: str, value: str) -> str:
    delimiter = f"end-{secrets.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def summary_text(text: str, *, used_bytes: int = 0) -> str:
    """What to append to GITHUB_STEP_SUMMARY, where `used_bytes` are in it already.

    Cut at a line where the whole would be more than GitHub shows.
    """
    room = SUMMARY_LIMIT_BYTES - used_bytes
    if len(text.encode()) <= room:
        return text
    room -= len(LEFT_OUT.encode())
    if room < 0:
        return ""
    kept = text.encode()[:room].decode(errors="ignore")
    return kept[: kept.rfind("\n") + 1] + LEFT_OUT


class Quiet:
    """A stretch of output in which the runner takes no line for a command."""

    def __init__(self) -> None:
        self._token = secrets.token_hex(16)

    @property
    def begin(self) -> str:
        """The line from which on nothing is a command."""
        return f"::stop-commands::{self._token}"

    @property
    def end(self) -> str:
        """The line after which commands are commands again."""
        return f"::{self._token}::"


def message_line(level: str, text: str) -> str:
    """A text beside the run as a whole: `level` is `error`, `warning` or `notice`.

    >>> message_line("warning", "100% full")
    '::warning title=lmi-deploy review::100%25 full'
    """
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::{level} title=lmi-deploy review::{escaped}"
