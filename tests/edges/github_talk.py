"""A client of the GitHub on loopback, and what it said and waited."""

from __future__ import annotations

from lmi_deployer.diffing.markdown_text import comment as hidden
from lmi_deployer.edges.github import GitHub, Placed
from lmi_deployer.edges.github_calls import Calls
from lmi_deployer.reviewing.comment import marker_of
from tests.edges.github_server import NUMBER, REPOSITORY, TOKEN, GitHubServer

MARKER = marker_of("profiles")
BODY = f"{hidden(MARKER)}\nnothing to see"


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
