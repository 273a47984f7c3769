"""The comment that `lmi-deploy review` keeps on a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lmi_deployer.cli.output import say
from lmi_deployer.findings import printable
from lmi_deployer.reviewing.step import message_line

if TYPE_CHECKING:
    from lmi_deployer.cli.actions_step import Step
    from lmi_deployer.reviewing.pull_request import PullRequest

API = "https://api.github.com"


def commented(
    page: str, marker: str, pull: PullRequest, step: Step, *, creates: bool
) -> str | None:
    """The address of the comment, where there is one; why there is none is said."""
    from lmi_deployer.edges.github import connect
    from lmi_deployer.edges.github_calls import RefusedError

    token = step.variables.get("GITHUB_TOKEN", "")
    if pull.repository is None or pull.number is None:
        say(f"no comment: {where(pull)}")
        return None
    if not token:
        _warn(step, "no comment: GITHUB_TOKEN is not set")
        return None
    github = connect(
        api_url=step.variables.get("GITHUB_API_URL") or API,
        token=token,
        graphql_url=step.variables.get("GITHUB_GRAPHQL_URL") or None,
        say=say,
    )
    try:
        placed = github.place(
            pull.repository,
            pull.number,
            page,
            marker=marker,
            creates=creates,
        )
    except RefusedError as error:
        why = "a pull request from a fork has a token that only reads"
        _warn(step, f"no comment: {error.problem}. {why}; else it needs pull-requests: write")
        return None
    say(f"comment: {placed.what}{f', {placed.url}' if placed.url else ''}")
    return placed.url


def _warn(step: Step, text: str) -> None:
    """Beside the run in GitHub Actions, on standard error elsewhere."""
    if step.is_there:
        step.command_lines([message_line("warning", text)])
    else:
        say(f"warning: {text}")


def where(pull: PullRequest) -> str:
    """Which pull request a comment is for, in words."""
    if pull.repository is None or pull.number is None:
        return "this is no run for a pull request"
    return f"the comment is for pull request {pull.number} of {printable(pull.repository)}"
