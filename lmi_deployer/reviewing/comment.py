"""The one comment of a pull request: by what it is found again, and when it is written.

It is found by a line that Markdown does not show, and by its author: a comment of somebody else
that holds the same line is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from lmi_deployer.diffing.markdown_text import comment as hidden

MOST_CHARACTERS = 65_536
"""Of a comment, as GitHub's own error says: "body is too long (maximum is 65536 characters)"."""
CUT = "\n\nThe rest is left out: a comment holds no more. The log of the run has all of it.\n"


@dataclass(frozen=True, kw_only=True)
class Comment:
    """One comment of a pull request."""

    id: int
    author: str
    body: str
    url: str


def marker_of(comment_id: str) -> str:
    """What tells this comment from those of other profile folders in the same repository.

    A name that a marker cannot hold as it is stands there with a hash of the whole.

    >>> marker_of("team-a/profiles")
    'lmi-deploy review: team-a/profiles'
    >>> marker_of("a --> b")
    'lmi-deploy review: a - b 8527e2eb'
    """
    name = re.sub("-{2,}", "-", re.sub(r"[^A-Za-z0-9 ._/:=-]", "", comment_id)).strip(" -")
    if name != comment_id:
        name = f"{name} {sha256(comment_id.encode(errors='replace')).hexdigest()[:8]}"
    return f"lmi-deploy review: {name}"


def own_comment(comments: Iterable[Comment], *, marker: str, author: str) -> Comment | None:
    """The oldest comment of this author that begins with the marker; None where there is none."""
    line = hidden(marker)
    own = (item for item in comments if item.author == author and _first_line(item.body) == line)
    return min(own, key=lambda item: item.id, default=None)


def is_same(one: str, other: str) -> bool:
    """True for bodies that differ in nothing but the ends of their lines."""
    return [line.rstrip() for line in one.rstrip().splitlines()] == [
        line.rstrip() for line in other.rstrip().splitlines()
    ]


def fitted(body: str) -> str:
    """The body, cut at a line where GitHub would refuse it."""
    if len(body) <= MOST_CHARACTERS:
        return body
    kept = body[: MOST_CHARACTERS - len(CUT)]
    return kept[: kept.rfind("\n") + 1] + CUT


def _first_line(body: str) -> str:
    return body.lstrip().partition("\n")[0].strip()
