"""Widths and experts of the feed-forward layers, as config.json gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lmi_deployer.model_shape import Experts
from lmi_deployer.shapes.reading import TOO_MANY, count_of

if TYPE_CHECKING:
    from lmi_deployer.shapes.families import Family
    from lmi_deployer.shapes.reading import Reading

_WIDENS_FOURFOLD = frozenset(
    {"gpt2", "gptj", "gpt_neo", "gpt_bigcode", "codegen", "bloom", "falcon", "RefinedWeb",
     "RefinedWebModel", "mpt"}
)  # fmt: skip
"""Families whose width is four times the hidden size where none is stated."""
_LLAMA4 = "llama4_text"
_T5 = frozenset({"t5", "mt5", "umt5"})


def intermediate_size(reading: Reading, hidden_size: int) -> int | None:
    """Width of an ordinary feed-forward; None where nothing tells."""
    ratio = reading.ratio("expansion_ratio")
    if ratio and reading.model_type == "mpt":
        return int(ratio * hidden_size)
    stated = reading.number_or_default("intermediate_size")
    if stated is not None and reading.model_type == "qwen":  # the width of both halves
        return stated // 2
    if stated is None and reading.model_type in _WIDENS_FOURFOLD:
        return 4 * hidden_size
    return stated


def is_gated(reading: Reading, family: Family) -> bool:
    """Whether a feed-forward has three matrices."""
    if reading.model_type in _T5:
        kind = reading.text("feed_forward_proj")
        return family.is_gated if kind is None else kind.startswith("gated")
    return family.is_gated


def experts(reading: Reading, layers: int) -> Experts | None:
    """The experts of a mixture; None for a model that has one feed-forward per layer."""
    count, size = reading.number("num_experts"), reading.number("expert_size")
    if reading.model_type == _LLAMA4:
        size = reading.key("intermediate_size")
    if count is None or count == 1 or size is None:
        return None
    dense = _dense_layers(reading, layers)
    if dense >= layers:
        return None
    return Experts(
        num_experts=count,
        experts_per_token=min(count, reading.number("experts_per_token") or 1),
        intermediate_size=size,
        shared_intermediate_size=_shared_size(reading, size),
        dense_layers=dense,
    )


def _shared_size(reading: Reading, size: int) -> int:
    if reading.model_type == _LLAMA4:
        return size
    stated = reading.number("shared_size")
    if stated is not None:
        return stated
    return size * (reading.number("shared_experts") or 0)


def _dense_layers(reading: Reading, layers: int) -> int:
    """Layers with an ordinary feed-forward: listed, the first few, or all but every n-th."""
    listed = reading.listed("moe_layers")
    if listed is not None and reading.model_type == _LLAMA4:
        return layers - len(_indices(listed, layers))
    if reading.model_type == _LLAMA4:
        every = reading.key("interleave_moe_layer_step") or 1
        return layers - layers // every
    start = reading.key("moe_layer_start_index")  # Ernie
    if start is not None:
        return min(layers, start)
    first = min(layers, reading.key("first_k_dense_replace") or 0)
    every = reading.key("moe_layer_freq") or reading.key("decoder_sparse_step") or 1
    if reading.key("decoder_sparse_step") is not None:  # Qwen: the n-th of every n has experts
        only = _indices(reading.listed("mlp_only_layers") or [], layers)
        sparse = layers // every - sum((index + 1) % every == 0 for index in only)
    else:  # DeepSeek: the layers whose index is a multiple of n
        sparse = -(-layers // every) - -(-first // every)
    return layers - max(0, sparse)


def _indices(listed: list[object], layers: int) -> set[int]:
    """Layers that a list names; anything else in it does not count."""
    found = {0 for item in listed if item == 0 and not isinstance(item, bool)}
    return found | {n for item in listed if (n := count_of(item, min(layers, TOO_MANY)))}
