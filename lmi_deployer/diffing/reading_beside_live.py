"""What is live beside profiles, or beside a saved plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from lmi_deployer.diffing.comparison import Unread
from lmi_deployer.diffing.operands import BundleTree
from lmi_deployer.diffing.pairing import Pair
from lmi_deployer.diffing.reading import Asked, Sides
from lmi_deployer.diffing.reading_kept import Kept, snapshot_of
from lmi_deployer.diffing.reading_one_side import every_merged
from lmi_deployer.diffing.reading_places import single_place
from lmi_deployer.diffing.reading_profiles import Which, opposite, turned
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, Place
from lmi_deployer.impact import UNKNOWN

if TYPE_CHECKING:
    from lmi_deployer.diffing.reading_live import LiveReader
    from lmi_deployer.diffing.reading_spots import OfFiles
    from lmi_deployer.diffing.snapshot import Snapshot
    from lmi_deployer.importing.looking import Looked


def read_beside_live(operand: OfFiles | Kept | None, asked: Asked, *, live: Which) -> Sides:
    """What is live, on that side, beside something else. Raises InputError."""
    if asked.live is None:
        fix = "credentials of an account, or --sandbox"
        raise InputError("what is live can only be told with an account", fix=fix)
    if isinstance(operand, Kept):
        return _beside_plan(operand, asked.live, live)
    return _beside_files(operand, asked, asked.live, live)


def _beside_files(operand: OfFiles | None, asked: Asked, reader: LiveReader, live: Which) -> Sides:
    """Every hardware profile beside its endpoint."""
    from lmi_deployer.api import check_merged

    place = single_place(operand, asked)
    unread: list[Unread] = []

    def pairs() -> Iterator[Pair]:
        for merged in every_merged(place, asked, opposite(live), unread):
            wanted, there, problem = reader.pair(check_merged(merged), merged.file)
            if problem is not None:
                unread.append(replace(problem, side=live))
            if there is not None or problem is None:
                yield _pair(live, there, wanted)

    names = turned(live, _name(reader), place.side.name)
    return Sides(before=names[0], after=names[1], pairs=pairs(), unread=unread)


def _beside_plan(operand: Kept, reader: LiveReader, live: Which) -> Sides:
    """A saved plan beside the endpoint that it is about."""
    from lmi_deployer.diffing.live_snapshot import live_snapshot
    from lmi_deployer.diffing.reading_live import unread
    from lmi_deployer.importing.looking import look

    snapshot = None if isinstance(operand, BundleTree) else snapshot_of(operand)
    deployed = None if snapshot is None else snapshot.deployed
    if snapshot is None or deployed is None or deployed.endpoint == UNKNOWN:
        fix = "the profile it was rendered from, or a saved plan"
        raise InputError(f"{operand.path} does not say which endpoint it is for", fix=fix)
    looked = look(deployed.endpoint, reader.aws)
    if looked is not None and "tags" not in looked.problems:
        snapshot = _refused_where_foreign(snapshot, looked)
    there = None if looked is None else live_snapshot(looked, snapshot, reader.region)
    pairs = [_pair(live, there, snapshot)] if there is not None or looked is None else []
    before, after = turned(live, _name(reader), str(operand.path))
    sides = Sides(before=before, after=after, pairs=iter(pairs))
    if looked is not None and looked.problems:
        findings = tuple(unread(looked.name, error) for error in looked.problems.values())
        sides.unread.append(Unread(name=f"endpoint {looked.name}", side=live, findings=findings))
    return sides


def _refused_where_foreign(snapshot: Snapshot, looked: Looked) -> Snapshot:
    """The same; LMI502 where the endpoint was made for something else, which `plan` refuses."""
    from lmi_deployer.deployment import Identity
    from lmi_deployer.diffing.live_wanted import FOREIGN

    names = {"profile": snapshot.profile, "hardware": snapshot.hardware}
    if Identity(deployment=looked.name, folder="", **names).owns(looked.tags):
        return snapshot
    problem = f"endpoint {looked.name} exists, and was not made for this hardware profile"
    found = Finding.error(FOREIGN, problem, place=Place(f"endpoint {looked.name}"), fix=None)
    return replace(snapshot, findings=(*snapshot.findings, found))


def _pair(live: Which, there: Snapshot | None, wanted: Snapshot | None) -> Pair:
    """What is live, on that side, beside what should be."""
    before, after = turned(live, there, wanted)
    return Pair(before=before, after=after, is_missing_live=there is None)


def _name(reader: LiveReader) -> str:
    return f"live in {reader.region}"
