"""What exists on AWS for one deployment, as it was read: plain data for the planner."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

Tags = Mapping[str, str]
IN_FLIGHT = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
"""Endpoint statuses that end by themselves."""


@dataclass(frozen=True, kw_only=True)
class ObservedEndpoint:
    """A live endpoint. Statuses are SageMaker's own words."""

    status: str
    endpoint_config_name: str
    pending_config_name: str | None = None
    """The configuration that an update in flight leads to, where SageMaker says so."""
    failure_reason: str | None = None
    tags: Tags = field(default_factory=dict)

    @property
    def heading_for(self) -> str | None:
        """The configuration it will have once it settles; None when that cannot be told."""
        if self.status == "Updating":
            return self.pending_config_name
        if self.status == "Creating":
            return self.pending_config_name or self.endpoint_config_name
        return self.endpoint_config_name


@dataclass(frozen=True, kw_only=True)
class ObservedEngine:
    """What lies in the folder of a compiled engine; it is shared, and no deployment's own."""

    folder: str
    manifest_sha256: str | None
    """None where no artifact has been committed."""
    problems: tuple[str, ...] = ()
    """What keeps a committed one from being whole."""

    def __str__(self) -> str:
        if self.manifest_sha256 is None:
            return "not there"
        if self.problems:
            return f"damaged ({'; '.join(self.problems)})"
        return f"there (manifest {self.manifest_sha256[:8]})"


@dataclass(frozen=True, kw_only=True)
class ObservedState:
    """Everything on AWS that carries the name or the tags of one deployment."""

    endpoint: ObservedEndpoint | None = None
    endpoint_configs: Mapping[str, Tags] = field(default_factory=dict)
    """Name: tags."""
    models: Mapping[str, Tags] = field(default_factory=dict)
    """Name: tags."""
    objects: Mapping[str, str | None] = field(default_factory=dict)
    """S3 address: SHA-256, or None where it is too large to have been rendered."""
    foreign: tuple[str, ...] = ()
    """Things of the same name that were not made for this hardware profile."""
    missing_bucket: str | None = None
    """The bucket of the deployment's folder, where there is none."""
    engine: ObservedEngine | None = None
    """The compiled engine that is used, or left unused; None where that changes nothing."""

    @property
    def digest(self) -> str:
        """SHA-256 of all of it: a plan made for one state must not be applied to another.

        An endpoint counts as what it is becoming by itself: it may settle between the two.
        """
        state = {**asdict(self), "endpoint": _at_rest(self.endpoint)}
        text = json.dumps(state, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _at_rest(endpoint: ObservedEndpoint | None) -> dict[str, object] | None:
    """What an endpoint will be once it has settled, if nothing goes wrong."""
    if endpoint is None or endpoint.status == "Deleting":
        return None
    status = "InService" if endpoint.status in IN_FLIGHT else endpoint.status
    return {"status": status, "config": endpoint.heading_for, "tags": dict(endpoint.tags)}
