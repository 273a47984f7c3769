"""`lmi-deploy review` of pull requests of many kinds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmi_deployer.reviewing.comment import MOST_CHARACTERS
from tests.edges.actions_runner import commands
from tests.edges.git_repositories import git
from tests.pull_requests import BROKEN, CHAT, LARGER, PullRequest
from tests.reviews import Review
from tests.specs import PROFILE


def test_a_checkout_of_something_else_is_not_taken_for_the_pull_request(review: Review):
    review.pull.push({CHAT: LARGER})
    folder = review.pull.checkout()
    git(folder, "fetch", "--quiet", "origin", "main:refs/remotes/origin/main")
    git(folder, "checkout", "--quiet", "origin/main")  # as on `pull_request_target`
    review.tell({"GITHUB_REF": "refs/heads/main", "GITHUB_SHA": review.pull.base})
    review.patch.chdir(folder)
    done = review.lmi("review", "--comment")
    assert done.status == 2
    assert "what is checked out is not pull request 7" in done.err
    assert review.github.requests == []


@pytest.mark.parametrize("path", ["README.md", "templates/lmi.txt", "profiles/README.md"])
def test_what_is_not_about_profiles_changes_nothing_and_makes_no_comment(review: Review, path: str):
    review.pull.push({path: "new\n"})
    done = review("--comment", "--fail-on=restart", "--max-cost-increase=0")
    assert (done.status, review.comments) == (0, [])
    assert (review.outputs["changed"], review.outputs["impact"]) == ("false", "none")


def test_a_profile_that_is_gone_replaces_its_endpoint(review: Review):
    review.pull.push({CHAT: None})
    done = review("--comment")
    assert (done.status, review.outputs["impact"]) == (0, "replace-endpoint")
    assert float(review.outputs["cost-delta"]) < 0
    assert "`lmi-deploy down chat-g5`" in review.comments[0]


def test_a_file_that_only_has_another_name_changes_nothing(review: Review):
    review.pull.push({CHAT: None, "profiles/talk.yaml": PROFILE})
    assert (review("--comment").status, review.outputs["changed"]) == (0, "false")


def test_a_lock_that_cannot_be_read_is_annotated_in_its_own_file(review: Review):
    review.pull.push({"profiles/lmi.lock": "[]"})
    done = review("--comment")
    assert (done.status, review.outputs["impact"]) == (2, "unknown")
    (error,) = [item for item in commands(done.out) if item.name == "error"]
    assert error.properties["file"] == "profiles/lmi.lock"


def test_hundreds_of_profiles_fit_into_a_comment_and_the_gate_comes_first(review: Review):
    wrong = PROFILE + "    tensor_parallel_degree: 8\n"
    names = [f"p{number}" for number in range(150)]
    review.pull.push(
        {f"profiles/{it}.yaml": wrong.replace("name: chat", f"name: {it}") for it in names}
    )
    done = review("--comment", "--max-cost-increase=1")
    (comment,) = review.comments
    assert done.status == 2
    assert len(comment) <= MOST_CHARACTERS
    assert "left out" in comment
    first, *errors = commands(done.out)
    assert first.properties == {"title": "lmi-deploy review"}
    assert "+$1.00 per hour" in first.data
    assert [item.properties["title"] for item in errors if item.name == "error"] == ["LMI201"] * 150


def test_what_others_did_on_main_meanwhile_is_no_part_of_it(review: Review):
    review.pull.push({"profiles/other.yaml": PROFILE.replace("name: chat", "name: other")})
    review.pull.push_to_main({CHAT: LARGER})
    done = review()
    assert "other / g5" in done.out
    assert "chat / g5" not in done.out


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
    assert review.comments == [review.summary]
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
    assert (review.outputs["impact"], review.outputs["cost-delta"]) == ("unknown", "")
    assert "bakend" in review.comments[0]


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
