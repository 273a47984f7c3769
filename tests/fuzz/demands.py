"""What holds of every verdict, whatever was read: it can be printed, is short, and keeps secrets.

A demand that is broken raises BrokenDemandError, so that fuzzing tells it from a crash.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lmi_deployer.findings import Finding

SECRET = "hf_" + "Q7z" * 9
"""A token of Hugging Face's published format that inputs plant, and that no output may show."""
_TELLTALE = SECRET[:12]
"""Enough of it to count as shown, for a message that is cut before it is redacted."""
LONGEST_PART = 1200
"""Characters of a key, of what is wrong with it, or of the way out."""
LONGEST_VALUE = 4_000_000
"""Characters of a value that takes effect: that of the file, which is never longer than this."""


class BrokenDemandError(AssertionError):
    """A verdict that came without a crash and is no good all the same."""

    def __init__(self, what: str, text: str) -> None:
        super().__init__(f"{what}: {text[:200]!a}")
        self.what = what


def check_text(what: str, text: str | None) -> None:
    """Refuse a part of a message that a terminal, a log or a reviewer could not take."""
    if text is None:
        return
    if len(text) > LONGEST_PART:
        raise BrokenDemandError(f"{what} has {len(text)} characters", text)
    if not text.isprintable():
        raise BrokenDemandError(f"{what} cannot be printed on one line", text)
    check_secret(what, text)


def check_secret(what: str, text: str) -> None:
    """Refuse a text that shows what was planted."""
    if _TELLTALE in text:
        raise BrokenDemandError(f"{what} shows a secret", text)


def check_findings(findings: Iterable[Finding]) -> None:
    """Refuse findings that cannot be shown as they are."""
    for finding in findings:
        for part in ("key", "problem", "fix"):
            check_text(f"{part} of {finding.code}", getattr(finding, part))


def check_effective(effective: Mapping[str, str]) -> None:
    """Refuse settings in effect that show a secret: JSON output prints all of them."""
    for key, value in effective.items():
        check_secret("a key in effect", key)
        check_secret("a value in effect", value)
