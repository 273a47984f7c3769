"""The named rules behind `auto`: each gives a value and says, in words, why it is that one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from lmi_deployer.catalog.rows import (
    Backend,
    BackendSupport,
    Container,
    Gpu,
    InstanceType,
    Model,
    QuantizeMethod,
    WeightFormat,
)
from lmi_deployer.loading import loading_timeout_seconds
from lmi_deployer.spec import GIB, Weights, device_count

T = TypeVar("T")

BF16_COMPUTE_CAPABILITY = 8.0
"""Ampere is the first architecture with bf16. Source: CUDA C++ programming guide."""
BYTES_PER_PARAMETER: Mapping[str, float] = {
    "fp32": 4,
    "fp16": 2,
    "bf16": 2,
    "int8": 1,
    "fp8": 1,
    "smoothquant": 1,
    "dynamic_int8": 1,
    "static_int8": 1,
    "bitsandbytes8": 1,
    "bitsandbytes4": 0.516,
}
"""Bytes of one weight once loaded. 0.516 is nf4 with double quantization (QLoRA, section 3)."""


@dataclass(frozen=True)
class Choice(Generic[T]):
    """What a rule decided, and why."""

    value: T
    reason: str


def backend(
    container: Container, gpu: Gpu, facts: Model | None, method: QuantizeMethod | None
) -> Choice[Backend] | None:
    """The first backend in the container's order that serves the model; None where none does."""
    family = facts.model_type if facts else "a model the catalog does not hold"
    with_method = f" with {method}" if method else ""
    for name in container.backends:
        if _can_serve(container, name, gpu, facts, method):
            serves = f"serves {family}{with_method} on {gpu.name}"
            return Choice(name, f"rule: first backend of LMI {container.version} that {serves}")
    return None


def _can_serve(
    container: Container,
    name: Backend,
    gpu: Gpu,
    facts: Model | None,
    method: QuantizeMethod | None,
) -> bool:
    """True when the backend is documented to serve the model with the method on the GPU."""
    support = container.backends[name]
    is_neuron = container.flavors[support.flavor].accelerator == "neuron"
    if is_neuron != (gpu.vendor == "aws"):
        return False
    families = support.model_types
    if families is not None and (facts is None or facts.model_type not in families):
        return False
    already = facts.quantization if facts else None
    if method is None:
        return already is None or loads_by_itself(support, already)
    row = support.quantize.get(method)
    if row is None:
        return False
    if already == method:
        return row.needs_quantized_checkpoint or row.takes_quantized_checkpoint
    return already is None and not row.needs_quantized_checkpoint


def loads_by_itself(support: BackendSupport, already: WeightFormat) -> bool:
    """Whether quantized weights load without a word about them: the checkpoint says it all."""
    rows = {str(method): row for method, row in support.quantize.items()}
    row = rows.get(already)
    return row is not None and (row.value is None or row.takes_quantized_checkpoint)


def dtype(
    support: BackendSupport, gpu: Gpu, facts: Model | None, method: QuantizeMethod | None
) -> Choice[str]:
    """bf16 where weights, GPU and backend agree on it; else fp16, which nearly all take."""
    quantize = support.quantize.get(method) if method else None
    allowed = quantize.dtypes if quantize and quantize.dtypes else support.dtypes
    if (
        facts is not None
        and facts.published_dtype == "bf16"
        and "bf16" in allowed
        and (gpu.compute_capability or BF16_COMPUTE_CAPABILITY) >= BF16_COMPUTE_CAPABILITY
    ):
        return Choice("bf16", "rule: as published, and the GPU computes in bf16")
    value = "fp16" if "fp16" in allowed else allowed[0]
    return Choice(value, f"rule: {value}, which the backend and the GPU both take")


def gpu_bytes(facts: Model, dtype_name: str, method: QuantizeMethod | None) -> int:
    """Bytes of one copy of the weights once loaded; quantized checkpoints load as they are."""
    if facts.quantization is not None:
        return facts.checkpoint_bytes
    per_parameter = BYTES_PER_PARAMETER.get(method or dtype_name, BYTES_PER_PARAMETER[dtype_name])
    return int(facts.parameter_count * per_parameter)


def shrinkage(dtype_name: str, method: QuantizeMethod | None) -> float:
    """Bytes on the GPU for each byte of a checkpoint whose size alone is known."""
    if method is None or method not in BYTES_PER_PARAMETER:
        return 1  # as it is, or quantized already
    return BYTES_PER_PARAMETER[method] / BYTES_PER_PARAMETER[dtype_name]


def tensor_parallel_degree(instance: InstanceType, gpu: Gpu, facts: Model | None) -> Choice[int]:
    """As many of the instance's devices as divide its attention heads."""
    devices = device_count(instance, gpu)
    kind = "NeuronCores" if gpu.neuron_cores else "GPUs"
    heads = facts.num_attention_heads if facts else devices
    degree = max(
        item for item in range(1, devices + 1) if devices % item == 0 and heads % item == 0
    )
    if degree == devices:
        return Choice(degree, f"rule: all {devices} {kind} of {instance.name}")
    return Choice(degree, f"rule: as many of the {devices} {kind} as divide the attention heads")


def max_rolling_batch_size(container: Container, name: Backend) -> Choice[int | None]:
    """What the container itself uses; None for a backend without rolling batch."""
    value = container.backends[name].default_max_rolling_batch_size
    return Choice(value, f"container: what {name} uses on LMI {container.version} by default")


def max_num_tokens(support: BackendSupport) -> Choice[int | None]:
    """What the server would write itself, did the profile not decide the batch."""
    reason = "container: what the server writes where it decides the batch as well"
    return Choice(support.default_max_num_tokens, reason)


def model_loading_timeout(weights: Weights, *, compiles: bool) -> Choice[int]:
    """Seconds, from the size of the weights and whether an engine is built from them."""
    seconds = loading_timeout_seconds(weights, compiles=compiles)
    size = f"{weights.download_bytes / GIB:.1f} GiB to load"
    return Choice(seconds, f"rule: {size}{' and an engine to compile' if compiles else ''}")


def use_custom_all_reduce(instance: InstanceType, degree: int) -> Choice[bool | None]:
    """On where several GPUs are joined by NVLink, over which alone it works; else left out."""
    is_linked = instance.gpu_link in {"nvlink", "nvswitch"} and degree > 1
    return Choice(True if is_linked else None, f"rule: {degree} GPUs joined by {instance.gpu_link}")


def multi_query_mode(weights: Weights) -> Choice[bool | None]:
    """On where TensorRT-LLM's SmoothQuant must be told of shared key/value heads; else left out."""
    facts = weights.facts
    is_grouped = facts is not None and facts.num_key_value_heads < facts.num_attention_heads
    is_needed = weights.quantize == "smoothquant" and is_grouped
    reason = "rule: SmoothQuant on a model with grouped-query attention"
    return Choice(True if is_needed else None, reason)
