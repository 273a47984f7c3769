"""What can have become of a deployment, and what was seen of it: plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from lmi_deployer.deployment import Deployment
from lmi_deployer.state import ObservedEngine, ObservedState, Tags


class Drift(StrEnum):
    """What became of a deployment."""

    IN_SYNC = "in sync"
    """It is what `up` would deploy now."""
    UPDATING = "updating"
    """SageMaker is at work on it: too early to tell."""
    BEHIND = "behind"
    """It is as lmi-deploy made it, and what `up` would deploy has changed since."""
    CHANGED_OUTSIDE = "changed outside"
    """It is not, or not only, what lmi-deploy made."""
    ROLLED_BACK = "rolled back"
    """What is wanted was tried, and the endpoint runs what it ran before."""
    FAILED = "failed"
    """It serves nothing, or cannot be updated."""
    MISSING = "missing"
    """The endpoint is not there."""
    UNKNOWN = "unknown"
    """It was made by lmi-deploy, and no profile says what it should be."""
    UNREADABLE = "unreadable"
    """It could not be read, or is of a kind that profiles do not describe."""

    @property
    def is_drift(self) -> bool:
        """False for what needs nobody."""
        return self not in {Drift.IN_SYNC, Drift.UPDATING}


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Instances of an endpoint."""

    configured: int
    """What its configuration says."""
    current: int
    desired: int


@dataclass(frozen=True, kw_only=True)
class LiveFiles:
    """The S3 folder that the container of an endpoint gets its files from."""

    folder: str
    """Of one version of a bundle; ends in "/"."""
    manifest: bytes | None
    """None where it is gone."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One deployment as it was seen, beside what it should be."""

    name: str
    """Of the endpoint."""
    status: str | None
    """SageMaker's word; None where there is no endpoint."""
    config: str | None = None
    """Name of the configuration that it runs."""
    pending: str | None = None
    """Of the one that an update in flight leads to."""
    failure: str | None = None
    """SageMaker's reason."""
    tags: Tags = field(default_factory=dict)
    """Of the endpoint."""
    counts: Counts | None = None
    wanted: Deployment | None = None
    """What `up` would make; None where that cannot be told."""
    unknown: str | None = None
    """Why it cannot, as a sentence without its full stop."""
    observed: ObservedState | None = None
    """All of the deployment; None where it could not be read."""
    gone: tuple[str, ...] = ()
    """What the endpoint runs from and is there no more, each as a sentence."""
    unread: tuple[str, ...] = ()
    """What could not be read, each as a sentence."""
    differing: tuple[str, ...] = ()
    """Keys in which what is live differs from what is wanted, tags aside."""
    files: LiveFiles | None = None
    """None where they lie where lmi-deploy puts none."""
    engine: ObservedEngine | None = None
    """The compiled engine that is served, as its folder is now; None where none is, or where
    nobody looked."""
    engine_reason: str | None = None
    """What differs about the engine that would be served."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a deployment, and why."""

    drift: Drift
    reasons: tuple[str, ...] = ()
    """Each a sentence without its full stop, the weightiest first."""
    notes: tuple[str, ...] = ()
    """What is worth knowing and is no drift."""
    is_scaled: bool = False
    """True where instances were added or taken away, which `up` does not undo."""
    needs_up: bool = False
    """True where `up` would mend it, at least in part."""
