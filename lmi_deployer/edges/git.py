"""What a git repository says: revisions, where branches parted, files at a commit, the work tree.

Nothing is written, fetched or run: see git_process.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lmi_deployer.edges import git_links, git_process, git_refs
from lmi_deployer.edges.git_process import Answer, Blobs
from lmi_deployer.errors import InputError

REGULAR = ("100644", "100755", "100664")
"""Modes of files; git wrote the third long ago."""
LINK = "120000"
FOLDER = "040000"
SUBMODULE = "160000"
SKIPPED = "S"
"""What `git ls-files -t` says of files that a sparse checkout leaves out of the work tree."""
NOT_FOUND = "fatal: not a git repository"
NOT_LITERAL = {"GIT_LITERAL_PATHSPECS": "0"}
SHOWN_DIGITS = 8
"""Of a commit."""


class NoRepositoryError(InputError):
    """A folder is in no repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFile:
    """One name in a tree or in the index."""

    path: str
    """From the root of the repository, with slashes."""
    mode: str
    oid: str
    """Of its content: equal ids are equal contents."""
    is_left_out: bool = False
    """True where a sparse checkout leaves it out of the work tree."""


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository, or one of its linked work trees."""

    folder: Path
    """The folder that it was looked for from."""
    root: Path | None
    """Top of the work tree; None for a bare repository."""
    is_shallow: bool
    hash_name: str
    """`sha1` or `sha256`, by which objects have their ids."""

    @classmethod
    def find(cls, folder: Path) -> Repository:
        """The repository around a folder.

        Raises NoRepositoryError where there is none, InputError for one that cannot be read.
        """
        asked = ("--is-inside-work-tree", "--is-shallow-repository", "--show-object-format")
        answer = git_process.run(folder, "rev-parse", *asked, "--show-cdup")
        if answer.status:
            if not answer.problem.startswith(NOT_FOUND):
                raise InputError(f"git cannot read the repository: {answer.problem}")
            problem = f"{folder.resolve()} is not inside a git repository"
            fix = "change into one, or name two sides that need none: lmi-deploy diff OLD NEW"
            raise NoRepositoryError(problem, fix=fix)
        is_inside, is_shallow, hash_name, *up = answer.line.split("\n")
        top = (folder / (up[0] if up else "")).resolve() if is_inside == "true" else None
        return cls(folder=folder, root=top, is_shallow=is_shallow == "true", hash_name=hash_name)

    @property
    def top(self) -> Path:
        """Top of the work tree. Raises InputError for a bare repository, which has none."""
        if self.root is None:
            problem = f"{self.folder.resolve()} is a bare repository, without a work tree"
            raise InputError(problem, fix="name two revisions: lmi-deploy diff git:OLD git:NEW")
        return self.root

    def inside(self, path: Path) -> str:
        """A path of the work tree as git names it. Raises InputError for one that is outside.

        A link in its last part is not followed, as git does not follow it.
        """
        has_name = path.name not in {"", ".."}
        real = path.parent.resolve() / path.name if has_name else path.resolve()
        try:
            relative = real.relative_to(self.top)
        except ValueError as error:
            problem = f"{path} is outside of the git repository at {self.top}"
            fix = "name both sides: lmi-deploy diff OLD NEW"
            raise InputError(problem, fix=fix) from error
        return "" if relative == Path() else relative.as_posix()

    def resolve(self, revision: str) -> str:
        """The commit that a revision names. Raises InputError, with the nearest name."""
        return git_refs.resolve(self.folder, revision, is_shallow=self.is_shallow)

    def default_branch(self) -> str:
        """The branch that others start from, in full: `refs/heads/main`. Raises InputError."""
        return git_refs.default_branch(self.folder)

    def merge_bases(self, one: str, other: str, *, names: tuple[str, str]) -> list[str]:
        """The commits where two histories parted, the best first; seldom more than one.

        Raises InputError where they have none in common, or where a shallow clone lacks it.
        """
        answer = git_process.run(self.folder, "merge-base", "--all", one, other)
        if answer.status == 0:
            return answer.line.split("\n")
        if answer.status > 1:
            raise InputError(f"git merge-base failed: {answer.problem}")
        both = " and ".join(names)
        if self.is_shallow:
            problem = f"this clone is shallow, and does not hold the merge base of {both}"
            raise InputError(problem, fix=git_refs.UNSHALLOW)
        fix = f"compare the revisions themselves: --exact with git:{names[0]}"
        raise InputError(f"{both} have no history in common", fix=fix)

    def folder_at(self, commit: str, folder: str) -> list[TreeFile]:
        """What lies right in a folder at a commit; nothing where there is no such folder."""
        paths = ("--", f"{folder}/") if folder else ()
        return _tree_files(self._checked("ls-tree", "-z", "--full-tree", commit, *paths))

    def everything_at(self, commit: str) -> list[TreeFile]:
        """Every file at a commit."""
        return _tree_files(self._checked("ls-tree", "-r", "-z", "--full-tree", commit))

    def file_at(self, commit: str, path: str) -> TreeFile | None:
        """What a path names at a commit, be it a file or a folder; None for nothing."""
        found = _tree_files(self._checked("ls-tree", "-z", "--full-tree", commit, "--", path))
        return next((item for item in found if item.path == path), None)

    def led_to(self, commit: str, paths: Sequence[str]) -> dict[str, git_links.Led]:
        """Where symbolic links of a commit lead, by their paths."""
        return git_links.led_to(self.folder, commit, paths)

    def submodule_around(self, commit: str, path: str) -> str | None:
        """The submodule that a path names or lies in at a commit; None where it is in none."""
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            found = self.file_at(commit, "/".join(parts[:count]))
            if found is None or found.mode == SUBMODULE:
                return None if found is None else found.path
        return None

    def tracked(self, folder: str) -> dict[str, TreeFile]:
        """What the index holds below a folder of the work tree, by path."""
        paths = ("--", f"{folder}/") if folder else ()
        answer = git_process.checked(self.top, "ls-files", "-z", "-t", "--stage", *paths)
        found = {}
        for field in answer.fields:
            about, _, path = field.partition("\t")
            tag, mode, oid, _stage = about.split(" ")
            found[path] = TreeFile(path=path, mode=mode, oid=oid, is_left_out=tag == SKIPPED)
        return found

    def ignored(self, paths: Iterable[str]) -> set[str]:
        """Those of some untracked paths of the work tree that .gitignore and the like leave out."""
        given = b"".join(os.fsencode(f"./{path}") + b"\0" for path in paths)
        if not given:
            return set()
        # This command takes no literal paths; behind ./ nothing in a name has a meaning.
        answer = git_process.run(
            self.top, "check-ignore", "-z", "--stdin", given=given, settings=NOT_LITERAL
        )
        if answer.status > 1:
            raise InputError(f"git check-ignore failed: {answer.problem}")
        return {path.removeprefix("./") for path in answer.fields}

    def blobs(self) -> Blobs:
        """The contents of its files by their ids; to be closed."""
        return Blobs(self.folder)

    def _checked(self, *arguments: str) -> Answer:
        return git_process.checked(self.folder, *arguments)


def _tree_files(answer: Answer) -> list[TreeFile]:
    """The lines of `git ls-tree -z`: `MODE TYPE ID<tab>PATH`."""
    found = []
    for field in answer.fields:
        about, _, path = field.partition("\t")
        mode, _kind, oid = about.split(" ")
        found.append(TreeFile(path=path, mode=mode, oid=oid))
    return found
