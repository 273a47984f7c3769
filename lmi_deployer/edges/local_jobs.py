"""What the runners of this machine share: the folder of a job, its bundle, how it ended."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lmi_deployer.aot.decision import PREFIX
from lmi_deployer.artifact import committing
from lmi_deployer.artifact.manifest import KEY_CHARACTERS
from lmi_deployer.artifact.store import Store, StoreError
from lmi_deployer.compiling.runner import JobState
from lmi_deployer.compiling.standing import prefix_of
from lmi_deployer.entry_point import job as job_document
from lmi_deployer.entry_point.places import WORK_FOLDER
from lmi_deployer.entry_point.result import Result, read_result
from lmi_deployer.errors import LmiDeployError
from lmi_deployer.secrets import redacted

if TYPE_CHECKING:
    from lmi_deployer.steps import CompileEngine

Say = Callable[[str], None]
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
LAST_LINES = 20
"""Of a job that failed; the whole log is kept in a file."""


def work_folder() -> Path:
    """Where local jobs keep their files: below the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "lmi-deploy"


def lines_of(content: bytes) -> list[str]:
    """The lines of a log; what begins anew within one, as progress bars do, is still one line."""
    lines = content.decode("utf-8", "replace").split("\n")
    return lines if lines[-1] else lines[:-1]


def plain(line: str) -> str:
    """A line without colours, secrets, and what a progress bar has written over."""
    return redacted(_COLOURS.sub("", line.rstrip("\r").rpartition("\r")[2]))


def job_name(step: CompileEngine) -> str:
    """What a job of this machine is called: there is one for a key."""
    return f"{PREFIX}-{step.key[:KEY_CHARACTERS]}"


@contextmanager
def locked(path: Path, doing: str, say: Say) -> Iterator[None]:
    """Hold a lock among the commands of this machine; the file of it stays, empty."""
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another command on this machine is {doing}; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class JobFolder:
    """The files of one job on this machine."""

    root: Path

    @property
    def bundle(self) -> Path:
        """The archive, job.json and serving.properties."""
        return self.root / "job"

    @property
    def checkpoints(self) -> Path:
        """The folder that holds the output and the result."""
        return self.root / "checkpoints"

    @property
    def output(self) -> Path:
        """What becomes the artifact."""
        return self.checkpoints / Path(job_document.OUTPUT_FOLDER).name

    @property
    def failures(self) -> Path:
        """The folder that the failure file is written into."""
        return self.root / "failure"

    @property
    def scratch(self) -> Path:
        """What the job downloads and writes on its way."""
        return self.root / "scratch"

    @property
    def log(self) -> Path:
        """The whole log of a job that failed."""
        return self.root / "log.txt"

    @property
    def _ended(self) -> Path:
        return self.root / "ended.json"

    def prepare(self, step: CompileEngine, name: str) -> None:
        """Write the bundle, and make room for what the job writes; nobody else can look inside."""
        self.clear(lambda _line: None)
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._ended.unlink(missing_ok=True)
        for folder in (self.bundle, self.output, self.failures, self.scratch):
            folder.mkdir(parents=True, exist_ok=True)
        write_bundle(self.bundle, step, name)

    @contextmanager
    def locked(self, say: Say) -> Iterator[None]:
        """Keep other commands on this machine from starting or collecting the job meanwhile."""
        with locked(self.root.with_suffix(".lock"), "at the same job", say):
            yield

    def failure(self) -> str | None:
        """What the entry point says of its failure."""
        path = self.failures / Path(job_document.FAILURE_FILE).name
        try:
            return path.read_text(encoding="utf-8", errors="replace").strip() or None
        except OSError:
            return None

    def result(self, key: str) -> Result:
        """What the entry point alone knows of the artifact of this key."""
        path = self.checkpoints / Path(job_document.RESULT_FILE).name
        result = read_result(path)
        if result is None or result.key != key:
            raise LmiDeployError(f"the job of {key[:8]} has left no {path}", fix="run it again")
        return result

    def remember(self, state: JobState, log: Sequence[str]) -> None:
        """Keep how a job ended, once nothing else of it is left."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.log.write_text("".join(f"{line}\n" for line in log), encoding="utf-8")
        document = {"phase": state.phase, "reason": state.reason, "lines": log[-LAST_LINES:]}
        self._ended.write_text(json.dumps(document), encoding="utf-8")

    def remembered(self, name: str) -> JobState | None:
        """How the job ended, if it failed or was stopped."""
        try:
            document = json.loads(self._ended.read_bytes())
        except (OSError, ValueError):
            return None
        return JobState(
            name=name,
            phase=document["phase"],
            reason=document["reason"],
            lines=tuple(document["lines"]),
        )

    def clear(self, say: Say) -> None:
        """Delete all but the log of a job that failed: nothing else is of use to another try."""
        for path in self.root.glob("*/"):
            _delete(path, say)

    def remove(self, say: Say) -> None:
        """Delete it all; what cannot be deleted is named."""
        _delete(self.root, say)


def _delete(folder: Path, say: Say) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        say(f"{folder} could not be removed")


def mounts(
    folder: JobFolder, *, weights: Path | None, token: tuple[Path, str] | None = None
) -> list[tuple[Path, str, bool]]:
    """Folders of this machine, where the container finds them, and whether it only reads them.

    `token` is a file and its path inside.
    """
    listed = [
        (folder.bundle, job_document.JOB_FOLDER, True),
        (folder.checkpoints, str(Path(job_document.OUTPUT_FOLDER).parent), False),
        (folder.failures, str(Path(job_document.FAILURE_FILE).parent), False),
        # What is downloaded would else fill the disk of Docker's own data.
        (folder.scratch, str(Path(WORK_FOLDER).parent), False),
    ]
    if weights is not None:
        listed.append((weights, job_document.MODEL_FOLDER, True))
    if token is not None:
        listed.append((*token, True))
    return listed


def write_bundle(folder: Path, step: CompileEngine, name: str) -> None:
    """Write what every runner gives the entry point: the archive, the job, the properties."""
    from lmi_deployer.aot.archive import entry_archive
    from lmi_deployer.aot.jobs import job_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / job_document.ARCHIVE_FILE).write_bytes(entry_archive())
    (folder / job_document.JOB_FILE).write_bytes(job_file(step, job=name))
    (folder / "serving.properties").write_text(step.properties, encoding="utf-8")


def commit(store: Store, step: CompileEngine, folder: JobFolder, say: Say) -> None:
    """Bring what a job made into the cache; nothing where it has been brought already."""
    prefix = prefix_of(step)
    try:
        if not folder.output.is_dir() and committing.find(store, prefix) is not None:
            return
        result = folder.result(step.key)
        committing.commit(
            store,
            prefix,
            folder.output,
            inputs=step.job["inputs"],
            layout=step.job["layout"],
            made={**step.job["made"], **result.made},
            quality=result.quality,
            say=say,
            replaces=step.job["is_forced"],
        )
    except (committing.CommitError, StoreError, ValueError) as error:
        raise LmiDeployError(
            f"the engine is not committed: {error}",
            fix="run it again; what has been sent is not sent again",
        ) from error
