"""Single calls to GitHub: with patience, and with a token that goes to one host only."""

from __future__ import annotations

import http.client
import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from lmi_deployer import __version__
from lmi_deployer.errors import InputError, LmiDeployError
from lmi_deployer.findings import printable
from lmi_deployer.secrets import redacted

API_VERSION = "2022-11-28"
TIMEOUT_SECONDS = 20
"""Without a byte."""
ATTEMPTS = 4
LONGEST_WAIT_SECONDS = 60
"""GitHub asks for a minute where it does not say how long: "Rate limits for the REST API"."""
MOST_REDIRECTS = 3
MOST_BYTES = 64_000_000
SHOWN_CHARACTERS = 300
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY = 401, 403, 429
_REFUSED = frozenset({_UNAUTHORIZED, _FORBIDDEN, 404, 410})
"""The token is wrong, or may not do it. GitHub says 404 for what a token may not even see."""
_SERVER_ERRORS = 500
_MOVED = frozenset({301, 302, 307, 308})
"""GitHub asks to repeat the request as it was: "Follow redirects" of its best practices."""
_MOVED_OR_WORSE = 300
Body = Mapping[str, Any] | None


class GitHubError(LmiDeployError):
    """GitHub could not be reached, or its answer is of no use."""


class RefusedError(GitHubError):
    """The token may not do this, as that of a pull request from a fork may not."""


class UnsureError(GitHubError):
    """A call was sent and not answered: it may have had its effect."""

    def __init__(self, problem: str, *, wait_seconds: float) -> None:
        super().__init__(problem, fix="run it again")
        self.wait_seconds = wait_seconds


class _LaterError(GitHubError):
    """Nothing was done, and GitHub says when to ask again."""

    def __init__(self, problem: str, *, wait_seconds: float) -> None:
        super().__init__(problem, fix="run it again later")
        self.wait_seconds = wait_seconds


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    url: str
    status: int
    headers: Message
    content: Any
    """The parsed JSON; None where there was none."""


