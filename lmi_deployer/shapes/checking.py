"""Where a configuration contradicts itself, or the weight files beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lmi_deployer.model_shape import StoredFormat
from lmi_deployer.shapes.families import family_of
from lmi_deployer.shapes.matrices import matrices
from lmi_deployer.shapes.reading import count_of

if TYPE_CHECKING:
    from lmi_deployer.model_shape import ModelShape
    from lmi_deployer.shapes.reading import Reading

TOLERANCE = 0.02
"""Share by which weight files may differ: they also hold masks, tables and unused tokens."""
_FLOATS = {"F64": "fp32", "F32": "fp32", "F16": "fp16", "BF16": "bf16"}
_EIGHT_BITS = {"F8_E4M3": "fp8", "F8_E5M2": "fp8", "I8": "int8"}
_PACKED_IN_I32 = frozenset({"gptq", "awq", "int4", "auto-round"})
_IN_BYTES = frozenset({"fp8", "int8", "bitsandbytes8"})
_TWO_IN_A_BYTE = frozenset({"bitsandbytes4", "mxfp4", "nvfp4"})
_CARRIERS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_PACKED_IN_I32, ("I32", "I64")),
    **dict.fromkeys(_IN_BYTES, tuple(_EIGHT_BITS)),
    **dict.fromkeys(_TWO_IN_A_BYTE, ("U8",)),
}
"""The dtypes in which a method stores its weights, of which files that are quantized hold some."""
_DEFAULT_GROUP = 128


def inconsistencies(reading: Reading, shape: ModelShape) -> tuple[str, ...]:
    """What cannot be true of one model at once, in words."""
    found = []
    heads, kv_heads = shape.num_attention_heads, shape.num_key_value_heads
    stated = reading.number_or_default("head_dim")
    if stated is None and shape.latent is None and shape.hidden_size % heads:
        found.append(f"{heads} attention heads do not divide hidden_size {shape.hidden_size}")
    if heads % kv_heads:
        found.append(f"{kv_heads} KV heads do not divide {heads} attention heads")
    experts = shape.experts
    told = reading.number("experts_per_token")
    if experts is not None and told is not None and told > experts.num_experts:
        found.append(f"a token goes to {told} experts of {experts.num_experts}")
    return tuple(found)


def compared(reading: Reading, shape: ModelShape, counts: Mapping[str, int]) -> ModelShape:
    """The shape after a look at what the weight files hold, by dtype names of safetensors."""
    held = _believable(counts)
    if not held:
        return shape
    shape = _with_dtype(_with_found_format(shape, held), held)
    if shape.stored is not None and not _carries(shape.stored, held):
        problem = f"config.json says that the weights are quantized with {shape.stored.method}, "
        problem += f"and the files hold only {' and '.join(sorted(held))}"
        shape = replace(shape, contradictions=(*shape.contradictions, problem))
    numbers = logical_count(shape, held)
    if numbers is None:
        return shape
    expected = shape.parameter_count + shape.vision_parameters
    is_known = family_of(reading.model_type) is not None
    is_near = any(_is_near(numbers, expected + more) for more in _may_hold(reading, shape))
    if is_near and is_known:
        return shape
    shape = replace(shape, parameter_count=max(1, numbers - shape.vision_parameters))
    if is_near:
        return shape
    problem = (
        f"the weight files hold {numbers / 1e9:.2f} billion parameters, and the configuration "
        f"comes to {expected / 1e9:.2f}"
    )
    if is_known:
        return replace(shape, contradictions=(*shape.contradictions, problem))
    return replace(shape, doubts=(*shape.doubts, problem))


def distance(shape: ModelShape, counts: Mapping[str, int]) -> int:
    """How far a shape is from what the weight files hold; 0 where they do not tell."""
    held = _believable(counts)
    numbers = logical_count(shape, held) if held else None
    if numbers is None:
        return 0
    return abs(numbers - shape.parameter_count - shape.vision_parameters)


def _believable(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts of a lock that anybody may have edited, as far as they can be true."""
    believable = ((name, count_of(value, 2**60)) for name, value in counts.items())
    return {name: n for name, n in believable if n is not None and name.isidentifier()}


