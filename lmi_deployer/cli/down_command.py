"""`lmi-deploy down`: removes everything that `up` made."""

from __future__ import annotations

import click

from lmi_deployer import api, live
from lmi_deployer.cli.connection import connected
from lmi_deployer.cli.options import (
    AwsOptions,
    aws_options,
    model_argument,
    output_option,
    quiet_option,
    yes_option,
)
from lmi_deployer.cli.output import print_document, progress, say
from lmi_deployer.cli.pages import steps_page
from lmi_deployer.cli.running import Run, approve
from lmi_deployer.edges.aws import Aws
from lmi_deployer.plan_file import SavedPlan
from lmi_deployer.serving import engines_used


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
    """Remove everything that `up` made for a hardware profile, and nothing else.

    MODEL may also be the name of an endpoint, as `lmi-deploy status` shows it; its profile is not
    needed then.
    """
    as_json = output == "json"
    with connected(where) as connection:
        saved = _plans(model, hardware, overrides, connection.aws)
        pending = [item for item in saved if item.plan.steps]
        for item in pending:
            click.echo(steps_page(item, connection.where), err=as_json)
        if pending:
            approve(pending, yes=yes)
        engines: dict[str, tuple[str, ...]] = {}
        for item in pending:
            engines[item.plan.identity.deployment] = engines_used(item.plan, connection.aws)
            Run(item, connection, progress(quiet=quiet)).go()
            if not as_json:
                click.echo(f"{item.title}: removed")
            for uri in engines[item.plan.identity.deployment]:
                say(f"{uri} stays, since others may use it; `lmi-deploy cache prune` deletes it")
        for item in saved:
            for name in [] if item.plan.steps else connection.aws.renamed(item.plan.identity):
                hint = f"`lmi-deploy down {name}` removes it"
                say(f"endpoint {name} was made for {item.title} as well; {hint}")
    if as_json:
        removed = [
            {
                "endpoint": item.plan.identity.deployment,
                "removed": bool(item.plan.steps),
                "engines_left": list(engines.get(item.plan.identity.deployment, ())),
            }
            for item in saved
        ]
        print_document(sandbox=where.sandbox, deployments=removed)
    elif not pending:
        titles = ", ".join(item.title for item in saved)
        click.echo(connection.marked(f"{titles}: nothing to remove"))
    return 0


def _plans(
    model: str, hardware: tuple[str, ...], overrides: tuple[str, ...], aws: Aws
) -> list[SavedPlan]:
    identity = None if hardware or overrides else aws.identity(model)
    if identity is not None:
        return [live.plan_down(identity, model, aws)]
    return [
        live.plan_down(live.identity_for(spec, aws), spec.title, aws)
        for spec, _ in api.decide(model, hardware, overrides)
    ]
