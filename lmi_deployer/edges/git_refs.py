"""Names of revisions: what they resolve to, which ones are near, which branch is the default."""

from __future__ import annotations

from pathlib import Path

from lmi_deployer.edges.git_process import run
from lmi_deployer.errors import InputError
from lmi_deployer.nearest import did_you_mean

UNSHALLOW = "`git fetch --unshallow`; in GitHub Actions, `fetch-depth: 0` of actions/checkout"
HEAD = "HEAD"
USUAL_NAMES = ("main", "master")
MOST_NAMES = 5000
"""Of branches and tags that a misspelt name is compared with."""


def resolve(folder: Path, revision: str, *, is_shallow: bool = False) -> str:
    """The id of the commit that a revision names. Raises InputError, with the nearest name."""
    if not revision or revision.startswith("-") or "\0" in revision:
        problem = f"{revision!r} is no git revision"
        raise InputError(problem, fix="a branch, a tag or a commit, as in git:main")
    answer = run(folder, "rev-parse", "--verify", f"{revision}^{{commit}}")
    if answer.status == 0:
        return answer.line
    if "is ambiguous" in answer.problem:
        raise InputError(f"{revision!r} begins several commits", fix="more of its digits")
    _refuse_unborn(folder, revision)
    fix = _way_on(folder, revision, is_shallow=is_shallow)
    raise InputError(f"there is no git revision {revision!r}", fix=fix)


def _refuse_unborn(folder: Path, revision: str) -> None:
    """Raise InputError for a repository without a commit, or for HEAD of a branch without one."""
    if run(folder, "rev-parse", "--verify", HEAD).status == 0:
        return
    if not run(folder, "for-each-ref", "--count=1").out:
        raise InputError("the repository has no commit yet", fix="commit first: `git commit`")
    if revision.startswith(HEAD):
        fix = "commit first, or name two revisions: lmi-deploy diff git:OLD git:NEW"
        raise InputError("the branch that is checked out has no commit yet", fix=fix)


def _way_on(folder: Path, revision: str, *, is_shallow: bool) -> str:
    """The nearest name, or what a shallow clone needs to hold more of them."""
    names = [name for name in _names(folder) if not name.endswith("/HEAD")]
    of_remote = next((name for name in names if name.partition("/")[2] == revision), None)
    if of_remote is not None:
        return f"did you mean {of_remote!r}?"
    fix = did_you_mean(revision, [*names, HEAD])
    return f"{fix}; this clone is shallow: {UNSHALLOW}" if is_shallow else fix


def _names(folder: Path) -> list[str]:
    """Branches first, then those of remotes, then tags."""
    form = "--format=%(refname:lstrip=2)"
    places = ("refs/heads", "refs/remotes", "refs/tags")
    return run(folder, "for-each-ref", f"--count={MOST_NAMES}", form, *places).line.split("\n")


def short(name: str) -> str:
    """A branch as people say it: `main`, `origin/main`."""
    return name.removeprefix("refs/heads/").removeprefix("refs/remotes/")


def default_branch(folder: Path) -> str:
    """The branch that others start from, in full: what origin/HEAD names, else a usual name.

    A branch of this clone goes before the remote's of the same name, which may not be there.
    Raises InputError where there is none.
    """
    pointed = run(folder, "symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
    configured = run(folder, "config", "--get", "init.defaultBranch").line
    names = dict.fromkeys((*USUAL_NAMES, *filter(None, (configured,))))
    wanted = [
        *([pointed.line] if pointed.status == 0 else []),
        *(f"refs/heads/{name}" for name in names),
        *(f"refs/remotes/origin/{name}" for name in names),
    ]
    known = run(folder, "for-each-ref", "--format=%(refname)", "--", *wanted).line.split("\n")
    for name in wanted:
        if name in known:
            return name
    _refuse_unborn(folder, HEAD)
    problem = "nothing says which branch is the default: there is no origin/HEAD, main or master"
    fix = "name a revision, as in lmi-deploy diff git:REV, or `git remote set-head origin --auto`"
    raise InputError(problem, fix=fix)
