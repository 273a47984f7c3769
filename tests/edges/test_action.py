"""action.yml, step by step as the runner of GitHub Actions runs it, in checkouts of a pull request.

The step that installs runs as it is, without an index: what lmi-deploy requires comes from the
environment of the tests.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.edges.actions_runner import Job, Step, read_action, wanted
from tests.edges.git_repositories import ENVIRONMENT
from tests.edges.github_server import (
    BOT,
    NUMBER,
    READ_ONLY,
    TOKEN,
    GitHubServer,
    running_github,
)
from tests.pull_requests import CHAT, LARGER, PullRequest
from tests.specs import PROFILE

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action.yml"
DOCUMENT = read_action(ACTION)
STEPS: list[Mapping[str, Any]] = DOCUMENT["runs"]["steps"]
INSTALL, REVIEW = (step for step in STEPS if "run" in step)
HOSTILE = (
    "$(touch pwned) `touch pwned` ${{ github.token }} '\"; touch pwned #\n::set-output name=x::y"
)


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RUNNER_TEMP with what the install step has put there, and the packages it requires."""
    folder = tmp_path_factory.mktemp("runner")
    packages = folder / "packages"
    packages.mkdir()
    for path in Path(pytest.__file__).parents[1].iterdir():
        if not path.name.startswith(("lmi_deploy", "_lmi_deploy", "__", "pip")):
            (packages / path.name).symlink_to(path)
    environment = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    job = a_job(folder, folder, environment, inputs={})
    done = job.run(INSTALL)
    assert done.status == 0, done.err
    return folder


def a_job(
    folder: Path, temporary: Path, environment: Mapping[str, str], *, inputs: Mapping[str, str]
) -> Job:
    """The action in a workspace, with what every step of a runner is told."""
    files = temporary / f"files-{len(list(temporary.iterdir()))}"
    files.mkdir()
    settings = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(temporary / "packages"),
        "HOME": str(temporary),
        "RUNNER_TEMP": str(temporary),
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_WORKSPACE": str(folder),
        **ENVIRONMENT,
        **environment,
    }
    contexts = {
        "github.token": TOKEN,
        "runner.temp": str(temporary),
        **{f"inputs.{name}": value for name, value in inputs.items()},
    }
    return Job(DOCUMENT, contexts, settings, folder, files)


class Action:
    """The reviews of one pull request."""

    def __init__(self, folder: Path, temporary: Path, github: GitHubServer) -> None:
        self.pull = PullRequest(folder)
        self._temporary, self.github = temporary, github
        self.job: Job

    def push(self, text: str, **inputs: str) -> Step:
        """What the action makes of a commit with this text of the profile."""
        self.pull.push({CHAT: text})
        return self.again(**inputs)

    def again(self, **inputs: str) -> Step:
        variables = self.pull.variables(self.github.url)
        self.job = a_job(self.pull.checkout(), self._temporary, variables, inputs=inputs)
        done = self.job.run(REVIEW)
        assert TOKEN not in done.out + done.err + done.summary
        return done

    @property
    def comments(self) -> list[str]:
        return [item["body"] for item in self.github.of(NUMBER)]


@pytest.fixture
def action(tmp_path: Path, temporary: Path) -> Iterator[Action]:
    with running_github() as github:
        yield Action(tmp_path, temporary, github)


@pytest.mark.parametrize(("version", "runs"), [("3.12", True), ("", False)])
def test_python_is_set_up_unless_the_workflow_has_one(tmp_path: Path, version: str, runs: bool):
    job = a_job(tmp_path, tmp_path, {}, inputs={"python-version": version})
    (setup,) = [step for step in STEPS if "uses" in step]
    assert wanted(job, setup) is runs


