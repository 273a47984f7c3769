"""A model's shape from its row of the catalog."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lmi_deployer.model_shape import (
    Experts,
    LatentAttention,
    ModelShape,
    SlidingWindow,
    StoredFormat,
)
from lmi_deployer.shapes.counting import counted
from lmi_deployer.shapes.families import LLAMA, family_of, with_biases

if TYPE_CHECKING:
    from lmi_deployer.catalog.rows import Model, ModelPacking


def from_catalog(row: Model) -> ModelShape:
    """The shape of a model that the catalog knows."""
    family = family_of(row.model_type) or LLAMA
    if row.has_bias is not None:
        family = with_biases(family, dict.fromkeys(family.bias_covers, row.has_bias))
    if family.doubles_norms_with_groups and row.num_key_value_heads > 1:
        family = replace(family, norms_per_layer=2)
    positions = row.max_position_embeddings
    shape = ModelShape(
        model_type=row.model_type,
        num_hidden_layers=row.num_hidden_layers,
        num_encoder_layers=row.num_encoder_layers,
        hidden_size=row.hidden_size,
        intermediate_size=row.intermediate_size,
        num_attention_heads=row.num_attention_heads,
        num_key_value_heads=row.num_key_value_heads,
        head_dim=row.head_dim or row.hidden_size // row.num_attention_heads,
        vocab_size=row.vocab_size,
        max_position_embeddings=None if positions is None else int(positions * row.rope_factor),
        has_tied_embeddings=row.has_tied_embeddings,
        has_gated_mlp=row.has_gated_mlp,
        vision_parameters=row.vision_parameters,
        experts=None if row.experts is None else Experts(**dict(row.experts)),
        latent=None if row.latent is None else LatentAttention(**dict(row.latent)),
        window=None if row.window is None else SlidingWindow(**dict(row.window)),
        stored_dtype=_stored_dtype(row),
        stored=_stored(row.quantization, row.packing),
        stored_bytes=row.checkpoint_bytes,
        parameter_count=0,
    )
    return counted(shape, family)


def _stored_dtype(row: Model) -> str:
    """Of what is not quantized; quantized checkpoints keep it at 16 bits."""
    return row.published_dtype if row.published_dtype in {"fp32", "fp16", "bf16"} else "fp16"


def _stored(method: str | None, packing: ModelPacking | None) -> StoredFormat | None:
    if method is None or packing is None:
        return None
    return StoredFormat(method=method, **dict(packing))
