"""Whole pages of text: a plan as a person reads it before approving."""

from __future__ import annotations

import re

from lmi_deployer import report
from lmi_deployer.cli.output import painter
from lmi_deployer.findings import Finding
from lmi_deployer.findings_report import findings_text
from lmi_deployer.plan_file import SavedPlan
from lmi_deployer.spec import ResolvedSpec


def plan_page(
    saved: SavedPlan, spec: ResolvedSpec, findings: tuple[Finding, ...], where: str | None
) -> str:
    """A plan with what it was made from: checks, steps, cost and the origin of the settings."""
    paint = painter()
    shown = [finding for finding in findings if finding.severity != "note"]
    parts = [
        report.header(spec, saved.region, where),
        report.checks_block(spec, findings, paint),
        findings_text(shown, paint) if shown else "",
        report.plan_text(saved.plan, paint),
        f"{report.cost_text(spec, saved.region)}\n{report.why_text(spec)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def unknown_plan_page(saved: SavedPlan, spec: ResolvedSpec, findings: tuple[Finding, ...]) -> str:
    """A plan against an account that could not be read; names that depend on it are left open."""
    page = plan_page(saved, spec, findings, "live state unknown")
    page = page.replace(saved.account, "<account>")
    page = re.sub(rf"({re.escape(spec.endpoint.name)})-[0-9a-f]{{8}}", r"\1-<hash>", page)
    return f"{page}\nThis is the plan if nothing of it exists yet.\n"


def steps_page(saved: SavedPlan, where: str | None) -> str:
    """The steps of a plan alone, with the place they are for."""
    place = "    ".join(part for part in (saved.title, saved.region, where) if part)
    return f"{place}\n\n{report.plan_text(saved.plan, painter())}\n"
