"""Takes the snapshot of a hardware profile that was decided and checked. Asks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lmi_deployer import catalog, prices
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
from lmi_deployer.hardware import OVERRIDE_FILE, Origin
from lmi_deployer.impact import Deployed, Part
from lmi_deployer.origins import is_locked, locked_by, origin_of
from lmi_deployer.rules.choice import PUBLISHED
from lmi_deployer.secrets import may_hold, redacted
from lmi_deployer.spec import GIB, ResolvedSpec

if TYPE_CHECKING:
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

MOST_KINDS = 1000
_known: dict[tuple[object, ...], dict[str, frozenset[Part]]] = {}
"""Kind of spec: the parts that follow from each of its keys."""


def take(checked: Checked, *, region: str, profile: str, hardware: str, file: str) -> Snapshot:
    """What a hardware profile comes to; its findings alone where it could not be decided.

    `region` is the one to tell prices of. What an account or the cache of engines would have to
    say is left open, see `with_outlook` and `with_digest`.
    """
    spec = checked.spec
    if spec is None:
        return Snapshot(profile=profile, hardware=hardware, file=file, findings=checked.findings)
    from lmi_deployer.deployed import deployed_of

    deployed = deployed_of(spec)
    return Snapshot(
        profile=profile,
        hardware=hardware,
        file=file,
        values=_items(checked, spec),
        deployed=deployed,
        memory=None if spec.memory is None else _share(spec.memory),
        artifact=_artifact(spec, deployed),
        cost=_cost(spec, region),
        image=Image(tag=spec.image.tag),
        findings=checked.findings,
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


def with_digest(snapshot: Snapshot, digest: str) -> Snapshot:
    """The snapshot with the digest that its image has in the registry: `sha256:...`."""
    image = snapshot.image
    return snapshot if image is None else replace(snapshot, image=replace(image, digest=digest))


def _items(checked: Checked, spec: ResolvedSpec) -> dict[str, Item]:
    """Every value with where it is from, in the order of the keys."""
    locked = locked_by(spec, checked.lock)
    values = values_of(spec, locked)
    is_safe = not may_hold({key: str(value) for key, value in values.items()})
    parts = _reaches(spec, values)
    items = {}
    for key in sorted(values):
        origin, value = origin_of(spec, key, locked), values[key]
        source = source_of(origin)
        is_said = origin.place.line and source not in _WITHOUT_A_LINE
        items[key] = Item(
            value=value if is_safe else veiled(key, value),
            unit=unit_of(key),
            source=source,
            reason=origin.reason if is_safe else redacted(origin.reason),
            place=origin.place if is_said else None,
            reaches=parts[key],
        )
    return items


def source_of(origin: Origin) -> Source:
    """What kind of origin it is."""
    if is_locked(origin):
        return "lock"
    if origin.rule is not None:
        return "catalog" if origin.rule == PUBLISHED else "rule"
    if origin.place.file == OVERRIDE_FILE:
        return "override"
    return _SOURCES.get(origin.reason.partition(":")[0], "profile")


def _reaches(spec: ResolvedSpec, keys: Iterable[str]) -> Mapping[str, frozenset[Part]]:
    """The parts that follow from each value.

    They hang on which lines there are, not on what they say, so that of the thousands of hardware
    profiles of a repository most have been asked about before.
    """
    from lmi_deployer.deployed import reaches

    compilation = spec.compilation
    kind = (
        spec.container.version,
        spec.backend,
        compilation and compilation.mode,
        frozenset(spec.settings),
        frozenset(spec.options),
    )
    if len(_known) > MOST_KINDS:
        _known.clear()
    known = _known.setdefault(kind, {})
    for key in keys:
        if key not in known:
            known[key] = reaches(spec, key)
    return known


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


def _artifact(spec: ResolvedSpec, deployed: Deployed) -> CompiledArtifact | None:
    """What is compiled ahead, or by each start; None where the weights are loaded as they are.

    An engine that only a cache might hold has a key as well: it is what would be looked for.
    """
    compiler = catalog.compiler(spec.container.version, spec.backend)
    key = _key(spec)
    identity = deployed.engine or (key and key[:KEY_CHARACTERS])
    if compiler is None or identity is None:
        return None
    return CompiledArtifact(
        name=SHORT_NAMES[compiler.kind],
        key=None if spec.weights.source else key,
        identity=identity,
        is_ahead=deployed.is_compiled_ahead,
    )


def _key(spec: ResolvedSpec) -> str | None:
    """Under which an engine is looked for, as if weights on S3 were known; None for none."""
    if spec.compilation is None or spec.compilation.mode == "jit":
        return None
    from lmi_deployer.aot.inputs import engine_inputs
    from lmi_deployer.deployed import UNSEEN_WEIGHTS

    return engine_inputs(spec, UNSEEN_WEIGHTS if spec.weights.source else None).key


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
