"""`lmi-deploy status`: what is deployed, and whether it is what the profile asks for."""

from __future__ import annotations

import functools
from typing import Any

import click

from lmi_deployer import api
from lmi_deployer.cli.connection import connected
from lmi_deployer.cli.options import AwsOptions, aws_options, model_argument, output_option
from lmi_deployer.cli.output import print_document
from lmi_deployer.columns import table
from lmi_deployer.edges.aws import Aws
from lmi_deployer.findings import printable
from lmi_deployer.secrets import redacted
from lmi_deployer.serving import difference
from lmi_deployer.spec import ResolvedSpec

DIFFERS = 3


@click.command("status")
@functools.partial(model_argument, required=False)
@aws_options
@output_option
@click.option("--exit-code", is_flag=True, help=f"Exit with {DIFFERS} unless all are up to date.")
def command(
    model: str | None,
    hardware: tuple[str, ...],
    overrides: tuple[str, ...],
    where: AwsOptions,
    output: str,
    exit_code: bool,
) -> int:
    """Show what is deployed for MODEL, or everything lmi-deploy made in the region."""
    if model is None and (hardware or overrides or exit_code):
        raise click.UsageError("-p, --set and --exit-code need a MODEL to compare with")
    with connected(where) as connection:
        if model is None:
            rows = [_live(name, connection.aws) for name in connection.aws.deployments()]
        else:
            decided = api.decide(model, hardware or (api.ALL,), overrides)
            rows = [_compared(spec, connection.aws) for spec, _ in decided]
        place = connection.where
    if output == "json":
        print_document(sandbox=where.sandbox, deployments=rows)
    else:
        click.echo(_text(rows, place))
    return DIFFERS if exit_code and not all(row["up_to_date"] for row in rows) else 0


def _live(name: str, aws: Aws) -> dict[str, Any]:
    endpoint = aws.endpoint(name)
    config = aws.endpoint_config(endpoint.endpoint_config_name) if endpoint else None
    variant = config["ProductionVariants"][0] if config else {}
    reason = endpoint.failure_reason if endpoint else None
    return {
        "endpoint": name,
        "status": endpoint.status if endpoint else "absent",
        "reason": None if reason is None else redacted(reason),
        "endpoint_config": endpoint.endpoint_config_name if endpoint else None,
        "instance_type": variant.get("InstanceType"),
        "instance_count": variant.get("InitialInstanceCount"),
    }


def _compared(spec: ResolvedSpec, aws: Aws) -> dict[str, Any]:
    """A hardware profile beside what is live for it."""
    differs = difference(spec, aws)
    return {
        "profile": spec.name,
        "hardware": spec.hardware,
        **_live(spec.endpoint.name, aws),
        "up_to_date": differs is None,
        "difference": None if differs is None else redacted(differs),
        "usd_per_hour": spec.usd_per_hour,
    }


def _text(rows: list[dict[str, Any]], place: str | None) -> str:
    if not rows:
        return f"nothing is deployed{f' ({place})' if place else ''}"
    heading = ("ENDPOINT", "STATUS", "UP TO DATE", "INSTANCES", "CONFIGURATION")
    body = [
        (
            row["endpoint"],
            row["status"],
            {True: "yes", False: "no", None: ""}[row.get("up_to_date")],
            f"{row['instance_count']} x {row['instance_type']}" if row["instance_type"] else "",
            row["endpoint_config"] or "",
        )
        for row in rows
    ]
    reasons = [(row["endpoint"], row["reason"]) for row in rows if row["reason"]]
    reasons += [
        (row["endpoint"], row["difference"])
        for row in rows
        if row.get("difference") and row["status"] != "absent"
    ]
    told = (f"{endpoint}: {printable(text)}" for endpoint, text in reasons)
    parts = [place or "", table([heading, *body]), *told]
    return "\n".join(part for part in parts if part)
