"""Which revision a pull request is compared with.

What a workflow checks out for a pull request is a merge that GitHub makes of it, whose first parent
is what it goes into. The commit that the event names may be older than that.
"""

from __future__ import annotations

from collections.abc import Callable

from lmi_deployer.errors import InputError
from lmi_deployer.reviewing.pull_request import PullRequest

DEPTH = (
    "in GitHub Actions, `fetch-depth: 2` of actions/checkout, or 0 in a merge queue and where a "
    "branch is checked out; elsewhere, fetch the base"
)
OTHER_CHECKOUT = (
    "let actions/checkout take what it takes by itself on `pull_request`, which is a merge of the "
    "pull request; or --base with a revision to compare HEAD with"
)
MERGED_INTO = "HEAD^1"
"""What a merge goes into."""
SHOWN_DIGITS = 8
"""Of a commit."""


def base_of(asked: str | None, pull: PullRequest, commit_of: Callable[[str], str | None]) -> str:
    """A revision; `commit_of` says which commit one names, None for one that is not here.

    Raises InputError where nobody says what to compare with, or this clone does not hold it.
    """
    if asked is not None:
        return asked
    if pull.head_commit is not None and commit_of("HEAD^2") == pull.head_commit:
        return MERGED_INTO
    named = [f"origin/{pull.base_branch}"] if pull.base_branch else []
    named += [pull.base_commit] if pull.base_commit else []
    for revision in named:
        if commit_of(revision) is not None:
            if not is_checked_out(pull, commit_of):
                raise InputError(f"what is checked out is not {_name(pull)}", fix=OTHER_CHECKOUT)
            return revision
    if named:
        shown = pull.base_branch or str(pull.base_commit)[:SHOWN_DIGITS]
        raise InputError(f"this clone does not hold {shown}, which it goes into", fix=DEPTH)
    raise InputError(
        "nothing says what to compare with: this is no run for a pull request",
        fix="--base with a revision, as in --base origin/main",
    )


def is_checked_out(pull: PullRequest, commit_of: Callable[[str], str | None]) -> bool:
    """False where HEAD is neither the pull request nor GitHub's merge of it.

    So it is on `pull_request_target`, where a workflow checks out what the pull request goes into:
    a comparison would find no differences in any pull request.
    """
    if pull.head_commit is None:
        return True
    own = {pull.head_commit, pull.merge_commit} - {None}
    return commit_of("HEAD") in own or commit_of("HEAD^2") == pull.head_commit


def _name(pull: PullRequest) -> str:
    return f"pull request {pull.number} ({str(pull.head_commit)[:SHOWN_DIGITS]})"


def side_names(
    base: str, pull: PullRequest, commit_of: Callable[[str], str | None]
) -> tuple[str | None, str | None]:
    """What a reader of the pull request calls the two sides; None where git's names say more.

    `main (1a2b3c4d)`, `pull request 7 (5e6f7a8b)`.
    """
    commit = commit_of(base)
    before = after = None
    if base == MERGED_INTO and pull.base_branch and commit:
        before = f"{pull.base_branch} ({commit[:SHOWN_DIGITS]})"
    is_known = pull.number is not None and pull.head_commit is not None
    if is_known and is_checked_out(pull, commit_of):
        after = _name(pull)
    return before, after
