"""Where things lie in the container, or below a folder that stands for its root."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from lmi_deployer.entry_point.job import (
    FAILURE_FILE,
    JOB_FILE,
    JOB_FOLDER,
    OUTPUT_FOLDER,
    PROPERTIES_FOLDER,
    RESULT_FILE,
)

PROPERTIES_FILE = "serving.properties"
WORK_FOLDER = "/tmp/lmi-deploy/work"  # noqa: S108 - inside a container of its own
_OURS = ("/opt/ml/", "/tmp/lmi-deploy/")  # noqa: S108


@dataclass(frozen=True)
class Places:
    """Absolute paths of the container, as they are on this machine."""

    root: Optional[Path] = None
    """None inside a container."""

    def below(self, path: str) -> Path:
        """An absolute path of the container."""
        return Path(path) if self.root is None else self.root / path.lstrip("/")

    def in_text(self, value: str) -> str:
        """A value that may name one of the job's own folders."""
        return str(self.below(value)) if value.startswith(_OURS) else value

    @property
    def archive(self) -> Path:
        """What a child's Python has to import this package from: the archive, or a checkout."""
        return Path(__file__).absolute().parents[2]

    @property
    def bundle(self) -> Path:
        """The folder of job.json: that of the archive, when this runs from it."""
        if self.archive.is_file():
            return self.archive.parent
        return self.below(JOB_FOLDER)

    @property
    def job(self) -> Path:
        """The job document."""
        return self.bundle / JOB_FILE

    @property
    def properties(self) -> Path:
        """The folder with serving.properties that the compile script reads."""
        return self.below(PROPERTIES_FOLDER)

    @property
    def output(self) -> Path:
        """What the compile script writes, and nothing else."""
        return self.below(OUTPUT_FOLDER)

    @property
    def result(self) -> Path:
        """What is left for whoever collects the output."""
        return self.below(RESULT_FILE)

    @property
    def failure(self) -> Path:
        """What SageMaker shows as the reason of a failure."""
        return self.below(FAILURE_FILE)

    @property
    def work(self) -> Path:
        """For files that are of no use afterwards."""
        folder = self.below(WORK_FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def empty(folder: Path) -> None:
    """Make `folder` an empty one, which may be a mount and so is not deleted itself."""
    import shutil

    folder.mkdir(parents=True, exist_ok=True)
    for item in folder.iterdir():
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        else:
            item.unlink()
