"""What exists on AWS for one deployment, as it was read: plain data for the planner."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

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
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def heading_for(self) -> str | None:
        """The configuration it will have once it settles; None when that cannot be told."""
        if self.pending_config_name is not None:
            return self.pending_config_name
        return None if self.status == "Updating" else self.endpoint_config_name


@dataclass(frozen=True, kw_only=True)
class ObservedState:
    """Everything on AWS that carries the name or the tags of one deployment."""

    endpoint: ObservedEndpoint | None = None
    endpoint_configs: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    objects: Mapping[str, str | None] = field(default_factory=dict)
    """Path below the deployment's S3 folder: SHA-256, or None where it was not read."""
    foreign: tuple[str, ...] = ()
    """Things of the same name that this tool did not make."""

    @property
    def digest(self) -> str:
        """SHA-256 of all of it: a plan made for one state must not be applied to another."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def is_empty(self) -> bool:
        """True when nothing of the deployment exists."""
        return not (self.endpoint or self.endpoint_configs or self.models or self.objects)
