"""How the weights of a decided profile are compiled ahead of time; nothing where they are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from lmi_deployer import catalog
from lmi_deployer.catalog.rows import Backend, Container, Gpu, InstanceType
from lmi_deployer.errors import InputError
from lmi_deployer.findings import ProfileError
from lmi_deployer.resolving.deciding import Decisions
from lmi_deployer.spec import Compilation, CompileMode, Quality, ResolvedSpec, Runner

if TYPE_CHECKING:
    from lmi_deployer.catalog.compiler_rows import Compiler
    from lmi_deployer.rules.choice import Choice

MAX_NEW_TOKENS = 32
"""Tokens of each answer that the quality gate compares; differences add up along an answer, so
more of them say less about the weights."""
REQUIRED_FOR_QUALITY = {
    "quality.prompts": "a few prompts like those to come",
    "quality.minimum_agreement": "such as 0.9: the share of each answer that stays the same",
}


def compiles_ahead(decisions: Decisions, container: Container, backend: Backend) -> bool:
    """Whether the profile has an engine compiled before it is served."""
    return is_ahead(decisions) and catalog.compiler(container.version, backend) is not None


def may_compile_ahead(decisions: Decisions, container: Container, backend: Backend) -> bool:
    """Whether an engine that was compiled before may be served."""
    if decisions.merged.get("compile.mode") == "jit":
        return False
    compiler = catalog.compiler(container.version, backend)
    return compiler is not None and compiler.refused is None


def is_ahead(decisions: Decisions) -> bool:
    """Whether the profile asks for compiling before it is served."""
    return decisions.merged.get("compile.mode") == "aot"


def with_compilation(spec: ResolvedSpec, decisions: Decisions) -> ResolvedSpec:
    """The spec, with how it is compiled where its backend compiles.

    A way that does not work counts where the profile asks for it, so that a check can say why.
    Raises ProfileError for a machine that nobody knows and half a quality gate.
    """
    compiler = catalog.compiler(spec.container.version, spec.backend)
    if compiler is None:
        return spec
    if not is_ahead(decisions) and _is_refused(spec, compiler):
        return spec
    return replace(spec, compilation=_compilation(spec, decisions, compiler))


def _is_refused(spec: ResolvedSpec, compiler: Compiler) -> bool:
    """Whether the way of a version does not work for a spec; most have nothing against any."""
    takes_all = compiler.refused is None and compiler.model_types is None and compiler.quantizes
    if takes_all and not spec.options:
        return False
    from lmi_deployer.aot.commands import refusal

    return refusal(compiler, spec) is not None


def _compilation(spec: ResolvedSpec, decisions: Decisions, compiler: Compiler) -> Compilation:
    from lmi_deployer.rules import compilation as rules

    mode = _mode(decisions, rules.compile_mode)
    runner = decisions.decide("compile.runner", rules.compile_runner)
    quality = _quality(decisions)
    instance = _instance(spec, decisions, runner)
    seconds = decisions.decide(
        "compile.max_seconds",
        lambda: rules.compile_seconds(
            spec.weights,
            quantizes=spec.weights.quantize is not None,
            has_gate=quality is not None,
        ),
    )
    return Compilation(
        mode=mode,
        runner=runner,
        compiler=compiler,
        cache=cast("str | None", decisions.merged.get("compile.cache")),
        instance=instance,
        is_spot=bool(decisions.merged.get("compile.spot")),
        max_seconds=seconds,
        volume_gb=_volume_gb(spec, instance),
        quality=quality,
    )


def _mode(decisions: Decisions, rule: Callable[[], Choice[CompileMode]]) -> CompileMode:
    """Like any other decision, though `auto` is a value here."""
    written = decisions.merged.get("compile.mode")
    return decisions.decide("compile.mode", rule) if written is None else cast(CompileMode, written)


def _volume_gb(spec: ResolvedSpec, instance: InstanceType) -> int | None:
    from lmi_deployer.loading import compile_volume_gb

    return compile_volume_gb(spec.weights) if instance.is_volume_size_settable else None


def _instance(spec: ResolvedSpec, decisions: Decisions, runner: Runner) -> InstanceType:
    """The machine to compile on; an optimization job is always for the one that serves.

    Raises ProfileError for one that the catalog does not hold.
    """
    from lmi_deployer.rules import compilation as rules

    key = "compile.instance_type"
    is_for_serving = runner == "optimization"
    if not decisions.is_open(key) and not is_for_serving:
        try:
            return catalog.instance_type(str(decisions.merged.get(key)))
        except InputError as error:
            finding = decisions.problem("LMI007", error.problem, key=key, fix=error.fix)
            raise ProfileError([finding]) from error
    choice = rules.compile_instance(
        spec.instance,
        lambda instance: is_for_serving or takes(runner, instance),
        lambda: machines_like(spec, runner),
    )
    if decisions.is_open(key):
        decisions.note(key, choice)
    return choice.value


def takes(runner: Runner, instance: InstanceType) -> bool:
    """Whether a runner compiles on a machine, or for it."""
    if runner == "sagemaker":
        return instance.training
    return instance.optimization if runner == "optimization" else True


def machines_like(spec: ResolvedSpec, runner: Runner) -> Iterator[tuple[InstanceType, Gpu]]:
    """The machines that a runner takes, with GPUs like the spec's own that can work together."""
    from lmi_deployer.rules import compilation as rules
    from lmi_deployer.spec import device_count

    for name in catalog.names("instances"):
        instance = catalog.instance_type(name)
        gpu = catalog.gpu(instance.gpu)
        is_alike = rules.is_alike(gpu, spec.gpu) and instance.cpu_architecture == "x86_64"
        is_large = device_count(instance, gpu) >= spec.ranks and rules.joins(gpu, spec.ranks)
        if is_alike and is_large and takes(runner, instance):
            yield instance, gpu


def _quality(decisions: Decisions) -> Quality | None:
    """The quality gate. Raises ProfileError where one is begun and not finished."""
    section = decisions.merged.settings.quality
    if section is None:
        return None
    missing = [
        decisions.problem("LMI004", "is required for a quality gate", key=key, fix=hint)
        for key, hint in REQUIRED_FOR_QUALITY.items()
        if decisions.merged.get(key) is None
    ]
    if missing:
        raise ProfileError(missing)
    return Quality(
        prompts=tuple(section.prompts or ()),
        reference=None if section.reference is None else tuple(section.reference),
        max_new_tokens=section.max_new_tokens or MAX_NEW_TOKENS,
        minimum_agreement=section.minimum_agreement or 0.0,
    )
