"""Which values of a config.json no model can have.

What is absent or null is what a configuration class fills in. What is there and cannot be is told,
never filled in: the model would be another one than its file says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lmi_deployer.shapes.reading import NAMES, TOO_MANY, count_of, most_of, ratio_of

if TYPE_CHECKING:
    from lmi_deployer.shapes.reading import Reading

LOOK = "look at config.json: it may be another model's, or edited"
"""What to do about a value that cannot be."""
_MAY_BE_NONE = frozenset(
    {"num_experts", "experts_per_token", "expert_size", "shared_experts", "shared_size",
     "num_encoder_layers"}
)  # fmt: skip
"""Facts of which a 0 says that the model has no such part."""
_COUNTS = ("first_k_dense_replace", "decoder_sparse_step", "interleave_moe_layer_step",
           "max_window_layers", "multi_query_group_num", "q_lora_rank", "kv_lora_rank")  # fmt: skip
"""Further keys that hold whole numbers, 0 where the model has no such part."""
_LATENT = ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
_FLAGS = ("tie_word_embeddings", "multi_query", "new_decoder_architecture",
          "multi_query_attention", "use_sliding_window")  # fmt: skip
"""Switches that decide how large a model or its cache is."""
_POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length",
              "model_max_length", "max_sequence_length", "n_ctx")  # fmt: skip
_QUANTIZED_BITS = ("bits", "w_bit", "q_bits")
_MOST_BITS = 33
_LONGEST_SHOWN = 40
Stated = tuple[str, Any]
"""A key of config.json with its value."""


def impossible(reading: Reading) -> tuple[str, ...]:
    """What config.json says that no model can be: each key with its value, in words."""
    found = dict.fromkeys(
        f"{key} is {_shown(value)}" for key, value in _wrong(reading) if not _is_by_layer(value)
    )
    return tuple(found)


def by_layer(reading: Reading) -> tuple[str, ...]:
    """Numbers that config.json gives for each layer apart, in words."""
    found = dict.fromkeys(key for key, value in _wrong(reading) if _is_by_layer(value))
    return tuple(f"{key} has a value for each layer" for key in found)


def _wrong(reading: Reading) -> Iterator[Stated]:
    for fact in NAMES:
        if fact != "sliding_window" and (fact != "num_encoder_layers" or reading.has_encoder):
            yield from _wrong_count(reading, NAMES[fact], fact)
    yield from _wrong_positions(reading)
    for name in _COUNTS:
        yield from _wrong_count(reading, (name,), None)
    if reading.key("kv_lora_rank") is not None:
        for name in _LATENT:
            yield from _wrong_count(reading, (name,), name)
    for name in _FLAGS:
        value = reading.stated(name)
        if value is not None and not isinstance(value, bool):
            yield name, value
    yield from _wrong_ratios(reading)


def _wrong_count(reading: Reading, names: tuple[str, ...], fact: str | None) -> Iterator[Stated]:
    """The first of the names that is there decides; `fact` is None for what may be 0."""
    for name in names:
        value = reading.stated(name)
        if value is None:
            continue
        is_none = (fact is None or fact in _MAY_BE_NONE) and type(value) is int and value == 0
        if is_none:
            continue
        if count_of(value, most_of(fact or name)) is None:
            yield name, value
        return


def _wrong_positions(reading: Reading) -> Iterator[Stated]:
    """A number beyond all bounds says that there is no limit, where another key says the limit."""
    stated = [(name, value) for name in _POSITIONS if (value := reading.stated(name)) is not None]
    is_told = any(count_of(value) is not None for _, value in stated)
    for name, value in stated:
        is_endless = is_told and ratio_of(value, float("inf")) is not None and value >= TOO_MANY
        if count_of(value) is None and not is_endless:
            yield name, value


def _wrong_ratios(reading: Reading) -> Iterator[Stated]:
    expansion = reading.stated("expansion_ratio")
    if expansion is not None and not ratio_of(expansion):
        yield "expansion_ratio", expansion
    scaling = reading.part("rope_scaling", "rope_parameters") or {}
    factor = scaling.get("factor")
    if factor is not None and not ratio_of(factor):
        yield "rope_scaling.factor", factor
    quantization = reading.part("quantization_config", "compression_config") or {}
    for name in _QUANTIZED_BITS:
        bits = quantization.get(name)
        if bits is not None and count_of(bits, _MOST_BITS) is None:
            yield f"quantization_config.{name}", bits
    group = quantization.get("group_size")
    if group is not None and (type(group) is not int or group < -1):
        yield "quantization_config.group_size", group


def _is_by_layer(value: object) -> bool:
    """A list of numbers that could each be true of one layer."""
    return isinstance(value, list) and bool(value) and all(count_of(item) for item in value)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
