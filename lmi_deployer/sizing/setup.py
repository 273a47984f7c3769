"""The question that sizing answers: one model, as it is loaded, on so many devices of a kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lmi_deployer.catalog.rows import Backend, Gpu
from lmi_deployer.model_shape import ModelShape

Engine = Backend | Literal["sglang", "tgi"]
"""The backends, and two engines that occur only among published measurements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Everything that changes the answer. None leaves a setting to the engine's own default."""

    shape: ModelShape
    gpu: Gpu
    gpu_count: int
    """Devices of the machine; a copy of the model takes degree x stages of them."""
    gpu_link: str
    """As `InstanceType.gpu_link`: none, pcie, nvlink, nvswitch, neuronlink."""
    tensor_parallel_degree: int
    pipeline_parallel_degree: int = 1
    engine: Engine
    engine_version: str
    """Of the library itself, such as "0.6.3.post1"; the constants of its time apply."""
    dtype: str
    """fp32, fp16 or bf16: of activations, and of weights that are not quantized."""
    weight_format: str | None = None
    """Method by which plain weights are quantized while loading (`QuantizeMethod`); None keeps
    them as stored."""
    kv_cache_dtype: str | None = None
    """None stores the cache in `dtype`, or as the checkpoint says; else "fp8" or "int8"."""
    memory_fraction: float | None = None
    """gpu_memory_utilization of vLLM and LMI-Dist, kv_cache_free_gpu_mem_fraction of TensorRT-LLM,
    mem_fraction_static of SGLang."""
    max_input_len: int
    max_output_len: int
    max_model_len: int | None = None
    """vLLM's limit on prompt and answer together; None for what the engine would take."""
    max_rolling_batch_size: int
    max_num_tokens: int | None = None
    """Tokens of one forward pass: max_num_batched_tokens of vLLM, max_num_tokens of TensorRT-LLM,
    max_rolling_batch_prefill_tokens of LMI-Dist."""
    has_chunked_prefill: bool | None = None
    is_eager: bool = False
    """No CUDA graphs."""
    has_v1_core: bool | None = None
    """vLLM's second engine core; None for the default of its version."""
