"""What the weights of a model take on one GPU: split, repeated, padded and quantized."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from lmi_deployer.catalog.sizing_rows import EngineMemory
from lmi_deployer.model_shape import ModelShape, StoredFormat
from lmi_deployer.shapes.matrices import matrices
from lmi_deployer.sizing.allocation import rounding_bytes
from lmi_deployer.sizing.engines import engine_memory
from lmi_deployer.sizing.remembered import OfShape
from lmi_deployer.sizing.setup import Setup

WIDTHS = {"fp32": 4, "fp16": 2, "bf16": 2}
"""Bytes of a number that is not quantized."""
VOCABULARY_PADDING = 64
"""Embeddings are padded to a multiple of this; DEFAULT_VOCAB_PADDING_SIZE of vLLM."""

_NF4 = 0.5 + 1 / 64 + 4 / (64 * 256)  # an 8-bit maximum for 64 weights, 32 bits for 256 of those
_GROUP_128 = 0.5 + 2.5 / 128  # a 16-bit scale and a 4-bit zero point for each group of 128
LOADED_BYTES = {
    "smoothquant": 1.0,
    "dynamic_int8": 1.0,
    "static_int8": 1.0,
    "int8": 1.0,
    "bitsandbytes8": 1.0,
    "fp8": 1.0,
    "bitsandbytes4": _NF4,
    "awq": _GROUP_128,
    "gptq": _GROUP_128,
}
"""Bytes of a weight that an engine quantizes by a method while it loads."""

_SCALE_BYTES = {"fp8": 4.0, "mxfp4": 1.0}
_SCALE = 2.0


@dataclass(frozen=True, slots=True)
class _Counts:
    """Parameters by how they are spread, over the whole model."""

    split: int
    key_value: int
    experts: int
    expert_biases: int
    repeated: int
    small: int
    vision: int


def weights_bytes_per_gpu(setup: Setup) -> int:
    """Bytes of weights on the GPU that holds the most of them.

    Linear layers are split by the degree; key and value projections no further than there are KV
    heads; down-projections of latent attention, routers and norms are on every GPU. Quantization
    covers linear layers, while embeddings, norms and the vision tower stay as wide as `dtype`.
    """
    return weights_bytes(setup, engine_memory(setup))


def weights_bytes(setup: Setup, rules: EngineMemory) -> int:
    """The same, for an engine whose row is at hand."""
    shape, counts = setup.shape, _counts(setup.shape)
    width = WIDTHS.get(setup.dtype, 2)
    linear, expert = linear_bytes(setup), expert_bytes(setup)
    degree, stages = spread(setup)
    kv_share = max(1 / degree, 1 / shape.num_key_value_heads)
    layers = (
        (counts.split / degree + counts.key_value * kv_share + counts.repeated) * linear
        + counts.experts * expert * _expert_padding(setup, rules, degree) / degree
        + (counts.expert_biases / degree + counts.small) * width
    )
    vision = counts.vision * width / (degree if rules.shards_vision else 1)
    layer_share = ceil(shape.num_hidden_layers / stages) / shape.num_hidden_layers
    total = int(layers * layer_share + _embeddings(setup, rules, degree, stages, width) + vision)
    total += _rotary_table(shape) + _absorbed(setup, rules)
    if stages == 1 and linear == expert == width and shape.experts is None:
        total += rounding_bytes(shape, degree, width)
    return total


def spread(setup: Setup) -> tuple[int, int]:
    """How many GPUs share a layer, and how many stages the layers are dealt out to.

    Engines on top of transformers spread whole layers over the GPUs that they are given.
    """
    if setup.engine in {"hf-accelerate", "scheduler"}:
        return 1, setup.tensor_parallel_degree * setup.pipeline_parallel_degree
    return setup.tensor_parallel_degree, setup.pipeline_parallel_degree


def linear_bytes(setup: Setup) -> float:
    """Bytes of one weight in a linear layer outside the experts."""
    stored = setup.shape.stored
    if stored is not None and stored.covers_experts_only:
        return WIDTHS.get(setup.dtype, 2)
    return expert_bytes(setup)


def expert_bytes(setup: Setup) -> float:
    """Bytes of one weight in an expert, which checkpoints quantize first."""
    stored = setup.shape.stored
    if stored is not None:
        return _stored_bytes(stored)
    if setup.weight_format is not None:
        return LOADED_BYTES.get(setup.weight_format, 2.0)
    return WIDTHS.get(setup.dtype, 2)


def padded_vocabulary(shape: ModelShape) -> int:
    """Rows of an embedding as it is loaded."""
    return ceil(shape.vocab_size / VOCABULARY_PADDING) * VOCABULARY_PADDING


def _stored_bytes(stored: StoredFormat) -> float:
    """Bytes of one weight of a quantized checkpoint, with its share of scales and zero points.

    >>> _stored_bytes(StoredFormat(method="awq", bits=4, group_size=128))
    0.51953125
    """
    if stored.method == "bitsandbytes4":
        return _NF4
    weight = stored.bits / 8
    if not stored.group_size:
        return weight
    zero = weight if stored.method in {"gptq", "awq"} else 0.0
    return weight + (_SCALE_BYTES.get(stored.method, _SCALE) + zero) / stored.group_size


def _embeddings(setup: Setup, rules: EngineMemory, degree: int, stages: int, width: int) -> float:
    """Both embeddings on one GPU; of a pipeline, the end with the larger one."""
    shape = setup.shape
    rows = padded_vocabulary(shape) * (shape.embedding_size or shape.hidden_size)
    table = rows * width
    entry = table if rules.replicates_embeddings else table / degree
    is_second = not shape.has_tied_embeddings or rules.copies_tied_embeddings
    if stages > 1:
        return entry
    return entry + (table / degree if is_second else 0)


def _expert_padding(setup: Setup, rules: EngineMemory, degree: int) -> float:
    """What an expert takes over what it holds, where the kernel wants whole tiles."""
    shape, experts = setup.shape, setup.shape.experts
    if experts is None or shape.stored is None or shape.stored.method != "mxfp4":
        return 1.0
    hidden, inner = shape.hidden_size, experts.intermediate_size / degree
    rows = ceil(hidden / rules.mxfp4_hidden_multiple) * rules.mxfp4_hidden_multiple
    columns = ceil(inner / rules.mxfp4_inner_multiple) * rules.mxfp4_inner_multiple
    return max(1.0, rows * columns / (hidden * inner))


def _rotary_table(shape: ModelShape) -> int:
    """Sines and cosines of every position, in 16 bits, on every GPU."""
    return (shape.max_position_embeddings or 0) * shape.head_dim * 2


def _absorbed(setup: Setup, rules: EngineMemory) -> int:
    """Products of up-projections that the first versions with latent attention kept in 16 bits.

    W_Q_UK and W_UV_O: heads x kv_lora_rank x (q_lora_rank + H) in each layer.
    """
    latent = setup.shape.latent
    if latent is None or not rules.absorbs_projections:
        return 0
    degree, stages = spread(setup)
    layers = ceil(setup.shape.num_hidden_layers / stages)
    inputs = (latent.q_lora_rank or setup.shape.hidden_size) + setup.shape.hidden_size
    return 2 * layers * setup.shape.num_attention_heads * latent.kv_lora_rank * inputs // degree


def _count(shape: ModelShape) -> _Counts:
    found = matrices(shape)
    split = found.query + found.attention_output + found.latent_up
    split += found.dense_mlp + found.shared_expert + found.encoder
    return _Counts(
        split=split + max(0, found.unexplained),
        key_value=found.key_value,
        experts=found.expert,
        expert_biases=found.expert_bias,
        repeated=found.latent_down,
        small=found.small + found.router,
        vision=found.vision,
    )


_counts = OfShape(_count)
