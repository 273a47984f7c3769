"""Resolved values in `git diff` and `git log -p`: the recipe of docs/git.md, run by git itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.specs import PROFILE

RECIPE = re.compile(r"```sh\n(echo 'profiles/.*?)```", re.DOTALL)
DOCUMENT = Path(__file__).parents[2] / "docs" / "git.md"
Git = Callable[..., str]
FILE = Path("profiles/chat.yaml")


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """git in a repository with one committed profile, its lock, and the recipe applied."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A Tester")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "tester@example.com")

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    FILE.parent.mkdir()
    FILE.write_text(PROFILE)
    subprocess.run([sys.executable, "-m", "lmi_deployer", "lock", "--offline", "-q"], check=True)
    run("init", "--quiet", "--initial-branch=main")
    recipe = RECIPE.search(DOCUMENT.read_text())
    assert recipe is not None
    subprocess.run(["bash", "-euc", recipe[1]], check=True, timeout=60)
    run("add", "--all")
    run("commit", "--quiet", "--message", "first")
    return run


def _changed(text: str) -> list[str]:
    marks = ("+", "-")
    return [line for line in text.splitlines() if line[:1] in marks and line[1:2] == " "]


def test_a_comment_a_reordering_and_a_refactoring_show_no_line(git: Git):
    moved = PROFILE.replace("    instance_type: ml.g5.2xlarge\n    backend: lmi-dist\n", "    {}\n")
    defaults = "defaults: {backend: lmi-dist, instance_type: ml.g5.2xlarge}  # moved\nprofiles:"
    FILE.write_text(moved.replace("profiles:", defaults))
    assert _changed(git("diff")) == []
    assert "defaults" in git("diff", "--no-textconv")


def test_a_changed_default_shows_the_values_that_follow_from_it(git: Git):
    FILE.write_text(PROFILE.replace('"0.25.0"', '"0.26.0"'))
    shown = _changed(git("diff"))
    assert "-  container.version = 0.25.0" in shown
    assert "+  container.version = 0.26.0" in shown
    assert not any("profiles/" in line for line in shown)


def test_the_history_is_shown_in_resolved_values_past_an_invalid_profile(git: Git):
    FILE.write_text(PROFILE.replace("backend:", "bakend:"))
    git("commit", "--quiet", "--all", "--message", "broken")
    FILE.write_text(PROFILE.replace("lmi-dist", "vllm"))
    git("commit", "--quiet", "--all", "--message", "mended")
    log = git("log", "-p", "--format=%s")
    assert "+this is no profile that can be resolved" in log
    assert "bakend: is not a known key" in log
    assert "+  backend = vllm" in log


def test_a_profile_that_has_not_changed_is_shown_alike_from_the_history_and_the_work_tree(git: Git):
    FILE.touch()
    assert git("diff") == ""
    FILE.write_text(f"{PROFILE}\n")
    assert _changed(git("diff")) == []
