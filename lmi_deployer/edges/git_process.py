"""Runs `git` so that nothing of a repository's own making runs with it, and nothing is fetched.

What a repository's configuration and attributes can name are programs: hooks, a file system
monitor, external diffs, filters, transports. Only commands that read objects and the index are used
here, which run no filters and no diffs; the rest is switched off.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from lmi_deployer.edges.files import MAX_FILE_BYTES
from lmi_deployer.errors import InputError

TIMEOUT_SECONDS = 120
"""For one command; a disk that does not answer is no reason to wait for ever."""
CHUNK_BYTES = 1 << 20
_OPTIONS = (
    "--no-pager",
    "-c",
    "core.fsmonitor=",  # a hook; empty means none, before git 2.36 too, where `false` is a name
    "-c",
    f"core.hooksPath={os.devnull}",
    "-c",
    "core.untrackedCache=false",
)
_KEPT = ("GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM", "GIT_CONFIG")
"""Beginnings of variables that say where repositories may be and whom to trust; CI sets them."""
_SETTINGS = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",  # the same for git before 2.44: no transport has this name
}
_NONE: Mapping[str, str] = {}
_DUBIOUS = "dubious ownership"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one command said."""

    status: int
    out: bytes
    problem: str
    """What git wrote to standard error, without surrounding space."""

    @property
    def line(self) -> str:
        """The answer where it is one line."""
        return os.fsdecode(self.out).rstrip("\n")

    @property
    def fields(self) -> list[str]:
        """The answer where it is names that end in NUL."""
        return os.fsdecode(self.out).split("\0")[:-1]


def environment() -> dict[str, str]:
    """The variables that git gets: without those that would point it elsewhere or trace.

    GIT_DIR and the like are dropped as well: the repository is the one around the folder.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith(_KEPT)
    }
    kept.pop("LANGUAGE", None)
    return {**kept, **_SETTINGS}


def run(
    folder: Path, *arguments: str, given: bytes = b"", settings: Mapping[str, str] = _NONE
) -> Answer:
    """Run one command, with further variables.

    Raises InputError where there is no git, or where it does not trust the folder.
    """
    try:
        done = subprocess.run(  # noqa: S603 - no shell; every revision and path is an argument
            _command(folder, arguments),
            input=given,
            capture_output=True,
            env={**environment(), **settings},
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except OSError as error:
        raise _no_git() from error
    except subprocess.TimeoutExpired as error:
        problem = f"git {arguments[0]} did not answer for {TIMEOUT_SECONDS} seconds"
        raise InputError(problem) from error
    problem = done.stderr.decode(errors="backslashreplace").strip()
    if done.returncode and _DUBIOUS in problem:
        fix = f"git config --global --add safe.directory {folder.resolve()}"
        raise InputError(f"git does not trust {folder}: somebody else owns it", fix=fix)
    return Answer(status=done.returncode, out=done.stdout, problem=problem)


def checked(folder: Path, *arguments: str, given: bytes = b"") -> Answer:
    """The same for a command that does not fail in a sound repository. Raises InputError."""
    answer = run(folder, *arguments, given=given)
    if answer.status:
        said = answer.problem.removeprefix("fatal: ") or f"exit status {answer.status}"
        raise InputError(f"git {arguments[0]} failed: {said}", fix="`git fsck` says more")
    return answer


def _no_git() -> InputError:
    fix = "install git; files and folders on this disk are compared without it"
    return InputError("the program `git` is not here, or cannot be started", fix=fix)


def _command(folder: Path, arguments: Sequence[str]) -> list[str]:
    return ["git", "-C", str(folder), *_OPTIONS, *arguments]


class Blobs:
    """Contents of files in a repository by their object id, as they were committed.

    One `git cat-file --batch` answers all of them; it starts with the first, and ends with the
    block that the object is used in.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """End the process, where there is one; it can be asked again."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # it only reads
            process.communicate()

    def read(self, oid: str) -> bytes:
        """The content of a file. Raises InputError without its name where it cannot be had."""
        header = self._ask(oid)
        found = header.split()
        if len(found) != 3 or not found[2].isdigit():  # noqa: PLR2004 - id, type, size
            self.close()
            fix = "`git fetch --refetch --no-filter`, or a clone without --filter"
            raise InputError("is not in this clone, which leaves objects out", fix=fix)
        size = int(found[2])
        if size > MAX_FILE_BYTES:
            self.close()  # rather than read it
            raise InputError(f"is larger than {MAX_FILE_BYTES:,} bytes")
        content = self._take(size + 1)[:-1]
        if found[1] != b"blob":
            raise InputError("is no file")
        return content

    def _ask(self, oid: str) -> bytes:
        """The line that answers for an object; empty where the process ended over it."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(oid.encode() + b"\n")
            process.stdin.flush()
        except OSError:
            return b""
        return process.stdout.readline()

    def _take(self, size: int) -> bytes:
        process = self._started()
        assert process.stdout is not None
        content = process.stdout.read(size)
        if len(content) < size:
            self.close()
            raise InputError("cannot be read: git ended", fix="`git fsck` says more")
        return content

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - no shell
                    _command(self._folder, ("cat-file", "--batch")),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=environment(),
                )
            except OSError as error:
                raise _no_git() from error
        return self._process
