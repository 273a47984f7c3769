"""Compiles in a container on this machine, through the Docker Engine API."""

from __future__ import annotations

import getpass
import socket
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lmi_deployer.artifact.store import Store
from lmi_deployer.compiling.runner import JobState
from lmi_deployer.compiling.standing import prefix_of
from lmi_deployer.edges.docker_host import chown_back, connected, explained
from lmi_deployer.edges.docker_start import DockerStart
from lmi_deployer.edges.docker_state import (
    LogTail,
    find_container,
    remove_container,
    state_of,
    whole_log,
)
from lmi_deployer.edges.local_claims import ELSEWHERE, Claimed
from lmi_deployer.edges.local_jobs import (
    JobFolder,
    commit,
    job_name,
)
from lmi_deployer.edges.local_runner import LocalRunner
from lmi_deployer.errors import InputError
from lmi_deployer.steps import CompileEngine

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

    from lmi_deployer.edges.aws import Aws

STOP_SECONDS = 20
"""Between asking a container to end and killing it; the entry point gives its script 15."""


@dataclass
class _Known:
    """What this process knows of a job that it was asked about."""

    claim: Claimed
    image_uri: str
    tail: LogTail = field(default_factory=LogTail)


class DockerJobs(LocalRunner):
    """Runs compile jobs as containers of this machine's Docker host.

    The name of a container holds the key of its engine, so that two commands on one machine follow
    the same one; a claim in the cache does the same between machines. Files lie below `folder`.
    """

    can_detach = True

    def __init__(self, store: Store, aws: Aws | None = None, **more: Any) -> None:
        """As `LocalRunner` takes them."""
        super().__init__(store, aws, **more)
        self._known: dict[str, _Known] = {}
        self._connection: DockerClient | None = None

    def find(self, step: CompileEngine) -> JobState | None:
        """The container of this key, here or elsewhere, or how its last one ended here."""
        name, claim = job_name(step), self._noted(step).claim
        container = self._container(name, step.key)
        if container is not None:
            return state_of(container, self._job_folder(name))
        if claim.is_elsewhere():
            return claim.elsewhere(f"{name}{ELSEWHERE}")
        return self._job_folder(name).remembered(name)

    def start(self, step: CompileEngine) -> str:
        """Start the container, or find the one that runs, here or on another machine."""
        name, claim = job_name(step), self._noted(step).claim
        with self._job_folder(name).locked(self._say):
            if self._goes_on(name, step.key):
                return name
            if not claim.take(step.job["max_seconds"]):
                return f"{name}{ELSEWHERE}"
            try:
                starting = DockerStart(
                    self._client,
                    self._aws,
                    source=self._source,
                    weights_bytes=self._weights_bytes,
                    folder=self._folder,
                    say=self._say,
                )
                is_started = starting.start(step, self._job_folder(name), claim)
            except BaseException:
                self._abandon(name)
                raise
            if not is_started:
                self._job_folder(name).clear(self._say)
            return name if is_started else f"{name}{ELSEWHERE}"

    def look(self, job: str) -> JobState:
        """How a container is doing. Raises InputError for one that does not exist."""
        name = job.removesuffix(ELSEWHERE)
        known = self._known.get(name)
        if job != name:
            if known is None:
                raise InputError(f"{job} is followed by the command that started waiting for it")
            return known.claim.elsewhere(job)
        container, folder = self._container(name), self._job_folder(name)
        if container is None:
            return self._gone(name, folder)
        with explained(f"looking at container {name}"):
            lines = (LogTail() if known is None else known.tail).read(container)
            state = replace(state_of(container, folder), lines=lines)
        if state.phase in {"failed", "stopped"}:
            self._end(state, container)
            ended = folder.remembered(name)
            return state if lines or ended is None else ended
        if known is not None:
            known.claim.watch()
        return state

    def collect(self, step: CompileEngine, job: str) -> None:
        """Bring what a container made into the cache, commit it, and remove the container."""
        name = job.removesuffix(ELSEWHERE)
        if job != name:
            return
        folder = self._job_folder(name)
        with folder.locked(self._say):
            container = self._container(name, step.key)
            if container is not None:
                chown_back(self._client, step.image_uri, folder)
            commit(self._store, step, folder, self._say)
            if container is not None:
                remove_container(container)
            folder.remove(self._say)
        self._noted(step).claim.release()

    def stop(self, job: str) -> None:
        """Stop a container that runs, and remove it; what one has made waits to be collected."""
        if job.endswith(ELSEWHERE):
            return
        container, folder = self._container(job), self._job_folder(job)
        if container is None:
            self._release(job)
            return
        was, state = container.status, state_of(container, folder)
        if state.phase in {"waiting", "running"}:
            with explained(f"stopping container {job}"):
                container.stop(timeout=STOP_SECONDS)
                container.reload()
            state = state_of(container, folder)
        if state.phase == "done":
            self._release(job)
            return
        if was != container.status:
            state = replace(state, phase="stopped", reason="it was stopped by this command")
        self._end(state, container)

    @property
    def _client(self) -> DockerClient:
        if self._connection is None:
            self._connection = connected()
        return self._connection

    def _job_folder(self, name: str) -> JobFolder:
        return JobFolder(self._folder / "jobs" / name)

    def _noted(self, step: CompileEngine) -> _Known:
        name = job_name(step)
        if name not in self._known:
            # By the Docker host, not by the process: another command may go on with its container.
            client = self._client
            with explained("asking the Docker host who it is"):
                docker = client.info()["ID"]
            owner = f"{getpass.getuser()}@{socket.gethostname()}, docker {docker}"
            claim = Claimed(self._store, prefix_of(step), owner, self._now)
            self._known[name] = _Known(claim, step.image_uri)
        return self._known[name]

    def _release(self, name: str) -> None:
        if name in self._known:
            self._known[name].claim.release()

    def _container(self, name: str, key: str | None = None) -> Container | None:
        return find_container(self._client, name, self._job_folder(name), key)

    def _goes_on(self, name: str, key: str) -> bool:
        """True where a container runs, or has ended well and waits to be collected."""
        container = self._container(name, key)
        if container is None:
            return False
        return state_of(container, self._job_folder(name)).phase in {"running", "done"}

    def _abandon(self, name: str) -> None:
        """Undo a start that broke off. Each thing is done, whatever becomes of the others."""
        with ExitStack() as stack:
            stack.callback(self._release, name)
            stack.callback(self._job_folder(name).clear, self._say)
            container = self._container(name)
            if container is not None:  # an interruption may come when it has begun to write
                image = container.attrs["Config"]["Image"]
                stack.callback(chown_back, self._client, image, self._job_folder(name))
                stack.callback(remove_container, container)

    def _gone(self, name: str, folder: JobFolder) -> JobState:
        """What became of a job without a container: collected, ended before, or removed."""
        known = self._known.get(name)
        if known is not None and known.claim.is_committed():
            return JobState(name=name, phase="done")
        ended = folder.remembered(name)
        if ended is not None:
            return ended
        if known is None or not folder.bundle.exists():
            raise InputError(f"there is no container {name}", fix="`docker ps --all`")
        reason = f"its container was removed; {folder.failure() or 'nobody said why'}"
        state = JobState(name=name, phase="stopped", reason=reason)
        self._end(state, None)
        return state

    def _end(self, state: JobState, container: Container | None) -> None:
        """Keep the log of a container that has not made it, and remove all else."""
        folder = self._job_folder(state.name)
        with ExitStack() as stack:  # each is done, whatever becomes of the others
            stack.callback(self._release, state.name)
            if container is not None:
                stack.callback(remove_container, container)
                image = container.attrs["Config"]["Image"]
                with explained(f"reading the log of container {state.name}"):
                    log = whole_log(container)
            else:
                image, log = self._known[state.name].image_uri, []
            folder.remember(state, log)
            chown_back(self._client, image, folder)
            folder.clear(self._say)
        self._say(f"its whole log is in {folder.log}")
