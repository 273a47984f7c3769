"""As what the weights are loaded: number format, quantization, and how many bytes that comes to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lmi_deployer.catalog.rows import (
    Backend,
    BackendSupport,
    Container,
    Gpu,
    QuantizeMethod,
)
from lmi_deployer.hardware import RunnerUp
from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.rules.backend import refusal
from lmi_deployer.rules.choice import Choice

if TYPE_CHECKING:
    from lmi_deployer.lockfile import LockedModel

BF16_COMPUTE_CAPABILITY = 8.0
"""Ampere is the first architecture with bf16. Source: CUDA C++ programming guide."""
COMPUTED_IN_BF16 = frozenset({"bf16", "fp8", "mxfp4", "int8"})
"""Formats of published weights whose models compute in bf16. The last three are told only where
nobody has read the checkpoint's torch_dtype; models in them date from after bf16 had become usual,
and mxfp4 takes nothing else (get_supported_act_dtypes in mxfp4.py, vllm==0.10.2)."""
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
    "awq": 0.5 + 2.5 / 128,
    "gptq": 0.5 + 2.5 / 128,
}
"""Bytes of one weight once loaded. 0.516 is nf4 with double quantization (QLoRA, section 3); awq
and gptq have a 16-bit scale and a 4-bit zero for each group of 128 (AutoAWQ, AutoGPTQ)."""
LOCKED_COMMIT = "locked-commit"
STORED_ALREADY = frozenset({"awq", "gptq"})
"""Methods that weights of stated size most likely have already, as files."""
MILDEST_FIRST: tuple[QuantizeMethod, ...] = (
    "fp8",
    "smoothquant",
    "bitsandbytes8",
    "dynamic_int8",
    "static_int8",
    "awq",
    "gptq",
    "bitsandbytes4",
)
"""Methods by how close what they load is to the published weights: 8 bits before 4; among equals
those that keep activations at 16 bits or calibrate them first."""


def dtype(
    support: BackendSupport, gpu: Gpu, facts: ModelFacts | None, method: QuantizeMethod | None
) -> Choice[str]:
    """bf16 where weights, GPU and backend agree on it; else fp16, which nearly all take."""
    quantize = support.quantize.get(method) if method else None
    taken = quantize.dtypes if quantize and quantize.dtypes else support.dtypes
    allowed = tuple(name for name in taken if starts_in(support, facts, name)) or taken
    has_bf16 = (gpu.compute_capability or BF16_COMPUTE_CAPABILITY) >= BF16_COMPUTE_CAPABILITY
    is_published = facts is not None and facts.torch_dtype in COMPUTED_IN_BF16
    if is_published and "bf16" in allowed and has_bf16:
        others = _other_dtypes(allowed, "bf16", "rounds weights that are published in bf16")
        reason = "rule: as published, and the GPU computes in bf16"
        return Choice("bf16", "published-dtype", reason, others)
    value = next((name for name in ("fp16", "fp32") if name in allowed), allowed[0])
    why = "the weights are not published in it" if has_bf16 else "the GPU does not compute in it"
    reason = f"rule: {value}, which the backend and the GPU both take"
    if value == "fp32" and "fp16" in taken and "fp16" not in allowed:
        assert facts is not None  # or nothing would be refused
        reason += f"; it refuses {facts.model_type} in fp16"
    return Choice(value, "dtype-all-take", reason, _other_dtypes(allowed, value, why))


def starts_in(support: BackendSupport, facts: ModelFacts | None, dtype_name: str) -> bool:
    """Whether a backend starts with the model's family in a number format."""
    family = facts.model_type if facts else None
    return not (dtype_name == "fp16" and family in support.fp16_refused)


def _other_dtypes(allowed: tuple[str, ...], chosen: str, why: str) -> tuple[RunnerUp, ...]:
    """What else the backend takes, among formats of 16 bits and more."""
    reasons = {"fp32": "takes twice the memory", "bf16": why, "fp16": why}
    return tuple(
        RunnerUp(name, reasons[name]) for name in allowed if name != chosen and name in reasons
    )


def method_refusal(
    container: Container,
    backends: Iterable[Backend],
    gpu: Gpu,
    facts: ModelFacts | None,
    method: QuantizeMethod,
) -> str | None:
    """Why none of the backends quantizes the weights so on the GPU; None where one of them does."""
    reasons = [refusal(container, name, gpu, facts, method) for name in backends]
    return None if None in reasons or not reasons else reasons[0]


def gpu_bytes(facts: ModelFacts, dtype_name: str, method: QuantizeMethod | None) -> int:
    """Bytes of one copy of the weights once loaded; quantized checkpoints load as they are."""
    if facts.quantization is not None or facts.parameter_count is None:
        return facts.weight_bytes or 0
    per_parameter = BYTES_PER_PARAMETER.get(method or dtype_name, BYTES_PER_PARAMETER[dtype_name])
    return int(facts.parameter_count * per_parameter)


def shrinkage(dtype_name: str, method: QuantizeMethod | None) -> float:
    """Bytes on the GPU for each byte of a checkpoint whose size alone is known."""
    if method is None or method in STORED_ALREADY:
        return 1
    return BYTES_PER_PARAMETER[method] / BYTES_PER_PARAMETER[dtype_name]


def revision(
    support: BackendSupport, locked: LockedModel | None, *, compiles_ahead: bool
) -> Choice[str | None]:
    """The commit that the lock holds, where the backend reads one: later starts load the same.

    What is compiled ahead of time is compiled from it in any case.
    """
    is_read = "revision" in support.property_names
    if locked is None or locked.commit is None or not (is_read or compiles_ahead):
        return Choice(None, LOCKED_COMMIT, "rule: the newest commit at each start")
    reason = f"lock: {locked.requested} as of {locked.checked}"
    if not is_read:
        reason += ", for what is compiled ahead of time"
    return Choice(locked.commit, LOCKED_COMMIT, reason)
