"""What a change costs an endpoint: the one table that `diff`, `plan` and `drift` go by.

A deployment has parts, and only a part that changes costs something. What would be done about it is
for the planner; that both say the same is held by tests that plan and apply.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Impact(IntEnum):
    """What a change does to what runs, mildest first."""

    NONE = 0
    """Nothing that runs notices."""
    RESTART = 1
    """Containers with other files or settings take over from the ones that run."""
    NEW_ENDPOINT_CONFIG = 2
    """The machines themselves change: others are started, and then take over."""
    RECOMPILE = 3
    """Something is compiled first, ahead of time or in the container: minutes to hours."""
    REPLACE_ENDPOINT = 4
    """The endpoint has to go, and another one comes: clients notice."""
    INCOMPATIBLE = 5
    """It cannot be deployed at all."""

    @property
    def label(self) -> str:
        """As it is written: `new-endpoint-config`."""
        return self.name.lower().replace("_", "-")


class Part(StrEnum):
    """What a deployment is made of."""

    TAGS = "tags"
    """Changed in place."""
    FILES = "files"
    """serving.properties and what lies beside it."""
    MODEL = "model"
    """The SageMaker model: image, role, network, folder and form of its files."""
    ENDPOINT_CONFIG = "endpoint_config"
    """The variant: machine, count, disk, limits of time."""
    ENGINE = "engine"
    """What is compiled for it."""
    ENDPOINT = "endpoint"
    """The endpoint's name, which nothing can change."""


IMPACTS: Mapping[Part, Impact] = {
    Part.TAGS: Impact.NONE,
    Part.FILES: Impact.RESTART,
    Part.MODEL: Impact.RESTART,
    Part.ENDPOINT_CONFIG: Impact.NEW_ENDPOINT_CONFIG,
    Part.ENGINE: Impact.RECOMPILE,
    Part.ENDPOINT: Impact.REPLACE_ENDPOINT,
}
"""Part of a deployment: what changing it costs."""


ARTIFACTS_FROM = "artifacts_from"
"""In `Deployed.model`: `profile`, or `account` where the profile leaves the folder to it."""
UNKNOWN = "?"
"""Stands for what a side does not tell; no endpoint or engine can be called so."""


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """The parts of one deployment, without the names and hashes that SageMaker needs.

    Made of the requests of a spec, or of what SageMaker says of a live endpoint: equal parts are
    equal deployments, whichever side they come from.
    """

    endpoint: str
    """Its name; UNKNOWN in a bundle, and then not compared."""
    properties: Mapping[str, str] | None
    """The pairs of serving.properties; None where nobody could read them."""
    model: Mapping[str, str] = field(default_factory=dict)
    """`image` (tag), `role`, `packaging`, `artifacts`, `subnets`, `security_groups`, `environment`,
    `network_isolation`; and where no account was asked, of whom the first two of an account are:
    `role_from`, `artifacts_from`. One that is left out is not known on this side, and is not
    compared."""
    endpoint_config: Mapping[str, str] | None = field(default_factory=dict)
    """Fields of the production variant, under SageMaker's own names, without its model; None
    where they are not known, and then not compared."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """The profile's own; not those by which lmi-deploy finds a deployment again."""
    engine: str | None = None
    """What tells one compilation from another; None where nothing is compiled, UNKNOWN where that
    cannot be told, and then not compared."""
    is_compiled_ahead: bool = False
    """Else the container compiles at each start, where `engine` is not None."""
    cached_engine: str | None = None
    """The engine that is served instead where its cache, into which nobody has looked, holds it."""
    engine_cache: str | None = None
    """S3 folder of the engine that is compiled ahead or may be cached; None where that is the
    account's own, which is not known."""
    is_engine_ready: bool | None = None
    """Whether the cache holds the engine, as it is demanded; None where nobody has looked."""
    gate: str | None = None
    """What such an engine is asked, as a hash; None without a gate, UNKNOWN of a live endpoint, and
    then not compared."""
    minimum_agreement: float = 0.0
    """Of the gate: 0 to 1."""


MODEL_LINE = "option.model_id"
"""The line of serving.properties that names the weights, or the engine."""
CACHED_ENGINE = "an engine from the cache"
"""Stands for that line where it may be another, by what a cache holds that nobody looked into."""


