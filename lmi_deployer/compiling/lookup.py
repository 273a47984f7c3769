"""Whether the engine that a spec needs has been compiled: one listing and a few small reads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmi_deployer.aot.engine import Engine, Mismatch
from lmi_deployer.artifact.manifest import (
    ARTIFACT_FOLDER,
    MANIFEST_FILE,
    Manifest,
    ManifestError,
    as_json,
)
from lmi_deployer.artifact.store import Store, StoreError
from lmi_deployer.deployment import ENGINES_FOLDER
from lmi_deployer.errors import AwsError
from lmi_deployer.state import ObservedEngine

if TYPE_CHECKING:
    from lmi_deployer.edges.aws import Aws
    from lmi_deployer.spec import Quality, ResolvedSpec


@dataclass(frozen=True, kw_only=True)
class Damage(Mismatch):
    """Something in which an artifact is not what its own manifest says, or its server takes."""

    def __str__(self) -> str:
        return f"{self.what}: {self.found}"


@dataclass(frozen=True, kw_only=True)
class Found:
    """What lies in the folder of an engine."""

    folder: str
    manifest: Manifest | None = None
    damage: tuple[Damage, ...] = ()
    committed_seconds: float | None = None
    """Since 1970: when the manifest was written."""

    @property
    def observed(self) -> ObservedEngine:
        """The same for the planner. Files of a job that has committed nothing do not count."""
        if self.manifest is None:
            return ObservedEngine(folder=self.folder, manifest_sha256=None)
        return ObservedEngine(
            folder=self.folder,
            manifest_sha256=hashlib.sha256(as_json(self.manifest)).hexdigest(),
            problems=tuple(map(str, self.damage)),
        )


@dataclass(frozen=True, kw_only=True)
class LookedUp(Engine):
    """An engine, with all that was seen in its folder, whatever profile it is compared with."""

    found: Found


def cache_of(spec: ResolvedSpec, artifacts: Callable[[], str]) -> str:
    """S3 folder of the compiled engines that a spec may use; `artifacts` is that of deployments."""
    own = spec.compilation.cache if spec.compilation else None
    return own or f"{artifacts()}{ENGINES_FOLDER}"


def is_looked_up(spec: ResolvedSpec) -> bool:
    """True where an engine would be used, or has to be there."""
    from lmi_deployer.aot.commands import refusal

    compilation = spec.compilation
    if compilation is None or compilation.mode == "jit":
        return False
    return compilation.mode == "aot" or refusal(compilation.compiler, spec) is None


def look_up(spec: ResolvedSpec, aws: Aws) -> LookedUp | None:
    """The engine of a spec, and what its cache holds of it now; None where none is looked for.

    Raises InputError where the weights that it would be made from are not there.
    """
    compilation = spec.compilation
    if compilation is None or not is_looked_up(spec):
        return None
    engine = wanted_engine(spec, aws)
    return compared(engine, compilation.quality, look_into(engine.folder, aws.store(engine.folder)))


def compared(engine: Engine, quality: Quality | None, found: Found) -> LookedUp:
    """The engine with what was found in its folder, and in what that is not what is asked for."""
    differing: tuple[Mismatch, ...] = ()
    if found.manifest is not None:
        from lmi_deployer.aot.matching import mismatches

        differing = mismatches(engine.inputs, quality, found.manifest)
    return LookedUp(
        inputs=engine.inputs,
        cache=engine.cache,
        manifest=found.manifest,
        problems=(*differing, *found.damage),
        found=found,
    )


def wanted_engine(spec: ResolvedSpec, aws: Aws) -> Engine:
    """The engine that a spec needs, without a look into its cache."""
    from lmi_deployer.aot.inputs import engine_inputs

    source = spec.weights.source
    digest = None if source is None else aws.weights_digest(source)
    # Where artifacts are by default is asked for only where that counts: it takes a call.
    cache = cache_of(spec, lambda: aws.artifacts(spec.endpoint.artifacts))
    return Engine(inputs=engine_inputs(spec, digest), cache=cache)


def look_into(folder: str, store: Store, prefix: str = "") -> Found:
    """What the folder of an engine holds, and what keeps that from being used.

    `prefix` leads to it from the root of the store.
    """
    from lmi_deployer.artifact.committing import find
    from lmi_deployer.artifact.verifying import verify

    try:
        manifest = find(store, prefix)
        if manifest is None:
            files = len(store.files(prefix + ARTIFACT_FOLDER))
            return Found(folder=folder, damage=_half_written(files))
        problems = verify(store, prefix, manifest, deep=False)
        mark = store.find(prefix + MANIFEST_FILE)
    except (ManifestError, StoreError) as error:
        return Found(folder=folder, damage=(_damage(MANIFEST_FILE, str(error)),))
    except AwsError as error:
        if "NoSuchBucket" not in str(error):
            raise
        return Found(folder=folder)
    return Found(
        folder=folder,
        manifest=manifest,
        damage=tuple(_damage("files", problem) for problem in problems),
        committed_seconds=None if mark is None else mark.modified_seconds,
    )


def _half_written(files: int) -> tuple[Damage, ...]:
    if not files:
        return ()
    found = f"half-written: {files} files, and no {MANIFEST_FILE} that says they are all"
    return (_damage("artifact", found),)


def _damage(what: str, found: str) -> Damage:
    return Damage(what=what, wanted="a whole artifact", found=found)
