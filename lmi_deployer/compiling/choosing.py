"""What becomes of the engine of a spec: deployed from the cache, compiled first, or neither."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lmi_deployer.aot.engine import Engine
from lmi_deployer.aot.estimate import CompileEstimate, estimate, estimate_at_start
from lmi_deployer.aot.outlook import Outlook
from lmi_deployer.compiling.lookup import LookedUp, cache_of, is_looked_up, look_up
from lmi_deployer.deployment import Target
from lmi_deployer.errors import AwsError, CredentialsError, InputError, UnreachableError
from lmi_deployer.s3 import bucket_and_key
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.steps import CompileEngine

if TYPE_CHECKING:
    from lmi_deployer.edges.aws import Aws

UNKNOWN_DIGEST = "0" * 64
"""Stands for the content of weights that nobody has looked at."""


def choose(spec: ResolvedSpec, aws: Aws) -> Outlook:
    """What becomes of the engine of a spec, by what its cache holds now; changes nothing.

    Where the cache or the weights cannot be read, only a profile that insists on compiling ahead
    is stopped by it. Raises InputError or AwsError then.
    """
    is_required = _is_required(spec)
    engine, untold = None, None
    try:
        engine = look_up(spec, aws)
    except (CredentialsError, UnreachableError):
        raise
    except (AwsError, InputError) as error:
        if is_required:
            raise
        untold = error.problem
    if engine is not None and engine.is_ready:
        return _cached(spec, engine, aws)
    seen = None if engine is None else engine.found.observed
    if is_required:
        work = estimate(spec, aws.region)
        return Outlook(spec=spec, fate="compiled first", engine=engine, seen=seen, estimate=work)
    return Outlook(
        spec=spec,
        fate="made in the container",
        engine=engine,
        seen=seen,
        estimate=_at_start(spec, aws.region),
        untold=untold,
    )


def choose_unseen(spec: ResolvedSpec, target: Target) -> Outlook:
    """The same for an account that nothing is known about."""
    if not _is_required(spec):
        return Outlook(
            spec=spec,
            fate="made in the container",
            estimate=_at_start(spec, target.region),
            untold="no account was asked" if is_looked_up(spec) else None,
        )
    from lmi_deployer.aot.inputs import engine_inputs

    inputs = engine_inputs(spec, None if spec.weights.source is None else UNKNOWN_DIGEST)
    return Outlook(
        spec=spec,
        fate="compiled unless cached",
        engine=Engine(inputs=inputs, cache=cache_of(spec, lambda: target.artifacts)),
        estimate=estimate(spec, target.region),
    )


def served(outlook: Outlook) -> ResolvedSpec:
    """The spec that is deployed: of the engine, if there is one or will be before it is needed."""
    if outlook.engine is None or outlook.fate == "made in the container":
        return outlook.spec
    from lmi_deployer.aot.commands import served_from

    return served_from(outlook.spec, outlook.engine.uri)


def compiling(outlook: Outlook, target: Target) -> CompileEngine | None:
    """The step that compiles what is not ready and has to be."""
    if outlook.engine is None or outlook.fate not in {"compiled first", "compiled unless cached"}:
        return None
    from lmi_deployer.aot.jobs import compile_step

    step = compile_step(outlook.spec, outlook.engine, target)
    return replace(step, note=f"{step.note}, {outlook.estimate}")


def preflighted(outlook: Outlook, step: CompileEngine, aws: Aws) -> Outlook:
    """The same, with what is in doubt about the job.

    Raises InputError for a job that is known to fail, before it is paid for.
    """
    from lmi_deployer.aot.jobs import PAID
    from lmi_deployer.compiling.planning import Planned
    from lmi_deployer.compiling.preflight import preflight

    if step.runner not in PAID or outlook.engine is None or outlook.estimate is None:
        return outlook
    planned = Planned(
        spec=outlook.spec,
        findings=(),
        engine=outlook.engine,
        step=step,
        store=aws.store(step.cache),
        estimate=outlook.estimate,
    )
    return replace(outlook, warnings=preflight(planned, aws).warnings)


def _is_required(spec: ResolvedSpec) -> bool:
    return spec.compilation is not None and spec.compilation.mode == "aot"


def _at_start(spec: ResolvedSpec, region: str) -> CompileEstimate | None:
    return estimate_at_start(spec, region) if spec.support.compiles_at_load else None


def _cached(spec: ResolvedSpec, engine: LookedUp, aws: Aws) -> Outlook:
    warnings: tuple[str, ...] = ()
    if spec.compilation is not None and spec.compilation.cache is not None:
        region = aws.is_elsewhere(bucket_and_key(engine.cache)[0])
        if region is not None:
            warnings = (f"it comes from {region} at each start, which AWS bills by the byte",)
    return Outlook(
        spec=spec,
        fate="cached",
        engine=engine,
        seen=engine.found.observed,
        committed_seconds=engine.found.committed_seconds,
        warnings=warnings,
    )
