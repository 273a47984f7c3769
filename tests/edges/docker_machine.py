"""A machine with a Docker host that is stood in for, a cache, and weights on a stand-in for S3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lmi_deployer.artifact import claims
from lmi_deployer.artifact.claims import Claim
from lmi_deployer.artifact.folder_store import FolderStore
from lmi_deployer.compiling.runner import JobState
from lmi_deployer.edges.docker_jobs import DockerJobs
from lmi_deployer.steps import CompileEngine
from tests.edges.compile_jobs import LocalWeights, step_of
from tests.edges.docker_engine import DockerEngine, FakeContainer, running_engine

TOKEN = "hf_abcdefghijklmnopqrstuvwxyz012345"


@dataclass
class Host:
    """A machine with a runner on it, a cache, and weights on S3."""

    engine: DockerEngine
    aws: LocalWeights
    cache: Path
    work: Path
    said: list[str] = field(default_factory=list)

    @property
    def store(self) -> FolderStore:
        return FolderStore(self.cache)

    def jobs(self, **changes: Any) -> DockerJobs:
        settings: dict[str, Any] = {"aws": self.aws, "source": self.aws.source}
        settings |= {"folder": self.work, "say": self.said.append, **changes}
        return DockerJobs(self.store, **settings)

    def step(self, **changes: Any) -> CompileEngine:
        return step_of(f"{self.cache}/", weights_digest=self.aws.digest, **changes)

    def hanging(self, jobs: DockerJobs, step: CompileEngine) -> str:
        """A container that seems to run until it is told to end."""
        self.engine.idles = True
        return jobs.start(step)

    def container(self, job: str) -> FakeContainer:
        item = self.engine.find(job)
        assert item is not None
        return item

    def claim(self) -> Claim | None:
        """The claim of the step, if it is live."""
        found = claims.look(self.store, f"{self.step().key[:16]}/")
        return found if found is not None and found.is_live(1.0) else None

    def left(self) -> set[str]:
        """What lies in the folders of jobs, by its name."""
        return {path.name for path in (self.work / "jobs").glob("*/*")}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HOME", "HF_TOKEN_PATH", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with running_engine(tmp_path / "engine") as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.url)
        weights = LocalWeights(tmp_path / "weights")
        yield Host(engine, weights, tmp_path / "cache", tmp_path / "machine")


def ended(jobs: DockerJobs, job: str, engine: DockerEngine) -> JobState:
    """The state of a job once its container has ended."""
    item = engine.find(job)
    if item is not None:
        assert item.ended.wait(60)
        if item.reader is not None:
            item.reader.join(60)
    return jobs.look(job)
