"""What one GPU has to move and to multiply for a setup, before any engine is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from lmi_deployer.shapes.matrices import Matrices, matrices

if TYPE_CHECKING:
    from lmi_deployer.catalog.rows import Gpu
    from lmi_deployer.model_shape import ModelShape, SlidingWindow, StoredFormat
    from lmi_deployer.sizing.setup import Setup

NVLINKS = frozenset({"nvlink", "nvswitch"})
PLAIN_BYTES = {"fp32": 4.0, "fp16": 2.0, "bf16": 2.0}
METHOD_BITS = {
    "fp8": 8,
    "smoothquant": 8,
    "dynamic_int8": 8,
    "static_int8": 8,
    "int8": 8,
    "bitsandbytes8": 8,
    "bitsandbytes4": 4,
    "awq": 4,
    "gptq": 4,
}
"""Bits of a weight quantized while loading."""
FP4_METHODS = frozenset({"nvfp4", "mxfp4"})
INT8_PRODUCTS = frozenset({"smoothquant", "int8"})
"""Methods that quantize activations too, so that the card multiplies in 8 bits."""
ZERO_POINTS = frozenset({"awq", "gptq"})


Precision = Literal["fp16", "int8", "fp8", "fp4"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One GPU's share. Bytes per pass over all weights, parameters per token, rates per second."""

    layers: int
    expert_layers: int
    hidden_size: int
    degree: int
    dense_bytes: float
    """Linear layers that every token passes, and the output embedding."""
    expert_bytes: float
    """All routed experts."""
    idle_share: float
    """Share of the experts that one token leaves alone; 0 for a dense model."""
    dense_parameters: float
    expert_parameters: float
    """Of the experts that one token is sent to."""
    head_parameters: float
    attention_products: float
    """Multiplications and additions for each token of a prompt, per token before it."""
    cache_bytes_per_token: float
    heads_per_group: float
    """Query heads that share keys and values; 1 where they share none, or a compressed form."""
    window_tokens: int
    window_share: float
    """Share of the layers that look back `window_tokens` at most."""
    bandwidth: float
    dense_rate: float
    expert_rate: float
    plain_rate: float
    """16-bit products: attention and the output embedding."""
    is_dense_unpacked: bool
    """Whether weights are stored in fewer bits than they are multiplied in."""
    is_expert_unpacked: bool
    link_bytes_per_second: float | None
    """Of NVLink; None over PCIe."""


def work(setup: Setup, cache_bytes_per_token: float) -> Work:
    """One GPU's share of a setup; `cache_bytes_per_token` as `Memory.kv_bytes_per_token`."""
    shape, gpu, degree = setup.shape, setup.gpu, setup.tensor_parallel_degree
    parts = _parts(shape)
    dense, expert = _formats(setup)
    window = _window(setup)
    copies = max(1.0, degree / max(1, shape.num_key_value_heads))
    by_heads = parts.query + parts.attention_output + parts.latent_up + parts.key_value * copies
    linear = (by_heads + parts.dense_mlp + parts.shared_expert) / degree + parts.latent_down
    head = (parts.output_embedding or parts.input_embedding) / degree
    experts, expert_layers = shape.experts, 0
    chosen = 0.0
    if experts is not None:
        chosen = experts.experts_per_token / experts.num_experts
        expert_layers = max(0, shape.num_hidden_layers - experts.dense_layers)
    return Work(
        layers=shape.num_hidden_layers,
        expert_layers=expert_layers,
        hidden_size=shape.hidden_size,
        degree=degree,
        dense_bytes=linear * dense.bytes_per_parameter + head * PLAIN_BYTES[setup.dtype],
        expert_bytes=parts.expert / degree * expert.bytes_per_parameter,
        idle_share=0.0 if experts is None else 1 - chosen,
        dense_parameters=linear,
        expert_parameters=parts.expert / degree * chosen,
        head_parameters=head,
        attention_products=2.0 * _query_width(shape) * shape.num_hidden_layers / degree,
        cache_bytes_per_token=cache_bytes_per_token,
        heads_per_group=_heads_per_group(shape, degree),
        window_tokens=0 if window is None else window.tokens,
        window_share=0.0 if window is None else window.layers / shape.num_hidden_layers,
        bandwidth=gpu.memory_bandwidth_gb_per_second * 1e9,
        dense_rate=_rate(gpu, dense.method) * 1e12,
        expert_rate=_rate(gpu, expert.method) * 1e12,
        plain_rate=_rate(gpu, None) * 1e12,
        is_dense_unpacked=_is_unpacked(gpu, dense.method),
        is_expert_unpacked=_is_unpacked(gpu, expert.method),
        link_bytes_per_second=link_rate(setup),
    )


