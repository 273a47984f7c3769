"""The family that a config.json is of: known or guessed, with what it changes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lmi_deployer.shapes.attention import FALCON
from lmi_deployer.shapes.families import EVERY_BIAS, LLAMA, Family, QueryKeyNorm, with_biases

if TYPE_CHECKING:
    from lmi_deployer.shapes.reading import Reading

_ATTENTION = ("has_query_bias", "has_output_bias")
_SWITCHES: Mapping[str, tuple[str, ...]] = {
    "use_bias": EVERY_BIAS,
    "enable_bias": EVERY_BIAS,
    "add_bias_linear": EVERY_BIAS,
    "attention_bias": _ATTENTION,
    "attention_out_bias": ("has_output_bias",),
    "mlp_bias": ("has_mlp_bias",),
    "use_qkv_bias": ("has_query_bias",),
    "add_qkv_bias": ("has_query_bias",),
    "lm_head_bias": ("has_head_bias",),
}
"""Keys of config.json and the biases that they switch, the narrower after the wider. What `bias`
switches differs by family."""
_QUERY_BIAS_ONLY = frozenset({"glm", "glm4", "glm4_moe", "seed_oss"})
"""Families whose attention_bias leaves the output projection alone."""
_DEAF = frozenset({"qwen2", "qwen2_moe", "qwen2_vl", "qwen2_5_vl", "qwen"})
"""Families whose code reads none of these keys."""
_PLAIN_ACTIVATIONS = frozenset(
    {"gelu", "gelu_new", "gelu_fast", "gelu_python", "quick_gelu", "relu", "relu2", "sigmoid"}
)
"""Activations that stand between two matrices; the others gate one of three."""
_ACTIVATIONS = ("hidden_act", "activation_function", "hidden_activation", "activation")


def family_in(reading: Reading, family: Family) -> Family:
    """The family with everything that the configuration itself says."""
    if reading.model_type in _DEAF:
        return family
    changes: dict[str, bool] = {}
    for key, fields in _SWITCHES.items():
        value = reading.flag(key)
        if value is not None:
            covered = fields
            if key == "attention_bias" and reading.model_type in _QUERY_BIAS_ONLY:
                covered = ("has_query_bias",)
            changes |= dict.fromkeys(covered, value)
    bias, no_bias = reading.flag("bias"), reading.flag("no_bias")
    if bias is not None:
        changes |= dict.fromkeys(family.bias_covers, bias)
    elif no_bias is not None:
        changes |= dict.fromkeys(EVERY_BIAS, not no_bias)
    return _rebuilt(reading, with_biases(family, changes))


def guessed_family(reading: Reading) -> tuple[Family, str]:
    """The likeliest family, and in words what is assumed."""
    name = reading.model_type or "of no stated type"
    named = (reading.text(key) for key in _ACTIVATIONS)
    activation = next((text for text in named if text is not None), None)
    # Every configuration class of transformers ties embeddings unless it says otherwise, and one
    # that says otherwise writes so into config.json.
    family = replace(LLAMA, ties_embeddings=True, is_gated=activation not in _PLAIN_ACTIVATIONS)
    return family, f"family {name} is not known: counted as a Llama-like model"


def alternatives(family: Family) -> tuple[Family, ...]:
    """What else a family that was guessed may be; its weight files tell which."""
    return tuple(
        replace(family, is_gated=is_gated, ties_embeddings=is_tied)
        for is_gated in (family.is_gated, not family.is_gated)
        for is_tied in (True, False)
    )


def _rebuilt(reading: Reading, family: Family) -> Family:
    kind = reading.model_type
    if kind in FALCON:
        return replace(family, norms_per_layer=_falcon_norms(reading))
    if kind == "stablelm":
        norm: QueryKeyNorm = "all_heads" if reading.flag("qk_layernorm") else "none"
        norms = 1 if reading.flag("use_parallel_residual") else 2
        return replace(family, query_key_norm=norm, norms_per_layer=norms)
    if kind in {"cohere", "glm4_moe"} and reading.flag("use_qk_norm"):
        norm = "all_heads" if kind == "cohere" else "head"
        return replace(family, query_key_norm=norm)
    if kind == "opt" and reading.flag("do_layer_norm_before") is False:
        return replace(family, other_norms=0)
    return family


def _falcon_norms(reading: Reading) -> int:
    if reading.flag("new_decoder_architecture") or reading.model_type == "RefinedWeb":
        return 1 if reading.key("num_ln_in_parallel_attn") == 1 else 2
    return 2 if reading.flag("parallel_attn") is False else 1
