"""`lmi-deploy init`: a profile to start from, worked out from the catalog alone."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmi_deployer.cli.output import say
from lmi_deployer.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem

    from lmi_deployer.starting import Start

    Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

FOLDER = Path("profiles")
"""Where profiles are looked for by name."""
STANDARD_OUTPUT = "-"


def _complete(table: str) -> Complete:
    """Completion with the names of a table of the catalog."""

    def complete(
        _context: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        from lmi_deployer import catalog

        return [
            CompletionItem(name) for name in catalog.names(table) if name.startswith(incomplete)
        ]

    return complete


@click.command("init")
@click.argument("model", metavar="MODEL_ID", shell_complete=_complete("models"))
@click.option(
    "--instance",
    "instances",
    multiple=True,
    metavar="TYPE",
    shell_complete=_complete("instances"),
    help="Instance type; repeat it for a hardware profile each. The cheapest that does, if none.",
)
@click.option(
    "--container",
    metavar="VERSION",
    shell_complete=_complete("containers"),
    help="LMI version; the newest that serves the model when left out.",
)
@click.option("--source", metavar="S3_URI", help="Folder on S3 with a copy of the weights.")
@click.option(
    "--weights-gib",
    type=click.FloatRange(min=0, min_open=True, max=100_000),
    metavar="GIB",
    help="Size of the weight files of a model that the catalog does not hold.",
)
@click.option("--name", metavar="NAME", help="Of the profile; made from MODEL_ID when left out.")
@click.option(
    "--out",
    metavar="FILE",
    help="Where to write it; profiles/NAME.yaml when left out, `-` for standard output.",
)
@click.option("--force", is_flag=True, help="Overwrite the file.")
def command(
    model: str,
    instances: tuple[str, ...],
    container: str | None,
    source: str | None,
    weights_gib: float | None,
    name: str | None,
    out: str | None,
    force: bool,
) -> int:
    """Write a profile to start from, with a comment on every key.

    MODEL_ID is a repository on the Hugging Face Hub, or a folder on S3. No network is asked: what
    the catalog does not know of the model, the profile says.
    """
    from lmi_deployer.starting import Wish, start

    made = start(
        Wish(
            model=model,
            source=source,
            instances=instances,
            container=container,
            name=name,
            weights_gib=weights_gib,
        )
    )
    if made.near is not None:
        say(f"The catalog does not hold {model}; it holds {made.near}.")
    for warning in made.warnings:
        say(str(warning))
    if out == STANDARD_OUTPUT:
        click.echo(made.text, nl=False)
    else:
        _write(made, Path(out) if out else FOLDER / f"{made.name}.yaml", force=force)
    return 0


def _write(made: Start, path: Path, *, force: bool) -> None:
    from lmi_deployer.edges.files import write_text

    if not force and (path.exists() or path.is_symlink()):
        raise InputError(f"{path} is there already", fix="--force, or another file with --out")
    write_text(path, made.text)
    model = made.name if path == FOLDER / f"{made.name}.yaml" else shlex.quote(str(path))
    hardware = f" -p {made.hardware[0]}"
    say(f"Wrote {path}. Next:")
    for line in (
        f"lmi-deploy validate {model}",
        f"lmi-deploy explain {model}{hardware}",
        f"lmi-deploy plan {model}{hardware}",
        f"lmi-deploy schema > {shlex.quote(str(path.parent / 'profile.schema.json'))}",
    ):
        say(f"  {line}")
