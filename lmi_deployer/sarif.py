"""Findings as a SARIF 2.1.0 document, which code-scanning services and editors read.

Source: Static Analysis Results Interchange Format 2.1.0, OASIS Standard; and GitHub's own rules in
"SARIF support for code scanning", which needs relative addresses and shows `help.markdown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from lmi_deployer import __version__
from lmi_deployer.findings import CODES, Code, Finding, Place, Severity

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
ROOT = "%SRCROOT%"
"""What relative addresses are relative to, by the name that GitHub gave it."""
PROBLEM_SEVERITY: Mapping[Severity, str] = {
    "error": "error",
    "warning": "warning",
    "note": "recommendation",
}


def document(findings: Iterable[Finding], *, command: str = "validate") -> dict[str, Any]:
    """One run that reports each finding once; `command` keeps its results apart from others.

    A service that gets two reports under one category takes the second for all there is.
    """
    rules = {code: index for index, code in enumerate(CODES)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "lmi-deploy",
                        "version": __version__,
                        "semanticVersion": __version__,
                        "rules": [_rule(row) for row in CODES.values()],
                    }
                },
                "automationDetails": {"id": f"lmi-deploy/{command}/"},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {ROOT: {"description": {"text": "Root of the repository."}}},
                "results": [
                    _result(finding, rules[finding.code]) for finding in dict.fromkeys(findings)
                ],
            }
        ],
    }


def _rule(row: Code) -> dict[str, Any]:
    example = f"\n\n```text\n{row.good}\n```" if row.good else ""
    return {
        "id": row.code,
        "shortDescription": {"text": row.title},
        "fullDescription": {"text": row.explanation},
        "help": {
            "text": f"{row.explanation}\n\n{row.fix}",
            "markdown": f"{row.explanation}\n\n**Way out:** {row.fix}{example}",
        },
        "defaultConfiguration": {"level": row.severities[0]},
        "properties": {
            "problem.severity": PROBLEM_SEVERITY[row.severities[0]],
            "page": row.page,
        },
    }


def _result(finding: Finding, rule_index: int) -> dict[str, Any]:
    named = {"key": finding.key, "fix": finding.fix}
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule_index,
        "level": finding.severity,
        "message": {"text": finding.text},
        "properties": {name: text for name, text in named.items() if text is not None},
    }
    if finding.place.is_file:
        result["locations"] = [{"physicalLocation": _physical(finding.place)}]
    return result


def _physical(place: Place) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": _address(PurePath(place.file))}
    if place.line:
        location["region"] = {"startLine": place.line}
        if place.column:
            location["region"]["startColumn"] = place.column
    return location


def _address(path: PurePath) -> dict[str, str]:
    """The file as a URI: relative to the root, or absolute where it lies outside."""
    if path.is_absolute():
        return {"uri": path.as_uri()}
    return {"uri": quote(path.as_posix()), "uriBaseId": ROOT}
