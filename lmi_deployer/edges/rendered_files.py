"""Reads and writes a folder of rendered files, `<folder>/<profile>/<hardware profile>/...`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from lmi_deployer.edges.files import MAX_FILE_BYTES, write_folder
from lmi_deployer.errors import InputError
from lmi_deployer.rendered_tree import RENDERED, RENDERED_NAMES

SHOWN_PATHS = 3


def read_files(folder: Path) -> dict[str, bytes]:
    """Path below a folder: content, of every file in it; empty where there is no such folder.

    Raises InputError for what is no regular file, or too large to have been rendered.
    """
    found: dict[str, bytes] = {}
    if folder.is_symlink():
        raise InputError(f"{folder} is a link, and no folder", fix="remove it")
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
    """The profiles that have rendered files in a tree; other folders in it are not looked at."""
    if not tree.is_dir():
        return set()
    return {folder.name for folder in tree.iterdir() if folder.is_dir() and _is_rendered(folder)}


def _is_rendered(folder: Path) -> bool:
    return any(next(folder.glob(f"*/{name}"), None) is not None for name in RENDERED_NAMES)


def write_tree(tree: Path, profiles: Mapping[str, Mapping[str, bytes]]) -> None:
    """Make the folders of profiles hold their files; what was rendered before and is no more goes.

    Raises InputError, and changes nothing, where anything else lies in one of them.
    """
    left = {name: set(read_files(tree / name)) - set(files) for name, files in profiles.items()}
    for name, paths in left.items():
        strange = sorted(path for path in paths if RENDERED.fullmatch(path) is None)
        if strange:
            listed = ", ".join(strange[:SHOWN_PATHS])
            fix = "move them, or --tree with another folder"
            raise InputError(f"{tree / name} holds other files: {listed}", fix=fix)
    for name, files in profiles.items():
        _write_files(tree / name, files, left[name])


def _write_files(folder: Path, files: Mapping[str, bytes], left: Iterable[str]) -> None:
    try:
        for name in left:
            (folder / name).unlink()
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        if not files and folder.is_dir():
            folder.rmdir()
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}") from error
    if files:
        write_folder(folder, files)
