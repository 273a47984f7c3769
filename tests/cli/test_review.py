"""`lmi-deploy review` in a checkout of a pull request, with GitHub's API on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Outcome
from tests.edges.actions_runner import commands, file_commands
from tests.edges.github_server import (
    NUMBER,
    READ_ONLY,
    TOKEN,
    Fault,
    GitHubServer,
    running_github,
)
from tests.pull_requests import CHAT, GIT_ENVIRONMENT, PullRequest
from tests.specs import PROFILE

LARGER = PROFILE.replace("g5.2xlarge", "g5.12xlarge")
COMMENTED = PROFILE.replace("profiles:\n", "profiles: # of today\n")
BROKEN = PROFILE.replace("backend:", "bakend:")


@pytest.fixture
def github() -> Iterator[GitHubServer]:
    with running_github() as server:
        yield server


class Review:
    """A pull request, and what reviews of it leave."""

    def __init__(
        self, folder: Path, github: GitHubServer, lmi: Command, patch: pytest.MonkeyPatch
    ) -> None:
        self.pull = PullRequest(folder / "git")
        self.github, self.lmi, self.patch, self.folder = github, lmi, patch, folder
        for name, value in GIT_ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setenv("GITHUB_TOKEN", TOKEN)

    def __call__(self, *options: str, depth: int = 2) -> Outcome:
        """Review what the branch has now."""
        for name, value in self.pull.variables(self.github.url).items():
            self.patch.setenv(name, value)
        for name in ("OUTPUT", "STEP_SUMMARY"):
            path = self.folder / name
            path.write_text("")
            self.patch.setenv(f"GITHUB_{name}", str(path))
        self.patch.chdir(self.pull.checkout(depth=depth))
        done = self.lmi("review", *options)
        assert TOKEN not in done.out + done.err + self.summary
        return done

    @property
    def outputs(self) -> dict[str, str]:
        return file_commands((self.folder / "OUTPUT").read_text())

    @property
    def summary(self) -> str:
        return (self.folder / "STEP_SUMMARY").read_text()

    @property
    def comments(self) -> list[str]:
        return [item["body"] for item in self.github.of(NUMBER)]


@pytest.fixture
def review(
    tmp_path: Path, github: GitHubServer, lmi: Command, monkeypatch: pytest.MonkeyPatch
) -> Review:
    return Review(tmp_path, github, lmi, monkeypatch)


def test_a_change_is_told_in_the_log_the_summary_the_outputs_and_a_comment(review: Review):
    review.pull.push({CHAT: LARGER})
    done = review("--comment")
    assert done.status == 0
    assert "instance_type" in done.out
    (comment,) = review.comments
    assert comment == review.summary
    assert comment.startswith("<!-- lmi-deploy review: profiles -->\n")
    assert "`ml.g5.12xlarge`" in comment
    assert f"pull request {NUMBER}" in comment
    assert "shallow" not in comment
    outputs = review.outputs
    assert (outputs["changed"], outputs["impact"]) == ("true", "new-endpoint-config")
    assert float(outputs["cost-delta"]) > 0
    assert outputs["comment-url"] == review.github.of(NUMBER)[0]["html_url"]


def test_what_others_did_on_main_meanwhile_is_no_part_of_it(review: Review):
    review.pull.push({"profiles/other.yaml": PROFILE.replace("name: chat", "name: other")})
    review.pull.push_to_main({CHAT: LARGER})
    done = review()
    assert "other / g5" in done.out
    assert "chat / g5" not in done.out


def test_a_revert_says_so_in_the_comment_that_is_there(review: Review):
    review.pull.push({CHAT: LARGER})
    review("--comment")
    review.pull.push({CHAT: PROFILE})
    done = review("--comment")
    assert (done.status, review.outputs["changed"], review.outputs["impact"]) == (
        0,
        "false",
        "none",
    )
    (comment,) = review.comments
    assert "no differences" in comment
    assert review.outputs["comment-url"]


def test_a_change_without_effect_makes_no_comment(review: Review):
    review.pull.push({CHAT: COMMENTED})
    done = review("--comment")
    assert (done.status, review.comments) == (0, [])
    assert review.outputs == {
        "changed": "false", "impact": "none", "cost-delta": "0.00", "comment-url": "",
    }  # fmt: skip


def test_without_comment_nothing_is_asked_of_github(review: Review):
    review.pull.push({CHAT: LARGER})
    review()
    assert (review.github.requests, review.outputs["comment-url"]) == ([], "")


def test_a_token_that_only_reads_is_a_warning(review: Review, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GITHUB_TOKEN", READ_ONLY)
    review.pull.push({CHAT: LARGER})
    done = review("--comment")
    assert (done.status, review.comments) == (0, [])
    (warning,) = [item for item in commands(done.out) if item.name == "warning"]
    assert "pull-requests: write" in warning.data
    assert review.outputs["changed"] == "true"
    assert "`ml.g5.12xlarge`" in review.summary


def test_without_a_token_there_is_a_warning(review: Review, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GITHUB_TOKEN", "")
    review.pull.push({CHAT: LARGER})
    done = review("--comment")
    assert done.status == 0
    assert [item.name for item in commands(done.out)] == ["warning"]


def test_outside_of_a_pull_request_there_is_nothing_to_comment_on(
    review: Review, monkeypatch: pytest.MonkeyPatch
):
    review.pull.push({CHAT: LARGER})
    review.patch.chdir(review.pull.checkout())
    done = review.lmi("review", "--base", "HEAD^1", "--comment")
    assert done.status == 0
    assert done.err == "no comment: this is no run for a pull request\n"


def test_github_that_does_not_answer_fails_after_everything_else_was_told(review: Review):
    review.github.faults.append(Fault("GET", 500, {"Retry-After": "3600"}, times=100))
    review.pull.push({CHAT: LARGER})
    done = review("--comment")
    assert done.status == 1
    assert review.outputs["impact"] == "new-endpoint-config"
    assert "`ml.g5.12xlarge`" in review.summary


def test_profiles_that_are_wrong_fail_with_annotations_on_their_lines(review: Review):
    review.pull.push({CHAT: BROKEN})
    done = review("--comment")
    assert done.status == 2
    (error,) = [item for item in commands(done.out) if item.name == "error"]
    assert error.properties == {"file": CHAT, "line": "10", "col": "5", "title": "LMI002"}
    assert "bakend" in review.comments[0]


def test_an_error_in_what_is_otherwise_equal_is_found(review: Review, tmp_path: Path):
    too_many = PROFILE + "    tensor_parallel_degree: 8\n"
    review.pull = PullRequest(tmp_path / "wrong", {CHAT: too_many})
    review.pull.push({CHAT: f"# a comment\n{too_many}"})
    done = review("--comment")
    assert done.status == 2
    assert [item.properties["line"] for item in commands(done.out)] == ["12"]
    assert "#### Not valid" in review.summary


def test_profiles_that_did_not_change_are_not_validated(review: Review, tmp_path: Path):
    review.pull = PullRequest(tmp_path / "wrong", {CHAT: PROFILE, "profiles/bad.yaml": BROKEN})
    review.pull.push({CHAT: LARGER})
    assert review().status == 0


def test_a_base_that_was_wrong_fails_nobody(review: Review, tmp_path: Path):
    review.pull = PullRequest(tmp_path / "wrong", {CHAT: BROKEN})
    review.pull.push({CHAT: PROFILE})
    done = review("--comment")
    assert (done.status, review.outputs["changed"]) == (0, "true")
    assert "bakend" in review.comments[0]


@pytest.mark.parametrize(
    "gate", ["--fail-on=restart", "--fail-on=new-endpoint-config", "--max-cost-increase=1"]
)
def test_a_gate_fails_after_everything_was_told(review: Review, gate: str):
    review.pull.push({CHAT: LARGER})
    done = review("--comment", gate)
    assert done.status == 4
    assert "#### Gates\n\n- failed: " in review.comments[0]
    assert [item.name for item in commands(done.out)] == ["error"]
    assert review.outputs["changed"] == "true"


@pytest.mark.parametrize("gate", ["--fail-on=recompile", "--max-cost-increase=100"])
def test_a_gate_that_holds_is_silent(review: Review, gate: str):
    review.pull.push({CHAT: LARGER})
    done = review(gate)
    assert (done.status, commands(done.out)) == (0, [])


def test_a_checkout_that_is_too_shallow_is_told_its_depth(review: Review):
    review.pull.push({CHAT: LARGER})
    done = review(depth=1)
    assert done.status == 2
    assert "fetch-depth: 2" in done.err


def test_with_all_of_the_history_it_says_the_same(review: Review):
    review.pull.push({CHAT: LARGER})
    review()
    shallow = review.summary
    review(depth=1000)
    assert review.summary == shallow


def test_a_dry_run_prints_the_comment_and_writes_nothing(review: Review):
    review.pull.push({CHAT: LARGER})
    review("--comment")
    posted = review.comments[0]
    asked = len(review.github.requests)
    done = review("--comment", "--dry-run")
    quiet, *shown, again = done.out.splitlines()
    assert shown == posted.splitlines()
    assert (quiet[:17], again[:2]) == ("::stop-commands::", "::")
    assert (review.outputs, review.summary, len(review.github.requests)) == ({}, "", asked)


def test_two_folders_have_a_comment_each(review: Review, tmp_path: Path):
    files = {"a/profiles/chat.yaml": PROFILE, "b/profiles/chat.yaml": PROFILE}
    review.pull = PullRequest(tmp_path / "many", files)
    review.pull.push(dict.fromkeys(files, LARGER))
    for _ in range(2):
        for name in ("a", "b"):
            review("--comment", "--profiles", f"{name}/profiles")
    first, second = review.comments
    assert first.startswith("<!-- lmi-deploy review: a/profiles -->\n")
    assert second.startswith("<!-- lmi-deploy review: b/profiles -->\n")
    review("--comment", "--profiles", "a/profiles", "--comment-id", "mine")
    assert len(review.comments) == 3


HOSTILE = """\
%0A::set-output name=impact::none ##[set-output name=changed;]false
::set-output name=impact::none
::stop-commands::x
"""


def test_a_profile_of_a_stranger_cannot_speak_to_the_runner(review: Review):
    name = "profiles/::set-output name=changed::false.yaml"
    text = PROFILE.replace("name: chat", f"name: chat\ndescription: {json.dumps(HOSTILE)}")
    text += f"    options: {{{json.dumps(HOSTILE)}: {json.dumps(HOSTILE)}}}\n"
    review.pull.push({CHAT: text, name: BROKEN.replace("chat", "ch\\nat")})
    done = review("--comment", "--fail-on=restart")
    assert done.status == 2
    assert {item.name for item in commands(done.out + done.err)} == {"error"}
    assert set(review.outputs) == {"changed", "impact", "cost-delta", "comment-url"}
    assert review.outputs["changed"] == "true"


def test_outside_of_github_it_is_a_report_for_people(
    review: Review, monkeypatch: pytest.MonkeyPatch
):
    review.pull.push({CHAT: BROKEN})
    review.patch.chdir(review.pull.checkout())
    done = review.lmi("review", "--base", "HEAD^1")
    assert done.status == 2
    assert "::" not in done.out
    assert "error[LMI002] profiles/chat.yaml:10:5: " in done.out


def test_outside_of_a_pull_request_the_base_has_to_be_said(review: Review):
    review.patch.chdir(review.pull.checkout())
    done = review.lmi("review")
    assert done.status == 2
    assert "--base" in done.err
