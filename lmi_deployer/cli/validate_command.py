"""`lmi-deploy validate`: everything that can be said about profiles without a network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from lmi_deployer import api, report
from lmi_deployer.cli.options import output_option
from lmi_deployer.cli.output import painter, print_document
from lmi_deployer.errors import InputError
from lmi_deployer.resources import data_folder, find_profile

INVALID = 2


@click.command("validate")
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting.")
@click.option("--strict", is_flag=True, help="Warnings fail as well.")
@output_option
def command(paths: tuple[str, ...], overrides: tuple[str, ...], strict: bool, output: str) -> int:
    """Check profiles: schema, container facts, memory of the weights.

    PATH is a profile, its name, or a folder of profiles; ./profiles when left out, and the
    profiles that come with lmi-deploy when there is no such folder.
    """
    paint = painter()
    failed = 0
    documents = []
    for path in _files(paths):
        checked = api.check_file(path, overrides)
        findings = tuple(dict.fromkeys(item for entry in checked for item in entry.findings))
        fails = any(
            item.severity == "error" or (strict and item.severity == "warning") for item in findings
        )
        failed += fails
        if output == "json":
            documents.append(
                {
                    "file": str(path),
                    "valid": not fails,
                    "hardware": [item.spec.hardware for item in checked if item.spec],
                    "findings": [report.finding_as_json(item) for item in findings],
                }
            )
            continue
        if findings:
            click.echo(report.findings_text(findings, paint))
        count = sum(item.spec is not None for item in checked)
        mark = paint("failed", "red") if fails else paint("ok", "green")
        click.echo(f"{mark}  {path}  {count} hardware profile{'s' if count > 1 else ''}")
    if output == "json":
        print_document(valid=not failed, files=documents)
    return INVALID if failed else 0


def _files(paths: Sequence[str]) -> list[Path]:
    """The profile files that the arguments name, each once."""
    own = Path("profiles")
    named = paths or (str(own if own.is_dir() else data_folder("profiles")),)
    files: list[Path] = []
    for name in named:
        path = Path(name)
        if os.path.isdir(path):  # noqa: PTH112 - never raises, whatever the name
            found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
            if not found:
                raise InputError(f"there are no profiles in {path}", fix="*.yaml files in it")
            files += found
        else:
            files.append(find_profile(name))
    return list(dict.fromkeys(files))
