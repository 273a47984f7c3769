"""`lmi-deploy apply`: runs a saved plan, if it still fits."""

from __future__ import annotations

from pathlib import Path

import click

from lmi_deployer import live, report
from lmi_deployer.cli.connection import connected
from lmi_deployer.cli.options import (
    AwsOptions,
    aws_options,
    output_option,
    quiet_option,
    yes_option,
)
from lmi_deployer.cli.output import painter, print_json, say
from lmi_deployer.cli.running import Run, approve
from lmi_deployer.edges.files import read_text
from lmi_deployer.plan_file import parse_plan


@click.command("apply")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@aws_options
@output_option
@yes_option
@quiet_option
def command(file: Path, where: AwsOptions, output: str, yes: bool, quiet: bool) -> int:
    """Run exactly the plan in FILE, unless AWS has changed since it was made."""
    saved = parse_plan(read_text(file), str(file))
    with connected(where) as connection:
        live.refuse_stale(saved, connection.aws)
        page = f"{saved.title}    {saved.region}    {connection.where or ''}".rstrip()
        click.echo(f"{page}\n\n{report.plan_text(saved.plan, painter())}\n", err=output == "json")
        if saved.plan.steps:
            approve([saved.plan], yes=yes)
        answer = Run(saved.plan, connection, (lambda _line: None) if quiet else say).go()
        name = saved.plan.deployment
        endpoint = connection.aws.endpoint(name)
        status = endpoint.status if endpoint else None
    if output == "json":
        print_json({"schema_version": 1, "endpoint": name, "status": status, "answer": answer})
    else:
        click.echo(f"{saved.title} is {status} as endpoint {name}")
    return 0
