"""Runs a program in a process group of its own, shows its output, and ends all of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Deque, List, Mapping, Optional, Sequence, Type

from lmi_deployer.entry_point.failures import JobError
from lmi_deployer.entry_point.log import Log

KEPT_LINES = 400
"""Eight ranks that fail together write some hundred lines after the one that tells why."""
GRACE_SECONDS = 15.0
"""Between asking a process group to end and killing it; SageMaker leaves 120 for everything."""
_READ_BYTES = 65536


class Deadline:
    """When the whole job has to be over."""

    def __init__(self, seconds: float) -> None:
        self.limit = seconds
        self._ends = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds; below 0 afterwards."""
        return self._ends - time.monotonic()

    def error(self, phase: str, lines: Sequence[str] = ()) -> JobError:
        """What to say when it has passed."""
        return JobError(
            f"the limit of {self.limit:.0f} seconds for the whole job passed during: {phase}",
            fix="a higher compile.max_seconds, or a faster compile.instance_type",
            lines=lines,
        )


class Program:
    """A running program; leaving the `with` block ends whatever is left of it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Log,
        environment: Mapping[str, str],
        prefix: str = "",
    ) -> None:
        self._log = log
        self._prefix = prefix
        self._lines: Deque[str] = deque(maxlen=KEPT_LINES)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - what the job document names
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**environment, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        except OSError as error:
            raise JobError(
                f"cannot start {command[0]}: {error.strerror}",
                fix="the image of the version that the profile names",
            ) from error
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Program:  # noqa: PYI034 - typing.Self is newer than 3.8
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.end()

    @property
    def lines(self) -> List[str]:
        """The last lines of its output, without secrets."""
        return list(self._lines)

    def wait(self, seconds: float) -> Optional[int]:
        """Its exit status, negative for a signal; None when it runs on after so many seconds."""
        try:
            status = self._process.wait(max(seconds, 0.0))
        except subprocess.TimeoutExpired:
            return None
        # Children that it has left behind may hold the pipe open.
        self._signal(signal.SIGTERM)
        self._reader.join(GRACE_SECONDS)
        return status

    def end(self) -> None:
        """End the whole group, by force where asking does not help."""
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_SECONDS)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join(1)

    def _signal(self, number: int) -> None:
        # The group may be gone, of which macOS tells with the second.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        with stream:
            for raw in iter(lambda: stream.readline(_READ_BYTES), b""):
                # A progress bar writes its line over and over: what it showed last is enough.
                line = raw.decode("utf-8", "replace").rstrip("\r\n").split("\r")[-1]
                line = self._log.clean(line)
                self._lines.append(line)
                self._log.echo(self._prefix + line)


def run_python(
    archive: Path,
    module: str,
    arguments: Sequence[str],
    *,
    log: Log,
    environment: Mapping[str, str],
) -> Program:
    """`main(arguments)` of a module of this package, in a Python of its own.

    What it loads, such as torch and the GPU memory that it takes, is gone when it ends.
    """
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        f"from lmi_deployer.entry_point.{module} import main\n"
        "main(sys.argv[2:])"
    )
    command = [sys.executable, "-c", code, str(archive), *arguments]
    return Program(command, log=log, environment=environment, prefix=f"{module}: ")
