"""What every model of a family has beside its matrices: norms, biases, learned positions.

These are small, but a count of parameters is exact only with them. Source: the modules and the
configuration classes of each family, src/transformers/models/*/ of transformers 4.57, and the
code beside the weights for families that transformers lacks (Baichuan, Qwen 1, InternLM, ChatGLM).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from lmi_deployer.shapes.defaults import TEXT_TYPES

QueryKeyNorm = Literal["none", "head", "all_heads"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How the models of one `model_type` are built, where their config.json does not tell."""

    is_gated: bool = True
    ties_embeddings: bool = False
    """Where config.json leaves tie_word_embeddings out."""
    norm_vectors: int = 1
    """Vectors of one norm: 1 for a scale, 2 for a scale and a shift, 0 for a norm without any."""
    norms_per_layer: int = 2
    other_norms: int = 1
    """Norms outside the layers."""
    has_query_bias: bool = False
    """Of query, key and value."""
    has_output_bias: bool = False
    has_mlp_bias: bool = False
    has_head_bias: bool = False
    """Of the output embedding."""
    query_key_norm: QueryKeyNorm = "none"
    """Whether queries and keys are normed, with a scale per head dimension or one for each head."""
    has_learned_positions: bool = False
    position_offset: int = 0
    """Rows of the learned positions that no token uses."""
    has_relative_positions: bool = False
    """T5: 32 buckets for every head, once for the encoder and once for the decoder."""
    has_router_bias: bool = False
    has_expert_bias: bool = False
    has_sinks: bool = False
    """One learned number for every head."""
    has_shared_expert_gate: bool = False
    doubles_norms_with_groups: bool = False
    """Falcon: two norms in every layer of the models that have several KV heads."""
    bias_covers: tuple[str, ...] = ("has_query_bias", "has_output_bias")
    """What the key `bias` of config.json, or `has_bias` of the catalog, switches."""


LLAMA = Family()
_GPT = Family(
    is_gated=False, ties_embeddings=True, norm_vectors=2, has_query_bias=True,
    has_output_bias=True, has_mlp_bias=True,
)  # fmt: skip
_GPT2 = replace(_GPT, has_learned_positions=True)
_GPTJ = Family(
    is_gated=False, norm_vectors=2, norms_per_layer=1, has_mlp_bias=True, has_head_bias=True
)
_GEMMA = Family(ties_embeddings=True)
_GEMMA2 = Family(ties_embeddings=True, norms_per_layer=4)
_QWEN2 = Family(has_query_bias=True)
_QWEN3 = Family(query_key_norm="head")
_COHERE = Family(ties_embeddings=True, norms_per_layer=1)
EVERY_BIAS = ("has_query_bias", "has_output_bias", "has_mlp_bias")
_FALCON = Family(
    is_gated=False, ties_embeddings=True, norm_vectors=2, norms_per_layer=1,
    doubles_norms_with_groups=True, bias_covers=EVERY_BIAS,
)  # fmt: skip
_T5 = Family(ties_embeddings=True, is_gated=False, has_relative_positions=True)
_OLMO2 = Family(query_key_norm="all_heads")
_PHI = replace(_GPT, ties_embeddings=False, norms_per_layer=1, has_head_bias=True)

FAMILIES: Mapping[str, Family] = {
    **dict.fromkeys(
        ("llama", "mistral", "mixtral", "Yi", "yi", "baichuan", "internlm2", "internlm3", "phi3",
         "granite", "granitemoe", "aquila", "minicpm", "exaone", "deepseek",
         "deepseek_v2", "llama4_text", "helium", "glm",
         "ministral", "solar", "mllama_text_model"),
        LLAMA,
    ),
    **dict.fromkeys(("ernie4_5", "smollm3"), Family(ties_embeddings=True)),
    "ernie4_5_moe": Family(ties_embeddings=True, has_router_bias=True),
    **dict.fromkeys(("deepseek_v3", "kimi_k2", "glm4_moe"), Family(has_router_bias=True)),
    "internlm": Family(has_query_bias=True, has_output_bias=True),
    "qwen": _QWEN2,
    "qwen2": _QWEN2,
    "qwen2_moe": replace(_QWEN2, has_shared_expert_gate=True),
    **dict.fromkeys(("qwen2_vl", "qwen2_5_vl", "qwen2_vl_text", "qwen2_5_vl_text"), _QWEN2),
    **dict.fromkeys(("qwen3", "qwen3_moe", "qwen3_vl_text", "qwen3_vl_moe_text"), _QWEN3),
    "hunyuan_v1_dense": _QWEN3,
    "seed_oss": _QWEN2,
    "gemma": _GEMMA,
    "gemma2": _GEMMA2,
    "gemma3_text": replace(_GEMMA2, query_key_norm="head"),
    "glm4": Family(norms_per_layer=4),
    "dots1": replace(_QWEN3, has_router_bias=True),
    "exaone4": _QWEN3,
    **dict.fromkeys(("cohere", "cohere2"), _COHERE),
    "olmo": Family(norm_vectors=0),
    **dict.fromkeys(("olmo2", "olmo3", "olmoe"), _OLMO2),
    "dbrx": Family(),
    "phimoe": Family(norm_vectors=2, has_query_bias=True, has_output_bias=True,
                     has_head_bias=True),
    "gpt_oss": Family(has_query_bias=True, has_output_bias=True, has_router_bias=True,
                      has_expert_bias=True, has_sinks=True),
    "stablelm": Family(norm_vectors=2),
    "nemotron": Family(is_gated=False, norm_vectors=2),
    "arcee": Family(is_gated=False),
    "gpt2": _GPT2,
    "gpt_bigcode": _GPT2,
    "gpt_neo": replace(_GPT2, has_query_bias=False),
    "gpt_neox": replace(_GPT, ties_embeddings=False),
    "gptj": _GPTJ,
    "codegen": _GPTJ,
    "bloom": replace(_GPT, other_norms=2),
    "opt": replace(_GPT2, position_offset=2),
    "mpt": Family(is_gated=False, ties_embeddings=True),
    "starcoder2": _GPT,
    "phi": _PHI,
    **dict.fromkeys(("falcon", "RefinedWeb", "RefinedWebModel"), _FALCON),
    "chatglm": Family(has_query_bias=True),
    **dict.fromkeys(("t5", "mt5", "umt5"), _T5),
    **dict.fromkeys(("bert", "roberta", "xlm-roberta"), _GPT2),
}  # fmt: skip


def with_biases(family: Family, switched: Mapping[str, bool]) -> Family:
    """The family with some of its biases, by field name, switched on or off."""
    changes: Mapping[str, Any] = switched
    return replace(family, **changes)


def family_of(model_type: str | None) -> Family | None:
    """How models of the type are built; None where the type is not known."""
    name = model_type or ""
    return FAMILIES.get(TEXT_TYPES.get(name, name))
