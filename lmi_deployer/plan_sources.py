"""What a plan was decided from, by hashes: so that a saved one can say what has changed since."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lmi_deployer import __version__
from lmi_deployer.edges.files import read_bytes
from lmi_deployer.errors import InputError
from lmi_deployer.findings import printable
from lmi_deployer.lockfile import LOCK_NAME
from lmi_deployer.resources import PACKAGE
from lmi_deployer.secrets import redacted


@dataclass(frozen=True, kw_only=True)
class Sources:
    """SHA-256, in hexadecimal, of all that a spec follows from; and the overrides in full."""

    profile: str
    """Path of the profile, as the command that planned could reach it."""
    profile_sha256: str
    lock_sha256: str | None
    """Of the lock beside the profile; None where there was none."""
    catalog_sha256: str
    version: str
    """Of lmi-deploy."""
    overrides: tuple[str, ...] = ()


def sources_of(profile: Path, overrides: Sequence[str] = ()) -> Sources:
    """The sources of a plan that is made of a profile now. Raises InputError."""
    return Sources(
        profile=str(profile),
        profile_sha256=_sha256(read_bytes(profile)),
        lock_sha256=_of_lock(profile),
        catalog_sha256=catalog_sha256(),
        version=__version__,
        overrides=tuple(overrides),
    )


def changed_since(sources: Sources) -> Iterator[str]:
    """What is another one now than when the plan was made, in words; of what can be read here."""
    profile, name = Path(sources.profile), printable(redacted(sources.profile))
    if not os.path.isfile(profile):  # noqa: PTH113 - never raises, whatever the name
        yield f"{name} is not here to compare with"
        return
    try:
        now, lock = _sha256(read_bytes(profile.absolute())), _of_lock(profile)
    except InputError as error:
        yield printable(redacted(error.problem))
        return
    if now != sources.profile_sha256:
        yield f"{name} has changed"
    if lock != sources.lock_sha256:
        yield f"{printable(redacted(str(profile.parent / LOCK_NAME)))} has changed"
    if sources.version != __version__:
        yield f"it was made by lmi-deploy {printable(sources.version)}, and this is {__version__}"
    elif catalog_sha256() != sources.catalog_sha256:
        yield "the catalog of lmi-deploy has changed"


def _of_lock(profile: Path) -> str | None:
    """Hash of the lock beside a profile; None where there is none."""
    lock = profile.parent / LOCK_NAME
    return _sha256(read_bytes(lock)) if lock.is_file() else None


def catalog_sha256() -> str:
    """Hash of the names and contents of all compiled parts of the catalog."""
    digest = hashlib.sha256()
    folder = PACKAGE / "catalog" / "compiled"
    for path in sorted(folder.rglob("*.json")):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
