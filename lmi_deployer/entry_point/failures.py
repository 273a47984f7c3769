"""How a job fails: with a reason, a way out, and the log lines that tell most."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import List, Optional, Sequence

from lmi_deployer.entry_point.causes import Found

FAILURE_CHARACTERS = 1024
"""What SageMaker shows of the failure file."""
_REASON_CHARACTERS = 700
"""Leaves room for log lines, however long a reason is."""
_LINE_CHARACTERS = 200
_LAST = "\nlast lines:"


class JobError(Exception):
    """The job cannot succeed.

    `lines` are the last ones of the log, and `telling` the one that shows why, wherever it stood.
    """

    def __init__(
        self,
        reason: str,
        *,
        fix: Optional[str] = None,
        lines: Sequence[str] = (),
        telling: str = "",
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix
        self.lines = tuple(lines)
        self.telling = telling


class StoppedError(BaseException):
    """The job was told to end. Not an Exception, so that no handler of failures takes it for one.

    SageMaker sends SIGTERM when a job is stopped, when its time is over and when a spot machine
    is taken back, and kills what is left after 120 seconds (SageMaker API reference,
    StoppingCondition).
    """


def failed(what: str, lines: Sequence[str], found: Optional[Found]) -> JobError:
    """The error of a program that failed, explained by what was found in its output."""
    if found is None:
        return JobError(what, lines=lines)
    return JobError(f"{what}: {found.cause}", fix=found.fix, lines=lines, telling=found.line)


def failure_text(error: JobError) -> str:
    """The failure file: reason, fix, the line that tells most, and as many last ones as fit."""
    head = error.reason
    if error.fix:
        head += f"\nfix: {error.fix}"
    head = head[:_REASON_CHARACTERS]
    if error.telling:
        head += f"\nlog: {error.telling[:_LINE_CHARACTERS]}"
    room = FAILURE_CHARACTERS - len(head) - len(_LAST)
    kept: List[str] = []
    for line in reversed(error.lines):
        text = line.strip()[:_LINE_CHARACTERS]
        if not text or line.strip() == error.telling:
            continue
        room -= len(text) + 1
        if room < 0:
            break
        kept.insert(0, text)
    return "\n".join([head + _LAST, *kept]) if kept else head


def write_failure(path: Path, text: str) -> None:
    """Write the failure file, in ASCII: SageMaker counts characters, not bytes.

    Where the disk is full or may not be written to, the reason stands in the log alone.
    """
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("ascii", "replace")[:FAILURE_CHARACTERS])
