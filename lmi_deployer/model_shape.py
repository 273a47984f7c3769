"""What the arithmetic of memory and speed needs to know of a model: its matrices, by kind.

`shapes/` reads one out of a config.json or a catalog row; nothing here depends on either.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Experts:
    """The feed-forward layers of a mixture of experts."""

    num_experts: int
    experts_per_token: int
    """Of the routed ones."""
    intermediate_size: int
    """Width of one expert."""
    shared_intermediate_size: int = 0
    """Width of the part that every token passes, all shared experts together."""
    dense_layers: int = 0
    """Layers whose feed-forward is an ordinary one, of the model's own `intermediate_size`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentAttention:
    """Multi-head latent attention (DeepSeek-V2): keys and values are cached compressed."""

    kv_lora_rank: int
    q_lora_rank: int | None
    qk_nope_head_dim: int
    qk_rope_head_dim: int
    v_head_dim: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlidingWindow:
    """Layers that look back only so far."""

    tokens: int
    layers: int
    """How many of the layers have the window; the others see everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFormat:
    """How the linear layers of a checkpoint are stored when they are quantized already."""

    method: str
    """As `catalog.rows.WeightFormat`: gptq, awq, fp8, int8, mxfp4, bitsandbytes4, ..."""
    bits: float
    group_size: int | None = None
    """Weights that share a 16-bit scale and a zero point; None for one scale per channel or less.
    For fp8 in blocks the elements of one block: 128 x 128 = 16384."""
    has_act_order: bool = False
    covers_experts_only: bool = False
    """True for gpt-oss: attention and embeddings stay at 16 bits."""
    kv_cache_dtype: str | None = None
    """fp8 where the checkpoint brings scales for the cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """One transformer. Counts are of the whole model, over all GPUs."""

    model_type: str
    num_hidden_layers: int
    """Decoder layers; those of an encoder stand in `num_encoder_layers`."""
    num_encoder_layers: int = 0
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int
    max_position_embeddings: int | None
    """Positions that libraries let a sequence take, rope scaling included."""
    has_tied_embeddings: bool
    has_gated_mlp: bool
    """Three matrices in the feed-forward rather than two."""
    embedding_size: int | None = None
    """Width of a token's embedding where it is not `hidden_size` (OPT-350m)."""
    small_parameters: int = 0
    """Norms, biases, learned positions: what every GPU holds in full. Routers are not in it."""
    expert_biases: int = 0
    """Biases of all experts; they stay at 16 bits where the experts are quantized."""
    vision_parameters: int = 0
    experts: Experts | None = None
    latent: LatentAttention | None = None
    window: SlidingWindow | None = None
    stored_dtype: str = "fp16"
    """fp32, fp16 or bf16 of the weights that are not quantized."""
    stored: StoredFormat | None = None
    """None for plain weights."""
    parameter_count: int
    """Of the language model, without `vision_parameters`. From the matrices above; where weight
    files were counted and contradict that, what they hold."""
    stored_bytes: int | None = None
    """Bytes of the weight files; None where nobody counted them."""
    doubts: tuple[str, ...] = ()
    """What was assumed, in words; empty for a family that is known and checked."""
    contradictions: tuple[str, ...] = ()
    """Where the configuration contradicts itself or the weight files, in words."""
