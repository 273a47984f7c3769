"""Reads and writes a folder of rendered files, `<folder>/<profile>/<hardware profile>/...`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from lmi_deployer.edges.files import MAX_FILE_BYTES, write_folder
from lmi_deployer.errors import InputError
from lmi_deployer.rendered_tree import RENDERED


def read_files(folder: Path) -> dict[str, bytes]:
    """Path below a folder: content, of every file in it; empty where there is no such folder.

    Raises InputError for what is no regular file, or too large to have been rendered.
    """
    found: dict[str, bytes] = {}
    try:
        for path in sorted(folder.rglob("*")):
            if path.is_dir() and not path.is_symlink():
                continue
            if path.is_symlink() or not path.is_file():
                raise InputError(f"{path} is no regular file", fix="remove it")
            if path.stat().st_size > MAX_FILE_BYTES:
                raise InputError(f"{path} is larger than any rendered file", fix="remove it")
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror or error}") from error
    return found


def profiles_in(tree: Path) -> set[str]:
    """The profiles that have a folder in a tree of rendered files."""
    return {path.name for path in tree.iterdir() if path.is_dir()} if tree.is_dir() else set()


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make a profile's folder hold these files; what was rendered before and is no more goes.

    Raises InputError, and changes nothing, where anything else lies in it.
    """
    left = set(read_files(folder)) - set(files)
    strange = sorted(path for path in left if RENDERED.fullmatch(path) is None)
    if strange:
        raise InputError(f"{folder} holds other files: {', '.join(strange[:3])}", fix="move them")
    for name in left:
        (folder / name).unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    if files:
        write_folder(folder, files)
    else:
        shutil.rmtree(folder, ignore_errors=True)
