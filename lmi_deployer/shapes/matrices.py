"""How many parameters a model has, by the kind of matrix: what parallelism splits differs by kind.

L layers, H hidden size, I feed-forward width, nh and nkv attention and KV heads, hd head size,
V vocabulary, g 3 for a gated feed-forward and 2 for a plain one. Source of the formulas: the
modules of each family, src/transformers/models/*/modeling_*.py of transformers 4.57.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lmi_deployer.model_shape import ModelShape


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrices:
    """Parameters of the whole model, without padding and without copies. They add up to `total`."""

    query: int
    """L x H x nh x hd. Split by heads."""
    key_value: int
    """2 x L x H x nkv x hd. Split by KV heads, which are repeated once the degree exceeds them."""
    attention_output: int
    """L x nh x hd x H. Split by heads."""
    latent_down: int
    """L x H x (q_lora_rank + kv_lora_rank + qk_rope_head_dim). Every GPU holds them in full."""
    latent_up: int
    """L x nh x (q_lora_rank x (nope + rope) + kv_lora_rank x (nope + v)). Split by heads."""
    dense_mlp: int
    """g x H x I for each layer with an ordinary feed-forward. Split."""
    expert: int
    """g x H x expert width, for each expert of each layer. Split, by width or by expert."""
    expert_bias: int
    """At 16 bits even where experts are quantized. Split as the experts are."""
    shared_expert: int
    """g x H x shared width, for each layer with experts. Split."""
    router: int
    """H x experts, for each layer with experts. Every GPU holds it in full."""
    encoder: int
    """Linear layers of the encoder. Split."""
    input_embedding: int
    """V x H. Split by rows, and never quantized."""
    output_embedding: int
    """V x H; 0 where the input embedding serves for both. Split by rows, and never quantized."""
    small: int
    """Norms, biases, learned positions. Every GPU holds them in full."""
    vision: int
    """Vision tower and its projector. Never quantized; vLLM splits most towers by heads."""
    unexplained: int
    """What the weight files hold beside all that; below 0 where they hold less."""

    @property
    def layers(self) -> int:
        """Linear layers of the decoder and the encoder: what a quantization method covers."""
        attention = self.query + self.key_value + self.attention_output
        feed_forward = self.dense_mlp + self.expert + self.shared_expert
        return attention + self.latent_down + self.latent_up + feed_forward + self.encoder

    @property
    def total(self) -> int:
        """All parameters, the vision tower included."""
        return sum(getattr(self, part.name) for part in fields(self))


def matrices(shape: ModelShape) -> Matrices:
    """The parameters of a model by kind."""
    return _matrices(shape, unexplained=shape.parameter_count - computed_parameters(shape))


def computed_parameters(shape: ModelShape) -> int:
    """Parameters of the language model by its numbers alone, whatever weight files hold."""
    counted = _matrices(shape, unexplained=0)
    return counted.total - counted.vision


def active_parameters(shape: ModelShape) -> int:
    """Parameters that one token passes: of the routed experts only those that it is sent to.

    Both embeddings count, as they do in the totals that are published. The vision tower does not.
    """
    experts = shape.experts
    if experts is None:
        return shape.parameter_count
    routed = _matrices(shape, unexplained=0).expert + shape.expert_biases
    routed = min(routed, shape.parameter_count)  # weight files may hold less than they should
    idle = experts.num_experts - experts.experts_per_token
    return shape.parameter_count - routed * max(0, idle) // experts.num_experts


def mlp_parameters(shape: ModelShape, intermediate_size: int) -> int:
    """One feed-forward of the given width, without biases: g x H x width."""
    return (3 if shape.has_gated_mlp else 2) * shape.hidden_size * intermediate_size


def _matrices(shape: ModelShape, *, unexplained: int) -> Matrices:
    hidden, layers, experts = shape.hidden_size, shape.num_hidden_layers, shape.experts
    expert_layers = 0 if experts is None else layers - min(experts.dense_layers, layers)
    query_size = shape.num_attention_heads * shape.head_dim
    key_value_size = 2 * shape.num_key_value_heads * shape.head_dim
    # An encoder's answer is read by a second attention in every decoder layer.
    attentions = layers * (2 if shape.num_encoder_layers else 1)
    down, up, query, key_value, output = _attention(shape, query_size, key_value_size)
    mlp = mlp_parameters(shape, shape.intermediate_size)
    embedding = shape.vocab_size * (shape.embedding_size or hidden)
    return Matrices(
        query=attentions * query,
        key_value=attentions * key_value,
        attention_output=attentions * output,
        latent_down=layers * down,
        latent_up=layers * up,
        dense_mlp=(layers - expert_layers) * mlp,
        expert=0
        if experts is None
        else expert_layers * experts.num_experts * mlp_parameters(shape, experts.intermediate_size),
        expert_bias=shape.expert_biases,
        shared_expert=0
        if experts is None
        else expert_layers * mlp_parameters(shape, experts.shared_intermediate_size),
        router=0 if experts is None else expert_layers * hidden * experts.num_experts,
        encoder=shape.num_encoder_layers * (hidden * (2 * query_size + key_value_size) + mlp),
        input_embedding=embedding,
        output_embedding=0 if shape.has_tied_embeddings else embedding,
        small=shape.small_parameters,
        vision=shape.vision_parameters,
        unexplained=unexplained,
    )


def _attention(
    shape: ModelShape, query_size: int, key_value_size: int
) -> tuple[int, int, int, int, int]:
    """One layer's latent down- and up-projections, query, key and value, and output."""
    hidden, heads, latent = shape.hidden_size, shape.num_attention_heads, shape.latent
    if latent is None:
        return 0, 0, hidden * query_size, hidden * key_value_size, query_size * hidden
    query_rank = latent.q_lora_rank or 0
    query_dim = latent.qk_nope_head_dim + latent.qk_rope_head_dim
    down = hidden * (query_rank + latent.kv_lora_rank + latent.qk_rope_head_dim)
    key_value_up = latent.kv_lora_rank * (latent.qk_nope_head_dim + latent.v_head_dim)
    up = heads * (query_rank * query_dim + key_value_up)
    query = 0 if query_rank else hidden * heads * query_dim
    return down, up, query, 0, heads * latent.v_head_dim * hidden
