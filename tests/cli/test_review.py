"""`lmi-deploy review` in a checkout of a pull request, with GitHub's API on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edges.actions_runner import commands
from tests.edges.github_server import (
    NUMBER,
    READ_ONLY,
    Fault,
)
from tests.pull_requests import BROKEN, CHAT, LARGER
from tests.reviews import Review
from tests.specs import PROFILE

COMMENTED = PROFILE.replace("profiles:\n", "profiles: # of today\n")


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


def test_a_dry_run_leaves_every_file_as_it_was(review: Review):
    review.pull.push({CHAT: LARGER})
    review.tell({})
    folder = review.pull.checkout()
    review.patch.chdir(folder)
    (folder / CHAT).touch()  # git would like to note that it is the same all the same

    def files() -> dict[Path, int]:
        return {path: path.lstat().st_mtime_ns for path in review.folder.rglob("*")}

    before = files()
    assert review.lmi("review", "--comment", "--dry-run").status == 0
    assert files() == before
    assert review.github.requests == []


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
