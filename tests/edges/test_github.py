"""One comment, kept up to date through GitHub's API, against a server that answers as GitHub."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lmi_deployer.diffing.markdown_text import comment as hidden
from lmi_deployer.edges.github import GitHub, Placed
from lmi_deployer.edges.github_calls import (
    ATTEMPTS,
    LONGEST_WAIT_SECONDS,
    Calls,
    GitHubError,
    RefusedError,
)
from lmi_deployer.errors import InputError
from lmi_deployer.reviewing.comment import marker_of
from tests.edges.github_server import (
    BOT,
    NUMBER,
    READ_ONLY,
    REPOSITORY,
    TOKEN,
    Fault,
    GitHubServer,
    running_github,
)

MARKER = marker_of("profiles")
BODY = f"{hidden(MARKER)}\nnothing to see"


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with running_github() as github:
        yield github


class Talk:
    """What was said and waited, by a client of the server."""

    def __init__(self, server: GitHubServer, token: str = TOKEN, path: str = "") -> None:
        self.said: list[str] = []
        self.waited: list[float] = []
        self.calls = Calls(
            api_url=server.url + path,
            token=token,
            say=self.said.append,
            sleep=self.waited.append,
            now=lambda: 1_000_000.0,
        )
        self.github = GitHub(self.calls)

    def place(self, body: str = BODY, *, creates: bool = True, marker: str = MARKER) -> Placed:
        return self.github.place(REPOSITORY, NUMBER, body, marker=marker, creates=creates)


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


def test_every_request_names_the_version_of_the_api_and_who_asks(server: GitHubServer):
    Talk(server).place()
    for request in server.requests:
        assert request.headers["X-Github-Api-Version"] == "2022-11-28"
        assert request.headers["User-Agent"].startswith("lmi-deploy/")
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"


def test_an_enterprise_server_answers_below_its_own_path(server: GitHubServer):
    talk = Talk(server, path="/api/v3/")
    assert talk.place().what == "created"
    assert [item.path for item in server.requests] == [
        "/api/graphql",
        f"/api/v3/repos/{REPOSITORY}/issues/{NUMBER}/comments",
        f"/api/v3/repos/{REPOSITORY}/issues/{NUMBER}/comments",
    ]


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize("cut", [False, True])
def test_what_does_no_harm_twice_is_asked_again(server: GitHubServer, method: str, cut: bool):
    server.add(BODY)
    server.faults.append(Fault(method, 502, times=2, cut=cut))
    talk = Talk(server)
    assert talk.place(f"{BODY} now").what == "updated"
    assert talk.waited == [1, 2]


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


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_github_that_fails_for_good_is_given_up(server: GitHubServer, method: str):
    server.faults.append(Fault(method, 503, times=1000))
    talk = Talk(server)
    with pytest.raises(GitHubError):
        talk.place()
    assert server.calls().count(method) == ATTEMPTS


@pytest.mark.parametrize(
    ("status", "headers", "message", "seconds"),
    [
        (403, {"Retry-After": "7"}, "You have exceeded a secondary rate limit", 7),
        (429, {"Retry-After": "3"}, "slow down", 3),
        (403, {}, "You have exceeded a secondary rate limit. Wait", LONGEST_WAIT_SECONDS),
        (429, {}, "slow down", LONGEST_WAIT_SECONDS),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1000009"}, "API rate limit", 9),
    ],
)
def test_a_limit_of_calls_is_waited_for_as_github_asks(
    server: GitHubServer, status: int, headers: dict[str, str], message: str, seconds: int
):
    server.faults.append(Fault("POST", status, headers, message=message))
    talk = Talk(server)
    assert talk.place().what == "created"
    assert talk.waited == [seconds]
    assert len(server.comments) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "3600"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1003600"},
    ],
)
def test_a_limit_of_an_hour_is_not_waited_for(server: GitHubServer, headers: dict[str, str]):
    server.faults.append(Fault("GET", 403, headers))
    talk = Talk(server)
    with pytest.raises(GitHubError) as caught:
        talk.place()
    assert not isinstance(caught.value, RefusedError)
    assert talk.waited == []


def test_a_repository_that_has_moved_is_followed_on_the_same_host(server: GitHubServer):
    server.moved_to = server.url
    assert Talk(server).place().what == "created"


@pytest.mark.parametrize("elsewhere", ["http://localhost:{port}", "https://127.0.0.1:{port}"])
def test_the_token_goes_to_no_other_host(server: GitHubServer, elsewhere: str):
    with running_github() as other:
        server.moved_to = elsewhere.format(port=other.url.rpartition(":")[2])
        with pytest.raises(GitHubError, match="another host"):
            Talk(server).place()
        assert other.requests == []


def test_the_token_goes_to_no_page_on_another_host(
    server: GitHubServer, monkeypatch: pytest.MonkeyPatch
):
    for number in range(101):
        server.add(f"comment {number}", author="somebody")
    with running_github() as other:
        talk = Talk(server)
        server.url = other.url  # what the server writes into its links
        with pytest.raises(GitHubError, match="another host"):
            talk.place()
        assert other.requests == []


@pytest.mark.parametrize(
    "address", ["http://github.example", "ftp://github.example", "github.example", "https://", ""]
)
def test_an_address_that_would_show_the_token_is_refused(address: str):
    with pytest.raises(InputError, match="GITHUB_API_URL"):
        Calls(api_url=address, token=TOKEN)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "caf\u00e9"])
def test_a_token_that_is_none_is_refused_without_being_shown(token: str):
    with pytest.raises(InputError) as caught:
        Calls(api_url="https://api.github.com", token=token)
    assert token not in str(caught.value)


def test_the_line_break_at_the_end_of_a_token_file_is_taken_off(server: GitHubServer):
    assert Talk(server, f"{TOKEN}\n").place().what == "created"


def test_what_github_says_cannot_carry_the_token_or_control_characters(server: GitHubServer):
    server.faults.append(Fault("GET", 403, message=f"bad {TOKEN}\x1b[2J\n::error::{'x' * 5000}"))
    with pytest.raises(RefusedError) as caught:
        Talk(server).place()
    assert TOKEN not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert "\n" not in caught.value.problem
    assert len(str(caught.value)) < 1000
    assert TOKEN not in repr(Talk(server).calls)


@pytest.mark.parametrize("answer", [{"message": "no list"}, [1], [{"id": "x"}], "text"])
def test_an_answer_of_another_form_is_an_error_and_no_traceback(
    server: GitHubServer, answer: object, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server, "of", lambda _number: [answer])
    with pytest.raises(GitHubError):
        Talk(server).place()


def test_the_author_of_a_personal_token_is_who_it_belongs_to(server: GitHubServer):
    server.logins["ghp_" + "p" * 36] = ("release-manager", True)
    by_bot = server.add(BODY, author=BOT)
    assert Talk(server, "ghp_" + "p" * 36).place().what == "created"
    assert by_bot["body"] == BODY
