"""`lmi-deploy up`: check, plan, ask, apply, wait, verify."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from typing import Any

import click

from lmi_deployer import api, live
from lmi_deployer.cli.connection import Connection, connected
from lmi_deployer.cli.options import (
    AwsOptions,
    aws_options,
    model_argument,
    output_option,
    quiet_option,
    yes_option,
)
from lmi_deployer.cli.output import print_document, progress, say
from lmi_deployer.cli.pages import plan_page
from lmi_deployer.cli.plan_command import show_offline
from lmi_deployer.cli.running import Run, approve
from lmi_deployer.errors import CredentialsError, LmiDeployError
from lmi_deployer.plan_file import SavedPlan
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.steps import CreateEndpoint


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
            planned = [
                (_plan(spec, connection, verify=not no_smoke), spec, notes)
                for spec, notes in decided
            ]
        except CredentialsError:
            show_offline(decided, where, as_json=False, verify=not no_smoke, err=as_json)
            raise
        pending = [item for item in planned if item[0].plan.steps]
        for saved, spec, notes in pending:
            click.echo(plan_page(saved, spec, notes, connection.where), err=as_json)
            _warn_of_renamed(saved, spec, connection)
        if pending:
            approve([saved for saved, _, _ in pending], yes=yes)
        results: list[dict[str, Any]] = []
        try:
            for saved, spec, _ in planned:
                run = Run(saved, connection, progress(quiet=quiet))
                results.append(_deployed(run, spec))
                if not as_json:
                    again = shlex.join(
                        [model, "-p", spec.hardware, *(f"--set={item}" for item in overrides)]
                    )
                    click.echo(_done(spec, results[-1], again, where, connection))
        except LmiDeployError as error:
            results.append({**_names(spec), "error": error.problem})
            raise
        finally:
            if as_json:
                print_document(sandbox=where.sandbox, deployments=results)
    return 0


def _plan(spec: ResolvedSpec, connection: Connection, *, verify: bool) -> SavedPlan:
    """The plan for a spec. A sandbox has whatever bucket a profile names."""
    saved = live.plan_up(spec, connection.aws, verify=verify)
    if saved.missing_bucket is None or connection.where is None:
        return saved
    connection.aws.create_bucket(saved.missing_bucket)
    return live.plan_up(spec, connection.aws, verify=verify)


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


def _deployed(run: Run, spec: ResolvedSpec) -> dict[str, Any]:
    """Apply one plan; what came of it."""
    answer = run.go()
    endpoint = run.connection.aws.endpoint(spec.endpoint.name)
    return {
        **_names(spec),
        "status": endpoint.status if endpoint else None,
        "endpoint_config": endpoint.endpoint_config_name if endpoint else None,
        "changed": bool(run.saved.plan.steps),
        "answer": answer,
    }


def _done(
    spec: ResolvedSpec,
    result: dict[str, Any],
    again: str,
    where: AwsOptions,
    connection: Connection,
) -> str:
    """What was reached, and what to type next. `again` names the same hardware profile."""
    name = spec.endpoint.name
    if not result["changed"]:
        return connection.marked(f"{spec.title} is up to date ({result['status']})")
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
    lines += [
        f"Next  lmi-deploy invoke {name}{where.place} --prompt 'Deep learning is'",
        f"      lmi-deploy status {again}{where.suffix}",
        f"      lmi-deploy down {name}{where.place}",
    ]
    return "\n".join(lines)
