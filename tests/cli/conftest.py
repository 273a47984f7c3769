"""The command line in this process: its exit status, standard output and standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lmi_deployer.cli import run
from lmi_deployer.sandbox import running_sandbox
from tests.specs import PROFILE

if TYPE_CHECKING:
    from tests.edges.github_server import GitHubServer
    from tests.reviews import Review


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def a_machine_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home, no AWS settings, and a folder with one profile to work in."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("NO_COLOR", "1")
    work = tmp_path / "work"
    (work / "profiles").mkdir(parents=True)
    (work / "profiles" / "chat.yaml").write_text(PROFILE)
    monkeypatch.chdir(work)


@pytest.fixture
def lmi(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command line and gives what came of it."""

    def command(*arguments: str) -> Outcome:
        capsys.readouterr()
        status = run(arguments)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return command


@pytest.fixture
def kept(lmi: Command, tmp_path: Path) -> Command:
    """The same against a sandbox whose state lasts from one command to the next."""

    def command(*arguments: str) -> Outcome:
        state = str(tmp_path / "sandbox.state")
        return lmi(*arguments, "--sandbox", "--sandbox-state", state)

    return command


@pytest.fixture
def sandbox_url() -> Iterator[str]:
    """A running sandbox, reached as any AWS endpoint is."""
    with running_sandbox() as settings:
        yield settings.endpoint_url


@pytest.fixture
def github() -> Iterator[GitHubServer]:
    """GitHub's API on loopback."""
    from tests.edges.github_server import running_github

    with running_github() as server:
        yield server


@pytest.fixture
def review(
    tmp_path: Path, github: GitHubServer, lmi: Command, monkeypatch: pytest.MonkeyPatch
) -> Review:
    """A pull request there, and reviews of it."""
    from tests.reviews import Review

    return Review(tmp_path, github, lmi, monkeypatch)
