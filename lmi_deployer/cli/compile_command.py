"""`lmi-deploy compile`: engines ahead of time, in the cache that `up` deploys from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lmi_deployer.cli.compile_options import CompileOptions, compile_options, same_engine
from lmi_deployer.cli.connection import HOW_TO_KEEP
from lmi_deployer.cli.options import (
    AwsOptions,
    aws_options,
    model_argument,
    output_option,
    quiet_option,
    yes_option,
)
from lmi_deployer.cli.output import is_terminal, painter, print_document, progress, say
from lmi_deployer.errors import ApprovalError, InputError

if TYPE_CHECKING:
    from lmi_deployer.cli.compile_run import Compiling
    from lmi_deployer.compiling.planning import Planned, Wanted


@click.command("compile")
@model_argument
@aws_options
@compile_options
@output_option
@yes_option
@quiet_option
def command(
    model: str,
    hardware: tuple[str, ...],
    overrides: tuple[str, ...],
    where: AwsOptions,
    asked: CompileOptions,
    output: str,
    yes: bool,
    quiet: bool,
) -> int:
    """Compile the engine of a hardware profile ahead of time, and keep it in a cache.

    An engine that is in the cache is not compiled again, and a job that runs for it is followed,
    whoever started it. `lmi-deploy up` deploys from the cache by itself.
    """
    from lmi_deployer.aot.jobs import why_not
    from lmi_deployer.cli.compile_opened import opened
    from lmi_deployer.cli.compile_run import FORCED, Compiling

    as_json = output == "json"
    decided, others = asked.decide(model, hardware, overrides)
    for spec in others:
        say(f"{spec.title}: nothing to compile: {why_not(spec)}")

    def again(item: Wanted) -> str:
        place = where.suffix + asked.suffix + (FORCED if asked.force else "")
        return same_engine(model, item.spec.hardware, overrides, place=place)

    with opened(decided, where, asked) as (wanted, connection):
        ends = connection is not None and connection.ends_with_command
        if asked.detach and ends:
            raise InputError(
                "the jobs of a sandbox that ends with the command end with it",
                fix="leave --detach out, or keep one: `lmi-deploy sandbox serve` elsewhere",
            )
        run = Compiling(wanted, connection, asked, progress(quiet=quiet), again)
        mark = None if connection is None else connection.where
        if not (asked.resume or asked.stop):
            for item in run.pending:
                click.echo(_page(item, mark), err=as_json)
        if asked.dry_run:
            _print(_dry(run.wanted), where, mark, as_json=as_json)
            return 0
        if asked.starts and any(item.is_paid for item in run.pending):
            _approve(yes=yes)
        try:
            run.stop() if asked.stop else run.go()
        finally:
            _print(run.results, where, mark, as_json=as_json)
        if ends and not as_json:
            click.echo(f"\n{HOW_TO_KEEP}")
        _finish(run, as_json=as_json)
    return 0


def _finish(run: Compiling, *, as_json: bool) -> None:
    """Say how to go on with what was only started, and raise the error that counts."""
    if not as_json:
        for item, came in zip(run.wanted, run.results, strict=True):
            if came["status"] == "started":
                click.echo(f"go on with  {run.again(item)} --resume")
    for error in run.errors:
        if error is not run.worst:
            say(f"error: {error}")
    if run.worst is not None:
        raise run.worst


def _approve(*, yes: bool) -> None:
    if yes:
        return
    if not is_terminal():
        raise ApprovalError("this needs an approval", fix="--yes, or a terminal to answer on")
    if not click.confirm("Compile?", default=False, err=True):
        raise ApprovalError("not approved; nothing was changed")


def _page(item: Planned, mark: str | None) -> str:
    """What would run for one hardware profile, as a person reads it before approving."""
    from lmi_deployer.compiling.planning import planned_lines
    from lmi_deployer.findings_report import findings_text

    shown = [finding for finding in item.findings if finding.severity != "note"]
    head = "    ".join(part for part in (item.spec.title, mark) if part)
    lines = [head, *(f"  {name:<8}  {text}" for name, text in planned_lines(item))]
    return "\n".join([*lines, *([findings_text(shown, painter())] if shown else []), ""])


def _dry(wanted: list[Wanted]) -> list[dict[str, Any]]:
    from lmi_deployer.cli.compile_run import result
    from lmi_deployer.compiling.planning import Planned

    return [
        result(item, "would compile" if isinstance(item, Planned) else "cached") for item in wanted
    ]


def _print(
    results: list[dict[str, Any]], where: AwsOptions, mark: str | None, *, as_json: bool
) -> None:
    """What came of each engine."""
    from lmi_deployer.compiling.planning import SHOWN_CHARACTERS

    if as_json:
        print_document(sandbox=where.sandbox, engines=results)
        return
    for item in results:
        title = f"{item['profile']} / {item['hardware']}"
        key, job = item["key"][:SHOWN_CHARACTERS], item["job"]
        told = {
            "cached": f"engine {key} is cached: {item['artifact']}",
            "compiled": f"engine {key} is compiled: {item['artifact']}",
            "started": f"job {job} makes engine {key}: {item['artifact']}",
            "running": f"engine {key} is still being compiled",
            "stopped": f"{job or 'the job'} of engine {key} is stopped",
            "nothing runs": f"no job runs for engine {key}",
            "held back": f"engine {key} waits for the jobs before it",
            "not reached": f"engine {key} was not come to",
            "failed": f"engine {key} was not compiled",
            "would compile": f"engine {key} would be compiled",
        }[item["status"]]
        click.echo("    ".join(part for part in (f"{title}: {told}", mark) if part))
