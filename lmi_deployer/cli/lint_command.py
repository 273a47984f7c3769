"""`lmi-deploy lint`: the verdict on files written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lmi_deployer.cli.container_option import container_option
from lmi_deployer.cli.findings_output import findings_output_option, print_report
from lmi_deployer.cli.output import painter, print_document
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, Place
from lmi_deployer.findings_report import finding_as_json, findings_text

if TYPE_CHECKING:
    from lmi_deployer.lint import Linted, Target
    from lmi_deployer.model_facts import ModelFacts

INVALID = 2


@click.command("lint")
@click.argument(
    "paths",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
)
@container_option("LMI version that will read them, such as 0.25.0; needed.")
@click.option(
    "--flavor",
    metavar="FLAVOR",
    help="Image of that version, such as tensorrtllm or lmi; needed where it has several.",
)
@click.option("--instance", metavar="TYPE", help="Check against this instance type as well.")
@click.option(
    "--model-facts",
    metavar="FILE",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Check against the model whose config.json this is as well; a quantize_config.json "
    "beside it counts.",
)
@click.option("--strict", is_flag=True, help="Warnings fail as well.")
@findings_output_option
def command(
    paths: tuple[Path, ...],
    container: str | None,
    flavor: str | None,
    instance: str | None,
    model_facts: Path | None,
    strict: bool,
    output: str,
) -> int:
    """Say what an LMI container makes of serving.properties and environment files.

    FILE is a serving.properties, an environment file (NAME=value lines, or a JSON object), a
    folder with both, or `-` for standard input. A model that the catalog holds is known by
    `option.model_id`. Nothing is changed, and no network is needed.
    """
    from lmi_deployer import lint

    if container is None:
        raise InputError("lint needs --container", fix="the LMI version that will read the files")
    facts = None if model_facts is None else _read_facts(model_facts)
    target = lint.make_target(container, flavor, instance, facts)
    results = [_linted(path, target) for path in paths]
    failing = {"error", "warning"} if strict else {"error"}
    if output == "json":
        print_document(
            container=target.container.version,
            flavor=target.flavor,
            valid=not _failures(results, failing),
            files=[_as_json(result) for result in results],
        )
    elif output == "text":
        _print_text(results, failing)
    else:
        findings = [item for result in results for item in _in_file(result)]
        print_report(output, findings, command="lint")
    return INVALID if _failures(results, failing) else 0


def _linted(path: Path, target: Target) -> Linted:
    """The verdict on one path; a file that cannot be read is a finding, so that others are seen."""
    from lmi_deployer import lint
    from lmi_deployer.written import read_written

    try:
        return lint.lint(read_written(path, target.facts), target)
    except InputError as error:
        place = Place(str(path))
        finding = Finding.error("LMI315", error.problem, place=place, fix=error.fix)
        return lint.Linted(name=str(path), handler=None, findings=(finding,), effective={})


def _read_facts(path: Path) -> ModelFacts:
    from lmi_deployer.edges.config_files import read_config
    from lmi_deployer.model_facts import from_config

    return from_config(read_config(path))


def _failures(results: Sequence[Linted], failing: set[str]) -> int:
    return sum(any(item.severity in failing for item in result.findings) for result in results)


def _print_text(results: Sequence[Linted], failing: set[str]) -> None:
    paint = painter()
    for result in results:
        if result.findings:
            click.echo(findings_text(result.findings, paint))
        has_failed = any(item.severity in failing for item in result.findings)
        mark = paint("failed", "red") if has_failed else paint("ok", "green")
        served = f"  {result.handler}" if result.handler else ""
        click.echo(f"{mark}  {result.name}{served}  {len(result.effective)} settings take effect")


def _as_json(result: Linted) -> dict[str, Any]:
    return {
        "file": result.name,
        "handler": result.handler,
        "findings": [finding_as_json(item) for item in result.findings],
        "effective": dict(result.effective),
    }


def _in_file(result: Linted) -> list[Finding]:
    """The findings; what a folder's settings bring about together stands in its file."""
    return [
        item if item.place.is_file else replace(item, place=Place(result.name))
        for item in result.findings
    ]
