"""What one hardware profile comes to on one side of a comparison: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from lmi_deployer.findings import Finding, Place
from lmi_deployer.impact import Deployed, Part
from lmi_deployer.spec import Value

Source = Literal["profile", "override", "lock", "catalog", "rule", "default", "deployed"]
"""Where a value is from: a line of the profile, `--set`, the lock, the catalog's own facts, a rule
that answered what was left open, the product's default, or what SageMaker says."""


INSTANCES = "endpoint.instances"
RUNNING_INSTANCES = "endpoint.running_instances"
"""Key of what is live alone: how many instances run, where that is not what was deployed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One value, and where it is from."""

    value: Value
    unit: str = ""
    """As it stands behind the value: `GiB`, `s`, `tokens`, `GB`; nothing for most."""
    source: Source
    reason: str
    """In words: `rule: ...`, `defaults`, `published: ...`."""
    place: Place | None = None
    """The line that says it; None where nobody wrote it."""
    reaches: frozenset[Part] = frozenset()
    """The parts of a deployment that follow from it."""


@dataclass(frozen=True, kw_only=True)
class MemoryShare:
    """Where the memory of one GPU goes, in GiB, and what is left for requests."""

    weights_gib: float
    kv_cache_gib: float
    other_gib: float
    """Activations and overhead."""
    usable_gib: float
    headroom_gib: float
    """What neither weights, activations nor overhead take; negative where they do not fit."""
    batch_ceiling: int
    """Sequences of full length that the cache holds at once."""
    kv_cache_tokens: int
    verdict: Literal["fits", "tight", "does_not_fit"]

    @property
    def used_gib(self) -> float:
        """Weights, cache, activations and overhead together."""
        return self.weights_gib + self.kv_cache_gib + self.other_gib


@dataclass(frozen=True, kw_only=True)
class CompiledArtifact:
    """The engine, checkpoint or graph that a hardware profile is served from."""

    name: str
    """`trt_engine`, `checkpoint`, `graph`."""
    key: str | None
    """Of the cache; None where it depends on weights that nobody has looked at."""
    identity: str
    """Equal for equal artifacts, even where the key is not known."""
    is_ahead: bool
    is_cached: bool | None = None
    """None where the cache was not looked into."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What all instances cost, on demand."""

    usd_per_hour: float
    region: str
    """Of the price list, which may be another than the one asked for."""
    as_of: str
    """The day of the price, YYYY-MM-DD."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """The container image."""

    tag: str
    digest: str | None = None
    """`sha256:...` of what runs; None where nobody has asked the registry."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One hardware profile on one side."""

    profile: str
    hardware: str
    file: str
    """The profile file, relative to the root of the comparison; the endpoint for what is live."""
    values: Mapping[str, Item] = field(default_factory=dict)
    """Dotted key of the profile: what it comes to. Empty where it could not be decided."""
    deployed: Deployed | None = None
    """None where it could not be decided."""
    memory: MemoryShare | None = None
    """None where the model's shape is not known."""
    artifact: CompiledArtifact | None = None
    cost: Cost | None = None
    image: Image | None = None
    findings: tuple[Finding, ...] = ()
    is_decided: bool = True
    """False for what is read back from a bundle or an endpoint: `values` are then unknown, and
    only `deployed` can be compared."""
    version: str | None = None
    """Of the lmi-deploy that decided it; None where none did."""

    @property
    def title(self) -> str:
        """`llama2-70b / p4d`."""
        return f"{self.profile} / {self.hardware}"

    @property
    def is_refused(self) -> bool:
        """True where lmi-deploy would not deploy it."""
        return any(finding.severity == "error" for finding in self.findings)
