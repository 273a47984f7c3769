"""A model's shape from its config.json, and from what its weight files were counted to hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lmi_deployer.errors import InputError
from lmi_deployer.model_shape import ModelShape, StoredFormat
from lmi_deployer.shapes.attention import (
    head_size,
    key_value_heads,
    latent_attention,
    positions,
    sliding_window,
)
from lmi_deployer.shapes.believing import LOOK, by_layer, impossible
from lmi_deployer.shapes.checking import compared, distance, inconsistencies
from lmi_deployer.shapes.counting import counted
from lmi_deployer.shapes.defaults import DEFAULTS
from lmi_deployer.shapes.families import Family, family_of
from lmi_deployer.shapes.feed_forward import experts, intermediate_size, is_gated
from lmi_deployer.shapes.reading import Reading, read, text_of
from lmi_deployer.shapes.stored import quantization_of, stored_format
from lmi_deployer.shapes.variants import alternatives, family_in, guessed_family
from lmi_deployer.shapes.vision import vision_parameters

_FIX = "give the complete config.json of the model"
_MOST_PARAMETERS = 2**50
"""A thousand times more than the largest model there is."""
_CORE = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
_UNTOLD = ("hidden_size", "num_hidden_layers")
"""Without any of these a config.json says nothing of the model, whatever its class defaults to."""
_NO_ATTENTION = ("mamba_d_state", "ssm_cfg", "state_size", "layers_block_type", "block_types",
                 "hybrid_override_pattern", "linear_num_value_heads", "attn_layer_period",
                 "block_configs")  # fmt: skip
"""Keys of models whose layers are not all alike: state spaces, linear attention, pruned layers."""


def shape_of(
    config: Mapping[Any, Any], counts: Mapping[str, int], stored_bytes: int | None
) -> ModelShape:
    """As `shapes.from_config`, for a mapping."""
    reading = read(config)
    _require_believable(reading)
    family = family_of(reading.model_type)
    if family is not None:
        shape = _shaped(reading, family_in(reading, family))
    else:
        guess, doubt = guessed_family(reading)
        likely = alternatives(guess) if counts else (guess,)
        shapes = [_shaped(reading, family_in(reading, one)) for one in likely]
        shape = min(shapes, key=lambda shape: distance(shape, counts))
        shape = replace(shape, doubts=(doubt, *shape.doubts))
    return compared(reading, replace(shape, stored_bytes=stored_bytes), counts)


def _require_believable(reading: Reading) -> None:
    """Raises InputError for values that no model can have, or that are not read as they are."""
    wrong = impossible(reading)
    if wrong:
        raise InputError(f"config.json: {'; '.join(wrong)}, which no model has", fix=LOOK)
    uneven = by_layer(reading)
    if uneven:
        raise InputError(f"config.json: {'; '.join(uneven)}, which is not counted", fix=LOOK)


def _shaped(reading: Reading, family: Family) -> ModelShape:
    """The shape by the configuration alone."""
    shape = _drafted(reading, family)
    width = reading.number("embedding_size")
    stored, stored_doubt = _stored(reading)
    vision, vision_doubt = vision_parameters(reading, shape.hidden_size)
    shape = replace(
        shape,
        embedding_size=None if width == shape.hidden_size else width,
        stored=stored,
        vision_parameters=vision,
    )
    shape = counted(shape, family)
    if shape.parameter_count > _MOST_PARAMETERS:
        raise InputError(
            f"the model configuration comes to {shape.parameter_count:.0e} parameters, "
            "which no model has",
            fix=_FIX,
        )
    doubts = (_left_out(reading, shape), _unlike_layers(reading), stored_doubt, vision_doubt)
    return replace(
        shape,
        doubts=tuple(doubt for doubt in doubts if doubt is not None),
        contradictions=inconsistencies(reading, shape),
    )


def _drafted(reading: Reading, family: Family) -> ModelShape:
    """The matrices, before anything is counted."""
    missing = [name for name in _CORE if not reading.number_or_default(name)]
    if not reading.is_nested and not any(reading.number(name) for name in _UNTOLD):
        missing = list(dict.fromkeys((*_UNTOLD, *missing)))
    if missing:
        raise InputError(f"the model configuration lacks {', '.join(missing)}", fix=_FIX)
    hidden, layers, heads, vocabulary = (reading.number_or_default(name) or 0 for name in _CORE)
    width = intermediate_size(reading, hidden)
    if width is None:
        raise InputError("the model configuration lacks intermediate_size", fix=_FIX)
    most = positions(reading)
    dtype = reading.dtype
    ties = reading.flag("tie_word_embeddings")
    return ModelShape(
        model_type=text_of(reading.config.get("model_type")) or reading.model_type or "unknown",
        num_hidden_layers=layers,
        num_encoder_layers=_encoder_layers(reading),
        hidden_size=hidden,
        intermediate_size=width,
        num_attention_heads=heads,
        num_key_value_heads=key_value_heads(reading, heads) or heads,
        head_dim=head_size(reading, heads, hidden) or max(1, hidden // heads),
        vocab_size=vocabulary,
        max_position_embeddings=most,
        has_tied_embeddings=family.ties_embeddings if ties is None else ties,
        has_gated_mlp=is_gated(reading, family),
        experts=experts(reading, layers),
        latent=latent_attention(reading),
        window=sliding_window(reading, layers, most),
        # The dtype that transformers takes where none is stated.
        stored_dtype=dtype if dtype in {"fp16", "bf16"} else "fp32",
        parameter_count=0,
    )


def _encoder_layers(reading: Reading) -> int:
    return (reading.number("num_encoder_layers") or 0) if reading.has_encoder else 0


def _stored(reading: Reading) -> tuple[StoredFormat | None, str | None]:
    part = quantization_of(reading)
    return (None, None) if part is None else stored_format(part, reading.model_type)


def _left_out(reading: Reading, shape: ModelShape) -> str | None:
    """Numbers of the model that its class fills in; a part of a configuration leaves many out."""
    untold = [name for name in (*_CORE, "intermediate_size") if reading.number(name) is None
              and name in DEFAULTS.get(reading.model_type or "", {})]  # fmt: skip
    if reading.is_nested or not untold:
        return None
    values = ", ".join(f"{name} {getattr(shape, name)}" for name in untold)
    return f"config.json leaves out what transformers then takes by default: {values}"


def _unlike_layers(reading: Reading) -> str | None:
    kinds = {kind for kind in reading.listed("layer_types") or [] if isinstance(kind, str)}
    is_mixed = any("linear" in kind or "mamba" in kind for kind in kinds)
    is_mixed = is_mixed or any(
        level.get(name) is not None for level in reading.levels for name in _NO_ATTENTION
    )
    if not is_mixed:
        return None
    return "its layers are not all attention of one size: every layer is counted as if they were"
