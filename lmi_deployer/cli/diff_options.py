"""Options that `diff` and `review` share, and the words that shells complete for a side."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lmi_deployer.impact import Impact

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem

Function = TypeVar("Function", bound="Callable[..., Any]")
GIT = "git:"


def gate_options(function: Function) -> Function:
    """Add --fail-on, which the command gets as an Impact, and --max-cost-increase."""
    names = [impact.label for impact in Impact if impact is not Impact.NONE]
    function = click.option(
        "--max-cost-increase",
        type=click.FloatRange(min=0),
        metavar="USD_PER_HOUR",
        callback=_dollars,
        help="Exit with 4 when everything together costs more than this above what it did.",
    )(function)
    return click.option(
        "--fail-on",
        type=click.Choice(names),
        callback=_impact,
        help="Exit with 4 when a change has this impact, or a worse one.",
    )(function)


def _dollars(
    _context: click.Context, _option: click.Parameter, value: float | None
) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no amount of money.")
    return value


def _impact(_context: click.Context, _option: click.Parameter, label: str | None) -> Impact | None:
    return next((impact for impact in Impact if impact.label == label), None)


profiles_option = click.option(
    "--profiles",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="The profiles that are meant where a side names none; ./profiles when left out.",
)


def complete_side(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Profiles, `live`, `git:` and behind it branches and tags; else files."""
    from click.shell_completion import CompletionItem

    found = [name for name in _sides(incomplete) if name.startswith(incomplete)]
    if not found and not incomplete.startswith(GIT):
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(name) for name in found]


def _sides(incomplete: str) -> Iterator[str]:
    if incomplete.startswith(GIT):
        yield from (f"{GIT}{name}" for name in _revisions())
        return
    from lmi_deployer.resources import profile_names

    yield from profile_names()
    yield from ("live", GIT)


def _revisions() -> list[str]:
    from lmi_deployer.edges import git_process
    from lmi_deployer.errors import InputError

    form = "--format=%(refname:lstrip=2)"
    try:
        answer = git_process.run(
            Path(), "for-each-ref", form, "refs/heads", "refs/remotes", "refs/tags"
        )
    except InputError:  # no git here: nothing to complete
        return []
    return [name for name in answer.line.split("\n") if name and not name.endswith("/HEAD")]
