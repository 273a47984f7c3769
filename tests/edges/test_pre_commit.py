"""The hooks as people use them: run by pre-commit itself, out of a clone of this project.

Nothing is downloaded: pip finds what the hooks need among the packages that run the tests.
"""

from __future__ import annotations

import os
import re
import shutil
import site
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from lmi_deployer.cli import run
from tests.edges.git_repositories import ENVIRONMENT, GitRepository
from tests.pull_requests import CHAT
from tests.specs import PROFILE

ROOT = Path(__file__).parents[2]
SHIPPED = ("lmi_deployer", "templates", "profiles")
FILES = ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
LOCK, RENDER = "lock --offline", "render --tree rendered"
HOOKS = ("lmi-deploy-validate", "lmi-deploy-rendered", "lmi-deploy-lock")


@dataclass(frozen=True)
class Committer:
    """Somebody who works in a repository with the hooks installed."""

    repository: GitRepository
    environment: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.repository.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def commit(self, text: str, *commands: str) -> subprocess.CompletedProcess[str]:
        """Commit a profile, after commands of lmi-deploy that go with it."""
        self.repository.write(CHAT, text)
        with chdir(self.repository.folder):
            for command in commands:
                assert run(command.split()) == 0
        self.repository.git("add", "--all")
        return self.run("git", "commit", "--message", "change")


def _environment(home: Path) -> dict[str, str]:
    """No configuration of the user's, no index of packages, the tests' own packages in reach."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(home),
        "PRE_COMMIT_HOME": str(home / "pre-commit"),
        "XDG_DATA_HOME": str(home / "data"),
        **ENVIRONMENT,
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads the variable of a negated option as its value
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "VIRTUALENV_NO_PERIODIC_UPDATE": "1",
        "PYTHONPATH": os.pathsep.join(site.getsitepackages()),
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> GitRepository:
    """A repository with what of this project a hook is installed from."""
    made = GitRepository(tmp_path_factory.mktemp("lmi-deploy"))
    ignored = shutil.ignore_patterns("__pycache__", "_data")
    for name in SHIPPED:
        shutil.copytree(ROOT / name, made.folder / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, made.folder / name)
    made.commit()
    return made


@pytest.fixture(scope="module")
def someone(project: GitRepository, tmp_path_factory: pytest.TempPathFactory) -> Committer:
    """A repository with one profile, its lock and its rendered files, and the hooks installed."""
    made = Committer(
        GitRepository(tmp_path_factory.mktemp("models")),
        _environment(tmp_path_factory.mktemp("home")),
    )
    revision = project.git("rev-parse", "HEAD")
    hooks = [{"id": name} for name in HOOKS]
    entry = {"repo": str(project.folder), "rev": revision, "hooks": hooks}
    made.repository.write(".pre-commit-config.yaml", yaml.safe_dump({"repos": [entry]}))
    first = made.commit(PROFILE, LOCK, RENDER)
    assert first.returncode == 0, first.stderr
    done = made.run("pre-commit", "install", "--install-hooks")
    assert done.returncode == 0, done.stdout + done.stderr
    return made


@pytest.fixture
def committer(someone: Committer) -> Iterator[Committer]:
    """The same repository, as it was after its first commit once the test is over."""
    begun = someone.repository.git("rev-parse", "HEAD")
    yield someone
    someone.repository.git("reset", "--quiet", "--hard", begun)
    someone.repository.git("clean", "-fdq")


def test_every_hook_names_a_command_and_the_files_that_it_is_about():
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert tuple(hook["id"] for hook in hooks) == HOOKS
    for hook in hooks:
        assert hook["entry"].startswith("lmi-deploy ")
        assert hook["files"]


def test_pre_commit_itself_accepts_the_file_of_hooks(tmp_path: Path):
    words = ["pre-commit", "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")]
    environment = _environment(tmp_path)
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_profile_that_is_wrong_is_not_committed(committer: Committer):
    done = committer.commit(PROFILE.replace("ml.g5.2xlarge", "ml.g5.3xlarge"))
    assert done.returncode != 0
    assert "profiles are valid" in done.stderr
    assert "profiles/chat.yaml:9" in done.stderr


def test_a_changed_profile_needs_its_rendered_files_in_the_same_commit(committer: Committer):
    refused = committer.commit(f"{PROFILE}    max_rolling_batch_size: 4\n")
    assert refused.returncode != 0
    assert "rendered/chat/g5/model/serving.properties: differs" in refused.stderr
    assert re.search(r"lmi\.lock is current\.*Passed", refused.stderr)


def test_a_comment_is_committed_with_nothing_else(committer: Committer):
    done = committer.commit(f"# why it is so\n{PROFILE}")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Passed") == len(HOOKS)


def test_a_profile_of_another_model_needs_its_lock_in_the_same_commit(committer: Committer):
    other = PROFILE.replace("Llama-2-7B-fp16", "Llama-2-13B-fp16")
    other = other.replace("ml.g5.2xlarge", "ml.g5.12xlarge")
    refused = committer.commit(other, RENDER)
    assert refused.returncode != 0
    assert re.search(r"lmi\.lock is current\.*Failed", refused.stderr)
    done = committer.commit(other, LOCK, RENDER)
    assert done.returncode == 0, done.stderr


def test_what_is_not_about_profiles_runs_none_of_the_hooks(committer: Committer):
    committer.repository.write("notes.txt", "nothing")
    done = committer.commit(PROFILE)
    assert done.returncode == 0
    assert done.stderr.count("Skipped") == len(HOOKS)
