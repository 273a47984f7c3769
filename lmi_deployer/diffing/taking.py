"""Takes the snapshot of a hardware profile that was decided and checked. Asks nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lmi_deployer import __version__, catalog, prices
from lmi_deployer.aot.outlook import SHORT_NAMES
from lmi_deployer.artifact.manifest import KEY_CHARACTERS
from lmi_deployer.decided import values_of
from lmi_deployer.diffing.snapshot import (
    CompiledArtifact,
    Cost,
    Image,
    Item,
    MemoryShare,
    Snapshot,
    Source,
)
from lmi_deployer.diffing.units import unit_of
from lmi_deployer.diffing.veiling import veiled
from lmi_deployer.findings import Place
from lmi_deployer.hardware import OVERRIDE_FILE, Origin
from lmi_deployer.impact import Deployed
from lmi_deployer.origins import is_locked, locked_by, origin_of
from lmi_deployer.reaching import reach_of
from lmi_deployer.rules.choice import PUBLISHED
from lmi_deployer.secrets import may_hold, redacted
from lmi_deployer.spec import GIB, ResolvedSpec

if TYPE_CHECKING:
    from lmi_deployer.aot.engine import Engine
    from lmi_deployer.aot.outlook import Outlook
    from lmi_deployer.api import Checked
    from lmi_deployer.sizing.memory import Memory

DECIMALS = 3
"""Of GiB: to the MiB, which is finer than the estimate."""
_SOURCES: Mapping[str, Source] = {
    "catalog": "catalog",
    "default": "default",
    "default of lmi-deploy": "default",
    "lock": "lock",
    "rule": "rule",
}
"""The beginning of a reason, up to its colon, for what nobody wrote into the profile."""
_WITHOUT_A_LINE: tuple[Source, ...] = ("catalog", "default")
"""Sources whose place is only that of the section which leaves a value out."""


def take(checked: Checked, *, region: str, profile: str, hardware: str, file: str) -> Snapshot:
    """What a hardware profile comes to; its findings alone where it could not be decided.

    `region` is the one to tell prices of. What an account or the cache of engines would have to
    say is left open, see `with_outlook`.
    """
    spec = checked.spec
    if spec is None:
        return Snapshot(
            profile=profile,
            hardware=hardware,
            file=file,
            findings=checked.findings,
            version=__version__,
        )
    from lmi_deployer.deployed import deployed_of
    from lmi_deployer.engine_identity import unseen_engine

    unseen = unseen_engine(spec)
    deployed = deployed_of(spec, unseen=unseen)
    return Snapshot(
        profile=profile,
        hardware=hardware,
        file=file,
        values=_items(checked, spec),
        deployed=deployed,
        memory=None if spec.memory is None else _share(spec.memory),
        artifact=_artifact(spec, deployed, unseen),
        cost=_cost(spec, region),
        image=Image(tag=spec.image.tag),
        findings=checked.findings,
        version=__version__,
    )


def with_outlook(snapshot: Snapshot, outlook: Outlook) -> Snapshot:
    """The snapshot with what was found out about its engine in the cache.

    `deployed_of(spec, target, outlook=...)` gives the parts of what is served then.
    """
    engine, artifact = outlook.engine, snapshot.artifact
    if artifact is None or engine is None or outlook.fate == "compiled unless cached":
        return snapshot  # nobody has looked
    is_ahead = outlook.fate != "made in the container"
    found = replace(
        artifact,
        key=engine.key,
        identity=engine.key[:KEY_CHARACTERS] if is_ahead else artifact.identity,
        is_ahead=is_ahead,
        is_cached=engine.is_ready,
    )
    return replace(snapshot, artifact=found)


def _items(checked: Checked, spec: ResolvedSpec) -> dict[str, Item]:
    """Every value with where it is from, in the order of the keys."""
    locked = locked_by(spec, checked.lock)
    values = values_of(spec, locked)
    is_safe = not may_hold({key: str(value) for key, value in values.items()})
    parts = reach_of(spec)
    items = {}
    for key in sorted(values):
        origin, value = origin_of(spec, key, locked), values[key]
        source = source_of(origin)
        items[key] = Item(
            value=value if is_safe else veiled(key, value),
            unit=unit_of(key),
            source=source,
            reason=origin.reason if is_safe else redacted(origin.reason),
            place=_said(origin, source),
            reaches=parts[key],
        )
    return items


def _said(origin: Origin, source: Source) -> Place | None:
    """The line that says a value or leaves it open, `--set KEY=auto` as well; None for none."""
    if origin.place.file == OVERRIDE_FILE:
        return None if source == "override" else origin.place
    return origin.place if origin.place.line and source not in _WITHOUT_A_LINE else None


def source_of(origin: Origin) -> Source:
    """What kind of origin it is."""
    if is_locked(origin):
        return "lock"
    if origin.rule is not None:
        return "catalog" if origin.rule == PUBLISHED else "rule"
    if origin.place.file == OVERRIDE_FILE:
        return "override"
    return _SOURCES.get(origin.reason.partition(":")[0], "profile")


def _share(memory: Memory) -> MemoryShare:
    """In GiB. What does not fit is counted against what the engine may take, not the card."""
    taken = memory.weights_bytes + memory.activation_bytes + memory.overhead_bytes
    left = -memory.shortage_bytes if memory.shortage_bytes else memory.usable_bytes - taken
    return MemoryShare(
        weights_gib=_gib(memory.weights_bytes),
        kv_cache_gib=_gib(memory.kv_cache_bytes),
        other_gib=_gib(memory.activation_bytes + memory.overhead_bytes),
        usable_gib=_gib(memory.usable_bytes),
        headroom_gib=_gib(left),
        batch_ceiling=memory.max_sequences,
        kv_cache_tokens=memory.kv_cache_tokens,
        verdict=memory.verdict,
    )


def _gib(size_bytes: int) -> float:
    return round(size_bytes / GIB, DECIMALS)


def _artifact(
    spec: ResolvedSpec, deployed: Deployed, unseen: Engine | None
) -> CompiledArtifact | None:
    """What is compiled ahead, or by each start; None where the weights are loaded as they are.

    An engine that only a cache might hold has a key as well: it is what would be looked for.
    """
    compiler = catalog.compiler(spec.container.version, spec.backend)
    identity = deployed.engine or deployed.cached_engine
    if compiler is None or identity is None:
        return None
    return CompiledArtifact(
        name=SHORT_NAMES[compiler.kind],
        key=None if unseen is None or spec.weights.source else unseen.key,
        identity=identity,
        is_ahead=deployed.is_compiled_ahead,
    )


def _cost(spec: ResolvedSpec, region: str) -> Cost | None:
    """On demand, by the price that is nearest to the region; None where nobody knows one."""
    price = prices.known().quote(spec.instance.name, region).nearest
    if price is None:
        return None
    return Cost(
        usd_per_hour=price.usd_per_hour * spec.endpoint.instance_count,
        region=price.region,
        as_of=price.as_of.isoformat(),
    )
