"""Where the symbolic links of a commit lead, as git itself follows them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lmi_deployer.edges import git_process

BLOB = b"blob"
TREE = b"tree"
OUTSIDE = "out of the repository"
TO_FOLDER = "to a folder"
TO_ITSELF = "to itself"
TO_NOTHING = "to nothing"
_NOWHERE = {
    b"symlink": OUTSIDE,
    b"dangling": TO_NOTHING,
    b"loop": TO_ITSELF,
    b"notdir": TO_NOTHING,
}
"""What `git cat-file --follow-symlinks` says of links that lead to no object."""


@dataclass(frozen=True, kw_only=True)
class Led:
    """Where one link leads."""

    oid: str | None
    """Of the file at its end; None where it leads to none."""
    end: str
    """Where it leads instead, in words: `to nothing`; empty for a file."""


def led_to(folder: Path, commit: str, paths: Sequence[str]) -> dict[str, Led]:
    """Where links of a commit lead, by their paths; not out of that commit."""
    odd = Led(oid=None, end="from a name with a line break")  # `-Z` is newer than some gits
    found = {path: odd for path in paths if "\n" in path}
    asked = [path for path in paths if path not in found]
    if not asked:
        return found
    given = b"".join(os.fsencode(f"{commit}:{path}\n") for path in asked)
    command = ("cat-file", "--batch-check", "--follow-symlinks")
    rest = git_process.checked(folder, *command, given=given).out
    for path in asked:
        line, _, rest = rest.partition(b"\n")
        match line.split():
            case [word, size] if word in _NOWHERE:
                found[path] = Led(oid=None, end=_NOWHERE[word])
                rest = rest[int(size) + 1 :]  # the name that it stopped at
            case [oid, kind, _size] if kind == BLOB:
                found[path] = Led(oid=oid.decode(), end="")
            case [_, kind, _size] if kind == TREE:
                found[path] = Led(oid=None, end=TO_FOLDER)
            case _:  # `NAME missing`: into a submodule, or what this clone leaves out
                found[path] = Led(oid=None, end="to what this clone does not hold")
    return found