def test_the_story_of_a_pull_request_is_one_comment(action: Action):
    first = action.push(LARGER)
    assert first.status == 0, first.err
    (posted,) = action.comments
    assert "`ml.g5.12xlarge`" in posted
    assert first.summary == posted
    assert set(first.outputs) == set(DOCUMENT["outputs"])
    outputs = action.job.outputs()
    assert (outputs["changed"], outputs["impact"]) == ("true", "new-endpoint-config")
    url = outputs["comment-url"]
    assert url.endswith("#issuecomment-1000")

    second = action.push(PROFILE.replace("g5.2xlarge", "g5.24xlarge"))
    assert second.status == 0, second.err
    (posted,) = action.comments
    assert "`ml.g5.24xlarge`" in posted
    assert action.job.outputs()["comment-url"] == url

    third = action.push(PROFILE)
    assert third.status == 0, third.err
    (posted,) = action.comments
    assert "no differences" in posted
    outputs = action.job.outputs()
    assert (outputs["changed"], outputs["impact"], outputs["cost-delta"]) == (
        "false", "none", "0.00",
    )  # fmt: skip
    assert action.github.calls() == ["GET", "POST", "GET", "PATCH", "GET", "PATCH"]


def test_a_pull_request_from_a_fork_succeeds_without_a_comment(action: Action):
    done = action.push(LARGER, token=READ_ONLY)
    assert done.status == 0, done.err
    assert action.comments == []
    assert "`ml.g5.12xlarge`" in done.summary
    assert [item.name for item in done.commands] == ["warning"]
    assert action.job.outputs()["impact"] == "new-endpoint-config"


def test_no_comment_is_kept_where_none_is_wanted(action: Action):
    done = action.push(LARGER, comment="false")
    assert (done.status, action.github.requests) == (0, [])


@pytest.mark.parametrize("value", ["", "True", "yes", HOSTILE])
def test_a_comment_that_is_neither_wanted_nor_not_is_refused(action: Action, value: str):
    done = action.push(LARGER, comment=value)
    assert (done.status, action.github.requests) == (2, [])
    assert [item.name for item in done.commands] == ["error"]


def test_a_gate_fails_the_step_and_the_outputs_are_there(action: Action):
    done = action.push(LARGER, **{"max-cost-increase": "1"})
    assert done.status == 4
    assert action.job.outputs()["changed"] == "true"
    assert "failed: costs" in action.comments[0]


def test_an_invalid_profile_is_annotated_on_its_line(action: Action):
    done = action.push(PROFILE.replace("backend:", "bakend:"))
    assert done.status == 2
    (error,) = done.commands
    place = {"file": CHAT, "line": "10", "col": "5", "title": "LMI002"}
    assert (error.name, error.properties) == ("error", place)


def test_a_stranger_who_writes_a_profile_gets_no_word_in(action: Action):
    text = PROFILE.replace("name: chat", f"name: chat\ndescription: {HOSTILE!r}")
    text += f"    options: {{{HOSTILE!r}: {HOSTILE!r}}}\n"
    done = action.push(text, **{"fail-on": "incompatible"})
    assert {item.name for item in done.commands} == {"error"}
    assert set(done.outputs) == set(DOCUMENT["outputs"])
    assert not list(action.job.folder.rglob("pwned"))


@pytest.mark.parametrize("name", ["base", "comment-id"])
def test_an_input_is_a_value_and_never_a_script(action: Action, name: str):
    done = action.push(LARGER, **{name: HOSTILE})
    assert done.commands == []
    assert not list(action.job.folder.rglob("pwned"))


def test_a_folder_of_a_monorepo_has_its_own_comment(action: Action, tmp_path: Path):
    file = "team/profiles/chat.yaml"
    action.pull = PullRequest(tmp_path / "monorepo", {file: PROFILE})
    action.github.add("<!-- lmi-deploy review: profiles -->\nof the root", author=BOT)
    action.pull.push({file: LARGER})
    done = action.again(**{"working-directory": "team"})
    assert done.status == 0, done.err
    assert len(action.comments) == 2
    assert action.comments[1].startswith("<!-- lmi-deploy review: team/profiles -->\n")
    assert f"`{file}:9`" in action.comments[1]
