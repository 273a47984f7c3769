"""`lmi-deploy validate`: everything that can be said about profiles without a network."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from lmi_deployer import api
from lmi_deployer.cli.container_option import container_option, container_override
from lmi_deployer.cli.findings_output import findings_output_option, print_report
from lmi_deployer.cli.output import painter, print_document
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, Place
from lmi_deployer.findings_report import finding_as_json, findings_text
from lmi_deployer.paint import Paint
from lmi_deployer.resources import data_folder, find_profile

INVALID = 2


@dataclass(frozen=True, kw_only=True)
class FileResult:
    """What became of one file of profiles."""

    path: Path
    hardware: tuple[str, ...]
    """The hardware profiles that could be decided."""
    findings: tuple[Finding, ...]
    is_valid: bool


@click.command("validate")
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting.")
@container_option("Check as if every profile named this container version.")
@click.option("--strict", is_flag=True, help="Warnings fail as well.")
@findings_output_option
def command(
    paths: tuple[str, ...],
    overrides: tuple[str, ...],
    container: str | None,
    strict: bool,
    output: str,
) -> int:
    """Check profiles: schema, container facts, memory of the weights.

    PATH is a profile, its name, or a folder of profiles; ./profiles when left out, and the
    profiles that come with lmi-deploy when there is no such folder.
    """
    if container is not None:
        overrides = (*overrides, container_override(container))
    paint = painter()
    results = []
    for result in _checked(paths, overrides, strict=strict):
        results.append(result)
        if output == "text":
            _print_text(result, paint)
    is_valid = all(result.is_valid for result in results)
    if output == "json":
        print_document(valid=is_valid, files=[_as_json(result) for result in results])
    elif output != "text":
        findings = [item for result in results for item in _in_file(result)]
        print_report(output, findings, command="validate")
    return 0 if is_valid else INVALID


def _checked(
    paths: Sequence[str], overrides: Sequence[str], *, strict: bool
) -> Iterator[FileResult]:
    """The verdict on each file once; of several arguments, one that names none is a finding."""
    own = Path("profiles")
    seen: set[Path] = set()
    for name in paths or (str(own if own.is_dir() else data_folder("profiles")),):
        try:
            files = _files(name)
        except InputError as error:
            if list(paths) in ([], [name]):
                raise
            place = Place(name)
            found = Finding.error("LMI001", error.problem, place=place, fix=error.fix)
            yield FileResult(path=Path(name), hardware=(), findings=(found,), is_valid=False)
            continue
        for path in files:
            if path not in seen:
                seen.add(path)
                yield _check(path, overrides, strict=strict)


def _check(path: Path, overrides: Sequence[str], *, strict: bool) -> FileResult:
    checked = api.check_file(path, overrides)
    findings = tuple(dict.fromkeys(item for entry in checked for item in entry.findings))
    failing = {"error", "warning"} if strict else {"error"}
    return FileResult(
        path=path,
        hardware=tuple(item.spec.hardware for item in checked if item.spec),
        findings=findings,
        is_valid=all(item.severity not in failing for item in findings),
    )


def _print_text(result: FileResult, paint: Paint) -> None:
    if result.findings:
        click.echo(findings_text(result.findings, paint))
    count = len(result.hardware)
    mark = paint("ok", "green") if result.is_valid else paint("failed", "red")
    click.echo(f"{mark}  {result.path}  {count} hardware profile{'s' if count != 1 else ''}")


def _as_json(result: FileResult) -> dict[str, Any]:
    return {
        "file": str(result.path),
        "valid": result.is_valid,
        "hardware": list(result.hardware),
        "findings": [finding_as_json(item) for item in result.findings],
    }


def _in_file(result: FileResult) -> Iterator[Finding]:
    """The findings of a file; what an override brought about stands in the file as well.

    Code scanning refuses a whole report for one result without a file.
    """
    for item in result.findings:
        yield item if item.place.is_file else replace(item, place=Place(str(result.path)))


def _files(name: str) -> list[Path]:
    """The profile files that an argument names."""
    path = Path(name)
    if not os.path.isdir(path):  # noqa: PTH112 - never raises, whatever the name
        return [find_profile(name)]
    found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
    if not found:
        raise InputError(f"there are no profiles in {path}", fix="*.yaml files in it")
    return found
