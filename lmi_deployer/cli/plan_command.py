"""`lmi-deploy plan`: what `up` would do."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from lmi_deployer import api, live, report
from lmi_deployer.cli.connection import connected
from lmi_deployer.cli.options import AwsOptions, aws_options, model_argument, output_option
from lmi_deployer.cli.output import print_document, say
from lmi_deployer.cli.pages import plan_page, same_arguments, unknown_plan_page
from lmi_deployer.cli.region import configured_region
from lmi_deployer.cli.sandbox_weights import stock
from lmi_deployer.edges.files import write_text
from lmi_deployer.errors import CredentialsError, InputError
from lmi_deployer.findings import Finding
from lmi_deployer.live import Proposal
from lmi_deployer.plan_file import plan_as_json
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
    checked = api.check_model(model, hardware, overrides)
    decided = [(item.spec, item.findings) for item in checked if item.spec is not None]
    asked = Asked(model, overrides, where, verify=not no_smoke)
    if out is not None and offline:
        raise InputError("--out saves a plan for a live account", fix="leave --offline out")
    if out is not None and len(decided) != 1:
        raise InputError("--out saves one plan", fix="-p with one hardware profile")
    if offline:
        show_offline(decided, asked, as_json=output == "json")
        return CHANGES if exit_code else 0
    try:
        with connected(where) as connection:
            for spec, _ in decided:
                stock(spec, connection)
            proposals = live.plan_each(
                [spec for spec, _ in decided],
                lambda spec: live.plan_up(spec, connection.aws, verify=not no_smoke),
            )
            planned = [
                (proposal, notes) for proposal, (_, notes) in zip(proposals, decided, strict=True)
            ]
    except CredentialsError:
        show_offline(decided, asked, as_json=output == "json")
        raise
    if out is not None:
        _save(proposals[0], checked[0], out, asked)
        say(f"saved to {out}; run it with: lmi-deploy apply {out}{where.place}")
    if output == "json":
        plans = [_as_json(*item) for item in planned]
        print_document(sandbox=where.sandbox, live_state="known", plans=plans)
    else:
        for proposal, notes in planned:
            if proposal.saved.plan.steps:
                arguments = same_arguments(model, proposal.spec, overrides, where)
                click.echo(plan_page(proposal, notes, connection.where, arguments=arguments))
            else:
                title = proposal.saved.title
                click.echo(connection.marked(f"{title} is up to date: nothing to do"))
    has_changes = any(proposal.saved.plan.steps for proposal, _ in planned)
    return CHANGES if exit_code and has_changes else 0


@dataclass(frozen=True)
class Asked:
    """What the command line said, as far as a plan without an account needs it."""

    model: str
    overrides: tuple[str, ...]
    where: AwsOptions
    verify: bool


def _save(proposal: Proposal, checked: api.Checked, out: Path, asked: Asked) -> None:
    """Write a plan with what it was decided from."""
    from lmi_deployer.plan_decided import decided
    from lmi_deployer.resources import find_profile

    profile, now = find_profile(asked.model), datetime.now(UTC)
    made = decided(proposal, checked, profile=profile, overrides=asked.overrides, now=now)
    document = plan_as_json(replace(proposal.saved, decided=made))
    write_text(out, json.dumps(document, indent=2) + "\n")


def show_offline(
    decided: list[tuple[ResolvedSpec, tuple[Finding, ...]]],
    asked: Asked,
    *,
    as_json: bool,
    err: bool = False,
) -> None:
    """Show the plans for an account that cannot be read, as if nothing were there."""
    where = asked.where
    planned = [
        (
            live.plan_offline(
                spec,
                where.region or configured_region(),
                role=where.role,
                artifacts=where.artifacts,
                verify=asked.verify,
            ),
            notes,
        )
        for spec, notes in decided
    ]
    if as_json:
        plans = [_as_json(*item) for item in planned]
        print_document(sandbox=where.sandbox, live_state="unknown", plans=plans)
        return
    for proposal, notes in planned:
        arguments = same_arguments(asked.model, proposal.spec, asked.overrides, where)
        click.echo(unknown_plan_page(proposal, notes, arguments=arguments), err=err)


def _as_json(proposal: Proposal, findings: tuple[Finding, ...]) -> dict[str, Any]:
    saved, spec, outlook = proposal.saved, proposal.spec, proposal.outlook
    return report.saved_plan_as_json(saved, spec, findings, outlook, proposal.effect)
