"""What `lmi-deploy compile` would do for each hardware profile, before it asks."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmi_deployer.aot.engine import Engine
from lmi_deployer.aot.jobs import PAID, compilation_of, compile_step
from lmi_deployer.artifact.store import Store
from lmi_deployer.compiling.runners import store_of
from lmi_deployer.deployment import Target
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.steps import CompileEngine

if TYPE_CHECKING:
    from lmi_deployer.aot.estimate import CompileEstimate
    from lmi_deployer.edges.aws import Aws

SHOWN_CHARACTERS = 8
"""Of a key, for people."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The engine of one hardware profile, as its cache is now."""

    spec: ResolvedSpec
    findings: tuple[Finding, ...]
    engine: Engine
    store: Store
    """The cache."""

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "profile": self.spec.name,
            "hardware": self.spec.hardware,
            "key": self.engine.key,
            "artifact": self.engine.uri,
        }


@dataclass(frozen=True)
class Quota:
    """How many jobs of one kind an account runs at once."""

    name: str
    jobs: int


@dataclass(frozen=True, kw_only=True)
class Planned(Wanted):
    """An engine that is not there, or is to be made anew, and the step that makes it."""

    step: CompileEngine
    estimate: CompileEstimate
    warnings: tuple[str, ...] = ()
    """What could not be made sure of beforehand, or is better known before approving."""
    quota: Quota | None = None
    """What the account allows of such jobs at once; None where nothing is known of it."""

    @property
    def is_paid(self) -> bool:
        """True where compiling costs money."""
        return self.step.runner in PAID

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            **super().as_json(),
            "runner": self.step.runner,
            "image": None if self.step.runner == "native" else self.step.image_uri,
            "instance_type": self.estimate.instance_type,
            "command": None if self.step.runner == "optimization" else command_line(self.step),
            "estimate": self.estimate.as_json(),
            "warnings": list(self.warnings),
        }


def wanted(
    spec: ResolvedSpec, findings: tuple[Finding, ...], aws: Aws | None, folder: Path | None = None
) -> Wanted:
    """The engine of a spec as its cache is now; changes nothing.

    `folder` is a cache on this machine, in place of the one on S3. Raises InputError where the
    spec is not compiled, or there are no weights.
    """
    engine = _engine(spec, aws, folder)
    store = store_of(engine.cache, aws)
    return Wanted(spec=spec, findings=findings, engine=engine, store=store)


def planned(item: Wanted, target: Target, *, anew: bool = False) -> Planned:
    """The same, with the step that makes it, `anew` even where it is there.

    Raises InputError where SageMaker would refuse it.
    """
    from lmi_deployer.aot.estimate import estimate

    step = compile_step(item.spec, item.engine, target, anew=anew)
    work = estimate(item.spec, target.region)
    return Planned(
        spec=item.spec,
        findings=item.findings,
        engine=item.engine,
        store=item.store,
        step=replace(step, note=f"{step.note}, {work}"),
        estimate=work,
    )


def _engine(spec: ResolvedSpec, aws: Aws | None, folder: Path | None) -> Engine:
    from lmi_deployer.aot.inputs import engine_inputs
    from lmi_deployer.compiling.lookup import compared, look_into, look_up

    compilation = compilation_of(spec)
    if folder is None:
        if aws is None:
            raise InputError("the cache on S3 needs an AWS account", fix="--cache with a folder")
        found = look_up(replace(spec, compilation=replace(compilation, mode="aot")), aws)
        assert found is not None  # which it is for `auto` and `jit` alone
        return found
    source = spec.weights.source
    digest = None if source is None or aws is None else aws.weights_digest(source)
    inputs = engine_inputs(spec, digest)
    engine = Engine(inputs=inputs, cache=f"{folder.resolve()}/")
    store, prefix = store_of(engine.cache, None), engine.folder.removeprefix(engine.cache)
    return compared(engine, compilation.quality, look_into(engine.folder, store, prefix))


def command_line(step: CompileEngine) -> str:
    """What runs inside the container."""
    return "python3 " + shlex.join(step.job["script"])


def planned_lines(item: Planned) -> Iterator[tuple[str, str]]:
    """(name, text) of each line that a person reads before approving."""
    step, engine, spec = item.step, item.engine, item.spec
    key = engine.key[:SHOWN_CHARACTERS]
    if engine.is_ready:
        yield "engine", f"{key}, cached in {engine.cache}; compiled again because of --force"
        if step.runner == "optimization":
            yield "", "its job writes where the old one lies, which is therefore deleted first"
    else:
        yield "engine", f"{key}, not in {engine.cache}"
    for problem in engine.problems:
        yield "", f"what lies there is not used: {problem}"
    yield "runs", step.note
    if step.runner in PAID:
        yield "at most", f"{step.job['max_seconds'] / 3600:.1f} hours, then it is stopped"
    if step.runner == "native":
        libraries = step.job["inputs"]["libraries"]
        yield "builds", ", ".join(f"{name} {version}" for name, version in libraries.items())
    else:
        yield "image", step.image_uri
    if step.runner in {"sagemaker", "docker"}:
        yield "command", command_line(step)
    weights = spec.weights
    revision = f" at {weights.revision}" if weights.revision else ""
    yield "weights", weights.source or f"{weights.model_id}{revision}, from the Hugging Face Hub"
    if step.job["quality"] is not None:
        gate = step.job["quality"]
        count = len(gate["prompts"])
        prompts = "1 prompt" if count == 1 else f"{count} prompts"
        yield "gate", f"{prompts}, {gate['minimum_agreement']:.0%} agreement at least"
    for warning in item.warnings:
        yield "warning", warning
