"""`lmi-deploy apply`: runs a saved plan, if it still fits."""

from __future__ import annotations

from pathlib import Path

import click

from lmi_deployer import live
from lmi_deployer.cli.connection import connected
from lmi_deployer.cli.options import (
    AwsOptions,
    aws_options,
    output_option,
    quiet_option,
    yes_option,
)
from lmi_deployer.cli.output import print_document, progress, say
from lmi_deployer.cli.pages import steps_page
from lmi_deployer.cli.running import Run, approve
from lmi_deployer.edges.files import read_text
from lmi_deployer.plan_file import SavedPlan, parse_plan


@click.command("apply")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@aws_options
@output_option
@yes_option
@quiet_option
def command(file: Path, where: AwsOptions, output: str, yes: bool, quiet: bool) -> int:
    """Run exactly the plan in FILE, unless AWS has changed since it was made."""
    saved = parse_plan(read_text(file), str(file))
    _tell_what_changed(saved)
    as_json = output == "json"
    with connected(where) as connection:
        click.echo(steps_page(saved, connection.where), err=as_json)
        live.refuse_stale(saved, connection.aws)
        if saved.plan.steps:
            approve([saved], yes=yes)
        answer = Run(saved, connection, progress(quiet=quiet)).go()
        name = saved.plan.identity.deployment
        endpoint = connection.aws.endpoint(name)
        status = endpoint.status if endpoint else None
    if as_json:
        result = {"endpoint": name, "status": status, "answer": answer}
        print_document(sandbox=where.sandbox, deployments=[result])
    else:
        click.echo(f"{saved.title} is {status} as endpoint {name}")
    return 0


def _tell_what_changed(saved: SavedPlan) -> None:
    """Say when the plan is no longer what its sources come to: what was approved is still run."""
    if saved.decided is None:
        return
    from lmi_deployer.plan_sources import changed_since

    changed = "; ".join(changed_since(saved.decided.sources))
    if changed:
        say(f"since this plan was made: {changed}; it is applied as it was made")
