"""What jobs do in the background: one thread and one process each, none left behind.

A thread of a job never touches what SageMaker remembers of it: that changes under the gateway's
lock when a client asks. It reads and writes S3 and logs under that lock too, and holds it at no
time while the process runs, which itself calls the emulator.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Thread, Timer
from typing import TYPE_CHECKING, Literal, Protocol

from lmi_deployer.sandbox.jobs.processes import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GRACE_SECONDS = 120.0
"""Between SIGTERM and SIGKILL. Source: SageMaker API reference, StopTrainingJob."""

Ending = Literal["stop", "out_of_time", "spot_interruption"]
"""Why a process was asked to end."""


class InputProblemError(Exception):
    """A job cannot even start, in words for its FailureReason."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How a job's process is started."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a job's process went."""

    seconds: float
    status: int | None = None
    """Exit status; None where nothing was started."""
    failure: str = ""
    """Why it failed, or why nothing was started."""


class Task(Protocol):
    """One job's part: what goes into the container and what comes out of it."""

    def set_up(self, root: Path) -> Launch:
        """Fill an empty folder. Raises InputProblemError."""

    def say(self, line: str) -> None:
        """Take one line of output."""

    def finish(self, root: Path) -> None:
        """Take what a process left that ended well. Raises InputProblemError."""

    def failure(self, root: Path) -> str:
        """Why a process failed, by what it left."""


class Work:
    """One job in the background."""

    def __init__(self, task: Task, *, limit_seconds: float, signal: Ending | None) -> None:
        """Start. A `signal` is sent as soon as the process has written a line."""
        self.ended: Ended | None = None
        self.asked_to_end: Ending | None = None
        self._task = task
        self._limit_seconds = limit_seconds
        self._signal = signal
        self._process: Process | None = None
        self._is_over = False
        self._lock = Lock()
        self._timers: list[Timer] = []
        self._thread = Thread(target=self._run, name="sandbox job", daemon=True)
        self._thread.start()

    def end(self, why: Ending) -> None:
        """Ask the process to end, and see to it."""
        with self._lock:
            if self._is_over or self.asked_to_end:
                return
            self.asked_to_end = why
            if self._process:
                self._process.terminate()
        self._after(GRACE_SECONDS, self._kill)

    def kill(self) -> None:
        """End it at once."""
        with self._lock:
            self.asked_to_end = self.asked_to_end or "stop"
        self._kill()

    def join(self) -> None:
        """Wait until nothing is left of it."""
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        try:
            with TemporaryDirectory(prefix="lmi-sandbox-", ignore_cleanup_errors=True) as folder:
                status, failure = self._run_in(Path(folder).resolve())
        except InputProblemError as error:
            status, failure = None, str(error)
        except Exception as error:  # noqa: BLE001 - a client would wait for ever without an end
            status, failure = None, f"the sandbox itself failed: {error!r}"
        with self._lock:
            self._is_over = True
            timers, self._timers = self._timers, []
        for timer in timers:
            timer.cancel()
        seconds = time.monotonic() - began
        self.ended = Ended(seconds=seconds, status=status, failure=failure)

    def _run_in(self, root: Path) -> tuple[int | None, str]:
        launch = self._task.set_up(root)
        with self._lock:
            if self.asked_to_end:
                return None, ""
            process = Process(launch.command, folder=root, environment=launch.environment)
            self._process = process
        self._after(self._limit_seconds, lambda: self.end("out_of_time"))
        try:
            for line in process.lines():
                self._task.say(line)
                if self._signal:
                    self.end(self._signal)
        except BaseException:
            process.kill()
            raise
        finally:
            status = process.wait()
        if status == 0 and not self.asked_to_end:
            self._task.finish(root)
        return status, self._task.failure(root)

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        timer = Timer(seconds, action)
        timer.daemon = True
        with self._lock:
            if self._is_over:
                return
            self._timers.append(timer)
            timer.start()

    def _kill(self) -> None:
        with self._lock:
            if self._process:
                self._process.kill()


class Works:
    """The jobs that run, by ARN. The gateway's lock makes its use exclusive until it closes."""

    def __init__(self) -> None:
        self._running: dict[str, Work] = {}

    def start(self, arn: str, task: Task, *, limit_seconds: float, signal: Ending | None) -> None:
        """Run a job."""
        self._running[arn] = Work(task, limit_seconds=limit_seconds, signal=signal)

    def find(self, arn: str) -> Work | None:
        """A job that runs or whose end nobody has taken in yet."""
        return self._running.get(arn)

    def forget(self, arn: str) -> None:
        """Drop a job that has ended."""
        self._running.pop(arn, None)

    def close(self) -> None:
        """End all that runs."""
        for work in self._running.values():
            work.kill()
        for work in self._running.values():
            work.join()
        self._running.clear()
