"""`lmi-deploy render`: the files a container reads, without any network."""

from __future__ import annotations

from pathlib import Path

import click

from lmi_deployer import api, render
from lmi_deployer.cli.options import model_argument
from lmi_deployer.cli.output import say
from lmi_deployer.errors import InputError
from lmi_deployer.spec import ResolvedSpec

FORMATS = {
    "properties": render.serving_properties,
    "env": render.as_environment_file,
    "json": render.as_json,
}


@click.command("render")
@model_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="properties",
    show_default=True,
    help="serving.properties, the same as environment variables, or as JSON.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write every file that would be uploaded, and a manifest, instead of printing.",
)
def command(
    model: str, hardware: tuple[str, ...], overrides: tuple[str, ...], form: str, out: Path | None
) -> int:
    """Print serving.properties, or write the files that would be uploaded."""
    if out is not None and form != "properties":
        raise click.UsageError("--format is for printing; --out writes what would be uploaded")
    decided = api.decide(model, hardware, overrides)
    if len(decided) != 1 and out is None:
        raise InputError("several hardware profiles need a folder each", fix="--out FOLDER")
    for spec, _ in decided:
        if out is None:
            click.echo(FORMATS[form](spec), nl=False)
            continue
        _write(spec, out if len(decided) == 1 else out / spec.hardware)
    return 0


def _write(spec: ResolvedSpec, folder: Path) -> None:
    from lmi_deployer.bundle import MANIFEST_FILE, make_bundle
    from lmi_deployer.edges.files import write_folder

    bundle = make_bundle(spec)
    write_folder(folder, {**bundle.files, MANIFEST_FILE: bundle.manifest})
    say(f"{spec.title}: {len(bundle.files) + 1} files in {folder}")
