"""What a pull request is compared with, by what the CI says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lmi_deployer.errors import InputError
from lmi_deployer.reviewing.base import base_of, side_names
from lmi_deployer.reviewing.pull_request import PullRequest, pull_request_of

BASE, HEAD, OLD, MERGE = "b" * 40, "a" * 40, "0" * 40, "c" * 40
PULL = PullRequest(
    repository="acme/models",
    number=7,
    base_branch="main",
    base_commit=OLD,
    head_commit=HEAD,
    merge_commit=MERGE,
)
VARIABLES = {
    "GITHUB_REPOSITORY": "acme/models",
    "GITHUB_REF": "refs/pull/7/merge",
    "GITHUB_BASE_REF": "main",
    "GITHUB_SHA": MERGE,
}
EVENT = {"pull_request": {"number": 7, "base": {"sha": OLD, "ref": "main"}, "head": {"sha": HEAD}}}


def test_all_of_a_pull_request_is_read_from_what_github_says():
    assert pull_request_of(VARIABLES, EVENT) == PULL


def test_a_merge_queue_has_a_base_and_nothing_to_comment_on():
    variables = {"GITHUB_REPOSITORY": "acme/models", "GITHUB_REF": "refs/heads/gh-readonly-queue/x"}
    found = pull_request_of(variables, {"merge_group": {"base_sha": BASE, "head_sha": HEAD}})
    assert found == PullRequest(repository="acme/models", base_commit=BASE)


def test_only_the_merge_of_a_pull_request_is_one():
    variables = {**VARIABLES, "GITHUB_REF": "refs/heads/main"}  # as on `pull_request_target`
    assert pull_request_of(variables, EVENT).merge_commit is None


def test_the_number_is_also_in_the_name_of_the_merge():
    assert pull_request_of(VARIABLES, None).number == 7


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "text",
        {"pull_request": None},
        {"pull_request": {"number": "7", "base": [], "head": {"sha": "--help"}}},
        {"pull_request": {"number": True, "base": {"sha": 1}, "head": {"sha": HEAD + "\n"}}},
    ],
)
def test_what_is_no_pull_request_counts_as_not_said(event: Any):
    names = {"GITHUB_REPOSITORY": "../etc", "GITHUB_REF": "refs/heads/main"}
    assert pull_request_of(names, event) == PullRequest()


def chosen(known: Mapping[str, str], pull: PullRequest = PULL, asked: str | None = None) -> str:
    return base_of(asked, pull, known.get)


def test_what_somebody_asks_for_goes_first():
    assert chosen({"HEAD^2": HEAD}, asked="v1") == "v1"


def test_a_merge_that_github_made_is_compared_with_what_it_goes_into():
    assert chosen({"HEAD^2": HEAD, "HEAD^1": BASE, "origin/main": MERGE, OLD: OLD}) == "HEAD^1"


def test_a_merge_that_somebody_else_made_is_none():
    known = {"HEAD": HEAD, "HEAD^2": OLD, "HEAD^1": BASE, "origin/main": BASE}
    assert chosen(known) == "origin/main"


@pytest.mark.parametrize("checked_out", [HEAD, MERGE])
def test_without_the_branch_the_commit_of_the_event_will_do(checked_out: str):
    assert chosen({OLD: OLD, "HEAD": checked_out}) == OLD


@pytest.mark.parametrize("checked_out", [BASE, OLD])
def test_what_is_no_checkout_of_the_pull_request_is_not_taken_for_one(checked_out: str):
    known = {"origin/main": BASE, "HEAD": checked_out, "HEAD^2": OLD}
    with pytest.raises(InputError, match="is not pull request 7"):
        chosen(known)
    assert chosen(known, asked="origin/main") == "origin/main"
    assert side_names("origin/main", PULL, known.get) == (None, None)


def test_where_nobody_says_what_the_pull_request_is_the_checkout_is_trusted():
    queued = PullRequest(base_commit=BASE)
    assert chosen({BASE: BASE, "HEAD": OLD}, queued) == BASE


def test_a_clone_that_is_too_shallow_is_told_its_depth():
    with pytest.raises(InputError, match="does not hold main") as caught:
        chosen({})
    assert "fetch-depth: 2" in str(caught.value)


def test_outside_of_a_pull_request_somebody_has_to_say_it():
    with pytest.raises(InputError) as caught:
        chosen({}, PullRequest())
    assert "--base" in str(caught.value)


def test_both_sides_are_called_as_readers_of_the_pull_request_do():
    known = {"HEAD^1": BASE, "HEAD": MERGE, "v1": OLD}
    assert side_names("HEAD^1", PULL, known.get) == ("main (bbbbbbbb)", "pull request 7 (aaaaaaaa)")
    assert side_names("v1", PULL, known.get) == (None, "pull request 7 (aaaaaaaa)")
    assert side_names("v1", PullRequest(), known.get) == (None, None)
