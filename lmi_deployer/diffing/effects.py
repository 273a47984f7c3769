"""What a change does beside the values themselves, as lines that every output shows alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from lmi_deployer.diffing.comparison import HOURS_PER_MONTH, Comparison, ProfileDiff
from lmi_deployer.diffing.snapshot import CompiledArtifact, Cost, Image, MemoryShare, Snapshot
from lmi_deployer.findings import printable
from lmi_deployer.impact import UNKNOWN, Impact
from lmi_deployer.secrets import redacted

KEY_CHARACTERS = 8
"""Of the key of a compiled artifact that are shown."""
DIGEST_CHARACTERS = len("sha256:") + 12
_SEVERAL = "prices of "
_VERDICTS = {"fits": "fits", "tight": "tight", "does_not_fit": "does not fit"}


class Effect(NamedTuple):
    """One line: what it is about, and before -> after."""

    label: str
    text: str


def effects(diff: ProfileDiff) -> tuple[Effect, ...]:
    """Memory, head-room, ceiling, artifact, image and cost; what stays as it is, only of cost.

    Empty where neither side is known, as of a profile that is equal.
    """
    if diff.before is None and diff.after is None:
        return ()
    if diff.status == "equal" and diff.usd_per_hour_delta == 0:
        return ()
    lines = [*_memory(diff), *_artifact(diff), *_image(diff), *_cost(diff)]
    return tuple(Effect(label, printable(redacted(text))) for label, text in lines)


def _memory(diff: ProfileDiff) -> Iterator[tuple[str, str]]:
    """How one GPU is filled; of what is read back from an endpoint nobody works that out."""
    sides = diff.before, diff.after
    before, after = both = _memories(diff)
    if before == after or not all(side is None or side.is_decided for side in sides):
        return
    if before and after and _gib(before.usable_gib) == _gib(after.usable_gib):
        in_use = moved(_gib(before.used_gib), _gib(after.used_gib))
        used = f"{in_use} of {_gib(after.usable_gib)} GiB"
    else:
        used = _sides(diff, *_told(both, _used))
    yield "memory per GPU", f"{used}, {_sides(diff, *_told(both, _verdict))}"
    yield "head-room", f"{_sides(diff, *_told(both, _room))} GiB"
    yield "batch ceiling", f"{_sides(diff, *_told(both, _ceiling))} sequences"


def _memories(diff: ProfileDiff) -> tuple[MemoryShare | None, MemoryShare | None]:
    before, after = diff.before, diff.after
    return before.memory if before else None, after.memory if after else None


def _told(
    both: tuple[MemoryShare | None, MemoryShare | None], tell: Callable[[MemoryShare], str]
) -> tuple[str | None, str | None]:
    before, after = both
    return None if before is None else tell(before), None if after is None else tell(after)


def _room(memory: MemoryShare) -> str:
    return _gib(memory.headroom_gib)


def _gib(size_gib: float) -> str:
    return f"{round(size_gib, 1) + 0.0:.1f}"  # never -0.0


def _ceiling(memory: MemoryShare) -> str:
    return f"{memory.batch_ceiling:,}"


def _verdict(memory: MemoryShare) -> str:
    return _VERDICTS[memory.verdict]


def _sides(diff: ProfileDiff, before: str | None, after: str | None) -> str:
    """Both sides of what is there on both; else the one side."""
    if diff.before is None or diff.after is None:
        only = after if diff.before is None else before
        return moved(only, only)
    return moved(before, after)


def _used(memory: MemoryShare) -> str:
    return f"{_gib(memory.used_gib)} of {_gib(memory.usable_gib)} GiB"


def _artifact(diff: ProfileDiff) -> Iterator[tuple[str, str]]:
    """The engine or checkpoint; one that stays the same, if it may be compiled all the same."""
    before, after = (None if side is None else side.artifact for side in (diff.before, diff.after))
    newest = after or before
    if newest is None:
        return
    is_same = before is not None and after is not None and before.identity == after.identity
    is_told = newest.is_cached is not None or diff.impact is Impact.RECOMPILE
    if is_same and not is_told and _key(before) == _key(after):
        return
    text = _sides(diff, _key(before), _key(after))
    if after is not None and diff.after is not None:
        text = f"{text}, {_where(after, diff.after)}"
    yield newest.name, text


def _key(artifact: CompiledArtifact | None) -> str:
    if artifact is None:
        return "none"
    if artifact.key is None and artifact.is_ahead:
        return f"{artifact.identity[:KEY_CHARACTERS]} (its key follows from the weights)"
    return (artifact.key or artifact.identity)[:KEY_CHARACTERS]


def _where(artifact: CompiledArtifact, side: Snapshot) -> str:
    """Whether it is there already; else how it comes to be, as far as nobody has looked."""
    if artifact.is_cached is not None:
        return "in the cache" if artifact.is_cached else "not in the cache"
    if artifact.is_ahead:
        return "compiled ahead of time; the cache was not looked into"
    is_compiled = side.deployed is not None and side.deployed.engine not in {None, UNKNOWN}
    mode = side.values.get("compile.mode")
    if mode is None or mode.value == "jit":
        return "compiled in the container at each start"
    if is_compiled:
        return "compiled at each start unless the cache holds it, which was not looked into"
    return "used where the cache holds it, which was not looked into"


def _image(diff: ProfileDiff) -> Iterator[tuple[str, str]]:
    before, after = (None if side is None else side.image for side in (diff.before, diff.after))
    if before is None or after is None or before == after:
        return
    digests = before.digest, after.digest
    if before.tag == after.tag and None in digests:
        return
    yield "image", moved(_tag(before), _tag(after))


def _tag(image: Image) -> str:
    return f"{image.tag} ({image.digest[:DIGEST_CHARACTERS]})" if image.digest else image.tag


def _cost(diff: ProfileDiff) -> Iterator[tuple[str, str]]:
    before, after = (None if side is None else side.cost for side in (diff.before, diff.after))
    if before is None and after is None:
        yield "cost", "no price is known"
        return
    as_of = _priced(cost for cost in (before, after) if cost is not None)
    if before and after and _rounded(before) == _rounded(after):
        yield "cost", f"{_hourly(after)}, unchanged ({as_of})"
        return
    delta = cost_change(diff.usd_per_hour_delta)
    if diff.status == "removed":
        yield "cost", f"{delta}, once its endpoint is down ({as_of})"
    elif diff.status == "added":
        yield "cost", f"{delta} ({as_of})"
    elif before is None or after is None:
        yield "cost", f"{moved(_hourly(before), _hourly(after))} ({as_of})"
    else:
        yield "cost", f"{_usd(before)} -> {_usd(after)} per hour: {delta} ({as_of})"


def _usd(cost: Cost) -> str:
    return f"${cost.usd_per_hour:,.2f}"


def _hourly(cost: Cost | None) -> str:
    return "unknown" if cost is None else f"{_usd(cost)} per hour"


def _rounded(cost: Cost) -> float:
    return round(cost.usd_per_hour, 2)


def cost_change(usd_per_hour: float | None) -> str:
    """`+$20.00 per hour, +$14,600 per 730 hours`; `cost unchanged`, `cost unknown`."""
    if usd_per_hour is None:
        return "cost unknown"
    if round(usd_per_hour, 2) == 0:
        return "cost unchanged"
    monthly = _signed(usd_per_hour * HOURS_PER_MONTH, 0)
    return f"{_signed(usd_per_hour)} per hour, {monthly} per {HOURS_PER_MONTH} hours"


def _signed(usd: float, decimals: int = 2) -> str:
    return f"{'-' if usd < 0 else '+'}${abs(usd):,.{decimals}f}"


def total_cost(comparison: Comparison) -> str:
    """What everything costs more in the end, and before that where it is another sum."""
    delta, at_first = comparison.usd_per_hour_delta, comparison.usd_per_hour_delta_at_first
    change = cost_change(delta)
    if delta is None or at_first is None:
        return change
    if round(delta, 2) == round(at_first, 2):
        return change + price_lists(comparison)
    is_left = any(diff.leaves_endpoint for diff in comparison.profiles)
    end = "once the old endpoints are down" if is_left else "if all of it can be deployed"
    until = "unchanged" if round(at_first, 2) == 0 else f"{_signed(at_first)} per hour"
    return f"{change} {end}, {until} until then{price_lists(comparison)}"


def price_lists(comparison: Comparison) -> str:
    """What a sum of prices of several days or regions says of itself; nothing for one of one."""
    shown = _priced(comparison.costs) if comparison.costs else ""
    return f" ({shown})" if shown.startswith(_SEVERAL) else ""


def _priced(costs: Iterable[Cost]) -> str:
    """`us-east-1, price of 2025-01-26`; of several, each region with its first and last day."""
    days: dict[str, set[str]] = {}
    for cost in costs:
        days.setdefault(cost.region, set()).add(cost.as_of)
    if len(days) == 1 and len(*days.values()) == 1:
        ((region, (day,)),) = days.items()
        return f"{region}, price of {day}"
    spans = (_span(region, min(found), max(found)) for region, found in sorted(days.items()))
    return _SEVERAL + ", ".join(spans)


def _span(region: str, first: str, last: str) -> str:
    return f"{region} of {first}" if first == last else f"{region} from {first} to {last}"


def moved(before: str | None, after: str | None) -> str:
    """`29.6 -> 26.8`, or the one text where both are the same; `unknown` for none."""
    texts = ["unknown" if text is None else text for text in (before, after)]
    return texts[0] if texts[0] == texts[1] else " -> ".join(texts)
