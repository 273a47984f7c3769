"""What is known of a model: from its config.json, or from the catalog. Unknown facts are None.

Families name one thing differently: `_NAMES` lists the names of config.json, of which the first
that is there counts. Sources: the configuration classes of transformers (src/transformers/models)
and, for Mistral's own params.json, LmiUtils.MistralModelConfig of djl-serving@0.36.0-lmi27-dlc.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lmi_deployer.errors import InputError

if TYPE_CHECKING:
    from lmi_deployer.catalog.rows import Model

DIFFUSERS = "stable-diffusion"
"""The model type that the server gives to a diffusers model, which has none of its own."""
_NESTED = ("text_config", "llm_config", "language_config", "attn_config")
"""Parts of config.json that hold the language model's numbers where the top level does not."""
_NAMES: Mapping[str, tuple[str, ...]] = {
    "num_attention_heads": ("num_attention_heads", "n_head", "n_heads", "num_heads",
                            "attention_heads"),
    "num_key_value_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv", "kv_n_heads",
                            "n_kv_heads"),
    "num_hidden_layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "hidden_size": ("hidden_size", "n_embd", "n_embed", "d_model", "dim"),
    "head_dim": ("head_dim", "kv_channels", "d_kv"),
    "max_position_embeddings": ("max_position_embeddings", "n_positions", "max_seq_len",
                                "max_sequence_length", "seq_length", "n_ctx"),
}  # fmt: skip
_ONE_KV_HEAD_UNLESS_TOLD = frozenset({"gpt_bigcode"})
_OTHER_KV_DEFAULT = frozenset({"mistral", "mixtral", "gemma2", "gemma3_text", "qwen2_vl"})
"""Families whose default is not one KV head per attention head."""
_DTYPES = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32", "float": "fp32",
           "half": "fp16"}  # fmt: skip