def changed_names(before: Deployed, after: Deployed) -> dict[Part, tuple[str, ...]]:
    """The parts that deploying `after` over `before` changes, with the names of what differs.

    What one of the sides does not tell is not compared.
    """
    is_renamed = before.endpoint != after.endpoint
    is_renamed &= UNKNOWN not in {before.endpoint, after.endpoint}
    names = {
        Part.TAGS: [name for name, text in after.tags.items() if before.tags.get(name) != text],
        Part.FILES: _changed_lines(before, after),
        Part.MODEL: [
            name
            for name, text in after.model.items()
            if name in before.model and before.model[name] != text
        ],
        Part.ENDPOINT_CONFIG: _differing(before.endpoint_config, after.endpoint_config),
        Part.ENGINE: ["engine"] if _is_compiled(before, after) else [],
        Part.ENDPOINT: ["name"] if is_renamed else [],
    }
    return {part: tuple(sorted(found)) for part, found in names.items() if found}


def changed_parts(before: Deployed, after: Deployed) -> frozenset[Part]:
    """The parts that deploying `after` over `before` changes."""
    return frozenset(changed_names(before, after))


def _differing(before: Mapping[str, str] | None, after: Mapping[str, str] | None) -> list[str]:
    if before is None or after is None:
        return []
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def _changed_lines(before: Deployed, after: Deployed) -> list[str]:
    """The lines of serving.properties that differ, or may by what a cache holds.

    The one with the folder of an engine says nothing where that folder is not known.
    """
    is_same_engine = before.is_compiled_ahead and after.is_compiled_ahead
    is_same_engine &= before.engine == after.engine and not _is_moved(before, after)
    is_same_engine |= before.is_compiled_ahead and _is_kept(before, after)
    names = set(_differing(before.properties, after.properties))
    if is_same_engine:
        names.discard(MODEL_LINE)
    elif _is_another_cached(before, after):
        names.add(CACHED_ENGINE)
    return list(names)


def _is_compiled(before: Deployed, after: Deployed) -> bool:
    """Whether something is compiled on the way from one to the other, or may be.

    A cache that nobody has looked into may hold what the earlier side is served from.
    """
    if after.engine is None or UNKNOWN in {before.engine, after.engine}:
        return False
    if after.is_engine_ready or (before.is_compiled_ahead and _is_kept(before, after)):
        return False
    if (before.engine, before.is_compiled_ahead) != (after.engine, after.is_compiled_ahead):
        return True
    if not after.is_compiled_ahead:
        return before.cached_engine is not None and not _is_kept(before, after)
    if after.is_engine_ready is False:
        return before.is_engine_ready is not False
    return _is_moved(before, after) or _is_gate_stricter(before, after)


def _is_kept(before: Deployed, after: Deployed) -> bool:
    """Whether the later side, too, is served from the engine that the earlier one may have."""
    engine = before.engine if before.is_compiled_ahead else before.cached_engine
    if engine is None or after.cached_engine != engine:
        return False
    return not _is_moved(before, after) and not _is_gate_stricter(before, after)


def _is_another_cached(before: Deployed, after: Deployed) -> bool:
    """Whether one side may be served from an engine in a cache that the other one would not take.

    Of what is live, what runs is known.
    """
    if UNKNOWN in {before.engine, after.engine, before.gate, after.gate}:
        return False
    if before.cached_engine != after.cached_engine:
        return True
    asked = (before.gate, before.minimum_agreement), (after.gate, after.minimum_agreement)
    return before.cached_engine is not None and (_is_moved(before, after) or asked[0] != asked[1])


def _is_moved(before: Deployed, after: Deployed) -> bool:
    """Whether the engine is looked for in another cache."""
    caches = {before.engine_cache, after.engine_cache}
    if None not in caches:
        return len(caches) > 1
    is_said_by_both = ARTIFACTS_FROM in before.model and ARTIFACTS_FROM in after.model
    return len(caches) > 1 and is_said_by_both


def _is_gate_stricter(before: Deployed, after: Deployed) -> bool:
    """Whether an engine that passed the one quality gate may not have passed the other.

    What was asked is measured once; what reached the one agreement may not reach a higher one.
    """
    if after.gate is None or UNKNOWN in {before.gate, after.gate}:
        return False
    return before.gate != after.gate or before.minimum_agreement < after.minimum_agreement


def impact_of(parts: Iterable[Part]) -> Impact:
    """What changing these parts together costs: the worst of them."""
    return max((IMPACTS[part] for part in parts), default=Impact.NONE)
