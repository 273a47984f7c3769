"""`lmi-deploy import`: a profile out of a file, an environment or an endpoint."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmi_deployer.cli.container_option import container_option
from lmi_deployer.cli.options import AwsOptions, aws_options
from lmi_deployer.cli.output import say
from lmi_deployer.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lmi_deployer.findings import Finding
    from lmi_deployer.importing import Imported, Read, Wish
    from lmi_deployer.importing.live import Live

FOLDER = Path("profiles")
"""Where profiles are looked for by name."""
STANDARD_STREAM = "-"


@click.command("import")
@click.argument(
    "file",
    metavar="[FILE]",
    required=False,
    type=click.Path(path_type=Path, allow_dash=True),
)
@click.option("--endpoint", metavar="NAME", help="Import what this endpoint serves with.")
@container_option("LMI version that reads FILE; an endpoint says it itself.")
@click.option(
    "--flavor",
    metavar="FLAVOR",
    help="Image of that version, such as tensorrtllm; needed where several would serve.",
)
@click.option("--instance", metavar="TYPE", help="Instance type; an endpoint says it itself.")
@click.option("--model-id", metavar="MODEL_ID", help="Repository that weights on S3 are a copy of.")
@click.option(
    "--weights-gib",
    type=click.FloatRange(min=0, min_open=True, max=100_000),
    metavar="GIB",
    help="Size of the weight files of a model that the catalog does not hold.",
)
@click.option("--name", metavar="NAME", help="Of the profile; made from the model's if left out.")
@click.option(
    "--out",
    metavar="FILE",
    help="Where to write it; profiles/NAME.yaml when left out, `-` for standard output.",
)
@click.option("--force", is_flag=True, help="Overwrite the file.")
@click.option("--strict", is_flag=True, help="Write nothing where something would be left out.")
@aws_options
def command(
    file: Path | None,
    endpoint: str | None,
    container: str | None,
    flavor: str | None,
    instance: str | None,
    model_id: str | None,
    weights_gib: float | None,
    name: str | None,
    out: str | None,
    force: bool,
    strict: bool,
    where: AwsOptions,
) -> int:
    """Write the profile that says what FILE or an endpoint says.

    FILE is a serving.properties, an environment file, a folder with both, or `-`. What the profile
    renders is the same, line by line; what the container ignores is left out and listed.
    """
    from lmi_deployer.importing import Wish, import_profile

    wish = Wish(
        container=container or "",
        instance_type=instance or "",
        flavor=flavor,
        name=name,
        model_id=model_id,
        weights_gib=weights_gib,
    )
    live = None if endpoint is None else _described(endpoint, where)
    if live is not None:
        read, wish = _from_endpoint(live, wish, file)
    elif file is not None:
        read = _from_file(file, wish)
    else:
        raise click.UsageError("give a FILE, or --endpoint NAME")
    made = import_profile(read, wish)
    _report(made, live)
    if strict and made.left_out:
        raise InputError("the profile would not say all of it", fix="leave --strict out")
    if out == STANDARD_STREAM:
        click.echo(made.text, nl=False)
    else:
        _write(made, Path(out) if out else FOLDER / f"{made.spec.name}.yaml", force=force)
    return 0


def _from_file(file: Path, wish: Wish) -> Read:
    """What reads a file. Raises InputError where what it needs besides is missing."""
    from lmi_deployer.edges.files import read_bytes
    from lmi_deployer.written import holds_environment, make_written, read_written

    for given, option in ((wish.container, "--container"), (wish.instance_type, "--instance")):
        if not given:
            problem = f"{file} does not say what runs it"
            fix = "--container with the LMI version, and --instance with the instance type"
            raise InputError(f"{problem}: {option} is missing", fix=fix)
    if str(file) != STANDARD_STREAM:
        return lambda facts: read_written(file, facts)
    data = read_bytes(file)  # which can be done once
    if holds_environment(STANDARD_STREAM, data):
        return lambda facts: make_written(STANDARD_STREAM, facts, environment=data)
    return lambda facts: make_written(STANDARD_STREAM, facts, properties=data)


def _described(name: str, where: AwsOptions) -> Live:
    from lmi_deployer.cli.connection import connected
    from lmi_deployer.importing.live import describe

    with connected(where) as connection:
        return describe(name, connection.aws)


def _from_endpoint(live: Live, wish: Wish, file: Path | None) -> tuple[Read, Wish]:
    """What reads an endpoint's settings, and what a profile needs besides, as the endpoint says.

    `file` is the serving.properties of an endpoint that has it in an archive. What the command
    line says comes first.
    """
    from lmi_deployer.edges.files import read_bytes
    from lmi_deployer.importing.live import NO_ARCHIVE, completed

    if file is not None:
        live = replace(live, properties=read_bytes(file), properties_name=str(file))
    elif live.is_archive:
        problem = f"serving.properties of {live.name} is inside an archive on S3"
        raise InputError(problem, fix=NO_ARCHIVE)
    return live.written, completed(live, wish)


def _report(made: Imported, live: Live | None) -> None:
    """Say what the container makes of the source, and what the profile does not hold of it."""
    _say_findings(made.source_findings)
    for reason in dict.fromkeys(item.reason for item in made.left_out):
        names = [item.name for item in made.left_out if item.reason == reason]
        say(f"left out: {', '.join(names)}\n  {reason}")
    if made.respelt:
        say(f"comes out under another name: {', '.join(made.respelt)}")
    said = {(item.code, item.problem) for item in made.source_findings}
    _say_findings(item for item in made.findings if (item.code, item.problem) not in said)
    if live is not None:
        from lmi_deployer.importing.live import differences

        for line in differences(live, made.spec):
            say(f"not as on {live.name}: {line}")


def _say_findings(findings: Iterable[Finding]) -> None:
    for finding in findings:
        say(str(finding))


def _write(made: Imported, path: Path, *, force: bool) -> None:
    from lmi_deployer.edges.files import write_text

    if not force and (path.exists() or path.is_symlink()):
        raise InputError(f"{path} is there already", fix="--force, or another file with --out")
    write_text(path, made.text)
    name = made.spec.name
    model = name if path == FOLDER / f"{name}.yaml" else shlex.quote(str(path))
    say(f"Wrote {path}. Next:")
    for line in (f"validate {model}", f"render {model}", f"plan {model}"):
        say(f"  lmi-deploy {line}")
