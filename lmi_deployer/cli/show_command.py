"""`lmi-deploy show`: what a saved plan, a bundle or a profile comes to, as plain text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmi_deployer.cli.options import complete_model, output_option, split_names
from lmi_deployer.cli.output import painter, print_document
from lmi_deployer.cli.region import region_of_prices
from lmi_deployer.errors import InputError

if TYPE_CHECKING:
    from lmi_deployer.showing.reading import Shown


@click.command("show")
@click.argument("what", metavar="FILE|FOLDER|MODEL", shell_complete=complete_model)
@click.option(
    "-p",
    "--profile",
    "hardware",
    multiple=True,
    metavar="HARDWARE",
    callback=lambda _context, _option, value: split_names(value),
    help="Hardware profiles of a profile; all of them when left out.",
)
@click.option(
    "--lock",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The lock to take facts from, instead of the one beside the profile.",
)
@click.option("--region", metavar="REGION", envvar="LMI_DEPLOY_REGION", help="Of the prices.")
@click.option(
    "--textconv",
    is_flag=True,
    help="For git: what cannot be resolved is shown as it is written, with exit status 0.",
)
@output_option
def command(
    what: str,
    hardware: tuple[str, ...],
    lock: Path | None,
    region: str | None,
    textconv: bool,
    output: str,
) -> int:
    """Print what a saved plan, a bundle or a profile comes to.

    Of a profile, every value after inheritance, `auto`, the lock and the catalog, sorted, and
    without lines, paths and dates: two texts differ only where something effective does.
    """
    from lmi_deployer.showing import reading, resolved

    try:
        shown = reading.read(what, hardware=hardware, lock=lock, region=region_of_prices(region))
    except InputError as error:
        if not textconv:
            raise
        lines = resolved.finding_lines(reading.problems(error))
        click.echo("\n".join(["this is no profile that can be resolved", *lines]))
        _print_text(what)
        return 0
    if output == "json":
        _print_json(shown)
    elif shown.plan is not None:
        from lmi_deployer.plan_sources import changed_since
        from lmi_deployer.showing import plan_page

        decided = shown.plan.decided
        changed = () if decided is None else changed_since(decided.sources)
        click.echo(plan_page.page(shown.plan, changed, painter()))
    else:
        click.echo(resolved.page(shown.snapshots))
        if textconv and not shown.is_whole:
            _print_text(what)
    return 0


def _print_text(what: str) -> None:
    """The file as it is written: two that cannot be resolved are told apart by that alone."""
    from lmi_deployer.showing import reading, resolved

    text = reading.text_of(what)
    if text is not None:
        click.echo(f"\nas it is written:\n{resolved.as_written(text)}")


def _print_json(shown: Shown) -> None:
    from lmi_deployer.diffing import snapshot_file
    from lmi_deployer.plan_file import plan_as_json

    if shown.plan is not None:
        print_document(plan=plan_as_json(shown.plan))
    else:
        print_document(snapshots=[snapshot_file.as_json(item) for item in shown.snapshots])
