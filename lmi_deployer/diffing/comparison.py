"""What became of two sides that were compared: plain data, for every form of output."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from lmi_deployer.diffing.snapshot import Cost, Item, Snapshot
from lmi_deployer.findings import Finding, Place
from lmi_deployer.impact import UNKNOWN, Impact

HOURS_PER_MONTH = 730
Status = Literal["changed", "equal", "added", "removed", "unknown"]
"""`unknown`: one side could not be read, so that nothing can be said about the whole."""
Cause = Literal["profile", "override", "lock", "catalog", "derived", "deployed"]
"""Why a value changed: a line of a profile, `--set`, the lock, the catalog or the version of
lmi-deploy, other values that a rule goes by, or what somebody did to the endpoint."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One value that differs. A value that is not there on a side is None there."""

    key: str
    """Dotted key of the profile; of what is only known as deployed, `serving.properties:NAME`,
    `model.NAME`, `endpoint_config.NAME`, `tags.NAME`, `endpoint` or `engine`."""
    before: Item | None
    after: Item | None
    cause: Cause
    place: Place | None
    """The line to look at: of the side that still has it, the later one first."""
    impact: Impact

    @property
    def place_side(self) -> Literal["before", "after"] | None:
        """The side whose file has that line; None without one."""
        if self.place is None:
            return None
        is_later = self.after is not None and self.after.place == self.place
        return "after" if is_later else "before"


@dataclass(frozen=True, kw_only=True)
class ProfileDiff:
    """One hardware profile on both sides."""

    profile: str
    hardware: str
    file: str
    file_before: str | None = None
    """Where the file, or the hardware profile, had another name: `old.yaml`, `old.yaml#g5`."""
    status: Status
    impact: Impact
    """The worst of its changes; what adding or removing it does."""
    changes: tuple[Change, ...] = ()
    before: Snapshot | None
    """What it came to; None where it is added. Both sides are None of what is equal: a comparison
    of many is not to hold what nobody has to look at."""
    after: Snapshot | None
    appeared: tuple[Finding, ...] = ()
    gone: tuple[Finding, ...] = ()
    standing: tuple[Finding, ...] = ()
    """Errors that were there and still are; not of what is equal."""
    rendered: tuple[str, ...] = ()
    """Lines of a unified diff of serving.properties, without its heading."""
    notes: tuple[str, ...] = ()
    """What else a reviewer has to know, each a sentence without its full stop."""

    @property
    def title(self) -> str:
        """`llama2-70b / p4d`."""
        return f"{self.profile} / {self.hardware}"

    @property
    def usd_per_hour_delta(self) -> float | None:
        """What it costs more in the end; None where that is not known.

        Without prices it is still 0 where the machines and their number stay as they are. What is
        removed or renamed counts as saved; `usd_per_hour_delta_at_first` is without that.
        """
        if self.status == "equal":
            return 0.0
        if self.status == "unknown" and (self.before is None or self.after is None):
            return None
        costs = []
        for side in (self.before, self.after):
            if side is None:
                costs.append(0.0)
            elif side.cost is None:
                return 0.0 if has_same_machines(self.before, self.after) else None
            else:
                costs.append(side.cost.usd_per_hour)
        return costs[1] - costs[0]

    @property
    def usd_per_hour_delta_at_first(self) -> float | None:
        """What it costs more before `lmi-deploy down`; None where that is not known.

        An endpoint that is removed goes on, and a renamed one costs beside the new one. Nothing is
        saved by what cannot be deployed.
        """
        if self.status == "removed":
            return 0.0
        delta = self.usd_per_hour_delta
        if self.is_renamed:
            cost = self.after.cost if self.after is not None else None
            return None if cost is None else cost.usd_per_hour
        if delta is None:
            return None
        return max(delta, 0.0) if self.impact is Impact.INCOMPATIBLE else delta

    @property
    def is_renamed(self) -> bool:
        """True where another endpoint is made, and the one before stays."""
        sides = [side.deployed for side in (self.before, self.after) if side is not None]
        names = {deployed.endpoint for deployed in sides if deployed is not None}
        return len(names) > 1 and UNKNOWN not in names

    @property
    def leaves_endpoint(self) -> bool:
        """True where an endpoint costs, where it is deployed, until `lmi-deploy down`."""
        return self.status == "removed" or self.is_renamed


def has_same_machines(before: Snapshot | None, after: Snapshot | None) -> bool:
    """True where type and number of instances are known of both sides, and equal."""
    machines = _machines(before)
    return machines is not None and machines == _machines(after)


def _machines(side: Snapshot | None) -> tuple[str, str] | None:
    """Type and number of its instances; None where they are not known."""
    deployed = None if side is None else side.deployed
    variant = {} if deployed is None else deployed.endpoint_config or {}
    kind, count = variant.get("InstanceType"), variant.get("InitialInstanceCount")
    return None if kind is None or count is None else (kind, count)


@dataclass(frozen=True, kw_only=True)
class Unread:
    """A file, an endpoint or a whole side that could not be read or understood."""

    name: str
    """The file, endpoint or side."""
    side: Literal["before", "after"]
    findings: tuple[Finding, ...]
    """Why; at least one."""
    text_diff: tuple[str, ...] = ()
    """What can be shown all the same: the unified diff of the file as text, without secrets."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two sides, compared."""

    before: str
    """Name of the side: `main (1a2b3c4d)`, `work tree`, `live in us-east-1`, `plan.json`."""
    after: str
    profiles: tuple[ProfileDiff, ...] = ()
    """In the order of files and hardware profiles; those of unchanged files are left out."""
    unchanged_files: int = 0
    """Files that are the same on both sides, byte for byte, with the same lock beside them."""
    unread: tuple[Unread, ...] = ()
    notes: tuple[str, ...] = ()
    """What the comparison rests on: a merge base, a shallow clone, prices of another region."""

    @property
    def impact(self) -> Impact:
        """The worst of all."""
        return max((item.impact for item in self.profiles), default=Impact.NONE)

    @property
    def is_changed(self) -> bool:
        """True where anything differs, or could not be compared."""
        return bool(self.unread) or any(item.status != "equal" for item in self.profiles)

    @property
    def usd_per_hour_delta(self) -> float | None:
        """What all of them cost more in the end; None where one of them is not known."""
        return _sum(item.usd_per_hour_delta for item in self.profiles)

    @property
    def usd_per_hour_delta_at_first(self) -> float | None:
        """What all of them cost more before `lmi-deploy down`; None where one is not known."""
        return _sum(item.usd_per_hour_delta_at_first for item in self.profiles)

    @property
    def costs(self) -> tuple[Cost, ...]:
        """What the sums are made from: both sides of all that does not cost what it did."""
        moved = (
            item
            for item in self.profiles
            if item.usd_per_hour_delta or item.usd_per_hour_delta_at_first
        )
        sides = (side for item in moved for side in (item.before, item.after))
        return tuple(side.cost for side in sides if side is not None and side.cost is not None)


def _sum(deltas: Iterable[float | None]) -> float | None:
    known = []
    for delta in deltas:
        if delta is None:
            return None
        known.append(delta)
    return sum(known)
