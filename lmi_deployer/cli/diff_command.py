"""`lmi-deploy diff`: two sides compared by what they come to."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmi_deployer.cli.diff_options import complete_side, gate_options, profiles_option
from lmi_deployer.cli.options import AwsOptions, aws_options, hardware_options
from lmi_deployer.cli.output import SCHEMA_VERSION, painter, say
from lmi_deployer.cli.region import region_of_prices
from lmi_deployer.edges.files import write_text
from lmi_deployer.errors import InputError
from lmi_deployer.paint import plain

if TYPE_CHECKING:
    from lmi_deployer.diffing.comparing import Pair
    from lmi_deployer.diffing.comparison import Comparison
    from lmi_deployer.diffing.operands import Operand
    from lmi_deployer.diffing.reading import Asked
    from lmi_deployer.diffing.reading_live import LiveReader
    from lmi_deployer.impact import Impact

DIFFERENCES = 3
COMPARED = frozenset({".yaml", ".yml", ".lock", ".properties", ".gz"})
"""Ends of the names of files that lie in folders of profiles and of bundles."""
MARKER = "lmi-deploy diff"
"""By which a comment of `-o markdown` is found again."""
WIDTH = 100
"""Where the output is no terminal, and COLUMNS does not say."""
SILENT_SECONDS = 1
"""Before it says how far it is."""
EVERY_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class Form:
    """How the result is to be shown."""

    output: str
    out: Path | None
    show_all: bool
    side_by_side: bool | None


@click.command("diff")
@click.argument("before", metavar="[A]", required=False, shell_complete=complete_side)
@click.argument("after", metavar="[B]", required=False, shell_complete=complete_side)
@hardware_options
@profiles_option
@click.option("--exact", is_flag=True, help="Take git:REV itself, not the merge base.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "markdown", "json", "html"]),
    default="text",
    show_default=True,
    help="Form of the result: `markdown` for a comment, `html` for a page of its own.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the result there, not to standard output.",
)
@click.option("--all", "show_all", is_flag=True, help="Name what is equal, too.")
@click.option(
    "--side-by-side/--no-side-by-side",
    default=None,
    help="Both sides beside each other, as on a wide terminal.",
)
@click.option(
    "--exit-code", is_flag=True, help=f"Exit with {DIFFERENCES} when anything differs in effect."
)
@gate_options
@click.option(
    "--lookup", is_flag=True, help="Ask the account which compiled engines are in the cache."
)
@aws_options
def command(
    before: str | None,
    after: str | None,
    hardware: tuple[str, ...],
    overrides: tuple[str, ...],
    folder: Path | None,
    exact: bool,
    output: str,
    out: Path | None,
    show_all: bool,
    side_by_side: bool | None,
    exit_code: bool,
    fail_on: Impact | None,
    max_cost_increase: float | None,
    lookup: bool,
    where: AwsOptions,
) -> int:
    """Compare two sides by what they come to, and say what each difference costs.

    A and B are each a profile (its name or file), FILE#HARDWARE, a folder, git:REVISION,
    git:REVISION:PATH, a plan of `plan --out`, a folder of `render --out`, or `live`. A is the
    default branch when left out, B the work tree. git:REVISION means where the other side parted
    from it, as in a pull request.
    """
    from lmi_deployer.diffing.gates import check_gates
    from lmi_deployer.diffing.operands import Live, parse
    from lmi_deployer.diffing.reading import Asked

    sides = tuple(None if word is None else parse(word) for word in (before, after))
    if out is not None:
        _refuse_operand(out, before, after, str(folder or "profiles"))
    asked = Asked(
        hardware=hardware,
        overrides=overrides,
        region=region_of_prices(where.region),
        exact=exact,
        profiles=folder,
    )
    with ExitStack() as stack:
        if lookup or any(isinstance(side, Live) for side in sides):
            asked = replace(asked, live=_reader(where, stack))
        comparison = compared(sides[0], sides[1], asked)
    show(comparison, Form(output=output, out=out, show_all=show_all, side_by_side=side_by_side))
    check_gates(comparison, fail_on_impact=fail_on, max_usd_per_hour=max_cost_increase)
    if comparison.unread and not comparison.profiles:
        raise InputError("nothing could be compared", fix="what is said of each side above")
    return DIFFERENCES if exit_code and comparison.is_changed else 0


def _refuse_operand(out: Path, *words: str | None) -> None:
    """Raise InputError where the result would take the place of what is compared."""
    for word in words:
        if not word or not out.is_file():
            continue
        path = Path(word.partition("#")[0])
        is_inside = path.is_dir() and out.resolve().is_relative_to(path.resolve())
        if (is_inside and out.suffix in COMPARED) or (path.is_file() and out.samefile(path)):
            raise InputError(f"--out would overwrite {out}, which is compared", fix="another FILE")


def compared(before: Operand | None, after: Operand | None, asked: Asked) -> Comparison:
    """What became of two sides; says how far it is where somebody watches."""
    from lmi_deployer.diffing.reading import read

    sides = read(before, after, asked)
    sides.pairs = _watched(sides.pairs)
    return sides.compared()


def _reader(where: AwsOptions, stack: ExitStack) -> LiveReader:
    """Reads the account that the options name, for as long as the stack is open."""
    from lmi_deployer.cli.connection import connected
    from lmi_deployer.diffing.reading_live import LiveReader

    aws = stack.enter_context(connected(where)).aws
    return LiveReader(aws, aws.region)


def show(comparison: Comparison, form: Form) -> None:
    """Print a comparison, or write it to a file."""
    text = _text(comparison, form)
    if form.out is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    write_text(form.out, text if text.endswith("\n") else f"{text}\n")
    say(f"written to {form.out}")


def _text(comparison: Comparison, form: Form) -> str:
    match form.output:
        case "json":
            from lmi_deployer.diffing.as_data import comparison_as_json

            document = {"schema_version": SCHEMA_VERSION, **comparison_as_json(comparison)}
            return json.dumps(document, indent=2)
        case "html":
            from lmi_deployer.diffing.as_html import page

            return page(comparison)
        case "markdown":
            from lmi_deployer.diffing.as_markdown import markdown

            return markdown(comparison, marker=MARKER)
    return terminal_text(comparison, form)


def terminal_text(comparison: Comparison, form: Form) -> str:
    """As wide as the terminal, in its colors; plain text where it goes elsewhere."""
    from lmi_deployer.diffing.as_text import text

    return text(
        comparison,
        painter() if form.out is None else plain,
        width=shutil.get_terminal_size((WIDTH, 24)).columns,
        side_by_side=form.side_by_side,
        show_all=form.show_all,
    )


def _watched(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """The same pairs; on a terminal, a line that counts them where it takes long."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield from pairs
        return
    from lmi_deployer.diffing.wording import counted

    told_at = time.monotonic() + SILENT_SECONDS - EVERY_SECONDS
    is_told = False
    for count, pair in enumerate(pairs, start=1):
        if time.monotonic() - told_at > EVERY_SECONDS:
            click.echo(f"\r{counted(count, 'hardware profile')} compared", nl=False, err=True)
            told_at, is_told = time.monotonic(), True
        yield pair
    if is_told:
        click.echo(f"\r{' ' * 60}\r", nl=False, err=True)
