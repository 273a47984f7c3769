"""Findings as GitHub workflow commands, which put them beside the lines of a pull request.

Source: "Workflow commands for GitHub Actions" and the escaping of actions/toolkit's command.ts.
GitHub shows at most ten errors, ten warnings and ten notices of a step; the log has all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath

from lmi_deployer.findings import Finding, Severity

LEVELS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "note": "notice"}


def lines(findings: Iterable[Finding]) -> Iterator[str]:
    """One command a finding, each finding once."""
    for finding in dict.fromkeys(findings):
        properties = ",".join(
            f"{name}={_property(text)}" for name, text in _properties(finding).items()
        )
        yield f"::{LEVELS[finding.severity]} {properties}::{_data(finding.text)}"


def _properties(finding: Finding) -> dict[str, str]:
    place = finding.place
    properties = {}
    if place.is_file:
        properties["file"] = PurePath(place.file).as_posix()
        if place.line:
            properties["line"] = str(place.line)
            if place.column:
                properties["col"] = str(place.column)
    return {**properties, "title": finding.code}


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
