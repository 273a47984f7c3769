"""Completes a shape whose matrices are known: norms, biases, learned positions, and the total."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lmi_deployer.shapes.matrices import computed_parameters

if TYPE_CHECKING:
    from lmi_deployer.model_shape import ModelShape
    from lmi_deployer.shapes.families import Family

_BUCKETS = 32
"""relative_attention_num_buckets of every T5."""


def counted(shape: ModelShape, family: Family) -> ModelShape:
    """The same shape with everything that is counted rather than read."""
    shape = replace(
        shape,
        small_parameters=_small_parameters(shape, family),
        expert_biases=_expert_biases(shape, family),
    )
    return replace(shape, parameter_count=computed_parameters(shape))


def _small_parameters(shape: ModelShape, family: Family) -> int:
    """Norms, biases and learned positions of a shape whose matrices are known already."""
    norm = family.norm_vectors * shape.hidden_size
    outside = family.other_norms * norm
    if family.has_learned_positions and shape.max_position_embeddings is not None:
        outside += (shape.max_position_embeddings + family.position_offset) * shape.hidden_size
    if family.has_relative_positions:
        outside += 2 * _BUCKETS * shape.num_attention_heads
    if family.has_head_bias:
        outside += shape.vocab_size
    if shape.embedding_size is not None:  # projections from and to the width of the embedding
        outside += 2 * shape.embedding_size * shape.hidden_size
    layer = family.norms_per_layer * norm + _attention_extras(shape, family)
    encoder = 0
    if shape.num_encoder_layers:
        encoder = norm + shape.num_encoder_layers * layer
        layer += norm  # of the attention to the encoder's answer
    return outside + encoder + shape.num_hidden_layers * layer + _mlp_extras(shape, family)


def _expert_biases(shape: ModelShape, family: Family) -> int:
    """Biases of all experts of all layers, where the family has them."""
    experts = shape.experts
    if experts is None or not family.has_expert_bias:
        return 0
    expert = (2 if shape.has_gated_mlp else 1) * experts.intermediate_size + shape.hidden_size
    return _expert_layers(shape) * experts.num_experts * expert


def _attention_extras(shape: ModelShape, family: Family) -> int:
    """Of one layer: biases, norms of queries and keys, sinks."""
    heads, kv_heads, size = shape.num_attention_heads, shape.num_key_value_heads, shape.head_dim
    extras = 0
    if family.has_query_bias:
        extras += (heads + 2 * kv_heads) * size
    if family.has_output_bias:
        extras += shape.hidden_size
    if family.query_key_norm == "head":
        extras += 2 * size
    elif family.query_key_norm == "all_heads":
        extras += (heads + kv_heads) * size
    if family.has_sinks:
        extras += heads
    if shape.latent is not None:
        extras += shape.latent.kv_lora_rank + (shape.latent.q_lora_rank or 0)
    return extras


def _mlp_extras(shape: ModelShape, family: Family) -> int:
    """Of all layers: biases of ordinary feed-forwards, and what stands beside experts."""
    expert_layers, extras = _expert_layers(shape), 0
    if family.has_mlp_bias:
        layer = (2 if shape.has_gated_mlp else 1) * shape.intermediate_size + shape.hidden_size
        extras += (shape.num_hidden_layers - expert_layers + shape.num_encoder_layers) * layer
    if shape.experts is not None:
        if family.has_router_bias:
            extras += expert_layers * shape.experts.num_experts
        if family.has_shared_expert_gate and shape.experts.shared_intermediate_size:
            extras += expert_layers * shape.hidden_size
    return extras


def _expert_layers(shape: ModelShape) -> int:
    if shape.experts is None:
        return 0
    return shape.num_hidden_layers - min(shape.experts.dense_layers, shape.num_hidden_layers)
