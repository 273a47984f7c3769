"""Findings on standard output in the forms that programs read; `validate` and `lint` share it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import click

from lmi_deployer.cli.output import print_json
from lmi_deployer.findings import Finding

findings_output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    show_default=True,
    help="Form of the result: `sarif` for code scanning, `github` for annotations in Actions.",
)


def print_report(form: str, findings: Iterable[Finding], *, command: str) -> None:
    """The findings as `sarif` or `github`, with files told from the root of the repository."""
    seen = list(_from_root(findings, _root(Path.cwd())))
    if form == "sarif":
        from lmi_deployer import sarif

        print_json(sarif.document(seen, command=command))
        return
    from lmi_deployer import annotations

    for line in annotations.lines(seen):
        click.echo(line)


def _root(here: Path) -> Path:
    """The checkout around a folder; the folder itself outside of any."""
    stated = os.environ.get("GITHUB_WORKSPACE")
    if stated:
        return Path(stated)
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)


def _from_root(findings: Iterable[Finding], root: Path) -> Iterator[Finding]:
    """The same findings; files inside the root are told relative to it, others absolutely."""
    for finding in findings:
        if not finding.place.is_file:
            yield finding
            continue
        path = Path(os.path.abspath(finding.place.file))  # noqa: PTH100 - without "..", links kept
        file = path.relative_to(root) if path.is_relative_to(root) else path
        yield replace(finding, place=replace(finding.place, file=str(file)))
