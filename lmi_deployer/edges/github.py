"""GitHub's REST API, as far as one comment of a pull request needs it: find, create, update.

Sources: "REST API endpoints for issue comments", "Rate limits for the REST API" and "Best practices
for using the REST API" of the GitHub documentation; `viewer` of its GraphQL API, which is the one
question about itself that the token of a workflow may ask.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from lmi_deployer.edges.github_calls import (
    ATTEMPTS,
    Answer,
    Calls,
    GitHubError,
    UnsureError,
    address_from,
)
from lmi_deployer.findings import printable
from lmi_deployer.reviewing.comment import Comment, is_same, own_comment

PER_PAGE = 100
MOST_PAGES = 50
"""Of comments that are looked through: 5,000 are more than any review has."""
_NEXT = re.compile(r'<([^>]*)>[^,]*;\s*rel="?next"?')
_GHES_API = "/api/v3"


@dataclass(frozen=True, kw_only=True)
class Placed:
    """What became of a comment."""

    what: Literal["created", "updated", "unchanged", "not needed"]
    url: str | None = None
    """For a browser; None where there is no comment."""


class GitHub:
    """The comments of pull requests, as the owner of one token sees them."""

    def __init__(self, calls: Calls, *, graphql_url: str | None = None) -> None:
        self._calls = calls
        base = calls.api_url.removesuffix(_GHES_API)
        is_own_server = base != calls.api_url
        self._graphql = graphql_url or f"{base}{'/api' if is_own_server else ''}/graphql"

    def place(
        self, repository: str, number: int, body: str, *, marker: str, creates: bool
    ) -> Placed:
        """Bring the comment of that marker up to date; create it where there is none.

        With `creates` False a comment that is not there stays away. Nothing is ever deleted, and a
        comment of another author is never touched. Raises RefusedError where the token may not do
        it, and GitHubError where GitHub does not answer.
        """
        author = self._author()
        path = f"/repos/{repository}/issues"
        for _ in range(ATTEMPTS):
            found = own_comment(
                self._comments(f"{path}/{number}/comments"), marker=marker, author=author
            )
            if found is None and not creates:
                return Placed(what="not needed")
            if found is not None and is_same(found.body, body):
                return Placed(what="unchanged", url=found.url)
            if found is not None:
                done = self._calls.call(
                    "PATCH", f"{path}/comments/{found.id}", {"body": body}, repeats=True
                )
                return Placed(what="updated", url=_comment(done.content).url)
            try:
                done = self._calls.call("POST", f"{path}/{number}/comments", {"body": body})
            except UnsureError as error:
                # It may be there all the same, and two of them would be one too many: look again.
                self._calls.wait_after(error)
                continue
            return Placed(what="created", url=_comment(done.content).url)
        problem = "GitHub does not say whether it has taken the comment"
        raise GitHubError(problem, fix="run it again")

    def _author(self) -> str:
        """The login under which this token writes: `github-actions[bot]` in most workflows."""
        question = {"query": "query { viewer { login } }"}
        found = self._calls.call("POST", self._graphql, question, repeats=True).content
        try:
            login = found["data"]["viewer"]["login"]
        except (KeyError, TypeError):
            login = None
        if not isinstance(login, str) or not login:
            raise GitHubError("GitHub does not say whose token this is", fix="run it again")
        return login

    def _comments(self, path: str) -> Iterator[Comment]:
        """Every comment, page by page, oldest first."""
        url: str | None = f"{path}?per_page={PER_PAGE}"
        for _ in range(MOST_PAGES):
            answer = self._calls.call("GET", url or "", repeats=True)
            if not isinstance(answer.content, list):
                raise GitHubError("GitHub sent something that is no list of comments")
            yield from map(_comment, answer.content)
            url = _next(answer)
            if url is None:
                return
        raise GitHubError(f"GitHub lists more than {MOST_PAGES * PER_PAGE:,} comments")


def _next(answer: Answer) -> str | None:
    found = _NEXT.search(answer.headers.get("Link", ""))
    return address_from(answer.url, found[1]) if found else None


def _comment(item: Any) -> Comment:
    try:
        user = item["user"]  # null for an account that is gone
        return Comment(
            id=int(item["id"]),
            author=str(user["login"]) if user else "",
            body=str(item["body"] or ""),
            url=printable(str(item["html_url"])),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise GitHubError("GitHub sent something that is no comment") from error


def connect(
    *, api_url: str, token: str, graphql_url: str | None, say: Callable[[str], None]
) -> GitHub:
    """GitHub, or a GitHub Enterprise Server, as a token sees it. Raises InputError."""
    return GitHub(Calls(api_url=api_url, token=token, say=say), graphql_url=graphql_url)
