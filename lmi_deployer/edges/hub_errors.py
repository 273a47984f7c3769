"""What the hub's refusals mean, which of them are worth another try, and how long to wait."""

from __future__ import annotations

import email.utils
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from huggingface_hub import get_token
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from lmi_deployer.errors import LmiDeployError
from lmi_deployer.locking.checkpoint import CheckpointError

T = TypeVar("T")
ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 90.0
"""A hub that asks for more is left alone; its windows are five minutes long."""
TOO_MANY_REQUESTS, UNAUTHORIZED, FORBIDDEN = 429, 401, 403
REQUEST_TIMEOUT, FIRST_SERVER_ERROR = 408, 500
_NOTHING_LEFT = re.compile(r";\s*r\s*=\s*0\s*;\s*t\s*=\s*([0-9]{1,9})")
"""No requests remain, until so many seconds from now. Source: the header `RateLimit` as the hub
sends it, huggingface_hub/utils/_http.py, parse_ratelimit_headers."""
_SECONDS = re.compile(r"[0-9]{1,9}")
LATER = "the same command later; what is locked already stays"
OFFLINE = "`lmi-deploy lock --offline` takes the facts from the catalog"
_TRANSPORT: type[Exception] = HfHubHTTPError.__mro__[1]
"""HTTPError of httpx or httpx2, whichever huggingface_hub is built on."""
_FOR_GOOD = frozenset({"TooManyRedirects", "UnsupportedProtocol"})
"""Names of those that another try does not help."""


_NOT_AS_EXPECTED = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What huggingface_hub fails with where an answer is not the hub's: it takes each as it is."""


class HubError(LmiDeployError):
    """The hub could not be reached, or does not answer as one."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Who hears of waiting, and how it is done."""

    say: Callable[[str], None]
    sleep: Callable[[float], None]
    host: str
    """Name of the hub, without anything secret that its address may hold."""
    scheme: str = "https"
    """Of its address: mirrors in a house's own network may have no certificate."""


def asked(title: str, call: Callable[[], T], patience: Patience) -> T:
    """What a call to the hub gives, after some more tries where that may help.

    Raises CheckpointError for what is wrong with the model, and HubError otherwise.
    """
    pause = FIRST_PAUSE_SECONDS
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return call()
        except HfHubHTTPError as error:
            status = error.response.status_code
            if not _is_worth_another_try(status):
                raise _refusal(title, error, patience) from error
            reason, wait = f"status {status}", _wait_asked(error.response.headers)
            failure: Exception = error
        except OfflineModeIsEnabled as error:
            raise HubError("HF_HUB_OFFLINE is set", fix=f"unset it; or {OFFLINE}") from error
        except HFValidationError as error:
            problem = f"{title!r} is no name of a model on the hub"
            raise CheckpointError(problem, fix="of the form organization/model") from error
        except _TRANSPORT as error:
            reason, wait, failure = type(error).__name__, None, error
            if reason in _FOR_GOOD:
                raise _no_hub(patience.host) from error
        except _NOT_AS_EXPECTED as error:
            raise _no_hub(patience.host) from error
        if attempt == ATTEMPTS or (wait or 0) > LONGEST_PAUSE_SECONDS:
            raise _given_up(title, reason, wait, patience.host) from failure
        seconds = pause if wait is None else max(wait, 0.0)
        patience.say(f"{title}: {reason} from {patience.host}; again in {seconds:g} s")
        patience.sleep(seconds)
        pause *= 2
    raise AssertionError("the last attempt returns or raises")


def _wait_asked(headers: Mapping[str, Any]) -> float | None:
    """Seconds that the hub asks us to wait, or None where it asks for nothing."""
    limit = _NOTHING_LEFT.search(str(headers.get("ratelimit") or ""))
    if limit is not None:
        return float(limit[1])
    said = str(headers.get("retry-after") or "").strip()
    if _SECONDS.fullmatch(said):
        return float(said)
    try:
        then = email.utils.parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, (then.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _refusal(title: str, error: HfHubHTTPError, patience: Patience) -> LmiDeployError:
    """The error that says what a refusal of the hub means."""
    status, host = error.response.status_code, patience.host
    if isinstance(error, GatedRepoError):
        page = f"{patience.scheme}://{host}/{title}"
        return CheckpointError(
            f"{title} is gated, and {_who()} has no access to it",
            fix=f"accept its terms on {page} and sign in with `hf auth login`; "
            "or lock a copy: model.source, or --from",
        )
    if isinstance(error, RevisionNotFoundError):
        problem, fix = f"{title} has no such revision", "a commit that its history on the hub lists"
    elif isinstance(error, EntryNotFoundError):
        problem, fix = f"a file that {title} lists is not there", "try again; it may have moved"
    elif isinstance(error, DisabledRepoError):
        problem, fix = f"the hub has disabled {title}", "another model, or a copy on S3"
    elif isinstance(error, RepositoryNotFoundError):
        problem = f"there is no model {title}, or {_who()} may not see it"
        fix = "look for a misspelling; for a private model sign in with `hf auth login`"
    elif status == UNAUTHORIZED:
        fix = "`hf auth login` once more; or without a token, which public models do not need"
        return HubError(f"{host} does not accept the token of {_who()}", fix=fix)
    elif status == FORBIDDEN:
        problem, fix = f"{_who()} may not read {title}", "a token with the right to read it"
    else:
        return HubError(f"{title}: {host} answered with status {status}", fix=OFFLINE)
    return CheckpointError(problem, fix=fix)


def _is_worth_another_try(status: int) -> bool:
    return status in {REQUEST_TIMEOUT, TOO_MANY_REQUESTS} or status >= FIRST_SERVER_ERROR


def _who() -> str:
    """Who asked, as far as that can be told without the token."""
    if os.environ.get("HF_TOKEN"):
        return "the account of HF_TOKEN"
    return "this machine's account" if get_token() else "a visitor without a token"


def _no_hub(host: str) -> HubError:
    fix = "unset HF_ENDPOINT, or look at the proxy between here and there"
    return HubError(f"{host} does not answer as a hub does", fix=fix)


def _given_up(title: str, reason: str, wait: float | None, host: str) -> HubError:
    if wait is not None and wait > LONGEST_PAUSE_SECONDS:
        problem = f"{title}: {host} asks to wait {wait:.0f} seconds"
        return HubError(problem, fix=LATER)
    problem = f"{title}: no answer from {host} in {ATTEMPTS} tries ({reason})"
    return HubError(problem, fix=f"the same command later; or {OFFLINE}")
