"""What a reviewer has to know beside the values, each a sentence without its full stop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from lmi_deployer.diffing.comparison import ProfileDiff, has_same_machines
from lmi_deployer.diffing.snapshot import RUNNING_INSTANCES, Snapshot
from lmi_deployer.diffing.wording import listed
from lmi_deployer.impact import UNKNOWN, Impact
from lmi_deployer.render import PROPERTIES_FILE

OUTLINE = ("instance_type", "backend", "container.version", "model.id")
"""Values that say in one line what a hardware profile is."""


def notes_of_added(side: Snapshot) -> tuple[str, ...]:
    """What an added hardware profile is; why it cannot be told where it could not be decided."""
    if side.deployed is None:
        return (f"{side.title} is new and cannot be decided: its findings say why",)
    values = [side.values[key] for key in OUTLINE if key in side.values]
    outline = listed(str(item.value) for item in values)
    return (f"new endpoint {_name(side)}" + (f": {outline}" if outline else ""),)


def notes_of_removed(side: Snapshot) -> tuple[str, ...]:
    """That removing a hardware profile from a file removes nothing that runs."""
    if side.deployed is None:
        return ("its endpoint, where there is one, stays and costs until `lmi-deploy down`",)
    return (_stays(side),)


def notes_of_undeployed(side: Snapshot) -> tuple[str, ...]:
    """That the other side, an account, has nothing of it."""
    if side.deployed is None:
        return (f"{side.title} cannot be decided: its findings say why",)
    return (f"endpoint {_name(side)} is not deployed",)


def _stays(side: Snapshot) -> str:
    name = _name(side)
    return f"where endpoint {name} is deployed, it stays and costs until `lmi-deploy down {name}`"


def _name(side: Snapshot) -> str:
    return listed([side.deployed.endpoint if side.deployed else UNKNOWN])


def notes_of_both(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """Renamed endpoints, and what could not be compared."""
    return (
        *_endpoint(before, after),
        *_unknown(before, after),
        *_versions(before, after),
        *_scaled(before, after),
        *_prices(before, after),
    )


def _endpoint(before: Snapshot, after: Snapshot) -> Iterator[str]:
    if is_taken_over(before, after):
        yield _refused(after, before.title)
    names = {_name(before), _name(after)}
    if len(names) > 1 and UNKNOWN not in names:
        yield (
            f"{_name(after)} is a new endpoint; where {_name(before)} is deployed, it stays, and "
            f"both cost until `lmi-deploy down {_name(before)}`"
        )


def is_taken_over(before: Snapshot, after: Snapshot) -> bool:
    """True where an endpoint would go from one hardware profile to another, which is refused."""
    if before.deployed is None or after.deployed is None or before.title == after.title:
        return False
    return UNKNOWN != before.deployed.endpoint == after.deployed.endpoint


def taken_over(diff: ProfileDiff, owners: Mapping[str, str]) -> ProfileDiff:
    """The same, INCOMPATIBLE where it takes an endpoint that another one had before.

    `owners` has the title of the hardware profile that each endpoint belonged to.
    """
    if diff.after is None or diff.after.deployed is None:
        return diff
    name = diff.after.deployed.endpoint
    earlier = None if diff.before is None else diff.before.deployed
    owner = owners.get(name, diff.title)
    is_its_own = earlier is not None and earlier.endpoint == name
    if name == UNKNOWN or is_its_own or owner == diff.title:
        return diff
    note = _refused(diff.after, owner)
    return replace(diff, impact=Impact.INCOMPATIBLE, notes=(*diff.notes, note))


def _refused(side: Snapshot, owner: str) -> str:
    name = _name(side)
    return (
        f"endpoint {name} was made for {listed([owner])}, and `plan` refuses to take it over: "
        f"`lmi-deploy down {name}` first, or another endpoint.name"
    )


def _unknown(before: Snapshot, after: Snapshot) -> Iterator[str]:
    for side, name in ((before, "earlier"), (after, "later")):
        if side.deployed is None:
            yield f"the {name} side cannot be decided, so its values are not compared"
    if before.deployed is None or after.deployed is None:
        return
    if before.is_decided and after.is_decided:
        return
    left_out = [
        f"on the {name} side: {names}"
        for side, other, name in ((before, after, "earlier"), (after, before, "later"))
        if (names := listed(_left_out(side, other), most=8))
    ]
    if left_out:
        yield f"not known, and not compared, {'; '.join(left_out)}"
    if before.is_decided and not after.is_decided:
        yield "the impact is that of bringing the later side to what the earlier one says"


def _left_out(side: Snapshot, other: Snapshot) -> Iterator[str]:
    """What a side does not tell and the other one does."""
    mine, theirs = side.deployed, other.deployed
    assert mine is not None
    assert theirs is not None
    if mine.endpoint == UNKNOWN != theirs.endpoint:
        yield "the endpoint"
    if mine.properties is None and theirs.properties is not None:
        yield PROPERTIES_FILE
    if mine.endpoint_config is None and theirs.endpoint_config is not None:
        yield "machines and limits of time"
    said = {name for name, text in theirs.model.items() if text and not name.endswith("_from")}
    yield from (f"model.{name}" for name in sorted(said - mine.model.keys()))
    if mine.engine == UNKNOWN and theirs.engine not in {None, UNKNOWN}:
        yield "what is compiled"


def _scaled(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """That more or fewer instances run, and are paid for, than were deployed."""
    for side in (before, after):
        if RUNNING_INSTANCES in side.values:
            count = side.values[RUNNING_INSTANCES].value
            yield (
                f"{count} instances run and are paid for, which is not what was deployed; `up` "
                f"leaves that as it is, and `lmi-deploy drift {_name(side)}` says how to mend it"
            )


def _versions(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """That one side is of another lmi-deploy, whose rules and catalog may answer otherwise."""
    versions = before.version, after.version
    if None not in versions and versions[0] != versions[1]:
        told = listed([f"lmi-deploy {version}" for version in versions])
        yield f"decided by {told}: what nobody wrote may differ by that alone"


def _prices(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """Where a difference of costs may be one of regions or days, and not of machines."""
    if before.cost is None or after.cost is None:
        return
    lists = {(cost.region, cost.as_of) for cost in (before.cost, after.cost)}
    regions = {region for region, _ in lists}
    if len(regions) > 1 or (len(lists) > 1 and has_same_machines(before, after)):
        shown = listed(sorted(f"{region} of {as_of}" for region, as_of in lists))
        yield f"the costs are from different price lists: {shown}"