def link_rate(setup: Setup) -> float | None:
    """Bytes a second over NVLink, one way and per GPU; None where GPUs talk over PCIe."""
    link = setup.gpu.link_gb_per_second
    return link * 1e9 if link is not None and setup.gpu_link in NVLINKS else None


def _heads_per_group(shape: ModelShape, degree: int) -> float:
    if shape.latent is not None:
        return 1.0
    heads = shape.num_attention_heads / degree
    return max(1.0, heads / max(1.0, shape.num_key_value_heads / degree))


def _window(setup: Setup) -> SlidingWindow | None:
    """The window that the engine keeps to.

    TensorRT-LLM before 1.0 looks back over everything unless max_attention_window_size is given
    at run time. Source: TensorRT-LLM v0.12.0, docs/source/advanced/gpt-attention.md.
    """
    old = setup.engine == "trtllm" and setup.engine_version.startswith("0.")
    return None if old else setup.shape.window


@dataclass(frozen=True, slots=True)
class _Format:
    """How some weights are stored on the card."""

    method: str | None
    bytes_per_parameter: float


@lru_cache(maxsize=512)
def _parts(shape: ModelShape) -> Matrices:
    return matrices(shape)


def _formats(setup: Setup) -> tuple[_Format, _Format]:
    """Of the dense layers and of the experts."""
    plain = _Format(None, PLAIN_BYTES[setup.dtype])
    stored = setup.shape.stored
    if stored is not None:
        quantized = _Format(stored.method, _stored_bytes(stored))
        return (plain if stored.covers_experts_only else quantized), quantized
    if setup.weight_format is not None:
        quantized = _Format(setup.weight_format, METHOD_BITS[setup.weight_format] / 8)
        return quantized, quantized
    return plain, plain


def _stored_bytes(stored: StoredFormat) -> float:
    """Bytes of one weight with its share of scales, and of zero points where there are any."""
    scale_bytes = 0.0
    if stored.group_size:
        scale_bytes = 2 + stored.bits / 8 if stored.method in ZERO_POINTS else 1.0
    return stored.bits / 8 + scale_bytes / (stored.group_size or 1)


def _query_width(shape: ModelShape) -> float:
    """Query heads times the width of one, halfway between its keys and its values."""
    latent = shape.latent
    if latent is None:
        return float(shape.num_attention_heads * shape.head_dim)
    keys = latent.qk_nope_head_dim + latent.qk_rope_head_dim
    return shape.num_attention_heads * (keys + latent.v_head_dim) / 2


def _precision(gpu: Gpu, method: str | None) -> Precision:
    """The number format that the card multiplies weights in."""
    rates = gpu.dense_tflops
    if method in FP4_METHODS and "fp4" in rates:
        return "fp4"
    if method == "fp8" and "fp8" in rates:
        return "fp8"
    if method in INT8_PRODUCTS and "int8" in rates:
        return "int8"
    return "fp16"


def _rate(gpu: Gpu, method: str | None) -> float:
    return gpu.dense_tflops[_precision(gpu, method)]


def _is_unpacked(gpu: Gpu, method: str | None) -> bool:
    return method is not None and _precision(gpu, method) == "fp16"
