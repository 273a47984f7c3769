"""How weights are compiled ahead of time, where the profile leaves it open."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lmi_deployer.catalog.rows import Gpu, InstanceType
from lmi_deployer.hardware import RunnerUp
from lmi_deployer.loading import compile_limit_seconds
from lmi_deployer.rules.choice import Choice
from lmi_deployer.spec import GIB, CompileMode, Runner, Weights, device_count

MODE: CompileMode = "auto"
RUNNER: Runner = "sagemaker"
TRAINIUM = "Trainium"
TRAINIUM_GROUPS = (1, 2, 8, 16)
TRAINIUM_MULTIPLE = 32
"""NeuronCores of Trainium that work together: so many, or a multiple of that. Inferentia2 takes any
number of them. Source: the runtime's own message in optimum-neuron issue 619."""
COMPILE_HOST_FACTOR = 2
"""Host memory that building an engine takes, in sizes of the weights.

Source: TensorRT-LLM issue 2093, and the tuning guide of LMI 0.26, which compiles a 7B model for a
machine of 32 GiB on a larger one."""
SAFE_HOST_FRACTION = 0.75
"""The server, the cache of files and the system need the rest of the host's memory."""


def compile_mode() -> Choice[CompileMode]:
    """What has been compiled before is used; nothing is started for it."""
    others = (
        RunnerUp("aot", "starts a job that costs money, so somebody has to ask for it"),
        RunnerUp("jit", "would compile again what lies ready"),
    )
    return Choice(MODE, "what-is-ready", "rule: what lies in the cache is used", others)


def compile_runner() -> Choice[Runner]:
    """A training job: it takes every GPU type and image, and is there for everybody."""
    others = (
        RunnerUp("optimization", "takes some models and versions only"),
        RunnerUp("docker", "needs this machine to have the GPUs of the profile"),
        RunnerUp("native", "needs tensorrt-llm on this machine, besides its GPUs"),
    )
    reason = "rule: a SageMaker training job takes every GPU type"
    return Choice(RUNNER, "compile-on-sagemaker", reason, others)


def is_alike(one: Gpu, other: Gpu) -> bool:
    """Whether what is compiled on one GPU runs on the other: architecture and memory are alike.

    Source: TensorRT-LLM issue 1649 (engines are tied to the GPU they were built for).
    """
    return (one.architecture, one.compute_capability, one.memory_gib) == (
        other.architecture,
        other.compute_capability,
        other.memory_gib,
    )


def joins(gpu: Gpu, ranks: int) -> bool:
    """Whether so many of these devices work together, which compiling a graph tries out."""
    if gpu.name != TRAINIUM:
        return True
    return ranks in TRAINIUM_GROUPS or ranks % TRAINIUM_MULTIPLE == 0


def needed_host_gib(weights: Weights) -> float:
    """GiB of host memory that compiling holds at once."""
    return COMPILE_HOST_FACTOR * weights.download_bytes / GIB


def has_host_memory(instance: InstanceType, weights: Weights) -> bool:
    """Whether a machine's memory is safe for compiling."""
    return needed_host_gib(weights) <= SAFE_HOST_FRACTION * instance.host_memory_gib


def compile_instance(
    own: InstanceType,
    takes: Callable[[InstanceType], bool],
    able: Callable[[], Iterable[tuple[InstanceType, Gpu]]],
) -> Choice[InstanceType]:
    """The machine that serves, where the runner takes it; else the smallest like it.

    `able` gives the machines that the runner takes, with GPUs like those that serve.
    """
    rule = "compile-where-it-is-served"
    if takes(own):
        return Choice(own, rule, "rule: the machine that serves has the right GPUs")
    against = RunnerUp(own.name, "SageMaker does not have it for such jobs")
    found = min(able(), key=lambda item: _size(*item), default=None)
    if found is None:
        return Choice(own, rule, "rule: the machine that serves", ())
    reason = "rule: the smallest machine with such GPUs that the job may have"
    return Choice(found[0], rule, reason, (against,))


def _size(instance: InstanceType, gpu: Gpu) -> tuple[float, ...]:
    return device_count(instance, gpu), instance.host_memory_gib, instance.vcpu


def compile_seconds(weights: Weights, *, quantizes: bool, has_gate: bool) -> Choice[int]:
    """When the job is stopped: long after it should have ended."""
    seconds = compile_limit_seconds(weights, quantizes=quantizes, has_gate=has_gate)
    reason = f"rule: three times as long as {weights.download_bytes / GIB:.1f} GiB may take"
    return Choice(seconds, "time-for-compiling", reason)
