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


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """The parts of one deployment, without the names and hashes that SageMaker needs.

    Made of the requests of a spec, or of what SageMaker says of a live endpoint: equal parts are
    equal deployments, whichever side they come from.
    """

    endpoint: str
    """Its name."""
    properties: Mapping[str, str] | None
    """The pairs of serving.properties; None where nobody could read them."""
    model: Mapping[str, str] = field(default_factory=dict)
    """`image` (tag), `role`, `packaging`, `artifacts`, `subnets`, `security_groups`; one that is
    left out is not known on this side, and is not compared."""
    endpoint_config: Mapping[str, str] = field(default_factory=dict)
    """Fields of the production variant, under SageMaker's own names, without its model."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """The profile's own; not those by which lmi-deploy finds a deployment again."""
    engine: str | None = None
    """What tells one compilation from another; None where nothing is compiled."""
    is_compiled_ahead: bool = False
    """Else the container compiles at each start, where `engine` is not None."""


def impact_of(parts: Iterable[Part]) -> Impact:
    """What changing these parts together costs: the worst of them."""
    return max((IMPACTS[part] for part in parts), default=Impact.NONE)
