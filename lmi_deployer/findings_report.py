"""Findings as text for people and as plain data for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lmi_deployer.findings import Finding, Severity
from lmi_deployer.paint import Paint, plain


def findings_text(findings: Iterable[Finding], paint: Paint = plain) -> str:
    """Findings as lines, each with its fix below it."""
    colors: dict[Severity, str] = {"error": "red", "warning": "yellow", "note": "cyan"}
    return "\n".join(
        str(finding).replace(
            f"{finding.severity}[{finding.code}]",
            paint(f"{finding.severity}[{finding.code}]", colors[finding.severity]),
            1,
        )
        for finding in findings
    )


def finding_as_json(finding: Finding) -> dict[str, Any]:
    """A finding as plain data."""
    return {
        "code": finding.code,
        "severity": finding.severity,
        "file": finding.place.file or None,
        "line": finding.place.line or None,
        "column": finding.place.column or None,
        "key": finding.key,
        "message": finding.problem,
        "fix": finding.fix,
    }
