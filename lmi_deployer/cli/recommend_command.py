"""`lmi-deploy recommend`: what to serve a model on, ranked, and why nothing else."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lmi_deployer.cli import completing
from lmi_deployer.cli.options import output_option
from lmi_deployer.cli.output import print_document, say
from lmi_deployer.cli.recommend_options import MOST_ROWS, search_options, wish_of
from lmi_deployer.errors import InputError
from lmi_deployer.recommending import Outcome, Subject, recommend, report
from lmi_deployer.recommending.loading import arithmetic
from lmi_deployer.recommending.subject import find

if TYPE_CHECKING:
    from lmi_deployer.lockfile import LockedModel
    from lmi_deployer.recommending import Recommended
    from lmi_deployer.recommending.writing import Writing

NOTHING_FITS = 2
CHOOSE_NAME = ""
"""What --write without a name gives."""


@click.command("recommend")
@click.argument("model", metavar="MODEL", shell_complete=completing.models)
@search_options
@click.option("--refresh", is_flag=True, help="Look MODEL up on the hub, if it is an id.")
@click.option("--source", metavar="S3_URI", help="Folder on S3 with a copy of the weights.")
@click.option(
    "--write",
    "name",
    is_flag=False,
    flag_value=CHOOSE_NAME,
    metavar="[NAME]",
    help="Add the first row to the profile, as hardware profile NAME; to a new one, for a model.",
)
@click.option(
    "--pick",
    type=click.IntRange(1, MOST_ROWS),
    default=1,
    metavar="RANK",
    help="Row that --write takes, instead of the first.",
)
@click.option("--dry-run", is_flag=True, help="Show what --write would change, and write nothing.")
@click.option(
    "--plot",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw the rows, as SVG or PNG.",
)
@output_option
def command(
    model: str,
    refresh: bool,
    source: str | None,
    name: str | None,
    pick: int,
    dry_run: bool,
    plot: Path | None,
    output: str,
    **search: Any,
) -> int:
    """Rank instance types, backends, degrees and quantization for MODEL.

    MODEL is a profile (its name or path), or the id of a model that catalog or lock hold. What is
    shown has been checked like any profile; without --refresh, nothing is asked of a network.
    """
    if plot is not None:
        from lmi_deployer import plotting

        plotting.check_path(plot)
    subject = find(model, source, _look_up if refresh else None)
    wish = wish_of(subject, search, rows=pick if name is not None else 1)
    outcome = recommend(subject, wish, arithmetic())
    writing = _writing(outcome, name, pick, source)
    if writing is not None and not dry_run:
        _write(writing)
    if plot is not None and outcome.recommended:
        _draw(outcome, plot)
    _print(outcome, writing, is_json=output == "json", is_dry=dry_run)
    return 0 if outcome.recommended else NOTHING_FITS


def _look_up(model_id: str) -> LockedModel:
    """What the hub knows of a model today."""
    from datetime import date

    from lmi_deployer.findings import Place
    from lmi_deployer.lockfile import LATEST
    from lmi_deployer.locking.asking import Asking
    from lmi_deployer.locking.wanted import Wanted

    today = date.today().isoformat()  # noqa: DTZ011 - the user's day
    wanted = Wanted(model_id=model_id, source=None, requested=LATEST, place=Place(model_id))
    return Asking(today=today, say=say).ask(wanted)


def _writing(outcome: Outcome, name: str | None, pick: int, source: str | None) -> Writing | None:
    if name is None or not outcome.recommended:
        return None
    from lmi_deployer.recommending.writing import write_up

    if pick > len(outcome.recommended):
        problem = f"there are {len(outcome.recommended)} rows, and no row {pick}"
        raise InputError(problem, fix="a smaller --pick")
    _require_own(outcome.subject)
    return write_up(outcome, outcome.recommended[pick - 1], name or None, source=source)


def _require_own(subject: Subject) -> None:
    """Raise InputError for a profile that comes with lmi-deploy."""
    from lmi_deployer.resources import shipped_profiles

    path = Path(subject.file)
    if path in shipped_profiles().values() and not Path(subject.title).exists():
        fix = f"cp {shlex.quote(str(path))} profiles/ first"
        raise InputError(f"{subject.title} is a profile that comes with lmi-deploy", fix=fix)


def _write(writing: Writing) -> None:
    from lmi_deployer.edges.files import write_text

    write_text(Path(os.path.realpath(writing.path)), writing.after)


def _draw(outcome: Outcome, path: Path) -> None:
    from lmi_deployer.plotting import ChartRow, recommendation_chart

    rows = [
        ChartRow(
            label=_label(item),
            memory=item.fit.memory,
            usd_per_hour=item.fit.usd_per_hour,
            price_of=item.fit.quote.dated,
            output_tokens_per_second=item.fit.tokens_per_second,
            is_chosen=rank == 0,
        )
        for rank, item in enumerate(outcome.recommended)
    ]
    question = outcome.question
    lengths = f"{question.max_input_len:,} + {question.max_output_len:,} tokens"
    title = f"{outcome.subject.title}, {lengths}: {question.goal}"
    recommendation_chart(rows, path, title=title)
    say(f"Wrote {path}.")


def _label(item: Recommended) -> str:
    """Machine, and below it how the model is loaded."""
    candidate = item.fit.candidate
    method = f", {candidate.method}" if candidate.method else ""
    loaded = f"LMI {candidate.container.version}, {candidate.backend}, degree "
    loaded += f"{candidate.tensor_parallel_degree}, {item.spec.weights.dtype}{method}"
    tight = " (tight)" if item.fit.memory.verdict == "tight" else ""
    return f"{candidate.instance.name}{tight}\n{loaded}"


def _print(outcome: Outcome, writing: Writing | None, *, is_json: bool, is_dry: bool) -> None:
    if is_json:
        from lmi_deployer.recommending import as_data

        written = None
        if writing is not None:
            written = {"file": str(writing.path), "hardware": writing.hardware, "dry_run": is_dry}
        print_document(**as_data.as_data(outcome), written=written)
    else:
        width = shutil.get_terminal_size((report.NO_LIMIT, 24)).columns
        click.echo(report.as_text(outcome, width))
        if writing is not None and is_dry:
            from lmi_deployer.recommending.writing import diff

            click.echo(f"\n{diff(writing)}", nl=False)
    if not outcome.recommended:
        _say_way_out(outcome)
    elif writing is not None and not is_dry:
        say(f"Wrote {writing.path}. Next:")
        model = shlex.quote(writing.model)
        say(f"  lmi-deploy validate {model}")
        say(f"  lmi-deploy explain {model} -p {writing.hardware}")


def _say_way_out(outcome: Outcome) -> None:
    from lmi_deployer.recommending.ways_out import way_out

    way = way_out(outcome)
    say(f"{click.style('error: ', fg='red')}nothing serves {outcome.subject.title} like this")
    say(f"  nearest: {way.nearest}")
    for fix in way.fixes:
        say(f"  fix: {fix}")
