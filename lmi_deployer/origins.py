"""Where a decided value comes from: a line of the profile or the lock, an override, a rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from lmi_deployer.checks.about import profile_key
from lmi_deployer.findings import Place
from lmi_deployer.hardware import Origin
from lmi_deployer.locking.lines import entry_place
from lmi_deployer.render import PROPERTIES_FILE
from lmi_deployer.rules.weights import LOCKED_COMMIT
from lmi_deployer.spec import ResolvedSpec

if TYPE_CHECKING:
    from lmi_deployer.lockfile import Lock, LockedModel

UNWRITTEN: Mapping[str, str] = {
    "endpoint.name": "default: the names of profile and hardware profile",
    "endpoint.instances": "default: one instance",
    "endpoint.packaging": "default: loose files under a prefix",
    "endpoint.volume_gb": "rule: the disk that loading takes",
    "endpoint.startup_timeout_seconds": "rule: the loading time of every copy, and a reserve",
    "endpoint.download_timeout_seconds": "rule: SageMaker itself downloads the rendered files only",
    "model.trust_remote_code": "default: no code from beside the weights",
    "quantize": "default: the weights as they are stored",
    "neuronx.n_positions": "rule: prompt and answer together",
    "traffic.max_seq_len": "rule: prompt and answer together",
    "traffic.max_tokens": "rule: prompt and answer together, and never below the container's own",
    "container.image": "catalog: the image of this version that has the backend",
    "container.inference_ami": "catalog: the host whose driver fits the image",
    "compile.cache": "default: beside what else is stored for the account",
    "compile.spot": "default: a machine that nobody takes away",
    "compile.volume_gb": "rule: the disk that compiling takes",
    "quality.max_new_tokens": "default: what tells weights apart",
}
"""Key that a profile may leave out, or cannot say: where its value comes from then."""
LINE = f"{PROPERTIES_FILE}:"
"""Begins the keys of lines that are not as the values that decide them would have it."""
OF_THE_LOCK = ("model.commit", "model.content")
"""Of the commit that the facts are of, where a start takes the newest; of the files of a copy."""
SHAPE = "model.shape"
"""What is known of the model itself, whoever knows it."""
LOCKED_SIZE = "lmi.lock: "
"""Begins the reason of a size that the lock says."""


@dataclass(frozen=True, kw_only=True)
class Locked:
    """What the lock beside a profile holds of its weights, and where."""

    entry: LockedModel
    """Of these weights, or of those that they are a copy of."""
    place: Place
    is_own: bool
    """True where it is of just these weights."""


def locked_by(spec: ResolvedSpec, lock: Lock | None) -> Locked | None:
    """What a lock holds of the weights of a spec."""
    if lock is None:
        return None
    weights = spec.weights
    entry = lock.find(weights.model_id, revision=weights.revision, source=weights.source)
    if entry is None:
        return None
    is_own = entry.source == weights.source
    return Locked(entry=entry, place=entry_place(lock, entry), is_own=is_own)


def origin_of(spec: ResolvedSpec, key: str, locked: Locked | None = None) -> Origin:
    """Where a value comes from: its own line, the lock's, a rule, or a default."""
    if locked is not None and (key == SHAPE or key in OF_THE_LOCK):
        entry = locked.entry
        return Origin(f"lock: {entry.requested} as of {entry.checked}", locked.place)
    if key == SHAPE:
        return _unwritten(f"catalog: {spec.weights.model_id}", spec.file)
    found = spec.origin.get(key) or spec.origin.get(decided_by(spec, key))
    if found is None:
        return _unwritten(UNWRITTEN.get(key, "default of lmi-deploy"), spec.file)
    return found if locked is None or not is_locked(found) else replace(found, place=locked.place)


@lru_cache(maxsize=1024)
def _unwritten(reason: str, file: str) -> Origin:
    """Where what nobody wrote is from; a file has many such values, of few reasons."""
    return Origin(reason, Place(file))


def is_locked(origin: Origin) -> bool:
    """True for what the lock says."""
    return origin.rule == LOCKED_COMMIT or origin.reason.startswith(LOCKED_SIZE)


def decided_by(spec: ResolvedSpec, key: str) -> str:
    """The key of the profile that decides a value which has a key of its own."""
    if key.startswith("quantize."):
        return "quantize"
    if key.startswith(LINE):
        names = spec.support.property_names
        return next(profile_key(spec, name) for name in names if names[name] == key[len(LINE) :])
    return key
