"""Rules about the machine that compiles: its GPUs, its memory and disk, whether it can be had."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lmi_deployer import catalog
from lmi_deployer.aot.commands import refusal
from lmi_deployer.catalog.rows import InstanceType
from lmi_deployer.checks.about import about
from lmi_deployer.findings import Finding
from lmi_deployer.loading import disk_bytes
from lmi_deployer.resolving.compilation import machines_like, takes
from lmi_deployer.rules.compilation import (
    TRAINIUM,
    TRAINIUM_GROUPS,
    has_host_memory,
    is_alike,
    joins,
    needed_host_gib,
)
from lmi_deployer.spec import Compilation, ResolvedSpec, device_count

MACHINE = "compile.instance_type"
SHOWN_TYPES = 3


def machine_has_the_same_gpus(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI604: an engine runs on the GPUs that it was compiled on, and no others."""
    compilation = _on_sagemaker(spec)
    if compilation is None:
        return
    built, served = catalog.gpu(compilation.instance.gpu), spec.gpu
    if not is_alike(built, served):
        problem = (
            f"{compilation.instance.name} compiles for {_told(built.name)}, "
            f"and {spec.instance.name} serves on {_told(served.name)}"
        )
        yield about(spec, "LMI604", problem, key=MACHINE, fix=_machines(spec, compilation))


def _told(gpu: str) -> str:
    row = catalog.gpu(gpu)
    capability = "" if row.compute_capability is None else f" {row.compute_capability}"
    return f"{row.name} ({row.architecture}{capability}, {row.memory_gib:g} GiB)"


def runner_takes_the_machine(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI605: a machine that the runner's jobs cannot have, or with too few devices."""
    compilation = _on_sagemaker(spec)
    if compilation is None:
        return
    instance, key = compilation.instance, _machine_key(spec, compilation)
    fix = _machines(spec, compilation)
    if not takes(compilation.runner, instance):
        kind = "training" if compilation.runner == "sagemaker" else "optimization"
        problem = f"SageMaker has no {instance.name} for {kind} jobs"
        yield about(spec, "LMI605", problem, key=key, fix=fix)
    gpu = catalog.gpu(instance.gpu)
    devices = device_count(instance, gpu)
    if not joins(gpu, spec.ranks):
        problem = f"{spec.ranks} cores of {gpu.name} do not work together, which compiling tries"
        yield about(spec, "LMI605", problem, key=key, fix=fix)
    if devices < spec.ranks:
        problem = (
            f"{instance.name} has {devices} devices, and the engine has {spec.ranks} parts: "
            f"tensor parallel degree {spec.tensor_parallel_degree}, "
            f"pipeline parallel degree {spec.pipeline_parallel_degree}"
        )
        yield about(spec, "LMI605", problem, key=key, fix=fix)


def machine_can_compile(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI204, LMI210: disk and host memory of the job's machine."""
    compilation = _on_sagemaker(spec)
    if compilation is None or compilation.runner != "sagemaker" or compilation.mode == "jit":
        return
    instance, key = compilation.instance, _machine_key(spec, compilation)
    disk_gb = instance.local_disk_gb or compilation.volume_gb
    needed_gb = disk_bytes(spec.weights, compiles=True) / 1e9
    if disk_gb is None:
        problem = f"the catalog does not know the disk of {instance.name}"
        yield about(spec, "LMI403", problem, key=key, severity="warning")
    elif needed_gb > disk_gb:
        problem = f"compiling takes about {needed_gb:.0f} GB of disk; there are {disk_gb:.0f}"
        yield about(spec, "LMI204", problem, key=key, fix=_machines(spec, compilation))
    is_engine = compilation.compiler.kind == "trt_engine"
    if is_engine and compilation.mode == "aot" and not has_host_memory(instance, spec.weights):
        needed, has = needed_host_gib(spec.weights), instance.host_memory_gib
        problem = f"compiling holds about {needed:.0f} GiB in host memory; there are {has:.0f}"
        fix = _machines(spec, compilation)
        yield about(spec, "LMI210", problem, key=key, fix=fix, severity="warning")


def asked(spec: ResolvedSpec) -> Compilation | None:
    """How it is compiled, where the profile has something to say of it."""
    compilation = spec.compilation
    if compilation is None or refusal(compilation.compiler, spec) is not None:
        return None
    is_asked = any(is_written(spec, key) for key in spec.origin if key.startswith("compile."))
    return compilation if is_asked else None


def _on_sagemaker(spec: ResolvedSpec) -> Compilation | None:
    """The same, where a job of SageMaker compiles: of other machines nothing is known here."""
    compilation = asked(spec)
    return None if compilation is None or compilation.is_local else compilation


def is_written(spec: ResolvedSpec, key: str) -> bool:
    """Whether somebody wrote a key, or an override did; False where a rule decided it."""
    return key in spec.origin and spec.origin[key].rule is None


def _machine_key(spec: ResolvedSpec, compilation: Compilation) -> str:
    is_own = is_written(spec, MACHINE) and compilation.runner != "optimization"
    return MACHINE if is_own else "instance_type"


def _machines(spec: ResolvedSpec, compilation: Compilation) -> str:
    """The way out: machines that serve the purpose, the smallest first."""
    if compilation.runner == "optimization":
        return "another machine to serve on, or compile.runner: sagemaker"
    able = [
        (device_count(instance, gpu), instance.host_memory_gib, instance.name)
        for instance, gpu in machines_like(spec, compilation.runner)
        if has_host_memory(instance, spec.weights) and _has_disk(instance, spec)
    ]
    if not able:
        is_odd = spec.gpu.vendor == "aws" and not joins(catalog.gpu(TRAINIUM), spec.ranks)
        groups = f"tensor_parallel_degree: {' or '.join(map(str, TRAINIUM_GROUPS))}"
        return f"{groups if is_odd else 'another machine to serve on'}, or compile.runner: docker"
    return f"compile.instance_type: {' or '.join(name for *_, name in sorted(able)[:SHOWN_TYPES])}"


def _has_disk(instance: InstanceType, spec: ResolvedSpec) -> bool:
    needed_gb = disk_bytes(spec.weights, compiles=True) / 1e9
    return instance.local_disk_gb is None or instance.local_disk_gb >= needed_gb


RULES: tuple[Callable[[ResolvedSpec], Iterator[Finding]], ...] = (
    machine_has_the_same_gpus,
    runner_takes_the_machine,
    machine_can_compile,
)
