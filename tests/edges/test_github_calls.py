"""Calls to GitHub: what is waited for, asked again and given up, and who sees the token."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lmi_deployer.edges.github import MOST_PAGES
from lmi_deployer.edges.github_calls import (
    ATTEMPTS,
    LONGEST_WAIT_SECONDS,
    Calls,
    GitHubError,
    RefusedError,
)
from lmi_deployer.errors import InputError
from tests.edges.github_server import (
    NUMBER,
    REPOSITORY,
    TOKEN,
    Fault,
    GitHubServer,
    running_github,
)
from tests.edges.github_talk import BODY, Talk


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with running_github() as github:
        yield github


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
        {"Retry-After": "31536000"},
        {"Retry-After": "9" * 400},
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


@pytest.mark.parametrize("address", ["http://[bad", "//[", "/caf\u00e9", "/a b"])
def test_where_github_points_to_no_address_nothing_is_asked(server: GitHubServer, address: str):
    server.faults.append(Fault("GET", 307, {"Location": address}))
    with pytest.raises(GitHubError, match="no address"):
        Talk(server).place()
    server.links = f'<{address}>; rel="next"'
    with pytest.raises(GitHubError, match="no address"):
        Talk(server).place()
    assert server.comments == []


def test_a_list_without_an_end_is_no_reason_for_a_second_comment(server: GitHubServer):
    path = f"/repos/{REPOSITORY}/issues/{NUMBER}/comments"
    server.links = f'<{server.url}{path}?page=1>; rel="next"'
    with pytest.raises(GitHubError, match="more than 5,000 comments"):
        Talk(server).place()
    assert (server.comments, len(server.calls())) == ([], MOST_PAGES)


def test_a_proxy_never_sees_what_goes_to_this_machine(
    server: GitHubServer, monkeypatch: pytest.MonkeyPatch
):
    with running_github() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert Talk(server).place().what == "created"
        assert proxy.requests == []


@pytest.mark.parametrize("kind", ["http_proxy", "https_proxy"])
def test_a_proxy_of_the_environment_never_sees_the_token(
    server: GitHubServer, monkeypatch: pytest.MonkeyPatch, kind: str
):
    monkeypatch.setenv(kind, server.url)
    talk = Talk(server)
    calls = Calls(api_url="https://github.example", token=TOKEN, sleep=talk.waited.append)
    with pytest.raises(GitHubError) as caught:
        calls.call("GET", "/rate_limit")
    assert TOKEN not in str(caught.value)
    assert all("Authorization" not in request.headers for request in server.requests)


def test_an_answer_that_was_cut_short_is_asked_for_again(server: GitHubServer):
    server.faults.append(Fault("POST", 201, has_effect=True, shortened=True))
    server.faults.append(Fault("GET", 502, shortened=True))
    assert Talk(server).place().what == "unchanged"
    assert server.calls() == ["GET", "GET", "POST", "GET"]


def test_an_address_from_github_cannot_name_another_output(server: GitHubServer):
    server.add(BODY)["html_url"] = "https://x\n::error::\ud800"
    assert Talk(server).place().url == "https://x\\n::error::\\ud800"


@pytest.mark.parametrize("told", [{"errors": [{"type": "RATE_LIMITED"}]}, {"data": None}, [1], "x"])
def test_a_github_that_does_not_say_who_asks_is_no_refusal(server: GitHubServer, told: object):
    server.viewer = told
    with pytest.raises(GitHubError, match="whose token") as caught:
        Talk(server).place()
    assert not isinstance(caught.value, RefusedError)


@pytest.mark.parametrize(
    "answer",
    [
        {"message": "no comment"},
        [1],
        {"id": "x", "user": None, "body": "", "html_url": "x"},
        {"id": float("inf"), "user": None, "body": "", "html_url": "x"},
        "text",
    ],
)
def test_an_answer_of_another_form_is_an_error_and_no_traceback(
    server: GitHubServer, answer: object, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server, "of", lambda _number: [answer])
    with pytest.raises(GitHubError):
        Talk(server).place()