LONGEST_NAME = 100
TOO_MANY = 2**40
"""No model has as many of anything; arithmetic on such numbers could overflow."""
_STRETCHING = frozenset({"linear", "dynamic"})
"""Kinds of rope_scaling whose factor is not in max_position_embeddings yet."""
_LARGEST_FACTOR = 1e6
_NATIVE_SINCE = frozenset(
    {"falcon", "mpt", "phi", "phi3", "stablelm", "starcoder2", "dbrx", "cohere", "qwen2_moe"}
)
"""Families whose repositories carry code of their own that newer transformers do not need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """Facts of one model; None where a fact is not known."""

    model_type: str | None = None
    architectures: tuple[str, ...] | None = None
    auto_classes: tuple[str, ...] = ()
    """Keys of `auto_map`, which the server counts as architectures too."""
    num_attention_heads: int | None = None
    num_key_value_heads: int | None = None
    num_hidden_layers: int | None = None
    hidden_size: int | None = None
    head_dim: int | None = None
    max_position_embeddings: int | None = None
    torch_dtype: str | None = None
    """fp16, bf16 or fp32 where it is one of these, else as the file spells it."""
    quantization: str | None = None
    """Method by which the weights are quantized; None for none, or where that is not known."""
    has_quantization_known: bool = False
    """True where a `quantization` of None means that the weights are not quantized."""
    needs_remote_code: bool | None = None
    is_gated: bool | None = None
    weight_bytes: int | None = None

    @property
    def is_grouped_query(self) -> bool | None:
        """Whether several attention heads share a KV head."""
        if self.num_attention_heads is None or self.num_key_value_heads is None:
            return None
        return self.num_key_value_heads < self.num_attention_heads


def from_config(config: object) -> ModelFacts:
    """Facts of a Hugging Face config.json that has been read already.

    A value of the wrong type counts as unknown. Raises InputError for what is no JSON object.
    """
    if not isinstance(config, Mapping):
        raise InputError("the model configuration is no JSON object", fix="give its config.json")
    model_type = _text(config.get("model_type"))
    if model_type is None and "_diffusers_version" in config:
        model_type = DIFFUSERS
    heads = _number(config, "num_attention_heads")
    hidden_size = _number(config, "hidden_size")
    head_dim = _number(config, "head_dim")
    if head_dim is None and heads and hidden_size and hidden_size % heads == 0:
        head_dim = hidden_size // heads
    auto_map = config.get("auto_map")
    quantization = _quantization(config)
    return ModelFacts(
        model_type=model_type,
        architectures=_texts(config.get("architectures")),
        auto_classes=tuple(map(str, auto_map)) if isinstance(auto_map, Mapping) else (),
        num_attention_heads=heads,
        num_key_value_heads=_kv_heads(config, model_type, heads),
        num_hidden_layers=_number(config, "num_hidden_layers"),
        hidden_size=hidden_size,
        head_dim=head_dim,
        max_position_embeddings=_stretched(
            _number(config, "max_position_embeddings"), _rope_factor(config)
        ),
        torch_dtype=_dtype(config),
        quantization=quantization,
        has_quantization_known=True,
        needs_remote_code=_needs_remote_code(auto_map, model_type),
    )


def from_catalog(model: Model) -> ModelFacts:
    """Facts of a model that the catalog knows."""
    head_dim = model.head_dim
    if head_dim is None and model.hidden_size % model.num_attention_heads == 0:
        head_dim = model.hidden_size // model.num_attention_heads
    return ModelFacts(
        model_type=model.model_type,
        architectures=model.architectures,
        num_attention_heads=model.num_attention_heads,
        num_key_value_heads=model.num_key_value_heads,
        num_hidden_layers=model.num_hidden_layers,
        hidden_size=model.hidden_size,
        head_dim=head_dim,
        max_position_embeddings=_stretched(model.max_position_embeddings, model.rope_factor),
        torch_dtype=model.published_dtype,
        quantization=model.quantization,
        has_quantization_known=True,
        needs_remote_code=model.needs_remote_code,
        is_gated=model.is_gated,
        weight_bytes=model.checkpoint_bytes,
    )


def _levels(config: Mapping[Any, Any]) -> Iterator[Mapping[Any, Any]]:
    """The configuration and the parts of it that describe the language model."""
    yield config
    for name in _NESTED:
        part = config.get(name)
        if isinstance(part, Mapping):
            yield part


def _number(config: Mapping[Any, Any], fact: str) -> int | None:
    for level in _levels(config):
        for name in _NAMES[fact]:
            value = level.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < TOO_MANY:
                return value
    return None


def _stretched(positions: int | None, factor: float) -> int | None:
    return None if positions is None else int(positions * factor)


def _rope_factor(config: Mapping[Any, Any]) -> float:
    """What the positions are multiplied by.

    Source: _get_and_verify_max_len of vllm/config.py, vLLM 0.2.1.
    """
    for level in _levels(config):
        scaling = level.get("rope_scaling")
        if isinstance(scaling, Mapping):
            kind = _text(scaling.get("type")) or _text(scaling.get("rope_type"))
            factor = scaling.get("factor")
            if kind not in _STRETCHING or not isinstance(factor, int | float):
                continue
            if 1 <= factor <= _LARGEST_FACTOR:
                return float(factor)
    return 1.0


def _kv_heads(config: Mapping[Any, Any], model_type: str | None, heads: int | None) -> int | None:
    is_multi_query = config.get("multi_query")
    if model_type in {"falcon", "RefinedWeb", "RefinedWebModel"}:
        has_groups = config.get("new_decoder_architecture") or model_type == "RefinedWeb"
        if not has_groups and is_multi_query is not False:
            return 1
    elif model_type in _ONE_KV_HEAD_UNLESS_TOLD and is_multi_query is not False:
        return 1
    if config.get("multi_query_attention") is True:  # ChatGLM
        groups = config.get("multi_query_group_num")
        return groups if isinstance(groups, int) and groups > 0 else None
    told = _number(config, "num_key_value_heads")
    if told is not None or model_type is None or model_type in _OTHER_KV_DEFAULT:
        return told
    return heads


def _dtype(config: Mapping[Any, Any]) -> str | None:
    for level in _levels(config):
        for name in ("torch_dtype", "dtype"):
            value = _text(level.get(name))
            if value is not None:
                plain = value.removeprefix("torch.")
                return _DTYPES.get(plain, plain)
    return None


def _quantization(config: Mapping[Any, Any]) -> str | None:
    for level in _levels(config):
        part = level.get("quantization_config")
        if not isinstance(part, Mapping):
            continue
        method = _text(part.get("quant_method"))
        if method in {None, "bitsandbytes"}:
            for name, bits in (("load_in_4bit", 4), ("load_in_8bit", 8)):
                if part.get(name) is True:
                    return f"bitsandbytes{bits}"
        return method
    return None


def _needs_remote_code(auto_map: object, model_type: str | None) -> bool | None:
    if not isinstance(auto_map, Mapping) or not auto_map:
        return False
    return None if model_type in _NATIVE_SINCE else True


def _text(value: object) -> str | None:
    """A name as config.json gives it; what no library could call a name counts as unknown."""
    is_name = isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()
    return str(value) if is_name else None


def _texts(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    return tuple(name for item in value if (name := _text(item)) is not None)
