"""Resolved values in `git diff` and `git log -p`: the recipe of docs/git.md, run by git itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmi_deployer.cli import run
from tests.edges.git_repositories import GitRepository
from tests.pull_requests import BROKEN, CHAT
from tests.specs import PROFILE

RECIPE = re.compile(r"```sh\n(echo 'profiles/.*?)```", re.DOTALL)
DOCUMENT = Path(__file__).parents[2] / "docs" / "git.md"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> GitRepository:
    """A repository with one committed profile, its lock, and the recipe applied."""
    made = GitRepository(tmp_path_factory.mktemp("models"))
    chat = made.write(CHAT, PROFILE)
    assert run(["lock", "--offline", "-q", str(chat)]) == 0
    recipe = RECIPE.search(DOCUMENT.read_text())
    assert recipe is not None
    subprocess.run(["bash", "-euc", recipe[1]], cwd=made.folder, check=True, timeout=60)
    made.commit()
    return made


@pytest.fixture
def models(first: GitRepository, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitRepository]:
    """The same repository, as it was after its first commit once the test is over."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    begun = first.git("rev-parse", "HEAD")
    yield first
    first.git("reset", "--quiet", "--hard", begun)


def _changed(text: str) -> list[str]:
    marks = ("+", "-")
    return [line for line in text.splitlines() if line[:1] in marks and line[1:2] == " "]


def test_a_comment_a_reordering_and_a_refactoring_show_no_line(models: GitRepository):
    models.write(CHAT, PROFILE).touch()
    assert models.git("diff") == ""
    moved = PROFILE.replace("    instance_type: ml.g5.2xlarge\n    backend: lmi-dist\n", "    {}\n")
    defaults = "defaults: {backend: lmi-dist, instance_type: ml.g5.2xlarge}  # moved\nprofiles:"
    models.write(CHAT, moved.replace("profiles:", defaults))
    assert _changed(models.git("diff")) == []
    assert "defaults" in models.git("diff", "--no-textconv")


def test_a_changed_default_shows_the_values_that_follow_from_it(models: GitRepository):
    models.write(CHAT, PROFILE.replace('"0.25.0"', '"0.26.0"'))
    shown = _changed(models.git("diff"))
    assert "-  container.version = 0.25.0" in shown
    assert "+  container.version = 0.26.0" in shown
    assert not any("profiles/" in line for line in shown)


def test_the_history_is_shown_in_resolved_values_past_an_invalid_profile(models: GitRepository):
    models.commit({CHAT: BROKEN})
    models.commit({CHAT: PROFILE.replace("lmi-dist", "vllm")})
    log = models.git("log", "-p", "-2", "--format=%s")
    assert "+this is no profile that can be resolved" in log
    assert "bakend: is not a known key" in log
    assert "+  backend = vllm" in log
