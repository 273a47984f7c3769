"""The hooks as people use them: run by pre-commit itself, out of a clone of this project.

Nothing is downloaded: pip finds what the hooks need among the packages that run the tests.
"""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.specs import PROFILE

ROOT = Path(__file__).parents[2]
SHIPPED = ("lmi_deployer", "templates", "profiles")
FILES = ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
HOOKS = ("lmi-deploy-validate", "lmi-deploy-rendered", "lmi-deploy-lock")


@dataclass(frozen=True)
class Committer:
    """Somebody who works in a repository with the hooks installed."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def commit(self) -> subprocess.CompletedProcess[str]:
        self.run("git", "add", "--all")
        return self.run("git", "commit", "--message", "change")

    def lmi(self, *arguments: str) -> None:
        done = self.run(sys.executable, "-m", "lmi_deployer", *arguments)
        assert done.returncode == 0, done.stderr


def _environment(home: Path) -> dict[str, str]:
    """No configuration of the user's, no index of packages, the tests' own packages in reach."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(home),
        "PRE_COMMIT_HOME": str(home / "pre-commit"),
        "XDG_DATA_HOME": str(home / "data"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{f"GIT_{who}_NAME": "A Tester" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "tester@example.com" for who in ("AUTHOR", "COMMITTER")},
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads the variable of a negated option as its value
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "VIRTUALENV_NO_PERIODIC_UPDATE": "1",
        "PYTHONPATH": os.pathsep.join(site.getsitepackages()),
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Committer:
    """A repository with what of this project a hook is installed from."""
    folder = tmp_path_factory.mktemp("lmi-deploy")
    for name in SHIPPED:
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "_data")
        )
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    made = Committer(folder, _environment(tmp_path_factory.mktemp("home")))
    made.run("git", "init", "--quiet", "--initial-branch=main")
    assert made.commit().returncode == 0
    return made


@pytest.fixture(scope="module")
def someone(project: Committer, tmp_path_factory: pytest.TempPathFactory) -> Committer:
    """A repository with one profile, its lock and its rendered files, and the hooks installed."""
    revision = project.run("git", "rev-parse", "HEAD").stdout.strip()
    made = Committer(tmp_path_factory.mktemp("models"), project.environment)
    made.run("git", "init", "--quiet", "--initial-branch=main")
    hooks = [{"id": name} for name in HOOKS]
    entry = {"repo": str(project.folder), "rev": revision, "hooks": hooks}
    made.write(".pre-commit-config.yaml", yaml.safe_dump({"repos": [entry]}))
    made.write("profiles/chat.yaml", PROFILE)
    made.lmi("lock", "--offline")
    made.lmi("render", "--tree", "rendered")
    done = made.run("pre-commit", "install", "--install-hooks")
    assert done.returncode == 0, done.stdout + done.stderr
    first = made.commit()
    assert first.returncode == 0, first.stdout + first.stderr
    return made


@pytest.fixture
def committer(someone: Committer):
    """The same repository, as it was after its first commit once the test is over."""
    yield someone
    someone.run("git", "reset", "--hard", "--quiet", "HEAD")
    someone.run("git", "clean", "-fdq")


def test_every_hook_names_a_command_and_the_files_that_it_is_about():
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert tuple(hook["id"] for hook in hooks) == HOOKS
    for hook in hooks:
        assert hook["entry"].startswith("lmi-deploy ")
        assert hook["files"]


def test_pre_commit_itself_accepts_the_file_of_hooks(project: Committer):
    done = project.run("pre-commit", "validate-manifest", ".pre-commit-hooks.yaml")
    assert done.returncode == 0, done.stdout


def test_a_profile_that_is_wrong_is_not_committed(committer: Committer):
    wrong = PROFILE.replace("ml.g5.2xlarge", "ml.g5.3xlarge")
    committer.write("profiles/chat.yaml", wrong)
    done = committer.commit()
    assert done.returncode != 0
    assert "profiles are valid" in done.stderr
    assert "profiles/chat.yaml:9" in done.stderr


def test_a_changed_profile_needs_its_rendered_files_in_the_same_commit(committer: Committer):
    committer.write("profiles/chat.yaml", f"{PROFILE}    max_rolling_batch_size: 4\n")
    refused = committer.commit()
    assert refused.returncode != 0
    assert "rendered/chat/g5/model/serving.properties: differs" in refused.stderr
    committer.lmi("render", "--tree", "rendered")
    assert committer.commit().returncode == 0
    committer.run("git", "reset", "--hard", "--quiet", "HEAD~1")


def test_a_comment_is_committed_with_nothing_else(committer: Committer):
    committer.write("profiles/chat.yaml", f"# why it is so\n{PROFILE}")
    assert committer.commit().returncode == 0
    committer.run("git", "reset", "--hard", "--quiet", "HEAD~1")


def test_a_profile_of_another_model_needs_its_lock_in_the_same_commit(committer: Committer):
    other = PROFILE.replace("Llama-2-7B-fp16", "Llama-2-13B-fp16")
    committer.write("profiles/chat.yaml", other.replace("ml.g5.2xlarge", "ml.g5.12xlarge"))
    committer.lmi("render", "--tree", "rendered")
    refused = committer.commit()
    assert refused.returncode != 0
    assert "lmi.lock is current" in refused.stderr
    committer.lmi("lock", "--offline")
    committer.lmi("render", "--tree", "rendered")
    done = committer.commit()
    assert done.returncode == 0, done.stderr
    committer.run("git", "reset", "--hard", "--quiet", "HEAD~1")


def test_what_is_not_about_profiles_runs_none_of_the_hooks(committer: Committer):
    committer.write("notes.txt", "nothing")
    done = committer.commit()
    assert done.returncode == 0
    assert done.stderr.count("Skipped") == len(HOOKS)
    committer.run("git", "reset", "--hard", "--quiet", "HEAD~1")
