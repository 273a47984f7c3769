"""GitHub's API on loopback, as far as comments of pull requests go: REST with pages, and `viewer`.

It refuses what GitHub refuses: a token that it does not know, one that may only read, a body that
is too long, a request without the headers that its documentation asks for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.edges.loopback import serving

TOKEN = "ghs_" + "w" * 36
READ_ONLY = "ghs_" + "r" * 36
"""As the run of a pull request from a fork gets it."""
BOT = "github-actions[bot]"
REPOSITORY = "acme/models"
NUMBER = 7
LONGEST_BODY = 65_536
Decided = tuple[int, Any, dict[str, str]]
"""Status, content and headers of an answer."""

_COMMENTS = re.compile(r"/repos/(?P<repo>[^/]+/[^/]+)/issues/(?P<number>\d+)/comments")
_COMMENT = re.compile(r"/repos/(?P<repo>[^/]+/[^/]+)/issues/comments/(?P<id>\d+)")


@dataclass
class Fault:
    """What happens to the next requests, before the server answers as ever."""

    method: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    message: str = "no"
    has_effect: bool = False
    """What was asked for is done all the same, and then not said."""
    cut: bool = False
    """The connection ends before an answer."""
    shortened: bool = False
    """The connection ends within the answer."""


@dataclass
class Request:
    """One request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass
class GitHubServer:
    """The comments of one repository, and every request that came."""

    repository: str = REPOSITORY
    comments: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    moved_to: str | None = None
    """Another address that every request for the repository is sent to."""
    links: str | None = None
    """What every list of comments says of its other pages, in place of the truth."""
    viewer: Any = None
    """What it says to the question whose token it is, in place of the truth."""
    logins: dict[str, tuple[str, bool]] = field(
        default_factory=lambda: {TOKEN: (BOT, True), READ_ONLY: (BOT, False)}
    )
    """Token: whose it is, and whether it may write."""

    def add(self, body: str, *, author: str | None = BOT, number: int = NUMBER) -> dict[str, Any]:
        """A comment that is there already."""
        made = 1000 + len(self.comments)
        comment = {
            "id": made,
            "html_url": f"https://github.com/{self.repository}/pull/{number}#issuecomment-{made}",
            "issue_url": f"{self.url}/repos/{self.repository}/issues/{number}",
            "user": None if author is None else {"login": author, "type": "User"},
            "body": body,
        }
        self.comments.append(comment)
        return comment

    def of(self, number: int) -> list[dict[str, Any]]:
        """The comments of one pull request."""
        return [item for item in self.comments if item["issue_url"].endswith(f"/{number}")]

    def calls(self) -> list[str]:
        """`METHOD` of each request for comments, without the question whose token it is."""
        return [item.method for item in self.requests if not item.path.endswith("/graphql")]


@contextmanager
def running_github() -> Iterator[GitHubServer]:
    """A GitHub for as long as the block runs."""
    github = GitHubServer()

    class Handler(_Handler):
        state = github

    with serving(Handler) as github.url:
        yield github


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: GitHubServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PATCH(self) -> None:
        self._handle()

    def _handle(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(raw) if raw else None
        parts = urlsplit(self.path)
        self.state.requests.append(
            Request(self.command, parts.path, dict(self.headers.items()), body)
        )
        fault = next(
            (item for item in self.state.faults if item.method == self.command and item.times), None
        )
        if fault is not None and not parts.path.endswith("/graphql"):
            fault.times -= 1
            if fault.has_effect:
                self._decided(parts.path, body)
            if fault.cut:
                self.close_connection = True
                return
            self.close_connection = fault.shortened
            content = {"message": fault.message}
            self._answer(fault.status, content, fault.headers, missing=int(fault.shortened))
            return
        self._answer(*self._decided(parts.path, body))

    def _decided(self, path: str, body: Any) -> Decided:
        token = str(self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in self.state.logins:
            return 401, {"message": "Bad credentials"}, {}
        login, may_write = self.state.logins[token]
        if path.removeprefix("/api") == "/graphql":
            return 200, self.state.viewer or {"data": {"viewer": {"login": login}}}, {}
        if self.headers.get("X-GitHub-Api-Version") != "2022-11-28":
            return 400, {"message": "unsupported version"}, {}
        if self.state.moved_to is not None:
            to, self.state.moved_to = self.state.moved_to, None
            return 307, {"message": "Temporary Redirect"}, {"Location": to + self.path}
        path = path.removeprefix("/api/v3")
        many = _COMMENTS.fullmatch(path)
        if self.command == "GET" and many and many["repo"] == self.state.repository:
            return self._page(int(many["number"]))
        return self._written(path, body, login, may_write=may_write)

    def _written(self, path: str, body: Any, login: str, *, may_write: bool) -> Decided:
        many, one = _COMMENTS.fullmatch(path), _COMMENT.fullmatch(path)
        found = many or one
        if found is None or found["repo"] != self.state.repository:
            return 404, {"message": "Not Found"}, {}
        if not may_write:
            return 403, {"message": "Resource not accessible by integration"}, {}
        text = body.get("body") if isinstance(body, dict) else None
        if not isinstance(text, str) or not text or len(text) > LONGEST_BODY:
            return 422, {"message": "Validation Failed"}, {}
        if self.command == "POST" and many:
            return 201, self.state.add(text, author=login, number=int(many["number"])), {}
        known = {str(item["id"]): item for item in self.state.comments}
        if self.command != "PATCH" or one is None or one["id"] not in known:
            return 404, {"message": "Not Found"}, {}
        known[one["id"]]["body"] = text
        return 200, known[one["id"]], {}

    def _page(self, number: int) -> Decided:
        asked = parse_qs(urlsplit(self.path).query)
        size = min(int(asked.get("per_page", ["30"])[0]), 100)
        page = int(asked.get("page", ["1"])[0])
        every = self.state.of(number)
        base = f"{self.state.url}{urlsplit(self.path).path}?per_page={size}"
        last = max(1, -(-len(every) // size))
        links = [f'<{base}&page={page - 1}>; rel="prev"'] if page > 1 else []
        links += (
            [f'<{base}&page={page + 1}>; rel="next"', f'<{base}&page={last}>; rel="last"']
            if page < last
            else []
        )
        shown = every[(page - 1) * size : page * size]
        link = self.state.links or ", ".join(links)
        return 200, shown, {"Link": link} if link else {}

    def _answer(
        self, status: int, content: Any, headers: Mapping[str, str], *, missing: int = 0
    ) -> None:
        raw = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw) + missing))
        self.end_headers()
        self.wfile.write(raw)
