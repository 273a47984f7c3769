"""`lmi-deploy drift`: where what is live is not what the profiles say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmi_deployer.cli.connection import connected
from lmi_deployer.cli.options import (
    AwsOptions,
    aws_options,
    complete_model,
    output_option,
    split_names,
)
from lmi_deployer.cli.output import painter, print_document
from lmi_deployer.errors import InputError

if TYPE_CHECKING:
    from lmi_deployer.drifting.profiles import Profiles

DRIFTED = 3


@click.command("drift")
@click.argument("models", nargs=-1, metavar="[MODEL...|FOLDER]", shell_complete=complete_model)
@click.option(
    "-p",
    "--profile",
    "hardware",
    multiple=True,
    metavar="HARDWARE",
    callback=lambda _context, _option, value: split_names(value),
    help="Only these hardware profiles; those of a named MODEL have to be deployed then.",
)
@click.option("--rev", metavar="REVISION", help="Compare with the profiles at a git revision.")
@output_option
@click.option(
    "--exit-code",
    is_flag=True,
    help=f"Exit with {DRIFTED} unless all could be read and is in sync or being updated.",
)
@aws_options
def command(
    models: tuple[str, ...],
    hardware: tuple[str, ...],
    rev: str | None,
    where: AwsOptions,
    output: str,
    exit_code: bool,
) -> int:
    """Say where what is live is not what the profiles say, and change nothing.

    Without arguments, everything that lmi-deploy made in the region is compared with ./profiles,
    and with the profiles that come with lmi-deploy. MODEL is a profile or an endpoint.
    """
    from lmi_deployer.drifting.reading import Asked, DriftReader
    from lmi_deployer.drifting.report import Report, as_json, as_text

    profiles, names = _profiles(models, rev)
    with connected(where) as connection:
        reader = DriftReader(connection.aws, profiles, where.suffix)
        rows = tuple(reader.rows(Asked(names=names, hardware=hardware)))
        report = Report(
            region=connection.aws.region,
            profiles=profiles.where,
            revision=profiles.revision,
            rows=rows,
            notes=tuple(reader.notes),
            is_complete=reader.is_complete,
        )
        if rev is not None and report.has_drifted:
            note = f"`up` deploys the work tree: check {rev} out before it is to mend anything"
            report = replace(report, notes=(*report.notes, note))
        if output == "json":
            print_document(sandbox=where.sandbox, **as_json(report))
        else:
            click.echo(as_text(report, connection.where, painter()))
    is_fine = report.is_complete and not report.has_drifted
    return DRIFTED if exit_code and not is_fine else 0


def _profiles(models: Iterable[str], revision: str | None) -> tuple[Profiles, tuple[str, ...]]:
    """The profiles to compare with, and which of them are asked for; none of them for all."""
    from lmi_deployer.diffing.operands import PROFILE_SUFFIXES
    from lmi_deployer.drifting.profiles import OWN, at_revision, in_work_tree

    places: list[Path] = []
    names: list[str] = []
    for model in models:
        path = Path(model)
        if model.endswith(PROFILE_SUFFIXES):
            places.append(path)
            names.append(model)
        elif "/" in model or path.is_dir():
            places.append(path)
        else:
            names.append(model)
    if names and any(place.suffix not in PROFILE_SUFFIXES for place in places):
        raise InputError("a folder goes without other names", fix="the folder, or the profiles")
    has_shipped = not places
    places = places or [OWN]
    if revision is None:
        profiles = in_work_tree(places, has_shipped=has_shipped)
    else:
        profiles = at_revision(places, revision, has_shipped=has_shipped)
    return profiles, tuple(names)
