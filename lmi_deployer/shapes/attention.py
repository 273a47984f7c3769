"""Heads, latent attention, windows and positions, as config.json gives them.

Source of the positions: _get_and_verify_max_len of vllm/config.py, vLLM 0.2.2 to 0.10: the smallest
of `_POSITIONS` counts; yarn starts from the positions it was stretched from; the kinds in
`_IN_ALREADY` and Gemma 3 state the stretched positions already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lmi_deployer.model_shape import LatentAttention, SlidingWindow
from lmi_deployer.shapes.reading import TOO_MANY, count_of, ratio_of, text_of

if TYPE_CHECKING:
    from lmi_deployer.shapes.reading import Reading

FALCON = frozenset({"falcon", "RefinedWeb", "RefinedWebModel"})
_ONE_KV_HEAD_UNLESS_TOLD = frozenset({"gpt_bigcode"})
_WINDOW_PATTERN = {"gemma2": 2, "gpt_oss": 2, "cohere2": 4, "exaone4": 4, "olmo3": 4,
                   "gemma3_text": 6, "llama4_text": 4}  # fmt: skip
"""Every so manieth layer sees everything; the layers between have the window."""
_WINDOW_IF_ASKED = ("qwen2", "qwen3", "smollm3")
"""Families, by how their names begin, whose window counts only with use_sliding_window."""
_LLAMA4_CHUNK = 8192
_POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length",
              "model_max_length", "max_target_positions", "max_sequence_length", "max_seq_length",
              "seq_len")  # fmt: skip
_IN_ALREADY = frozenset({"su", "longrope", "llama3"})
_STATES_ALL = frozenset({"gemma3_text"})
_LARGEST_FACTOR = 1e6


def key_value_heads(reading: Reading, heads: int | None) -> int | None:
    """Heads of keys and values; None where the family leaves it open."""
    is_multi_query = reading.flag("multi_query")
    if reading.model_type in FALCON:
        is_grouped = reading.flag("new_decoder_architecture") or reading.model_type == "RefinedWeb"
        if not is_grouped:
            return heads if is_multi_query is False else 1
    elif reading.model_type in _ONE_KV_HEAD_UNLESS_TOLD:
        return heads if is_multi_query is False else 1
    if reading.flag("multi_query_attention"):  # ChatGLM
        return reading.key("multi_query_group_num")
    stated = reading.number_or_default("num_key_value_heads")
    if stated is not None or reading.model_type is None:
        return stated
    return heads


def head_size(reading: Reading, heads: int | None, hidden_size: int | None) -> int | None:
    """Size of one head's query; None where the heads do not share the hidden size evenly."""
    latent = latent_attention(reading)
    if latent is not None:
        return latent.qk_nope_head_dim + latent.qk_rope_head_dim
    stated = reading.number_or_default("head_dim")
    if stated is None and heads and hidden_size and hidden_size % heads == 0:
        return hidden_size // heads
    return stated


def latent_attention(reading: Reading) -> LatentAttention | None:
    """DeepSeek's latent attention; None for all others."""
    rank = reading.key("kv_lora_rank")
    nope, rope = reading.key("qk_nope_head_dim"), reading.key("qk_rope_head_dim")
    value = reading.key("v_head_dim")
    if rank is None or nope is None or rope is None or value is None:
        return None
    return LatentAttention(
        kv_lora_rank=rank,
        q_lora_rank=reading.key("q_lora_rank"),
        qk_nope_head_dim=nope,
        qk_rope_head_dim=rope,
        v_head_dim=value,
    )


def sliding_window(reading: Reading, layers: int, positions: int | None) -> SlidingWindow | None:
    """The layers that look back only so far; None where all see everything there can be."""
    tokens = _window_tokens(reading)
    if tokens is None or (positions is not None and tokens >= positions):
        return None
    count = min(layers, _window_layers(reading, layers))
    return SlidingWindow(tokens=tokens, layers=count) if count > 0 else None


def _window_tokens(reading: Reading) -> int | None:
    if reading.model_type == "llama4_text":
        return reading.key("attention_chunk_size") or _LLAMA4_CHUNK
    if reading.model_type == "gpt_neo":
        return reading.key("window_size") or 256
    is_asked = reading.flag("use_sliding_window")
    starts_off = (reading.model_type or "").startswith(_WINDOW_IF_ASKED)
    if is_asked is False or (starts_off and is_asked is None):
        return None
    return reading.number("sliding_window")


def _window_layers(reading: Reading, layers: int) -> int:
    kinds = reading.listed("layer_types")
    if kinds is not None:
        return sum(kind in ("sliding_attention", "chunked_attention") for kind in kinds
                   if isinstance(kind, str))  # fmt: skip
    if reading.model_type == "gpt_neo":
        return layers // 2
    first = reading.key("max_window_layers")
    if first is not None and (reading.model_type or "").startswith("qwen"):
        return layers - first
    pattern = count_of(reading.key("sliding_window_pattern"), TOO_MANY)
    every = pattern or _WINDOW_PATTERN.get(reading.model_type or "")
    return layers if every is None else layers - layers // every


def positions(reading: Reading) -> int | None:
    """Positions that libraries let a sequence take; None where the model sets no limit."""
    stated = [number for name in _POSITIONS if (number := reading.key(name)) is not None]
    if not stated and (context := reading.key("n_ctx")) is not None:
        stated = [context]
    most = min(stated) if stated else reading.default("max_position_embeddings")
    scaling = reading.part("rope_scaling", "rope_parameters")
    if most is None or scaling is None or reading.model_type in _STATES_ALL:
        return most
    kind = text_of(scaling.get("rope_type")) or text_of(scaling.get("type"))
    factor = ratio_of(scaling.get("factor"), _LARGEST_FACTOR)
    if kind is None or kind in _IN_ALREADY or factor is None or factor < 1:
        return most
    if kind == "yarn":
        original = count_of(scaling.get("original_max_position_embeddings"))
        if original is None:
            return most
        most = original
    return min(int(most * factor), TOO_MANY)
