"""The profiles of one side, where the other side is a plan, bundles or what is live."""

from __future__ import annotations

from collections.abc import Iterator

from lmi_deployer.diffing.comparison import Unread
from lmi_deployer.diffing.locks import Locks
from lmi_deployer.diffing.reading import Asked
from lmi_deployer.diffing.reading_files import Entry
from lmi_deployer.diffing.reading_places import NO_PROFILES, Place
from lmi_deployer.diffing.reading_profiles import Which, loaded, merged_all, no_such_hardware
from lmi_deployer.errors import InputError
from lmi_deployer.findings import ProfileError
from lmi_deployer.hardware import MergedProfile


def entries_of(place: Place) -> list[Entry]:
    """The profile files that are asked for. Raises InputError where there are none."""
    if place.key is not None:
        return [place.named()]
    found = list(place.profiles().values())
    if not found:
        raise InputError(f"there are no profiles in {place.looked_in}", fix=NO_PROFILES)
    return found


def overrides_of(asked: Asked, side: Which) -> tuple[str, ...]:
    """`--set`, for the later side alone."""
    return asked.overrides if side == "after" else ()


def every_merged(
    place: Place, asked: Asked, side: Which, unread: list[Unread]
) -> Iterator[MergedProfile]:
    """Every hardware profile that is asked for, with all that it inherits.

    Files that cannot be read are added to `unread`. Raises InputError for a hardware profile that
    is in none of them.
    """
    names = (place.hardware,) if place.hardware else asked.names
    locks = Locks()
    known: set[str] = set()
    try:
        for entry in entries_of(place):
            try:
                profile = loaded(place.side, entry, locks.beside(place.side, entry))
            except ProfileError as error:
                unread.append(Unread(name=entry.file, side=side, findings=error.findings))
                continue
            known.update(profile.hardware_names)
            yield from merged_all(profile, names, overrides_of(asked, side)).values()
    finally:
        place.close()
    missing = [name for name in names if known and name not in known]
    if missing:
        raise no_such_hardware(missing[0], known)
