"""Compiles with the tensorrt-llm that is installed on this machine, without Docker."""

from __future__ import annotations

import atexit
import hashlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmi_deployer.artifact.claims import new_owner
from lmi_deployer.artifact.store import Store
from lmi_deployer.compiling import host
from lmi_deployer.compiling.host import DiskNeed
from lmi_deployer.compiling.runner import JobState
from lmi_deployer.compiling.standing import prefix_of
from lmi_deployer.edges.local_claims import ELSEWHERE, Claimed
from lmi_deployer.edges.local_jobs import (
    JobFolder,
    commit,
    job_name,
    lines_of,
    plain,
)
from lmi_deployer.edges.local_runner import LocalRunner
from lmi_deployer.edges.local_weights import WeightsCopy, copy_of
from lmi_deployer.edges.native_root import below, environment, furnish, require_library
from lmi_deployer.entry_point.job import ARCHIVE_FILE, JOB_FOLDER
from lmi_deployer.errors import InputError
from lmi_deployer.secrets import redacted
from lmi_deployer.steps import CompileEngine

if TYPE_CHECKING:
    from lmi_deployer.edges.aws import Aws

STOP_SECONDS = 30
"""For the entry point to end what it has started; it gives that 15 seconds itself."""


@dataclass
class _Running:
    """A process that compiles, and how much of its log has been read."""

    process: subprocess.Popen[bytes]
    log: Path
    read_bytes: int = 0

    def new_lines(self) -> tuple[str, ...]:
        """Whole lines since the last time."""
        with self.log.open("rb") as file:
            file.seek(self.read_bytes)
            whole = file.read().rpartition(b"\n")[0]
        self.read_bytes += len(whole) + 1 if whole else 0
        return tuple(plain(line) for line in lines_of(whole))


