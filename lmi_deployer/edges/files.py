"""Reads profiles and plans, and writes what was rendered: whole, or not at all."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from lmi_deployer.errors import InputError

MAX_FILE_BYTES = 4_000_000
OPEN_ALREADY = ("/dev/", "/proc/")
"""Where a shell puts what a command reads: `lmi-deploy lint <(...)`."""


def read_bytes(path: Path) -> bytes:
    """What a file the user named holds; "-" is standard input. Raises InputError."""
    try:
        if str(path) == "-":
            if sys.stdin is None:
                raise InputError("standard input is closed")
            raw = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            _refuse_special(path)
            with path.open("rb") as stream:
                raw = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # NUL, or what the file system cannot encode
        raise InputError(f"{str(path)!a} is no name that a file can have") from error
    if len(raw) > MAX_FILE_BYTES:
        raise InputError(f"{path} is larger than {MAX_FILE_BYTES:,} bytes")
    return raw


def _refuse_special(path: Path) -> None:
    """Refuse a pipe or a socket that lies in a folder: reading it may wait for ever."""
    mode = path.stat().st_mode
    is_special = not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)  # a folder says so when opened
    if is_special and not str(path.absolute()).startswith(OPEN_ALREADY):
        raise InputError(f"{path} is no regular file", fix="name a file, or - for standard input")


def read_text(path: Path) -> str:
    """The text of a file the user named; "-" is standard input. Raises InputError."""
    raw = read_bytes(path)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}: is not UTF-8 text", fix="save it as UTF-8") from error


def write_text(path: Path, text: str) -> None:
    """Write a file in one step, so that nobody ever sees half of it. Raises InputError."""
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            Path(name).chmod(_mode_of(path))  # a temporary file is for its owner alone
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def _mode_of(path: Path) -> int:
    """The permissions a written file gets: those it has, or else those of any new file."""
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a new or empty folder in one step. Raises InputError.

    A folder that holds anything but an earlier writing of the same files is refused.
    """
    import shutil
    import tempfile

    if any(Path(path).is_absolute() or ".." in Path(path).parts for path in files):
        raise ValueError("a bundle's paths must stay below its folder")
    folder = Path(os.path.realpath(folder))  # "." and links name a folder as well
    if folder.is_dir() and {str(path.relative_to(folder)) for path in folder.rglob("*")} - set(
        _with_parents(files)
    ):
        raise InputError(f"{folder} holds other files", fix="name a new or empty folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            for path, content in files.items():
                target = scratch / "new" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            if folder.exists():
                folder.replace(scratch / "old")
            (scratch / "new").replace(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}") from error


def _with_parents(files: Mapping[str, bytes]) -> list[str]:
    parents = [str(parent) for path in files for parent in Path(path).parents]
    return [*files, *parents]
