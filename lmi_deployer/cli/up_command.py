"""`lmi-deploy up`: check, plan, ask, apply, wait, verify."""

from __future__ import annotations

import re
from typing import Any

import click

from lmi_deployer import api, live, report
from lmi_deployer.cli.connection import Connection, connected
from lmi_deployer.cli.options import (
    AwsOptions,
    aws_options,
    model_argument,
    output_option,
    quiet_option,
    yes_option,
)
from lmi_deployer.cli.output import painter, print_json, say
from lmi_deployer.cli.running import Run, approve
from lmi_deployer.errors import CredentialsError
from lmi_deployer.findings import Finding
from lmi_deployer.plan_file import SavedPlan
from lmi_deployer.spec import ResolvedSpec

Decided = tuple[ResolvedSpec, tuple[Finding, ...]]
DEFAULT_REGION = "us-east-1"


@click.command("up")
@model_argument
@aws_options
@output_option
@yes_option
@quiet_option
@click.option("--no-smoke", is_flag=True, help="Do not send a request once it is InService.")
def command(
    model: str,
    hardware: tuple[str, ...],
    overrides: tuple[str, ...],
    where: AwsOptions,
    output: str,
    yes: bool,
    quiet: bool,
    no_smoke: bool,
) -> int:
    """Deploy a model: show the plan, ask, make what is missing, wait, and verify.

    Running it again changes nothing when everything is as wanted, and goes on where an
    interrupted run stopped.
    """
    decided = api.decide(model, hardware, overrides)
    try:
        with connected(where) as connection:
            progress = (lambda _line: None) if quiet else say
            saved = [
                (live.plan_up(spec, connection.aws, verify=not no_smoke), spec, notes)
                for spec, notes in decided
            ]
            pending = [item for item in saved if item[0].plan.steps]
            for plan, spec, notes in pending:
                click.echo(plan_page(plan, spec, notes, connection.where), err=output == "json")
            if pending:
                approve([plan.plan for plan, _, _ in pending], yes=yes)
            results = []
            for plan, spec, _ in saved:
                answer = Run(plan.plan, connection, progress).go()
                is_new = bool(plan.plan.steps)
                results.append(_result(spec, connection, is_new=is_new, answer=answer))
                if output == "text":
                    click.echo(_done(spec, results[-1], where, connection))
            if output == "json":
                print_json({"schema_version": 1, "sandbox": where.sandbox, "deployments": results})
    except CredentialsError as error:
        for spec, notes in decided:
            plan = live.plan_offline(spec, where.region or DEFAULT_REGION)
            click.echo(unknown_plan_page(plan, spec, notes), err=output == "json")
        raise error from None
    return 0


def plan_page(
    saved: SavedPlan, spec: ResolvedSpec, findings: tuple[Finding, ...], where: str | None
) -> str:
    """The whole of a plan, as a person reads it before approving."""
    paint = painter()
    shown = [finding for finding in findings if finding.severity != "note"]
    parts = [
        report.header(spec, saved.region, where),
        report.checks_block(spec, findings, paint),
        report.findings_text(shown, paint) if shown else "",
        report.plan_text(saved.plan, paint),
        f"{report.cost_text(spec)}\n{report.why_text(spec)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def unknown_plan_page(saved: SavedPlan, spec: ResolvedSpec, findings: tuple[Finding, ...]) -> str:
    """A plan against an account that could not be read; names that depend on it are left open."""
    page = plan_page(saved, spec, findings, "live state unknown")
    page = page.replace(saved.account, "<account>")
    page = re.sub(rf"({re.escape(spec.endpoint.name)})-[0-9a-f]{{8}}", r"\1-<hash>", page)
    return f"{page}\nThis is the plan if nothing of it exists yet.\n"


def _result(
    spec: ResolvedSpec, connection: Connection, *, is_new: bool, answer: str | None
) -> dict[str, Any]:
    endpoint = connection.aws.endpoint(spec.endpoint.name)
    return {
        "profile": spec.name,
        "hardware": spec.hardware,
        "endpoint": spec.endpoint.name,
        "status": endpoint.status if endpoint else None,
        "endpoint_config": endpoint.endpoint_config_name if endpoint else None,
        "changed": is_new,
        "answer": answer,
    }


def _done(
    spec: ResolvedSpec, result: dict[str, Any], where: AwsOptions, connection: Connection
) -> str:
    """What was reached, and what to type next."""
    name = spec.endpoint.name
    if not result["changed"]:
        return f"{spec.title} is up to date ({result['status']})"
    lines = [f"{spec.title} is {result['status']} as endpoint {name}"]
    if result["answer"] is not None:
        lines.append(f"  it answers  {result['answer']!r}")
    lines.append("")
    if connection.ends_with_command:
        lines += [
            "This sandbox ended with the command. To keep one for several commands:",
            "  lmi-deploy sandbox serve      in another terminal",
            "or the same command with --sandbox-state FILE.",
        ]
        return "\n".join(lines)
    words = f"{spec.name} -p {spec.hardware}{where.suffix}"
    lines += [
        f"Next  lmi-deploy invoke {name}{where.suffix} --prompt 'Deep learning is'",
        f"      lmi-deploy status {words}",
        f"      lmi-deploy down {words}",
    ]
    return "\n".join(lines)
