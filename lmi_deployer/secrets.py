"""Finds secrets in plain text, and hides them from everything that is printed.

The patterns are the published token formats of Hugging Face (`hf_...`), AWS (access key ids) and
GitHub. A profile is reviewed, copied and kept in git, so a secret in it is an error, not a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lmi_deployer.findings import Finding

if TYPE_CHECKING:
    from lmi_deployer.yaml_source import Path, YamlSource

_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"hf_[A-Za-z0-9]{20,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"|gh[pousr]_[A-Za-z0-9]{30,}"
    r"|github_pat_[A-Za-z0-9_]{30,}"
    r")|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*"
)
_SECRET_KEY = re.compile(
    r"(?im)(^|[_.-])(password|passwd|secret|(access|api|auth|hf|hub|session)_?token"
    r"|(api|private|secret|secret_?access)_?key)$"
)
_TOKEN_STARTS = (
    "hf_",
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "-----",
)
_SECRET_NAME_ENDS = ("password\n", "passwd\n", "secret\n", "token\n", "key\n")
"""What every match of the two patterns holds: looking for these is a hundred times as fast."""
FIX = "take it out of the file and revoke it; weights that need it can be copied to S3 once"


def redacted(text: str) -> str:
    """`text` with every secret in it replaced.

    >>> redacted("token hf_abcdefghijklmnopqrstuvwx")
    'token ***'
    """
    return _TOKEN.sub("***", text)


def is_secret(key: str, value: object) -> bool:
    """True for a value that looks like a secret, or stands under a key that promises one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        return False
    text = str(value)
    if _TOKEN.search(text):
        return True
    return bool(_SECRET_KEY.search(key)) and not text.startswith("secretsmanager:")


def may_hold(texts: Mapping[str, str]) -> bool:
    """False where surely no key and no value is a secret; else each has to be looked at."""
    names = "\n".join([*texts, ""]).lower()
    if any(end in names for end in _SECRET_NAME_ENDS):
        return True
    values = "\n".join([*texts, *texts.values()])
    return any(start in values for start in _TOKEN_STARTS)


def findings(source: YamlSource) -> list[Finding]:
    """An error for each secret that stands in a file as plain text; the value is not repeated."""
    return [
        Finding.error(
            "LMI006",
            "holds a secret in plain text",
            place=source.place(path),
            key=redacted(".".join(str(part) for part in path)),
            fix=FIX,
        )
        for path, key, value in _texts(source.data, (), "")
        if is_secret(key, value)
    ]


def _texts(data: Any, path: Path, key: str) -> Iterator[tuple[Path, str, object]]:
    """(path, nearest key, text) of every key and value."""
    if isinstance(data, Mapping):
        for name, value in data.items():
            yield (*path, name), "", name
            yield from _texts(value, (*path, name), str(name))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _texts(value, (*path, index), key)
    else:
        yield path, key, data