@dataclass(kw_only=True)
class Calls:
    """Calls with one token. Raises InputError for an address or a token that cannot be one."""

    api_url: str
    token: str = field(repr=False)
    say: Callable[[str], None] = lambda _line: None
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self.api_url = self.api_url.rstrip("/")
        parts = _parts(self.api_url)
        if parts is None:
            raise InputError(
                "GITHUB_API_URL is no https address", fix="unset it, or https://HOST/api/v3"
            )
        self._origin = _origin(parts)
        self.token = self.token.strip()
        if not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise InputError("GITHUB_TOKEN holds characters that no token has", fix="set it again")
        self._opener = _opener(parts)

    def call(self, method: str, path: str, body: Body = None, *, repeats: bool = False) -> Answer:
        """The answer to one request below the API's address, or at a whole one of the same host.

        Waits and asks again where GitHub says that nothing was done yet; with `repeats`, where the
        request does no harm twice, also where no answer came.
        """
        url = path if "://" in path else self.api_url + path
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._followed(method, url, body)
            except (_LaterError, UnsureError) as error:
                may_repeat = repeats or isinstance(error, _LaterError)
                if not may_repeat or attempt == ATTEMPTS:
                    raise
                self.wait_after(error, attempt)
        raise AssertionError("the last attempt returns or raises")

    def wait_after(self, error: _LaterError | UnsureError, attempt: int = 1) -> None:
        """Wait as long as GitHub asks for. Raises the error where that is too long."""
        seconds = max(error.wait_seconds, 2.0 ** (attempt - 1))
        if seconds > LONGEST_WAIT_SECONDS:
            raise error
        self.say(f"{error.problem}; asking again in {seconds:.0f} s")
        self.sleep(seconds)

    def _followed(self, method: str, url: str, body: Body) -> Answer:
        """One request, after a move of the repository within the same host."""
        for _ in range(MOST_REDIRECTS + 1):
            parts = _parts(url)
            if parts is None or _origin(parts) != self._origin:
                raise GitHubError("GitHub points to another host, which gets no token")
            answer = self._sent(method, url, body)
            if answer.status not in _MOVED:
                return self._judged(answer)
            url = address_from(url, answer.headers.get("Location", ""))
        raise GitHubError("GitHub points from one address to another without end")

    def _sent(self, method: str, url: str, body: Body) -> Answer:
        request = urllib.request.Request(  # noqa: S310 - `_parts` takes http and https only
            url,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Accept": "application/vnd.github+json",
                "Content-Type": "application/json",
                "X-GitHub-Api-Version": API_VERSION,
                "User-Agent": f"lmi-deploy/{__version__}",
            },
        )
        # Not among the headers that urllib hands to wherever a proxy or a redirect leads.
        request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                raw = response.read(MOST_BYTES)
                if response.length:  # what is left of it, where it says how long it is
                    raise http.client.IncompleteRead(raw, response.length)
                return _answer(url, response.status, response.headers, raw)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or str(error) or type(error).__name__
            problem = self._shown(f"GitHub does not answer: {reason}")
            raise UnsureError(problem, wait_seconds=0) from None

    def _judged(self, answer: Answer) -> Answer:
        """The answer, where it is one. Raises what else it means."""
        told = answer.content.get("message") if isinstance(answer.content, dict) else None
        text = self._shown(f"GitHub says {answer.status}: {told or 'nothing else'}")
        wait = self._asked_to_wait(answer, str(told or ""))
        if wait is not None:
            raise _LaterError(text, wait_seconds=wait)
        if answer.status in _REFUSED:
            raise RefusedError(text)
        if answer.status >= _SERVER_ERRORS:
            raise UnsureError(text, wait_seconds=_seconds(answer.headers.get("Retry-After")) or 0)
        if answer.status >= _MOVED_OR_WORSE:
            raise GitHubError(text)
        return answer

    def _asked_to_wait(self, answer: Answer, told: str) -> float | None:
        """Seconds until a limit of calls is over; None where it is not about one."""
        if answer.status not in {_FORBIDDEN, _TOO_MANY}:
            return None
        after = _seconds(answer.headers.get("Retry-After"))
        if after is not None:
            return after
        if answer.headers.get("X-RateLimit-Remaining") == "0":
            reset = _seconds(answer.headers.get("X-RateLimit-Reset"))
            return LONGEST_WAIT_SECONDS if reset is None else max(0.0, reset - self.now())
        if answer.status == _TOO_MANY or "secondary rate limit" in told.lower():
            return LONGEST_WAIT_SECONDS
        return None

    def _shown(self, text: str) -> str:
        """What may be printed of a text that somebody else wrote."""
        shown = printable(redacted(text.replace(self.token, "***") if self.token else text))
        return shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[:SHOWN_CHARACTERS]}..."


def _opener(parts: SplitResult) -> urllib.request.OpenerDirector:
    """Opens addresses, through the proxy of the environment, and gives every answer as it is.

    What urllib adds by itself would follow an answer to any host, and take the token along.
    """
    opener = urllib.request.OpenerDirector()
    if parts.scheme == "https":  # a proxy sees nothing of it; of http it would see the token
        opener.add_handler(urllib.request.ProxyHandler())
        opener.add_handler(urllib.request.HTTPSHandler())
    else:
        opener.add_handler(urllib.request.HTTPHandler())
    return opener


def address_from(url: str, to: str) -> str:
    """Where an answer from `url` points. Raises GitHubError for what is no address."""
    try:
        found = urljoin(url, to)
    except ValueError:
        found = ""
    if not found.isascii() or not found.isprintable() or " " in found or not found:
        raise GitHubError("GitHub points to something that is no address")
    return found


def _parts(url: str) -> SplitResult | None:
    """The parts of an address that may see a token: https, or this machine itself."""
    try:
        parts = urlsplit(url)
        is_usable = parts.port != 0 and not parts.username
    except ValueError:
        return None
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)
    return parts if is_usable and is_safe and parts.hostname else None


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, str(parts.hostname), parts.port or default


def _answer(url: str, status: int, headers: Message, raw: bytes) -> Answer:
    try:
        content = json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        content = None
    return Answer(url=url, status=status, headers=headers, content=content)


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.strip().isdecimal() else None