def logical_count(shape: ModelShape, held: Mapping[str, int]) -> int | None:
    """Parameters that stored numbers stand for; None where the format does not tell.

    Packed weights share their 32-bit numbers with zero points, a group at a time, and their 16-bit
    ones with scales.
    """
    floats = sum(n for name, n in held.items() if name in _FLOATS)
    bytes_ = sum(n for name, n in held.items() if name in _EIGHT_BITS)
    stored = shape.stored
    if stored is None:
        return floats
    if stored.method in _PACKED_IN_I32:
        words = held.get("I32", 0) + 2 * held.get("I64", 0)
        share = 0.0 if stored.group_size is None else 1 / stored.group_size
        packed = round(words * 32 / stored.bits / (1 + share))
        return packed + max(0, floats - round(packed * share))
    if stored.method in _IN_BYTES:
        return floats + bytes_
    if stored.method in {"bitsandbytes4", "mxfp4"}:
        # A byte holds two weights; another byte scales 64 of them, or 32.
        per_scale = 32 if stored.method == "mxfp4" else 64
        return floats + round(held.get("U8", 0) / (1 / 2 + 1 / per_scale))
    if stored.method == "nvfp4":
        return floats + 2 * held.get("U8", 0)
    return None


def _carries(stored: StoredFormat, held: Mapping[str, int]) -> bool:
    carriers = _CARRIERS.get(stored.method)
    return carriers is None or any(name in held for name in carriers)


def _with_found_format(shape: ModelShape, held: Mapping[str, int]) -> ModelShape:
    """Quantized weights that nothing announces, as older tools and ModelOpt left them."""
    if shape.stored is not None:
        return shape
    floats = sum(n for name, n in held.items() if name in _FLOATS)
    eight = max(_EIGHT_BITS, key=lambda name: held.get(name, 0))
    if held.get(eight, 0) > floats:
        method = _EIGHT_BITS[eight]
        stored = StoredFormat(method=method, bits=8)
    elif 8 * held.get("I32", 0) > floats:
        method, stored = "gptq", StoredFormat(method="gptq", bits=4, group_size=_DEFAULT_GROUP)
    else:
        return shape
    doubt = (
        f"config.json does not say that the weights are quantized, but the files do: "
        f"counted as {method} with {stored.bits:g} bits"
    )
    return replace(shape, stored=stored, doubts=(*shape.doubts, doubt))


def _with_dtype(shape: ModelShape, held: Mapping[str, int]) -> ModelShape:
    """The files tell the dtype of plain weights better than config.json does."""
    floats = [name for name in _FLOATS if name in held]
    if not floats or shape.stored is not None:
        return shape
    return replace(shape, stored_dtype=_FLOATS[max(floats, key=lambda name: held[name])])


def _may_hold(reading: Reading, shape: ModelShape) -> list[int]:
    """Parameters that weight files may hold beside the model, each a sum of such parts."""
    parts = matrices(shape)
    copy = parts.input_embedding if shape.has_tied_embeddings else -parts.output_embedding
    if shape.num_encoder_layers:  # T5 may keep a copy for the encoder and one for the decoder
        copy = parts.input_embedding
    sums = [0, copy, 2 * copy if shape.num_encoder_layers else 0, -shape.vision_parameters]
    if reading.model_type == "gpt2" and shape.max_position_embeddings:
        sums.append(shape.num_hidden_layers * shape.max_position_embeddings**2)  # causal masks
    experts, drafts = shape.experts, reading.key("num_nextn_predict_layers")
    if drafts and experts is not None and drafts < shape.num_hidden_layers:
        # DeepSeek-V3: layers that guess a second token, which engines leave out by default. Each
        # has the size of a layer with experts, a projection, and copies of both embeddings.
        sparse = shape.num_hidden_layers - experts.dense_layers
        attention = parts.query + parts.key_value + parts.attention_output
        attention += parts.latent_down + parts.latent_up
        mlp = (parts.expert + parts.shared_expert + parts.router) // max(1, sparse)
        layer = attention // shape.num_hidden_layers + mlp + 2 * shape.hidden_size**2
        sums.append(drafts * (layer + parts.input_embedding + parts.output_embedding))
    return sums


def _is_near(numbers: int, expected: int) -> bool:
    return abs(numbers - expected) <= TOLERANCE * max(1, expected)
