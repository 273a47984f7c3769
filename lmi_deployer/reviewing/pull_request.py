"""Which pull request a run is about, out of what the CI says in variables and in a file.

Source: "Variables reference" and "Webhook events and payloads" of the GitHub documentation. All of
it may be missing, since the same command runs by hand and in other CI.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MERGE_REF = re.compile(r"refs/pull/(\d+)/(?:merge|head)")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w-]{0,99}/(?!\.\.?$)[\w.-]{1,100}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """What is known of a pull request; None for each thing that nobody said."""

    repository: str | None = None
    """OWNER/NAME of the repository that it goes into."""
    number: int | None = None
    base_branch: str | None = None
    base_commit: str | None = None
    """What the branch was at when the event came: it may have moved on since."""
    head_commit: str | None = None
    merge_commit: str | None = None
    """The merge that GitHub made of it for this run, and that a workflow checks out by itself."""


def pull_request_of(variables: Mapping[str, str], event: Any) -> PullRequest:
    """The pull request of a run; `event` is the document at GITHUB_EVENT_PATH, or None.

    A merge queue runs for several at once: then there is a base, and nothing to comment on.
    What does not have the form that GitHub documents counts as not said.
    """
    told = _mapping(_mapping(event).get("pull_request"))
    queued = _mapping(_mapping(event).get("merge_group"))
    base, head = _mapping(told.get("base")), _mapping(told.get("head"))
    in_ref = _MERGE_REF.fullmatch(variables.get("GITHUB_REF", ""))
    number = told.get("number")
    return PullRequest(
        repository=_matching(_REPOSITORY, variables.get("GITHUB_REPOSITORY")),
        number=number if type(number) is int else int(in_ref[1]) if in_ref else None,
        base_branch=variables.get("GITHUB_BASE_REF") or None,
        base_commit=_matching(_COMMIT, base.get("sha") or queued.get("base_sha")),
        head_commit=_matching(_COMMIT, head.get("sha")),
        merge_commit=_matching(_COMMIT, variables.get("GITHUB_SHA")) if in_ref else None,
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None
