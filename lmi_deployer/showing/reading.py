"""Reads what `show` is asked about: a profile, a bundle, or a saved plan."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lmi_deployer import api, lockfile
from lmi_deployer.diffing.snapshot import Snapshot
from lmi_deployer.diffing.taking import take
from lmi_deployer.edges.files import read_bytes, read_text
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, Place, ProfileError
from lmi_deployer.hardware import LoadedProfile, load_profile
from lmi_deployer.plan_file import SavedPlan, parse_plan


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a file comes to: hardware profiles, or the plan that is saved in it."""

    snapshots: tuple[Snapshot, ...] = ()
    plan: SavedPlan | None = None

    @property
    def is_whole(self) -> bool:
        """False where a hardware profile could not be decided."""
        return all(item.deployed is not None for item in self.snapshots)


def read(
    name: str, *, hardware: Sequence[str] = (), lock: Path | None = None, region: str
) -> Shown:
    """What lies under a name. Raises InputError, or ProfileError with all that is wrong."""
    path = Path(name)
    if os.path.isdir(name):  # noqa: PTH112 - never raises, whatever the name
        from lmi_deployer.diffing.reading_saved import snapshot_of_bundle

        _refuse(hardware, lock, "a bundle")
        return Shown(snapshots=(snapshot_of_bundle(path),))
    if not os.path.isfile(name) and name != "-":  # noqa: PTH113 - never raises, as above
        from lmi_deployer.resources import find_profile

        path = find_profile(name)
    text = read_text(path)
    if text.lstrip()[:1] == "{":
        _refuse(hardware, lock, "a saved plan")
        return Shown(plan=parse_plan(text, str(path)))
    loaded = load_profile(text, str(path))
    beside = lockfile.read_beside(path) if lock is None else _lock(lock)
    names = _selected(loaded, hardware)
    taken = tuple(_taken(replace(loaded, lock=beside), name, region) for name in names)
    return Shown(snapshots=taken)


def _refuse(hardware: Sequence[str], lock: Path | None, what: str) -> None:
    for option, given in (("-p", bool(hardware)), ("--lock", lock is not None)):
        if given:
            raise InputError(f"{option} is for profiles, and this is {what}", fix=f"no {option}")


def _lock(path: Path) -> lockfile.Lock:
    found = lockfile.read(path)
    if found is None:
        raise InputError(f"there is no lock {path}", fix="`lmi-deploy lock`, or no --lock")
    return found


def _selected(loaded: LoadedProfile, hardware: Sequence[str]) -> tuple[str, ...]:
    if not hardware or api.ALL in hardware:
        return loaded.hardware_names
    return tuple(dict.fromkeys(hardware))


def _taken(loaded: LoadedProfile, hardware: str, region: str) -> Snapshot:
    return take(
        api.check(loaded, hardware),
        region=region,
        profile=loaded.profile.name,
        hardware=hardware,
        file=loaded.source.name,
    )


def text_of(name: str) -> str | None:
    """What a file holds, in any encoding; None for what is no file, or was read already."""
    if name == "-":
        return None
    try:
        return read_bytes(Path(name)).decode("utf-8-sig", "replace")
    except InputError:
        return None


def problems(error: InputError) -> Iterator[Finding]:
    """What is wrong with something that cannot be read, as findings without a place."""
    if isinstance(error, ProfileError):
        yield from error.findings
    else:
        yield Finding.error("LMI001", error.problem, place=Place(""), fix=error.fix)
