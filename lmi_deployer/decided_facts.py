"""What is known of a model, in one line: what memory and batch ceiling follow from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lmi_deployer.model_facts import ModelFacts
    from lmi_deployer.model_shape import ModelShape

DIGITS = 4
"""Of a count of parameters: a thousandth of a model is no more than the estimate is off."""


def shape_text(facts: ModelFacts | None) -> str | None:
    """`32 layers, 32 heads, 32 KV heads, head dimension 128, 6.738e9 parameters, ...`.

    None where nothing of it is known.
    """
    if facts is None:
        return None
    counted = (
        ("layer", facts.num_hidden_layers),
        ("head", facts.num_attention_heads),
        ("KV head", facts.num_key_value_heads),
    )
    parts = [
        f"{count} {name}{'' if count == 1 else 's'}" for name, count in counted if count is not None
    ]
    if facts.head_dim is not None:
        parts.append(f"head dimension {facts.head_dim}")
    if facts.shape is not None:
        parts += _of_shape(facts.shape)
    if facts.max_position_embeddings is not None:
        parts.append(f"{facts.max_position_embeddings} positions")
    return ", ".join(parts) or None


def _of_shape(shape: ModelShape) -> Iterator[str]:
    """What a shape says beside its layers and heads; nothing of what most models do not have."""
    yield f"{_short(shape.parameter_count)} parameters"
    if shape.num_encoder_layers:
        yield f"{shape.num_encoder_layers} layers of an encoder"
    if shape.experts is not None:
        yield f"{shape.experts.num_experts} experts, {shape.experts.experts_per_token} per token"
    if shape.latent is not None:
        yield f"latent attention of rank {shape.latent.kv_lora_rank}"
    if shape.window is not None:
        yield f"a window of {shape.window.tokens} tokens in {shape.window.layers} layers"
    if shape.vision_parameters:
        yield f"{_short(shape.vision_parameters)} parameters for pictures"
    if shape.stored is not None:
        yield f"stored as {shape.stored.method} of {shape.stored.bits:g} bits"


def _short(count: int) -> str:
    """`6.738e9`."""
    mantissa, _, exponent = f"{count:.{DIGITS - 1}e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}"
