"""What the words after `lmi-deploy diff` name.

`live` and `git:...` are always that; `./live` is a file or folder of this name. Else a path that
exists goes before the name of a profile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lmi_deployer.errors import InputError
from lmi_deployer.nearest import nearest
from lmi_deployer.resources import data_folder, find_profile, profile_names

LIVE = "live"
GIT = "git:"
FORMS = (
    "a profile, FILE#HARDWARE, a folder, git:REVISION, git:REVISION:PATH, a saved plan, "
    "a bundle folder, or live"
)
PROFILE_SUFFIXES = (".yaml", ".yml")
_REVISION = re.compile(r"(?:[^:{]|\{[^}]*\})*")
"""Up to the first colon outside of braces: `HEAD@{2024-05-01 12:00}`, `HEAD^{/fix: it}`."""


@dataclass(frozen=True, kw_only=True)
class File:
    """A profile file, or one hardware profile of it."""

    path: Path
    hardware: str | None = None
    is_shipped: bool = False
    """True for the name of a profile that comes with lmi-deploy, and is in nobody's repository."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder of profiles."""

    path: Path


@dataclass(frozen=True, kw_only=True)
class Git:
    """A revision: all of the profiles there, or a path at it."""

    revision: str
    path: str | None = None
    """From the root of the repository, or with a leading `./` from here, as git takes it."""
    hardware: str | None = None


@dataclass(frozen=True, kw_only=True)
class Live:
    """What runs."""


@dataclass(frozen=True, kw_only=True)
class SavedPlan:
    """A file of `lmi-deploy plan --out`."""

    path: Path


@dataclass(frozen=True, kw_only=True)
class BundleFolder:
    """A folder of `lmi-deploy render --out`."""

    path: Path


@dataclass(frozen=True, kw_only=True)
class BundleTree:
    """A folder of such folders: of `render --tree`, or `render --out` of several at once."""

    path: Path
    bundles: tuple[Path, ...]


Operand = File | Folder | Git | Live | SavedPlan | BundleFolder | BundleTree


def parse(text: str) -> Operand:
    """What a word names. Raises InputError, with the allowed forms and what is near."""
    if not text.isprintable() or not text:
        raise InputError(f"{text!r} names nothing to compare", fix=FORMS)
    if text == LIVE:
        return Live()
    if text.startswith(GIT):
        return _git(text)
    path = Path(text)
    if _exists(path):
        return _at(path)
    before, mark, hardware = text.rpartition("#")
    if not mark:
        return _named(text, None)
    if not before or not hardware:
        raise InputError(f"{text!r} is not of the form FILE#HARDWARE", fix=FORMS)
    if Path(before).is_dir():
        problem = f"{before} is a folder, which has no hardware profile {hardware!r}"
        raise InputError(problem, fix=f"-p {hardware}, or FILE#HARDWARE")
    if _exists(Path(before)):
        return File(path=Path(before), hardware=hardware)
    return _named(before, hardware)


def _named(name: str, hardware: str | None) -> File:
    """A profile by its name."""
    path = _profile(name)
    is_shipped = path.parent == data_folder("profiles")
    return File(path=path, hardware=hardware, is_shipped=is_shipped)


def _git(text: str) -> Git:
    match = _REVISION.match(text, len(GIT))
    assert match is not None  # it matches nothing as well
    revision, rest = match.group(), text[match.end() :]
    path, _, hardware = rest.removeprefix(":").partition("#")
    if not revision:
        raise InputError(f"{text!r} names no revision", fix="for example git:main, git:HEAD~1")
    if revision.startswith("-"):
        raise InputError(f"{revision!r} is no git revision", fix="a branch, a tag or a commit")
    if rest and not path:
        raise InputError(f"{text!r} names no path", fix=f"{GIT}{revision}:PATH, or {GIT}{revision}")
    return Git(revision=revision, path=path or None, hardware=hardware or None)


def _at(path: Path) -> Operand:
    """What a path that exists holds."""
    if path.is_dir():
        return _folder(path)
    if path.suffix not in PROFILE_SUFFIXES and _begins_with_brace(path):
        return SavedPlan(path=path)
    return File(path=path)


def _folder(path: Path) -> Operand:
    """A bundle, a folder of bundles, or one of profiles, which may hold rendered files as well."""
    from lmi_deployer.diffing.reading_saved import is_bundle

    if is_bundle(path):
        return BundleFolder(path=path)
    try:
        names = sorted(path.iterdir())
        below = [] if any(name.suffix in PROFILE_SUFFIXES for name in names) else names
        # FOLDER/HARDWARE, and FOLDER/PROFILE/HARDWARE
        bundles = [
            found
            for name in below
            if name.is_dir()
            for found in ([name] if is_bundle(name) else filter(is_bundle, sorted(name.iterdir())))
        ]
    except OSError:  # whoever reads it says so
        bundles = []
    if bundles:
        return BundleTree(path=path, bundles=tuple(bundles))
    return Folder(path=path)


def _begins_with_brace(path: Path) -> bool:
    """Whether a file is JSON by its first character, as plans are and profiles are not."""
    if not path.is_file():  # a pipe would wait
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(100).lstrip()[:1] == b"{"
    except OSError:  # whoever reads it says so
        return False


def _profile(name: str) -> Path:
    """The file of a profile by its name. Raises InputError with what the word may have been."""
    try:
        return find_profile(name)
    except InputError as error:
        near = nearest(name, [*profile_names(), LIVE])
        if near is None:
            raise InputError(error.problem, fix=FORMS) from error
        raise InputError(error.problem, fix=f"did you mean {near!r}? ({FORMS})") from error


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False
