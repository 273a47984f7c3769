"""The patterns that a service's model requires of texts: tried where that is safe, and in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from lmi_deployer.request_words import shown

PATTERN_TRIED_UP_TO = 1024
"""Characters. The model's worst patterns (`.*[a-z]+.*`) take seconds on a text not much longer."""


def agrees(pattern: str, value: str, longest: int | None) -> bool:
    """Tell whether `value` has the form, leaving aside that it may be longer than `longest`."""
    compiled = _compiled(pattern)
    if compiled is None or len(value) > PATTERN_TRIED_UP_TO:
        return True
    return any(compiled.fullmatch(text) for text in (value, value[:longest]))


@cache
def _compiled(text: str) -> re.Pattern[str] | None:
    r"""`text` for Python's `re`; None when it cannot be tried, and so is not.

    One in thirteen of botocore's patterns is written for Java alone (`\p{L}`, `\z`, pairs of
    surrogates). `\d`, `\w` and `\s` mean ASCII there, hence the flag.
    """
    try:
        return None if _may_explode(text) else re.compile(text, re.ASCII)
    except re.error:
        return None


SAFE_REPEAT = re.compile(
    r"\((?:\?:)?(?:"
    r"(?:-|\[[-_]+\])\*\[(?:a-z|A-Z|0-9)+\]"  # (-*[a-z]): each round ends with its one letter
    r"|[- ]\[(?:a-z|A-Z|0-9)+\]\+"  # ( [a-z]+): each round starts with its one separator
    r"|-(?:\\w|\[\\w\])\+"
    r")\)"
)
"""A repeated group that matches a text in one way only, whatever it repeats."""


def _may_explode(pattern: str) -> bool:
    """Tell whether a repeated group holds a repeat, so that a failing match may take forever.

    >>> _may_explode("([a-z]?[a-z]+)*"), _may_explode("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
    (True, False)
    """
    pattern = SAFE_REPEAT.sub("x", pattern)
    pattern = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", "x", pattern)
    innermost = re.compile(r"\(([^()]*)\)([*+]|\{\d+,\d*\})?")
    while (group := innermost.search(pattern)) is not None:
        has_repeat = re.search(r"[*+]|,\d*\}", group[1]) is not None
        if has_repeat and group[2]:
            return True
        inside = "x+" if has_repeat or group[2] else "x"
        pattern = pattern[: group.start()] + inside + pattern[group.end() :]
    return False


NAME_FORM = "letters, digits and hyphens, with a letter or digit first and last"
FORMS: Mapping[str, str] = {
    "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}": NAME_FORM,
    "[a-zA-Z0-9]([\\-a-zA-Z0-9]*[a-zA-Z0-9])?": NAME_FORM,
    "[a-zA-Z_][a-zA-Z0-9_]*": "letters, digits and underscores, with no digit first",
    "(https|s3)://([^/]+)/?(.*)": "s3://BUCKET/PREFIX/",
    "(https|s3)://([^/])/?(.*)": "s3://BUCKET/PREFIX/",
    "arn:aws[a-z\\-]*:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+": "arn:aws:iam::ACCOUNT:role/NAME",
}
"""The patterns that a deployment meets most, in words."""


def way_out(pattern: str, value: str) -> str:
    """Describe the required form, and for a name offer the nearest one that has it."""
    fix = FORMS.get(pattern, f"text that matches {pattern}")
    nearest = re.sub(r"[^a-zA-Z0-9]+", "-", value).strip("-")
    return f"{fix}, such as {shown(nearest)}" if fix == NAME_FORM and nearest else fix
