"""The difference of two files as text, for what cannot be compared by what it means."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from lmi_deployer import secrets

MOST_CHARACTERS = 200_000
MOST_LINES = 3000
"""Of a file that is compared: difflib's time grows with the square."""
MOST_SHOWN = 200
_KEY = r"""["']?(?P<key>[\w.-]+)["']?\s*[:=]"""
_KEYED = re.compile(rf"^(?P<indent>\s*(?:-\s+)*){_KEY}(?P<value>.*)$")
_INSIDE = re.compile(rf"(?P<before>{_KEY}\s*)(?P<value>[^\s,{{}}\[\]].*)")
HIDDEN = "***"


def text_diff(before: str, after: str, *, file_before: str, file_after: str) -> tuple[str, ...]:
    """Lines of a unified diff without secrets; nothing for files that are too large for one."""
    if max(len(before), len(after)) > MOST_CHARACTERS:
        return ()
    old, new = list(without_secrets(before)), list(without_secrets(after))
    if max(len(old), len(new)) > MOST_LINES:
        return ()
    found = difflib.unified_diff(old, new, file_before, file_after, lineterm="")
    lines = tuple(line for line, _ in zip(found, range(MOST_SHOWN + 1), strict=False))
    if len(lines) <= MOST_SHOWN:
        return lines
    return (*lines[:MOST_SHOWN], f"... only the first {MOST_SHOWN} lines are shown")


def without_secrets(text: str) -> Iterator[str]:
    """The lines of a text of keys and values, without what is secret in them.

    What stands under a key that promises a secret is hidden however it is written: behind the key,
    on the lines below it that are set in further, and inside of braces.
    """
    hidden_below: int | None = None
    for line in secrets.redacted(text).splitlines():
        depth = len(line) - len(line.lstrip())
        if hidden_below is not None and (not line.strip() or depth > hidden_below):
            yield line[:depth] + HIDDEN if line.strip() else line
            continue
        hidden_below = None
        keyed = _KEYED.match(line)
        if keyed is not None and _is_secret_key(keyed["key"], keyed["value"]):
            hidden_below = len(keyed["indent"])
        yield _INSIDE.sub(_hidden, line)


def _hidden(match: re.Match[str]) -> str:
    if _is_secret_key(match["key"], match["value"]):
        return f"{match['before']}{HIDDEN}"
    return match["before"] + _INSIDE.sub(_hidden, match["value"])


def _is_secret_key(key: str, value: str) -> bool:
    return secrets.is_secret(key, value.strip(" \"'") or HIDDEN)
