"""Rules about ahead-of-time compilation: its version, runner, weights and quality gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lmi_deployer import catalog
from lmi_deployer.aot.commands import DECIDED, JUST_IN_TIME, overridden, refusal
from lmi_deployer.checks import compiling_machine as machines
from lmi_deployer.checks.about import about
from lmi_deployer.checks.compiling_machine import MACHINE, asked, is_written
from lmi_deployer.findings import Finding
from lmi_deployer.spec import ResolvedSpec

if TYPE_CHECKING:
    from lmi_deployer.catalog.compiler_rows import Compiler


def version_compiles_ahead(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI601: this version's own way of compiling ahead of time does not work."""
    compilation, key = spec.compilation, _written_here(spec, "compile")
    if compilation is None and key is None:
        return
    compiler = catalog.compiler(spec.container.version, spec.backend)
    against = None if compiler is None else refusal(compiler, spec)
    if compiler is None or against is None:
        return
    problem = f"LMI {spec.container.version} cannot compile this ahead of time: {against}"
    if compilation is not None:
        fix = f"{JUST_IN_TIME}, or {_other_way(compiler, spec)}"
        yield about(spec, "LMI601", problem, key="compile.mode", fix=fix)
    elif key is not None:
        yield about(spec, "LMI601", problem, key=key, severity="note")


def _other_way(compiler: Compiler, spec: ResolvedSpec) -> str:
    """What lifts a refusal, besides leaving it to the container."""
    raw = overridden(spec)
    if compiler.refused is not None or raw is None:
        return "another container version or backend"
    return f"{DECIDED[raw]} in place of {raw}"


def something_is_compiled(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI602: a section about compiling, where weights are loaded as they are."""
    if spec.compilation is not None:
        return
    version = spec.container.version
    for section in ("compile", "quality"):
        key = _written_here(spec, section)
        if key is None or catalog.compiler(version, spec.backend) is not None:
            continue
        able = [
            name
            for name in spec.container.backends
            if (row := catalog.compiler(version, name)) is not None and row.refused is None
        ]
        problem = f"nothing is compiled: {spec.backend} on LMI {version} loads weights as they are"
        fix = f"remove it, or backend: {' or '.join(able)}" if able else "remove it"
        yield about(spec, "LMI602", problem, key=key, fix=fix)


def runner_can_do_it(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI603: a runner that the version, the weights or other keys of the section rule out."""
    compilation = asked(spec)
    if compilation is None:
        return
    compiler, runner, version = compilation.compiler, compilation.runner, spec.container.version
    if runner == "native" and not compiler.builds_natively:
        problem = f"what LMI {version} serves is built by its own image only"
        yield _about_runner(spec, problem, "sagemaker or docker")
    if runner == "optimization":
        if not compiler.has_optimization_jobs:
            problem = f"SageMaker's optimization jobs do not run {spec.backend} of LMI {version}"
            yield _about_runner(spec, problem, "sagemaker or docker")
        elif spec.weights.source is None:
            problem = "SageMaker's optimization jobs take weights from S3 only"
            fix = "set model.source, or compile.runner: sagemaker"
            yield about(spec, "LMI603", problem, key="compile.runner", fix=fix)
        if compilation.quality is not None:
            problem = "SageMaker's optimization jobs run no quality gate"
            yield _about_runner(spec, problem, "sagemaker or docker")
        if is_written(spec, MACHINE):
            problem = "SageMaker's optimization jobs compile for the machine that serves"
            yield about(spec, "LMI603", problem, key=MACHINE, fix="remove it")
    if compilation.is_spot and runner != "sagemaker":
        problem = f"only training jobs run on spot machines, and {runner} is none"
        fix = "compile.runner: sagemaker, or leave it out"
        yield about(spec, "LMI603", problem, key="compile.spot", fix=fix)
    if compilation.is_local and is_written(spec, MACHINE):
        problem = f"{runner} compiles on the machine that the command runs on"
        yield about(spec, "LMI603", problem, key=MACHINE, fix="remove it")


def _about_runner(spec: ResolvedSpec, problem: str, others: str) -> Finding:
    fix = f"compile.runner: {others}"
    return about(spec, "LMI603", problem, key="compile.runner", fix=fix)


def weights_keep_still(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI606: an engine would be cached under the name of a branch, which moves."""
    weights = spec.weights
    is_ahead = spec.compilation is not None and spec.compilation.mode == "aot"
    if is_ahead and weights.source is None and weights.revision is None:
        problem = "the engine is cached under a name whose weights may change"
        fix = "`lmi-deploy lock`, or set model.revision to a commit, or model.source to a copy"
        yield about(spec, "LMI606", problem, key="model.id", fix=fix, severity="warning")


def reference_answers_every_prompt(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI607: a reference has one answer for each prompt."""
    quality = spec.compilation.quality if spec.compilation else None
    if quality is None or quality.reference is None:
        return
    answers, prompts = len(quality.reference), len(quality.prompts)
    if answers != prompts:
        problem = f"has {answers} answers for {prompts} prompts"
        fix = "one answer for each prompt, or none: the weights as stored are asked then"
        yield about(spec, "LMI607", problem, key="quality.reference", fix=fix)
    elif not any(text.strip() for text in quality.reference):
        problem = "every answer is empty, and nothing agrees with that"
        fix = "answers that the model should give, or none: the weights as stored are asked then"
        yield about(spec, "LMI607", problem, key="quality.reference", fix=fix)


def gate_is_passed(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI608: a quality gate that not everything which is served goes through."""
    compilation = spec.compilation
    if compilation is None or compilation.quality is None or compilation.mode == "aot":
        return
    key, fix = "quality.minimum_agreement", "compile.mode: aot"
    if compilation.mode == "jit":
        problem = "nothing is asked at a container that compiles for itself"
        yield about(spec, "LMI608", problem, key=key, fix=fix)
    else:
        problem = "without an engine in the cache the container compiles one that nobody has asked"
        yield about(spec, "LMI608", problem, key=key, fix=fix, severity="warning")


def quantized_answers_are_compared(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI609: quantizing while compiling changes answers, and nothing says how much."""
    compilation, method = spec.compilation, spec.weights.quantize
    if compilation is None or compilation.mode != "aot" or method is None:
        return
    facts = spec.weights.facts
    is_stored_so = facts is not None and facts.quantization == method
    if compilation.quality is None and not is_stored_so:
        problem = f"{method} changes the answers, and no quality gate says how much"
        fix = "add `quality` with prompts and minimum_agreement"
        yield about(spec, "LMI609", problem, key="quantize", fix=fix, severity="warning")


def _written_here(spec: ResolvedSpec, section: str) -> str | None:
    """A key of a section that this hardware profile itself writes; others may inherit it."""
    own = f"profiles.{spec.hardware}"
    for key, origin in spec.origin.items():
        is_own = origin.reason == own or origin.reason.startswith("--set ")
        if key.partition(".")[0] == section and is_own:
            return key
    return None


RULES: tuple[Callable[[ResolvedSpec], Iterator[Finding]], ...] = (
    version_compiles_ahead,
    something_is_compiled,
    runner_can_do_it,
    *machines.RULES,
    weights_keep_still,
    reference_answers_every_prompt,
    gate_is_passed,
    quantized_answers_are_compared,
)
