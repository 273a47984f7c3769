"""`lmi-deploy render`: the files a container reads, without any network."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from lmi_deployer import api, render
from lmi_deployer.cli.options import complete_model, hardware_options
from lmi_deployer.cli.output import say
from lmi_deployer.errors import InputError
from lmi_deployer.spec import ResolvedSpec

FORMATS = {
    "properties": render.serving_properties,
    "env": render.as_environment_file,
    "json": render.as_json,
}
STALE = 3
OWN_PROFILES = Path("profiles")


@click.command("render")
@click.argument("models", metavar="MODEL...", nargs=-1, shell_complete=complete_model)
@hardware_options
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
@click.option(
    "--tree",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write them below FOLDER/PROFILE/HARDWARE/, to be kept in a repository; of all "
    "profiles in ./profiles when no MODEL is named.",
)
@click.option(
    "--check",
    is_flag=True,
    help=f"With --tree: write nothing, and exit with {STALE} when a file there is not current.",
)
def command(
    models: tuple[str, ...],
    hardware: tuple[str, ...],
    overrides: tuple[str, ...],
    form: str,
    out: Path | None,
    tree: Path | None,
    check: bool,
) -> int:
    """Print serving.properties, or write the files that would be uploaded."""
    if form != "properties" and (out or tree):
        raise click.UsageError("--format is for printing; --out and --tree write what is uploaded")
    if tree is not None:
        if out or hardware or overrides:
            raise click.UsageError("--tree holds all hardware profiles as the profiles say them")
        return _tree(models, tree, check=check)
    if check:
        raise click.UsageError("--check needs --tree")
    if len(models) != 1:
        raise click.UsageError(
            "missing argument 'MODEL'" if not models else "several MODELs need --tree"
        )
    _one(models[0], api.decide(models[0], hardware, overrides), form, out)
    return 0


def _one(
    model: str, decided: Sequence[tuple[ResolvedSpec, object]], form: str, out: Path | None
) -> None:
    if len(decided) != 1 and out is None:
        fix = f"--out FOLDER, or -p with one hardware profile of {model}"
        raise InputError("several hardware profiles need a folder each", fix=fix)
    for spec, _ in decided:
        if out is None:
            click.echo(FORMATS[form](spec), nl=False)
            continue
        _write(spec, out if len(decided) == 1 else out / spec.hardware)


def _write(spec: ResolvedSpec, folder: Path) -> None:
    from lmi_deployer.bundle import MANIFEST_FILE, make_bundle
    from lmi_deployer.edges.files import write_folder

    bundle = make_bundle(spec)
    write_folder(folder, {**bundle.files, MANIFEST_FILE: bundle.manifest})
    say(f"{spec.title}: {len(bundle.files) + 1} files in {folder}")


def _tree(models: Sequence[str], tree: Path, *, check: bool) -> int:
    """Write or check the rendered files of whole profiles; without a model, of all there are."""
    from lmi_deployer.edges import rendered_files
    from lmi_deployer.rendered_tree import files_of, stale

    wanted: dict[str, dict[str, bytes]] = {}
    for model in models or _own_profiles():
        specs = [spec for spec, _ in api.decide(model, (api.ALL,))]
        name = specs[0].name
        if name in wanted:
            raise InputError(f"two profiles are called {name}", fix="another name for one of them")
        wanted[name] = files_of(specs)
    gone = set() if models else rendered_files.profiles_in(tree) - set(wanted)
    if not check:
        rendered_files.write_tree(tree, {**{name: {} for name in sorted(gone)}, **wanted})
        files = sum(map(len, wanted.values()))
        say(f"{_counted(files, 'file')} of {_counted(len(wanted), 'profile')} in {tree}")
        return 0
    found = {name: rendered_files.read_files(tree / name) for name in (*wanted, *sorted(gone))}
    behind = [
        replace(item, path=f"{tree}/{name}/{item.path}")
        for name, files in found.items()
        for item in stale(wanted.get(name, {}), files)
    ]
    for item in behind:
        click.echo(str(item))
    if behind:
        again = shlex.join(["lmi-deploy", "render", *models, "--tree", str(tree)])
        say(f"not current: {_counted(len(behind), 'file')}; fix: {again}")
    return STALE if behind else 0


def _counted(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def _own_profiles() -> list[str]:
    found = sorted([*OWN_PROFILES.glob("*.yaml"), *OWN_PROFILES.glob("*.yml")])
    if not found:
        raise InputError("there are no profiles in ./profiles", fix="name a MODEL")
    return [str(path) for path in found]