class NativeJobs(LocalRunner):
    """Runs compile jobs as processes of this machine, in a folder that stands for a container.

    They end with the command that started them. A claim in the cache keeps others from compiling
    the same meanwhile.
    """

    can_detach = False

    def __init__(self, store: Store, aws: Aws | None = None, **more: Any) -> None:
        """As `LocalRunner` takes them."""
        super().__init__(store, aws, **more)
        self._owner = new_owner()
        self._running: dict[str, _Running] = {}
        self._claims: dict[str, Claimed] = {}

    def find(self, step: CompileEngine) -> JobState | None:
        """The job of this command, or how the last one ended; starts nothing."""
        name = job_name(step)
        if name in self._running:
            return JobState(name=name, phase="running")
        return self._job_folder(name).remembered(name)

    def start(self, step: CompileEngine) -> str:
        """Start the process, or find the one that runs, here or on another machine."""
        name = job_name(step)
        claim = self._claims.setdefault(
            name, Claimed(self._store, prefix_of(step), self._owner, self._now)
        )
        if name in self._running:
            return name
        require_library(step)
        if not claim.take(step.job["max_seconds"]):
            return f"{name}{ELSEWHERE}"
        try:
            is_started = self._start(step, name, claim)
        except BaseException:
            self.stop(name)
            self._job_folder(name).clear(self._say)
            claim.release()
            raise
        return name if is_started else f"{name}{ELSEWHERE}"

    def look(self, job: str) -> JobState:
        """How a process is doing. Raises InputError for one that this command did not start."""
        name = job.removesuffix(ELSEWHERE)
        claim = self._claims.get(name)
        if job != name and claim is not None:
            return claim.elsewhere(job)
        running, folder = self._running.get(name), self._job_folder(name)
        if running is None or claim is None:
            ended = folder.remembered(name)
            if ended is None:
                raise InputError(f"this command has not started {job}")
            return ended
        status = running.process.poll()
        lines = running.new_lines()
        if status is None:
            claim.watch()
            return JobState(name=name, phase="running", lines=lines)
        if status == 0:
            return JobState(name=name, phase="done", lines=lines)
        return self._failed(name, status, lines)

    def collect(self, step: CompileEngine, job: str) -> None:
        """Bring what a process made into the cache, and commit it."""
        if job.endswith(ELSEWHERE):
            return
        folder = self._job_folder(job)
        commit(self._store, step, folder, self._say)
        self._running.pop(job, None)
        folder.remove(self._say)
        if job in self._claims:
            self._claims[job].release()

    def stop(self, job: str) -> None:
        """End a process with all that it has started, and drop what nobody has collected."""
        running = self._running.get(job)
        if running is None:
            return
        running.process.send_signal(signal.SIGTERM)
        try:
            running.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(running.process.pid, signal.SIGKILL)
            running.process.wait()
        self._end(JobState(name=job, phase="stopped", reason="it was stopped by this command"))

    def _job_folder(self, name: str) -> JobFolder:
        # Of this cache alone: its claim is what keeps others out of the folder.
        cache = hashlib.sha256(self._store.root.encode()).hexdigest()[:8]
        return JobFolder(self._folder / "jobs" / f"{name}-native-{cache}")

    def _start(self, step: CompileEngine, name: str, claim: Claimed) -> bool:
        """False where another machine has begun while this one was getting things ready."""
        gpus = host.gpus_here()
        if gpus is None:
            raise InputError(
                "nvidia-smi cannot be asked, so there seems to be no GPU here",
                fix="--runner sagemaker",
            )
        shown = host.visible(gpus, os.environ.get("CUDA_VISIBLE_DEVICES"))
        chosen = [gpu.uuid for gpu in host.chosen_gpus(shown, step.job["gpu"])]
        copy = copy_of(step, self._source, self._aws, self._folder, self._say)
        self._require_room(copy)
        if copy is not None:
            copy.fetch()
        folder = self._job_folder(name)
        # The job's own time begins only now, and so does that of the claim.
        if not claim.take(step.job["max_seconds"]):
            return False
        folder.prepare(step, name)
        root = folder.root / "root"
        furnish(root, folder, step, weights=None if copy is None else copy.files, gpus=chosen)
        with folder.log.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own archive
                [sys.executable, str(below(root, f"{JOB_FOLDER}/{ARCHIVE_FILE}")), "--root", root],
                env=environment(root, chosen, os.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running[name] = _Running(process, folder.log)
        atexit.register(self.stop, name)  # whatever ends this command
        return True

    def _require_room(self, copy: WeightsCopy | None) -> None:
        size = self._weights_bytes if copy is None else copy.size_bytes
        if size is None:
            self._say("how large the weights are is not known before they are downloaded")
            return
        warning = host.require_memory(host.memory_here(), size)
        if warning:
            self._say(warning)
        to_fetch = size if copy is None else copy.missing_bytes
        host.require_disk(
            [
                DiskNeed(folder=self._folder, size_bytes=to_fetch, what="weights to fetch"),
                DiskNeed(folder=self._folder, size_bytes=2 * size, what="checkpoint and engine"),
            ]
        )

    def _failed(self, name: str, status: int, lines: tuple[str, ...]) -> JobState:
        told = self._job_folder(name).failure()
        is_signal = status < 0
        ended = f"signal {-status} ended it" if is_signal else f"exit status {status}"
        state = JobState(
            name=name,
            phase="stopped" if is_signal or status == 128 + signal.SIGTERM else "failed",
            reason=redacted(told or f"it ended with {ended}"),
            lines=lines,
        )
        self._end(state)
        remembered = self._job_folder(name).remembered(name)
        return state if lines or remembered is None else remembered

    def _end(self, state: JobState) -> None:
        """Keep the log of a job that has not made it, and remove all else."""
        folder = self._job_folder(state.name)
        self._running.pop(state.name, None)
        folder.remember(state, [plain(line) for line in lines_of(folder.log.read_bytes())])
        folder.clear(self._say)
        self._say(f"its whole log is in {folder.log}")
        self._claims[state.name].release()
