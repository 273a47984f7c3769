"""`lmi-deploy down`: removes everything that `up` made."""

from __future__ import annotations

import click

from lmi_deployer import api, live, report
from lmi_deployer.cli.connection import connected
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


@click.command("down")
@model_argument
@aws_options
@output_option
@yes_option
@quiet_option
def command(
    model: str,
    hardware: tuple[str, ...],
    overrides: tuple[str, ...],
    where: AwsOptions,
    output: str,
    yes: bool,
    quiet: bool,
) -> int:
    """Remove everything that `up` made for a hardware profile, and nothing else."""
    decided = api.decide(model, hardware, overrides)
    with connected(where) as connection:
        saved = [live.plan_down(spec, connection.aws) for spec, _ in decided]
        pending = [item for item in saved if item.plan.steps]
        for item in pending:
            page = f"{item.title}    {item.region}    {connection.where or ''}".rstrip()
            text = report.plan_text(item.plan, painter())
            click.echo(f"{page}\n\n{text}\n", err=output == "json")
        if pending:
            approve([item.plan for item in pending], yes=yes)
        for item in pending:
            Run(item.plan, connection, (lambda _line: None) if quiet else say).go()
    if output == "json":
        removed = [
            {"deployment": item.plan.deployment, "removed": bool(item.plan.steps)} for item in saved
        ]
        print_json({"schema_version": 1, "sandbox": where.sandbox, "deployments": removed})
        return 0
    for item in saved:
        click.echo(f"{item.title}: {'removed' if item.plan.steps else 'nothing to remove'}")
    return 0
