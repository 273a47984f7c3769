"""The job that makes an engine, worked out beforehand: what runs, where, and on what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lmi_deployer import __version__
from lmi_deployer.aot.engine import Engine
from lmi_deployer.artifact.manifest import Manifest
from lmi_deployer.deployment import HARDWARE_TAG, PROFILE_TAG, Request, Target, image_uri
from lmi_deployer.entry_point.job import GpuNeeded, Job, ModelInput, QualityGate, as_json, parse
from lmi_deployer.errors import InputError
from lmi_deployer.spec import Compilation, ResolvedSpec, Runner
from lmi_deployer.steps import CompileEngine

ENGINE_TAG = "lmi-deploy:engine"
"""On a job: the whole key of the engine that it makes."""
SOURCE = "weights_source"
SOURCE_BYTES = "weights_bytes"
"""Of what a job's manifest says: the folder on S3 that the weights came from, and their size."""
PAID: frozenset[Runner] = frozenset({"sagemaker", "optimization"})
"""Runners that cost money for every hour."""


def compilation_of(spec: ResolvedSpec) -> Compilation:
    """How a spec is compiled. Raises InputError, with the reason, for one that is not."""
    if spec.compilation is not None:
        return spec.compilation
    raise InputError(
        f"{spec.title} is not compiled ahead of time: {why_not(spec)}",
        fix="`lmi-deploy up`, which needs no engine for it",
    )


def why_not(spec: ResolvedSpec) -> str:
    """Why a spec without a compilation has none."""
    from lmi_deployer.aot.commands import refusal
    from lmi_deployer.catalog import compiler

    facts = compiler(spec.container.version, spec.backend)
    reason = None if facts is None else refusal(facts, spec)
    return reason or f"{spec.backend} on LMI {spec.container.version} loads weights as they are"


def make_job(spec: ResolvedSpec, engine: Engine, runner: Runner, image: str) -> Job:
    """What the entry point is told for one spec. It holds no secret.

    Raises InputError for a spec that is never compiled.
    """
    from lmi_deployer.aot.commands import script, served_from
    from lmi_deployer.render import properties

    compilation = compilation_of(spec)
    compiler = compilation.compiler
    serving = properties(served_from(spec, engine.uri))
    quality = compilation.quality
    return Job(
        inputs=engine.inputs.document(),
        layout=compiler.layout,
        ranks=spec.ranks,
        script=script(compiler, spec),
        environment=dict(compiler.environment),
        model=ModelInput(
            model_id=spec.weights.model_id,
            revision=spec.weights.revision,
            is_mounted=spec.weights.source is not None,
        ),
        gpu=_gpu_needed(spec),
        cache=engine.cache if runner == "sagemaker" else None,
        serving={name: text for name, text in serving.items() if name != "option.model_id"},
        quality=None
        if quality is None
        else QualityGate(
            prompts=quality.prompts,
            max_new_tokens=quality.max_new_tokens,
            minimum_agreement=quality.minimum_agreement,
            reference=quality.reference,
        ),
        made={
            "runner": runner,
            "image": image,
            "instance_type": compilation.instance.name if runner in PAID else None,
            "lmi_deploy": __version__,
            SOURCE: spec.weights.source,
            SOURCE_BYTES: spec.weights.download_bytes,
        },
        max_seconds=compilation.max_seconds,
    )


def _gpu_needed(spec: ResolvedSpec) -> GpuNeeded:
    """GPUs for all ranks, or on Neuron, where a rank is a core, the accelerators of them."""
    cores = spec.gpu.neuron_cores or 1
    return GpuNeeded(
        compute_capability=spec.gpu.compute_capability,
        memory_gib=spec.gpu.memory_gib,
        count=-(-spec.ranks // cores),
    )


def compile_step(
    spec: ResolvedSpec,
    engine: Engine,
    target: Target,
    *,
    runner: Runner | None = None,
    anew: bool = False,
) -> CompileEngine:
    """The step that compiles an engine into its cache, `anew` even where it is there.

    `runner` comes before the profile's own; local ones need no role in `target`. Raises InputError
    where the spec cannot be compiled so, with everything that SageMaker would refuse.
    """
    from lmi_deployer.aot.commands import compile_properties

    compilation = compilation_of(spec)
    runner = runner or compilation.runner
    image = image_uri(spec, target.region)
    job = replace(make_job(spec, engine, runner, image), is_forced=anew)
    lines = compile_properties(compilation.compiler, spec)
    return CompileEngine(
        key=engine.key,
        cache=engine.cache,
        runner=runner,
        image_uri=image,
        job=json.loads(as_json(job)),
        properties=lines,
        request=_request(spec, engine, target, runner, lines),
        note=_note(spec, runner),
    )


def satisfies(step: CompileEngine, manifest: Manifest) -> bool:
    """Whether a committed artifact is what a step makes, measured as its quality gate asks."""
    from lmi_deployer.entry_point.quality import is_measured

    gate = parse(json.dumps(step.job).encode()).quality
    return manifest.key == step.key and is_measured(gate, manifest.quality)


def job_file(step: CompileEngine, **made: Any) -> bytes:
    """The content of job.json for a step; `made` is what is only known when it starts."""
    document = {**step.job, "made": {**step.job["made"], **made}}
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def job_tags(spec: ResolvedSpec, key: str) -> list[dict[str, str]]:
    """Tags of a job: the engine, for whom it was first made, and the profile's own."""
    tags: Mapping[str, str] = {
        **spec.endpoint.tags,
        ENGINE_TAG: key,
        PROFILE_TAG: spec.name,
        HARDWARE_TAG: spec.hardware,
    }
    return [{"Key": name, "Value": value} for name, value in sorted(tags.items())]


def _request(
    spec: ResolvedSpec, engine: Engine, target: Target, runner: Runner, lines: str
) -> Request | None:
    """The checked request that starts the job, without its name; None for local runners."""
    from lmi_deployer.aot.decision import job_name
    from lmi_deployer.request_check import check_request

    if runner == "sagemaker":
        from lmi_deployer.aot.training_job import training_request

        operation, name = "CreateTrainingJob", "TrainingJobName"
        request = training_request(spec, engine, target)
    elif runner == "optimization":
        from lmi_deployer.aot.optimization_job import optimization_request

        operation, name = "CreateOptimizationJob", "OptimizationJobName"
        request = optimization_request(spec, engine, target, lines)
    else:
        return None
    problems = check_request("sagemaker", operation, {name: job_name(engine.key, 1), **request})
    if problems:
        raise InputError("SageMaker would refuse this:\n" + "\n".join(map(str, problems)))
    return request


def _note(spec: ResolvedSpec, runner: Runner) -> str:
    """Where, how long and at what price, in words."""
    compilation = compilation_of(spec)
    where = {
        "sagemaker": f"training job on {compilation.instance.name}",
        "optimization": f"optimization job for {spec.instance.name}",
        "docker": "in Docker on this machine",
        "native": "with tensorrt-llm on this machine",
    }[runner]
    if runner == "sagemaker" and compilation.is_spot:
        where += " (spot)"
    return where
