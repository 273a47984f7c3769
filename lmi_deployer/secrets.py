"""Finds secrets in plain text, and hides them from everything that is printed.

A profile is reviewed, copied and kept in git, so a secret in it is an error, not a warning. Found
are tokens by the forms that their issuers publish, credentials in addresses, and what stands behind
a name that promises a secret, be it a key of its own or inside of a text.

Sources: "User access tokens" (Hugging Face), "IAM identifiers" (AWS), "About authentication to
GitHub", "Token overview" (GitLab), "Token types" (Slack), "Supported secret scanning patterns"
(GitHub: OpenAI, Anthropic, Google, NVIDIA, Stripe), RFC 7519 (JWT), RFC 3986 section 3.2.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lmi_deployer.findings import Finding

if TYPE_CHECKING:
    from lmi_deployer.yaml_source import Path, YamlSource

_TOKENS: Mapping[str, str] = {
    "hf_": r"[A-Za-z0-9]{20,}",
    **dict.fromkeys(("AKIA", "ASIA"), r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    **dict.fromkeys(("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"[A-Za-z0-9]{30,}"),
    "github_pat_": r"[A-Za-z0-9_]{30,}",
    "glpat-": r"[A-Za-z0-9_-]{20,}",
    "sk-": r"(?:(?:proj|svcacct|admin|ant-[a-z0-9]+|or-v1)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{20,})",
    **dict.fromkeys(("sk_live_", "rk_live_"), r"[A-Za-z0-9]{16,}"),
    "nvapi-": r"[A-Za-z0-9_-]{30,}",
    "xox": r"[abeoprs]-[A-Za-z0-9-]{10,}",
    "AIza": r"[A-Za-z0-9_-]{35}",
    "eyJ": r"[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]{8,}){1,4}",
    **dict.fromkeys(("Bearer", "bearer"), r"\s+(?=[A-Za-z_.~+/-]*[0-9])[\w.~+/-]{16,}"),
}
"""How a token begins: what follows."""
_TOKEN = re.compile(
    "|".join(rf"{start}(?<![A-Za-z0-9]{start}){rest}" for start, rest in _TOKENS.items())
    + r"|-----BEGIN [A-Z ]*PRIVATE KEY[A-Z ]*-----[\s\S]*"
    r"|(?P<kept>://)[^\s/?#:@]*:[^\s/?#]+(?=@(?!sha256:))"
)
_NAME = (
    r"(?:password|passwd|passphrase|(?<![A-Za-z0-9])(?:(?:client[_-]?)?secret"
    r"|(?:access|api|auth|bearer|bot|github|gitlab|hf|hub|refresh|security|session|slack)[_-]?token"
    r"|(?:account|api|private|secret|secret[_-]?access|shared[_-]?access)[_-]?key))"
)
"""The end of a name that promises a secret."""
_SECRET_KEY = re.compile(rf"(?im){_NAME}$")
_END = r"(?![^\s\"'\\,;&)\]}])"
_NAMED = re.compile(
    r"(?is)(?P<kept>"
    rf"[?&](?P<query>(?:[\w.-]{{0,40}}[_.-])?(?:{_NAME}|token|key|sig|signature|credential))="
    rf"|{_NAME}(?:[ ]?=[ ]?+|(?P<quoted>\\*[\"']\s*[:=]\s*+))"
    r"(?:(?P<inside>\\+[\"'])|(?P<double>\")|(?P<single>')|(?P<listed>\[))?+)"
    rf"(?!secretsmanager:|(?:\*\*\*|\.\.\.|\$\{{?\w+\}}?|<[\w -]+>|true|false|none|null){_END})"
    r"(?(query)[^\s&#\"']+|(?(inside)(?:(?!\\+[\"']).)+|(?(double)(?:\\.|[^\"\\])+"
    r"|(?(single)(?:\\.|[^'\\])+|(?(listed)[^\]]+"
    r"|(?(quoted)[^\s\"'(\[{]|[^\s\"'=])[^\s\"']*)))))"
)
"""A value behind such a name: `hf_token=...`, `"password": "..."`, `?token=...`; not one that only
says where the secret is, as `secretsmanager:...` and `$HF_TOKEN` do, and `true` and `none`."""
_TOKEN_MARKS = (*_TOKENS, "-----BEGIN", "@")
_NAMED_MARKS = ("=", '"', "'")
_SECRET_NAME_ENDS = ("password\n", "passwd\n", "passphrase\n", "secret\n", "token\n", "key\n")
"""What every match of the patterns holds: looking for these is ten times as fast."""
FIX = "take it out of the file and revoke it; weights that need it can be copied to S3 once"


def redacted(text: str) -> str:
    """`text` with every secret in it replaced.

    >>> redacted("token hf_abcdefghijklmnopqrstuvwx")
    'token ***'
    >>> redacted("https://me:hunter2@a.example/?token=abc&x=1")
    'https://***@a.example/?token=***&x=1'
    """
    if _is_marked(text, _NAMED_MARKS):
        text = _NAMED.sub(_hidden, text)
    if _is_marked(text, _TOKEN_MARKS):
        text = _TOKEN.sub(_hidden, text)
    return text


def _hidden(found: re.Match[str]) -> str:
    return f"{found['kept'] or ''}***"


def _is_marked(text: str, marks: tuple[str, ...]) -> bool:
    for mark in marks:  # noqa: SIM110 - a generator costs twice as much, and this runs most often
        if mark in text:
            return True
    return False


def _holds_secret(text: str) -> bool:
    if _is_marked(text, _TOKEN_MARKS) and _TOKEN.search(text):
        return True
    return _is_marked(text, _NAMED_MARKS) and bool(_NAMED.search(text))


def is_secret(key: str, value: object) -> bool:
    """True for a value that looks like a secret, or stands under a key that promises one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        return False
    text = str(value)
    if _holds_secret(text):
        return True
    return bool(_SECRET_KEY.search(key)) and not text.startswith("secretsmanager:")


def may_hold(texts: Mapping[str, str]) -> bool:
    """False where surely no key and no value is a secret; else each has to be looked at."""
    return _may_hold(texts, [*texts, *texts.values()])


def _may_hold(names: Iterable[str], texts: Iterable[str]) -> bool:
    ends = "\n".join([*names, ""]).lower()
    return _is_marked(ends, _SECRET_NAME_ENDS) or _holds_secret("\n".join(texts))


def findings(source: YamlSource) -> list[Finding]:
    """An error for each secret that stands in a file as plain text; the value is not repeated."""
    texts = list(_texts(source.data, (), ""))
    if not _may_hold({key for _, key, _ in texts}, (str(value) for _, _, value in texts)):
        return []
    return [
        Finding.error(
            "LMI006",
            "holds a secret in plain text",
            place=source.place(path),
            key=redacted(".".join(str(part) for part in path)),
            fix=FIX,
        )
        for path, key, value in texts
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
