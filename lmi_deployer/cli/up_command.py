"""`lmi-deploy up`: check, plan, ask, apply, wait, verify."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from lmi_deployer import api, live
from lmi_deployer.cli.compile_options import same_engine
from lmi_deployer.cli.connection import HOW_TO_KEEP, Connection, connected
from lmi_deployer.cli.options import (
    AwsOptions,
    aws_options,
    model_argument,
    output_option,
    quiet_option,
    yes_option,
)
from lmi_deployer.cli.output import print_document, progress, say
from lmi_deployer.cli.pages import plan_page, same_arguments
from lmi_deployer.cli.plan_command import Asked, show_offline
from lmi_deployer.cli.running import Run, approve
from lmi_deployer.cli.sandbox_weights import stock
from lmi_deployer.errors import CredentialsError, LmiDeployError
from lmi_deployer.live import Proposal
from lmi_deployer.plan_file import SavedPlan
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.steps import CreateEndpoint

if TYPE_CHECKING:
    from lmi_deployer.aot.outlook import Outlook


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
    as_json = output == "json"
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(connected(where))
            proposals = live.plan_each(
                [spec for spec, _ in decided],
                lambda spec: _plan(spec, connection, verify=not no_smoke),
            )
            planned = [(proposal, *item) for proposal, item in zip(proposals, decided, strict=True)]
        except CredentialsError:
            asked = Asked(model, overrides, where, verify=not no_smoke)
            show_offline(decided, asked, as_json=False, err=as_json)
            raise
        pending = [item for item in planned if item[0].saved.plan.steps]
        for proposal, spec, notes in pending:
            arguments = same_arguments(model, spec, overrides, where)
            page = plan_page(proposal, notes, connection.where, arguments=arguments)
            click.echo(page, err=as_json)
            _warn_of_renamed(proposal.saved, spec, connection)
        if pending:
            approve([proposal.saved for proposal, _, _ in pending], yes=yes)
        results: list[dict[str, Any]] = []
        try:
            for proposal, spec, _ in planned:
                engine = same_engine(model, spec.hardware, overrides, place=where.suffix)
                tell = progress(quiet=quiet)
                run = Run(proposal.saved, connection, tell, stop=f"{engine} --stop")
                results.append(_deployed(run, spec, proposal.outlook))
                if not as_json:
                    again = same_arguments(model, spec, overrides, where)
                    click.echo(_done(spec, results[-1], again, where, connection))
        except LmiDeployError as error:
            results.append({**_names(spec), "error": error.problem})
            raise
        finally:
            if as_json:
                print_document(sandbox=where.sandbox, deployments=results)
    return 0


def _plan(spec: ResolvedSpec, connection: Connection, *, verify: bool) -> Proposal:
    """The plan for a spec. A sandbox has whatever buckets and weights a profile names."""
    stock(spec, connection)
    proposal = live.plan_up(spec, connection.aws, verify=verify)
    while proposal.saved.missing_bucket is not None and connection.where is not None:
        connection.aws.create_bucket(proposal.saved.missing_bucket)
        proposal = live.plan_up(spec, connection.aws, verify=verify)
    return proposal


def _warn_of_renamed(saved: SavedPlan, spec: ResolvedSpec, connection: Connection) -> None:
    """Say which endpoints a new name would leave running beside the new one."""
    if any(isinstance(step, CreateEndpoint) for step in saved.plan.steps):
        for name in connection.aws.renamed(saved.plan.identity):
            say(
                f"warning: endpoint {name} was made for {spec.title} as well, and goes on running; "
                f"`lmi-deploy down {name}` removes it"
            )


def _names(spec: ResolvedSpec) -> dict[str, Any]:
    names = {"profile": spec.name, "hardware": spec.hardware}
    return {**names, "endpoint": spec.endpoint.name}


def _deployed(run: Run, spec: ResolvedSpec, outlook: Outlook | None) -> dict[str, Any]:
    """Apply one plan; what came of it."""
    answer = run.go()
    endpoint = run.connection.aws.endpoint(spec.endpoint.name)
    return {
        **_names(spec),
        "status": endpoint.status if endpoint else None,
        "endpoint_config": endpoint.endpoint_config_name if endpoint else None,
        "changed": bool(run.saved.plan.steps),
        "compiled": None if outlook is None else outlook.as_json(),
        "answer": answer,
    }


def _done(
    spec: ResolvedSpec,
    result: dict[str, Any],
    again: str,
    where: AwsOptions,
    connection: Connection,
) -> str:
    """What was reached, and what to type next. `again` names the same deployment."""
    name = spec.endpoint.name
    if not result["changed"]:
        return connection.marked(f"{spec.title} is up to date ({result['status']})")
    lines = [f"{spec.title} is {result['status']} as endpoint {name}"]
    if result["answer"] is not None:
        lines.append(f"  it answers  {result['answer']!r}")
    lines.append("")
    if connection.ends_with_command:
        return "\n".join([*lines, HOW_TO_KEEP])
    lines += [
        f"Next  lmi-deploy invoke {name}{where.place} --prompt 'Deep learning is'",
        f"      lmi-deploy status {again}",
        f"      lmi-deploy down {name}{where.place}",
    ]
    return "\n".join(lines)
