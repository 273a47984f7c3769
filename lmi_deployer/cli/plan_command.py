"""`lmi-deploy plan`: what `up` would do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from lmi_deployer import api, live, report
from lmi_deployer.cli.connection import connected
from lmi_deployer.cli.options import AwsOptions, aws_options, model_argument, output_option
from lmi_deployer.cli.output import print_json, say
from lmi_deployer.cli.up_command import DEFAULT_REGION, plan_page, unknown_plan_page
from lmi_deployer.edges.files import write_text
from lmi_deployer.errors import CredentialsError, InputError
from lmi_deployer.findings import Finding
from lmi_deployer.plan_file import SavedPlan, plan_as_json
from lmi_deployer.spec import ResolvedSpec

CHANGES = 3


@click.command("plan")
@model_argument
@aws_options
@output_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Save the plan for `lmi-deploy apply`.",
)
@click.option(
    "--exit-code", is_flag=True, help=f"Exit with {CHANGES} when there is something to do."
)
@click.option("--no-smoke", is_flag=True, help="Plan without the request that verifies.")
@click.option("--offline", is_flag=True, help="Do not ask AWS; plan as if nothing existed.")
def command(
    model: str,
    hardware: tuple[str, ...],
    overrides: tuple[str, ...],
    where: AwsOptions,
    output: str,
    out: Path | None,
    exit_code: bool,
    no_smoke: bool,
    offline: bool,
) -> int:
    """Show what `up` would do, and change nothing."""
    decided = api.decide(model, hardware, overrides)
    if out is not None and (len(decided) != 1 or offline):
        raise InputError("--out saves one plan against a live account", fix="name one profile")
    if offline:
        _show_offline(decided, where, output)
        return 0
    try:
        with connected(where) as connection:
            saved = [
                (live.plan_up(spec, connection.aws, verify=not no_smoke), spec, notes)
                for spec, notes in decided
            ]
            where_shown = connection.where
    except CredentialsError as error:
        _show_offline(decided, where, output)
        raise error from None
    if out is not None:
        write_text(out, json.dumps(plan_as_json(saved[0][0]), indent=2) + "\n")
        say(f"saved to {out}; run it with: lmi-deploy apply {out}{where.suffix}")
    if output == "json":
        plans = [report.saved_plan_as_json(*item) for item in saved]
        print_json(_document(plans, where, live_state="known"))
    else:
        for plan, spec, notes in saved:
            if plan.plan.steps:
                click.echo(plan_page(plan, spec, notes, where_shown))
            else:
                click.echo(f"{spec.title} is up to date: nothing to do")
    has_changes = any(plan.plan.steps for plan, _, _ in saved)
    return CHANGES if exit_code and has_changes else 0


def _show_offline(
    decided: list[tuple[ResolvedSpec, tuple[Finding, ...]]], where: AwsOptions, output: str
) -> None:
    region = where.region or DEFAULT_REGION
    saved: list[tuple[SavedPlan, ResolvedSpec, tuple[Finding, ...]]] = [
        (live.plan_offline(spec, region), spec, notes) for spec, notes in decided
    ]
    if output == "json":
        plans = [report.saved_plan_as_json(*item) for item in saved]
        print_json(_document(plans, where, live_state="unknown"))
        return
    for plan, spec, notes in saved:
        click.echo(unknown_plan_page(plan, spec, notes))


def _document(plans: list[Any], where: AwsOptions, *, live_state: str) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "sandbox": where.sandbox,
        "live_state": live_state,
        "plans": plans,
    }
