"""Whole pages of text: a plan as a person reads it before approving."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Sequence

from lmi_deployer import report
from lmi_deployer.aot.outlook import SHOWN_CHARACTERS
from lmi_deployer.artifact.manifest import KEY_CHARACTERS
from lmi_deployer.cli.options import AwsOptions
from lmi_deployer.cli.output import painter
from lmi_deployer.findings import Finding
from lmi_deployer.findings_report import findings_text
from lmi_deployer.live import Proposal
from lmi_deployer.plan_file import SavedPlan
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.step_lines import IMPACT_UNKNOWN, impact_text, plan_text


def plan_page(
    proposal: Proposal, findings: tuple[Finding, ...], where: str | None, *, arguments: str
) -> str:
    """A plan with what it was made from: checks, steps, cost and the origin of the settings.

    `arguments` are what a follow-up command needs to mean the same.
    """
    paint = painter()
    saved, spec = proposal.saved, proposal.spec
    shown = [finding for finding in findings if finding.severity != "note"]
    parts = [
        report.header(spec, saved.region, where),
        report.checks_block(spec, findings, paint, _engine_lines(proposal, arguments)),
        findings_text(shown, paint) if shown else "",
        plan_text(saved.plan, paint),
        "" if proposal.effect is None else impact_text(proposal.effect),
        f"{report.cost_text(spec, saved.region)}\n{report.why_text(spec)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _engine_lines(proposal: Proposal, arguments: str) -> list[tuple[str, str, str]]:
    """(sign, name, text) of what was found out about the engine; the name stands once."""
    outlook = proposal.outlook
    if outlook is None:
        return []
    from lmi_deployer.aot.outlook import outlook_lines

    lines = outlook_lines(outlook, now_seconds=time.time(), arguments=arguments)
    return [(sign, outlook.name if sign else "", text) for sign, text in lines]


def same_arguments(
    model: str, spec: ResolvedSpec, overrides: Sequence[str], where: AwsOptions
) -> str:
    """What another command needs to be about the same deployment, in the same account."""
    words = [model, "-p", spec.hardware, *(f"--set={item}" for item in overrides)]
    return shlex.join(words) + where.suffix


def unknown_plan_page(proposal: Proposal, findings: tuple[Finding, ...], *, arguments: str) -> str:
    """A plan against an account that could not be read; names that depend on it are left open."""
    page = plan_page(proposal, findings, "live state unknown", arguments=arguments)
    page = page.replace(proposal.saved.account, "<account>")
    name = re.escape(proposal.spec.endpoint.name)
    page = re.sub(rf"({name})-[0-9a-f]{{8}}", r"\1-<hash>", page)
    engine = proposal.outlook.engine if proposal.outlook else None
    if engine is not None and engine.inputs.weights_digest is not None:  # nobody has looked at them
        for shown in (engine.key[:KEY_CHARACTERS], engine.key[:SHOWN_CHARACTERS]):
            page = page.replace(shown, "<key>")
    return f"{page}\n{IMPACT_UNKNOWN}\nThis is the plan if nothing of it exists yet.\n"


def steps_page(saved: SavedPlan, where: str | None) -> str:
    """The steps of a plan alone, with the place they are for."""
    place = "    ".join(part for part in (saved.title, saved.region, where) if part)
    return f"{place}\n\n{plan_text(saved.plan, painter())}\n"
