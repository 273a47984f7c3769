"""A container that was started for a job: found, asked how it is and what it says, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lmi_deployer.compiling.runner import JobState, Phase
from lmi_deployer.edges.docker_host import explained
from lmi_deployer.edges.docker_request import FOLDER_LABEL, KEY_LABEL
from lmi_deployer.edges.local_jobs import JobFolder, lines_of, plain
from lmi_deployer.errors import InputError
from lmi_deployer.secrets import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker import DockerClient
    from docker.models.containers import Container

SIGNALS = {130: "interrupted", 137: "killed", 143: "stopped"}
"""Exit statuses by which a shell tells what ended its program: 128 and the signal."""


def find_container(
    client: DockerClient, name: str, folder: JobFolder, key: str | None = None
) -> Container | None:
    """The container of that name. Raises InputError where it is not this key's, or not ours."""
    from docker.errors import NotFound

    with explained(f"looking for container {name}"):
        try:
            container = client.containers.get(name)
        except NotFound:
            return None
    labels = container.labels
    if KEY_LABEL not in labels or key not in {None, labels[KEY_LABEL]}:
        raise InputError(
            f"the container {name} was not made for this engine", fix=f"docker rm {name}"
        )
    if labels.get(FOLDER_LABEL) != str(folder.root):
        raise InputError(
            f"somebody else compiles this engine on this machine: the files of container {name}"
            f" lie in {labels.get(FOLDER_LABEL)}",
            fix="wait until it is gone",
        )
    return container


def remove_container(container: Container) -> None:
    """Remove a container, running or not; one that is gone already is fine."""
    from docker.errors import NotFound

    with explained(f"removing container {container.name}"):
        try:
            container.remove(force=True, v=True)
        except NotFound:
            return


class LogTail:
    """The log of one container, as far as it has been read."""

    def __init__(self) -> None:
        self._last = ""

    def read(self, container: Container) -> tuple[str, ...]:
        """The lines since the last time.

        Docker puts a time of nanoseconds before each, always of one width, and takes whole seconds
        to begin from.
        """
        since = _seconds(self._last) if self._last else None
        content = container.logs(stdout=True, stderr=True, timestamps=True, since=since)
        new = []
        for line in lines_of(content):
            stamp, _, text = line.partition(" ")
            if stamp > self._last:
                new.append((stamp, text))
        if new:
            self._last = max(stamp for stamp, _ in new)
        return tuple(plain(text) for _, text in new)


def whole_log(container: Container) -> list[str]:
    """Everything that the container has said, without secrets."""
    content = container.logs(stdout=True, stderr=True)
    return [plain(line) for line in lines_of(content)]


def state_of(container: Container, folder: JobFolder) -> JobState:
    """A container as the runners' common words have it, without its log."""
    name, state = container.name or "", container.attrs["State"]
    phase = _phase(state)
    reason = _reason(state, folder) if phase in {"failed", "stopped"} else None
    return JobState(name=name, phase=phase, note=state["Status"], reason=reason)


def _phase(state: Mapping[str, Any]) -> Phase:
    status, code = state["Status"], state["ExitCode"]
    if status == "created":
        return "waiting"
    if status not in {"exited", "dead", "removing"}:
        return "running"
    if code == 0 and status == "exited":
        return "done"
    return "stopped" if code in SIGNALS and not state.get("OOMKilled") else "failed"


def _reason(state: Mapping[str, Any], folder: JobFolder) -> str:
    code = state["ExitCode"]
    if state.get("OOMKilled"):
        return (
            f"out of host memory: the kernel ended it (exit status {code})"
            "\nfix: a machine with more memory, or fewer option.num_engine_workers"
        )
    told = folder.failure() or state.get("Error")
    if told:
        return redacted(told)
    if code in SIGNALS:
        return f"it was {SIGNALS[code]} from outside (exit status {code})"
    return f"it ended with exit status {code}"


def _seconds(stamp: str) -> int:
    from datetime import datetime

    return int(datetime.fromisoformat(stamp).timestamp())
