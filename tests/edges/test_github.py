"""One comment, kept up to date through GitHub's API, against a server that answers as GitHub."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lmi_deployer.diffing.markdown_text import comment as hidden
from lmi_deployer.edges.github import Placed
from lmi_deployer.edges.github_calls import (
    GitHubError,
    RefusedError,
)
from lmi_deployer.reviewing.comment import MOST_CHARACTERS, marker_of
from tests.edges.github_server import (
    BOT,
    READ_ONLY,
    Fault,
    GitHubServer,
    running_github,
)
from tests.edges.github_talk import BODY, Talk


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with running_github() as github:
        yield github


def test_a_comment_is_created_once_and_then_updated_in_place(server: GitHubServer):
    talk = Talk(server)
    first = talk.place()
    assert (first.what, len(server.comments)) == ("created", 1)
    second = talk.place(f"{BODY} any more")
    assert (second.what, second.url) == ("updated", first.url)
    assert [item["body"] for item in server.comments] == [f"{BODY} any more"]


def test_a_comment_that_says_it_already_is_left_alone(server: GitHubServer):
    server.add(BODY.replace("\n", "\r\n") + "\r\n")
    assert Talk(server).place().what == "unchanged"
    assert server.calls() == ["GET"]


def test_nothing_is_created_where_there_is_nothing_to_say(server: GitHubServer):
    assert Talk(server).place(creates=False) == Placed(what="not needed")
    assert server.comments == []
    server.add(BODY)
    assert Talk(server).place(f"{BODY} now", creates=False).what == "updated"


def test_the_comment_is_found_behind_many_others(server: GitHubServer):
    for number in range(250):
        server.add(f"comment {number}", author="somebody")
    old = server.add(BODY)
    for number in range(60):
        server.add(f"answer {number}", author=None)
    assert Talk(server).place(f"{BODY} now").what == "updated"
    assert old["body"] == f"{BODY} now"
    assert server.calls() == ["GET", "GET", "GET", "GET", "PATCH"]


def test_the_comment_of_somebody_else_is_never_touched(server: GitHubServer):
    other = server.add(BODY, author="mallory")
    quoting = server.add(f"I quote:\n{BODY}")
    assert Talk(server).place(f"{BODY} now").what == "created"
    assert (other["body"], quoting["body"]) == (BODY, f"I quote:\n{BODY}")


def test_two_folders_of_one_repository_have_a_comment_each(server: GitHubServer):
    talk, other = Talk(server), marker_of("team-b/profiles")
    talk.place()
    talk.place(f"{hidden(other)}\nb", marker=other)
    talk.place(f"{hidden(other)}\nb now", marker=other)
    assert [item["body"] for item in server.comments] == [BODY, f"{hidden(other)}\nb now"]


def test_of_two_own_comments_the_older_is_kept_up_to_date(server: GitHubServer):
    server.add(BODY)
    server.add(BODY)
    Talk(server).place(f"{BODY} now")
    assert [item["body"] for item in server.comments] == [f"{BODY} now", BODY]


@pytest.mark.parametrize("token", [READ_ONLY, "ghs_" + "x" * 36])
def test_a_token_that_may_not_write_is_refused_without_another_try(
    server: GitHubServer, token: str
):
    talk = Talk(server, token)
    with pytest.raises(RefusedError) as caught:
        talk.place()
    assert token not in str(caught.value)
    assert (server.comments, talk.waited) == ([], [])


def test_a_pull_request_that_is_not_there_is_refused(server: GitHubServer):
    server.repository = "acme/others"
    with pytest.raises(RefusedError, match="404: Not Found"):
        Talk(server).place()


@pytest.mark.parametrize("cut", [False, True])
def test_a_comment_whose_answer_was_lost_is_not_created_twice(server: GitHubServer, cut: bool):
    server.faults.append(Fault("POST", 502, has_effect=True, cut=cut))
    assert Talk(server).place().what == "unchanged"
    assert server.calls() == ["GET", "POST", "GET"]
    assert len(server.comments) == 1


def test_a_comment_that_was_not_taken_is_sent_again(server: GitHubServer):
    server.faults.append(Fault("POST", 500))
    assert Talk(server).place().what == "created"
    assert len(server.comments) == 1


def test_a_comment_of_exactly_the_limit_is_taken_and_one_more_is_not(server: GitHubServer):
    longest = BODY + "\U0001f600" * (MOST_CHARACTERS - len(BODY))
    assert Talk(server).place(longest).what == "created"
    assert Talk(server).place(longest).what == "unchanged"
    with pytest.raises(GitHubError, match="422"):
        Talk(server).place(f"{longest}x")


def test_the_author_of_a_personal_token_is_who_it_belongs_to(server: GitHubServer):
    server.logins["ghp_" + "p" * 36] = ("release-manager", True)
    by_bot = server.add(BODY, author=BOT)
    assert Talk(server, "ghp_" + "p" * 36).place().what == "created"
    assert by_bot["body"] == BODY
