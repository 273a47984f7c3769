"""`lmi-deploy migrate`: profile files on another LMI version, with a reason for each change."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmi_deployer.cli.options import output_option
from lmi_deployer.cli.output import painter, print_document, say
from lmi_deployer.errors import InputError
from lmi_deployer.findings import ProfileError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from lmi_deployer.migrating import Migration

REFUSED = 2
ALL_PROFILES = "all"
"""What -p takes in place of every name."""


def _complete_version(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from lmi_deployer import catalog

    versions = catalog.names("containers")
    return [CompletionItem(version) for version in versions if version.startswith(incomplete)]


@click.command("migrate")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option(
    "--to",
    "version",
    required=True,
    metavar="VERSION",
    shell_complete=_complete_version,
    help="LMI version, newer or older than the one that the profiles name.",
)
@click.option(
    "-p",
    "--profile",
    "hardware",
    multiple=True,
    metavar="HARDWARE",
    callback=lambda _context, _option, value: _names(value),
    help="Move this hardware profile alone: a name, several with commas, or `all`. One file only.",
)
@click.option(
    "--drop",
    "drops",
    multiple=True,
    metavar="KEY",
    help="Agree to lose this key, as a refusal names it; repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Show the changes and the diff, and write nothing.")
@output_option
def command(
    paths: tuple[str, ...],
    version: str,
    hardware: tuple[str, ...],
    drops: tuple[str, ...],
    dry_run: bool,
    output: str,
) -> int:
    """Take profiles to another LMI version, up or down, and keep their comments.

    PATH is a profile, its name in ./profiles, or a folder of profiles. Each change is told with its
    reason. What would change what is served is refused, with a way out; then nothing is written at
    all.
    """
    from lmi_deployer import catalog

    catalog.container(version)  # an unknown one is refused once, not for each file
    files = _files(paths)
    if hardware and len(files) > 1:
        raise InputError("-p goes with a single file", fix="one file at a time")
    migrations = {path: _migrated(path, version, hardware, drops) for path in files}
    is_refused = any(item.refusals for item in migrations.values())
    if not dry_run and not is_refused:
        for path, migration in migrations.items():
            _write(path, migration)
    if output == "json":
        _print_document(list(migrations.values()), version, is_dry=dry_run)
    else:
        _print_text(list(migrations.values()), is_dry=dry_run)
    return REFUSED if is_refused else 0


def _names(values: Sequence[str]) -> tuple[str, ...]:
    """The hardware profiles of -p; none when it is all of them."""
    names = [name for value in values for name in value.split(",") if name]
    return () if ALL_PROFILES in names else tuple(dict.fromkeys(names))


def _files(paths: Sequence[str]) -> list[Path]:
    """The files that the arguments name, each once."""
    files: list[Path] = []
    for name in paths:
        path = Path(name)
        if os.path.isdir(path):  # noqa: PTH112 - never raises, whatever the name
            found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
            if not found:
                raise InputError(f"there are no profiles in {path}", fix="*.yaml files in it")
            files += found
        else:
            files.append(_file(name))
    return list(dict.fromkeys(files))


def _file(name: str) -> Path:
    """The user's own file of that name; those that come with lmi-deploy are not to be changed."""
    from lmi_deployer.resources import find_profile, shipped_profiles

    path = find_profile(name)
    if path in shipped_profiles().values() and not Path(name).exists():
        fix = f"cp {shlex.quote(str(path))} profiles/ first"
        raise InputError(f"{name} is a profile that comes with lmi-deploy", fix=fix)
    return path


def _migrated(path: Path, version: str, hardware: Sequence[str], drops: Sequence[str]) -> Migration:
    """What moving a file comes to; what is no profile is refused like what cannot be moved."""
    from lmi_deployer.edges.files import read_text
    from lmi_deployer.migrating import migrate, unreadable

    text = read_text(path)
    try:
        return migrate(text, str(path), version, only=hardware, drops=drops)
    except ProfileError as error:
        return unreadable(text, str(path), version, error.findings)


def _write(path: Path, migration: Migration) -> None:
    """Put the new text in the place of the old one, through links."""
    from lmi_deployer.edges.files import write_text

    if migration.after != migration.before:
        write_text(Path(os.path.realpath(path)), migration.after)


def _print_text(migrations: Sequence[Migration], *, is_dry: bool) -> None:
    from lmi_deployer.migrating import wording

    paint = painter()
    for number, migration in enumerate(migrations):
        click.echo(("\n" if number else "") + wording.as_words(migration, paint))
        if is_dry and migration.after != migration.before:
            click.echo(f"\n{wording.diff(migration)}", nl=False)
    refused = [migration for migration in migrations if migration.refusals]
    for migration in refused:
        for refusal in migration.refusals:
            label = click.style("error: ", fg="red")
            say(f"{label}{migration.name}: {refusal}")
    if refused:
        say(_way_on(migrations))
    elif not is_dry:
        for migration in migrations:
            if migration.after != migration.before:
                say(f"Wrote {migration.name}.")


def _way_on(migrations: Sequence[Migration]) -> str:
    """What can be moved although something was refused."""
    version = migrations[0].to_version
    able = [item.name for item in migrations if not item.refusals]
    lines = ["Nothing was written."]
    if able:
        files = " ".join(shlex.quote(name) for name in able)
        lines.append(f"These can be moved: lmi-deploy migrate {files} --to {version}")
    for item in migrations:
        names = item.movable if item.refusals else ()
        if names:
            flags = "".join(f" -p {name}" for name in names)
            file = shlex.quote(item.name)
            lines.append(f"This part can be moved: lmi-deploy migrate {file}{flags} --to {version}")
    return "\n".join(lines)


def _print_document(migrations: Sequence[Migration], version: str, *, is_dry: bool) -> None:
    from lmi_deployer.migrating import wording

    is_refused = any(item.refusals for item in migrations)
    print_document(
        to=version,
        dry_run=is_dry,
        refused=is_refused,
        written=[
            item.name
            for item in migrations
            if item.after != item.before and not is_dry and not is_refused
        ],
        files=[wording.as_data(item) for item in migrations],
    )
