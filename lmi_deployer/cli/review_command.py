"""`lmi-deploy review`: what the action of this project runs on a pull request, here or anywhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lmi_deployer.cli.actions_step import Step
from lmi_deployer.cli.diff_options import gate_options, profiles_option
from lmi_deployer.cli.output import painter, say
from lmi_deployer.cli.region import region_of_prices
from lmi_deployer.cli.review_comment import commented, where
from lmi_deployer.errors import GateError, InputError
from lmi_deployer.findings import Finding, errors_among
from lmi_deployer.reviewing.step import message_line

if TYPE_CHECKING:
    from lmi_deployer.diffing.comparison import Comparison
    from lmi_deployer.edges.git import Repository
    from lmi_deployer.impact import Impact
    from lmi_deployer.reviewing.pull_request import PullRequest

INVALID = 2


@dataclass(frozen=True, kw_only=True)
class Review:
    """What came of it, and where it is told."""

    comparison: Comparison
    findings: Sequence[Finding]
    """Of the changed files as they are now, the worst first."""
    failed_gates: GateError | None
    pull: PullRequest
    marker: str

    @property
    def page(self) -> str:
        """The comment."""
        from lmi_deployer.reviewing.page import review_page

        return review_page(
            self.comparison,
            marker=self.marker,
            errors=errors_among(self.findings),
            failed_gates=self.failed_gates.problem.splitlines() if self.failed_gates else (),
        )


@click.command("review")
@click.option(
    "--base",
    metavar="REV",
    help="Revision to compare with; in GitHub Actions, what the pull request goes into.",
)
@profiles_option
@gate_options
@click.option(
    "--region",
    metavar="REGION",
    envvar="LMI_DEPLOY_REGION",
    help="AWS region whose prices are used.",
)
@click.option(
    "--comment",
    is_flag=True,
    help="Keep one comment on the pull request up to date; needs GITHUB_TOKEN.",
)
@click.option(
    "--comment-id",
    metavar="TEXT",
    help="Tells several comments apart; the path of the profiles when left out.",
)
@click.option(
    "--pull-request",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="Where to comment; in GitHub Actions, the one of the run.",
)
@click.option("--dry-run", is_flag=True, help="Print the comment, and write nothing anywhere.")
def command(
    base: str | None,
    folder: Path | None,
    fail_on: Impact | None,
    max_cost_increase: float | None,
    region: str | None,
    comment: bool,
    comment_id: str | None,
    pull_request: int | None,
    dry_run: bool,
) -> int:
    """Validate the profiles that changed, and say what the changes cost.

    In GitHub Actions it puts errors beside the lines, writes the summary and the outputs of the
    step and, with --comment, one comment. Differences succeed; profiles that are not valid end it
    with 2, and gates with 4.
    """
    from lmi_deployer.reviewing.comment import marker_of
    from lmi_deployer.reviewing.pull_request import pull_request_of

    step = Step(variables=os.environ)
    with step.without_commands():
        pull = pull_request_of(os.environ, step.event())
        pull = pull if pull_request is None else replace(pull, number=pull_request)
        from lmi_deployer.edges.git import Repository

        repository = Repository.find(Path())
        comparison = _compared(base, folder, region_of_prices(region), pull, repository)
        review = Review(
            comparison=comparison,
            findings=_validated(comparison, repository.top),
            failed_gates=_gates(comparison, fail_on, max_cost_increase),
            pull=pull,
            marker=marker_of(comment_id or repository.inside(folder or Path("profiles")) or "."),
        )
        if dry_run:
            click.echo(review.page, nl=False)
            say(f"a dry run: nothing is written; {where(pull)}")
        else:
            _tell(review, step, comments=comment)
        return _status(review)


def _compared(
    base: str | None, folder: Path | None, region: str, pull: PullRequest, repository: Repository
) -> Comparison:
    """The base against the work tree."""
    from lmi_deployer.cli.diff_command import compared
    from lmi_deployer.diffing.operands import Git
    from lmi_deployer.diffing.reading import Asked
    from lmi_deployer.diffing.reading_places import SHALLOW
    from lmi_deployer.reviewing.base import MERGED_INTO, base_of, side_names

    def commit_of(revision: str) -> str | None:
        try:
            return repository.resolve(revision)
        except InputError:
            return None

    revision = base_of(base, pull, commit_of)
    asked = Asked(region=region, profiles=folder)
    comparison = compared(Git(revision=revision), None, asked)
    before, after = side_names(revision, pull, commit_of)
    notes = comparison.notes
    if revision == MERGED_INTO:  # it is here, and nothing before it is asked about
        notes = tuple(note for note in notes if note != SHALLOW)
    return replace(
        comparison,
        before=before or comparison.before,
        after=after or comparison.after,
        notes=notes,
    )


def _validated(comparison: Comparison, top: Path) -> list[Finding]:
    """What `validate` says of the files that changed, at paths from the top of the repository.

    What was noted of them before, and asks for nothing, is left out.
    """
    from lmi_deployer import api
    from lmi_deployer.reviewing.outcome import changed_files, from_top, in_order

    found = [item for side in comparison.unread if side.side == "after" for item in side.findings]
    found += [item for diff in comparison.profiles for item in diff.appeared]
    for file in changed_files(comparison):
        path = top / file
        is_here = path.is_file() and not path.is_symlink()  # a link may lead out of it
        checked = api.check_file(path) if is_here else ()
        items = (item for entry in checked for item in entry.findings)
        found += [from_top(item, top) for item in items if item.severity != "note"]
    return in_order(found)


def _gates(
    comparison: Comparison, fail_on: Impact | None, max_cost_increase: float | None
) -> GateError | None:
    from lmi_deployer.diffing.gates import check_gates

    try:
        check_gates(comparison, fail_on_impact=fail_on, max_usd_per_hour=max_cost_increase)
    except GateError as error:
        return error
    return None


def _tell(review: Review, step: Step, *, comments: bool) -> None:
    """Everything, everywhere; the comment last, since that is what may fail."""
    from lmi_deployer.cli.diff_command import Form, terminal_text
    from lmi_deployer.reviewing.outcome import outputs_of

    errors = errors_among(review.findings)

    form = Form(output="text", out=None, show_all=False, side_by_side=None)
    click.echo(terminal_text(review.comparison, form), nl=False)
    if step.is_there:
        from lmi_deployer import annotations

        failed = review.failed_gates
        gates = [message_line("error", failed.problem)] if failed else []  # of all, ten are shown
        step.command_lines([*gates, *annotations.lines(review.findings)])
    elif review.findings:
        from lmi_deployer.findings_report import findings_text

        click.echo(findings_text(review.findings, painter()))
    step.summary(review.page)
    is_needed = review.comparison.is_changed or bool(errors)
    url = None
    try:
        if comments:
            url = commented(review.page, review.marker, review.pull, step, creates=is_needed)
    finally:
        step.outputs(outputs_of(review.comparison, comment_url=url))


def _status(review: Review) -> int:
    """The exit status. Raises GateError for a gate that failed while all profiles are valid."""
    errors = errors_among(review.findings)
    if errors:
        from lmi_deployer.diffing.wording import counted

        raise InputError(f"{counted(len(errors), 'error')} in the changed profiles")
    if review.failed_gates is not None:
        raise review.failed_gates
    return 0
