"""Values out of a config.json that anybody may have written: each is checked before it counts.

Families name one thing differently: `NAMES` lists the names of config.json, of which the first
that is there counts. Sources: the configuration classes of transformers (src/transformers/models)
and, for Mistral's own params.json, LmiUtils.MistralModelConfig of djl-serving@0.36.0-lmi27-dlc.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lmi_deployer.shapes.defaults import DEFAULTS, TEXT_TYPES

LONGEST_NAME = 100
TOO_MANY = 2**40
"""No model has as many of anything; arithmetic on such numbers could overflow."""
_MOST = {"num_hidden_layers": 10_000, "num_encoder_layers": 10_000}
"""Upper bounds below TOO_MANY, of facts that something is counted up to."""
_ENCODER_DECODERS = frozenset({"t5", "mt5", "umt5"})
_NESTED = ("thinker_config", "text_config", "llm_config", "language_config")
"""Parts of config.json that describe the language model of a multimodal one."""
_SECTIONS = ("attn_config", "ffn_config", "moe")
"""Parts that hold numbers of one kind of layer: MPT, DBRX, and Mistral's params.json."""
NAMES: Mapping[str, tuple[str, ...]] = {
    "num_attention_heads": ("num_attention_heads", "n_head", "n_heads", "num_heads",
                            "decoder_attention_heads", "attention_heads"),
    "num_key_value_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv", "kv_n_heads",
                            "n_kv_heads"),
    "num_hidden_layers": ("num_decoder_layers", "decoder_layers", "num_hidden_layers", "n_layer",
                          "n_layers", "num_layers"),
    "num_encoder_layers": ("encoder_layers", "num_layers", "num_hidden_layers"),
    "hidden_size": ("hidden_size", "n_embd", "n_embed", "d_model", "dim"),
    "head_dim": ("head_dim", "kv_channels", "d_kv"),
    "intermediate_size": ("intermediate_size_mlp", "intermediate_size", "n_inner", "ffn_dim",
                          "d_ff", "ffn_hidden_size", "decoder_ffn_dim", "inner_hidden_size",
                          "hidden_dim"),
    "vocab_size": ("padded_vocab_size", "vocab_size"),
    "num_experts": ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"),
    "experts_per_token": ("num_experts_per_tok", "num_experts_per_token", "experts_per_token",
                          "moe_top_k", "moe_topk", "moe_k"),
    "expert_size": ("moe_intermediate_size", "expert_intermediate_size", "intermediate_size",
                    "ffn_hidden_size", "hidden_dim"),
    "shared_experts": ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts"),
    "shared_size": ("shared_expert_intermediate_size", "shared_intermediate_size"),
    "embedding_size": ("word_embed_proj_dim",),
    "sliding_window": ("sliding_window",),
}  # fmt: skip
_DTYPES = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32", "float": "fp32",
           "half": "fp16"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """A configuration, with the parts of it that describe the language model in front."""

    config: Mapping[Any, Any]
    levels: tuple[Mapping[Any, Any], ...]
    model_type: str | None
    """Of the language model, where a part of its own names it; else of the whole."""
    is_nested: bool
    """Whether the language model has a part of its own, which leaves defaults out."""

    def number(self, fact: str) -> int | None:
        """A count by our name of it; None where it is absent or not to be believed."""
        return next((value for name in NAMES[fact] if (value := self.key(name, fact))), None)

    def number_or_default(self, fact: str) -> int | None:
        """A count, or the one that the configuration class of transformers takes without.

        A value that is there and cannot be believed is not one that was left out.
        """
        is_stated = any(self.stated(name) is not None for name in NAMES[fact])
        return self.number(fact) if is_stated else self.default(fact)

    def default(self, fact: str) -> int | None:
        """What the configuration class of transformers takes for a count that is left out."""
        return DEFAULTS.get(self.model_type or "", {}).get(fact)

    def key(self, name: str, fact: str | None = None) -> int | None:
        """A count by its name in config.json."""
        most = most_of(fact or name)
        return next(
            (n for level in self.levels if (n := count_of(level.get(name), most)) is not None), None
        )

    def stated(self, name: str) -> Any:
        """What config.json says, whatever that is; None where it is absent or null."""
        values = (level.get(name) for level in self.levels)
        return next((value for value in values if value is not None), None)

    def flag(self, name: str) -> bool | None:
        """A switch; None where it is absent."""
        values = (level.get(name) for level in self.levels)
        return next((value for value in values if isinstance(value, bool)), None)

    def ratio(self, name: str, most: float = 1e6) -> float | None:
        """A number of at least 0 that need not be whole."""
        values = (level.get(name) for level in self.levels)
        return next((ratio for value in values if (ratio := ratio_of(value, most)) is not None),
                    None)  # fmt: skip

    def text(self, name: str) -> str | None:
        """A name."""
        values = (text_of(level.get(name)) for level in self.levels)
        return next((value for value in values if value is not None), None)

    def listed(self, name: str) -> list[Any] | None:
        """A list, of whatever."""
        values = (level.get(name) for level in self.levels)
        return next((value for value in values if isinstance(value, list)), None)

    def part(self, *names: str) -> Mapping[Any, Any] | None:
        """A part of the configuration: of the language model first."""
        for level in self.levels:
            for name in names:
                value = level.get(name)
                if isinstance(value, Mapping) and value:
                    return value
        return None

    @property
    def has_encoder(self) -> bool:
        """Whether an encoder reads the prompt."""
        return self.model_type in _ENCODER_DECODERS or self.flag("is_encoder_decoder") is True

    @property
    def dtype(self) -> str | None:
        """fp16, bf16 or fp32 where the weights are one of these, else as the file spells it."""
        for level in reversed(self.levels):
            for name in ("torch_dtype", "dtype"):
                value = text_of(level.get(name))
                if value is not None:
                    plain = value.removeprefix("torch.")
                    return _DTYPES.get(plain, plain)
        return None


def read(config: Mapping[Any, Any]) -> Reading:
    """A configuration made ready for questions."""
    nested = tuple(_nested(config, depth=2))
    levels = (*nested, config)
    sections = (level.get(name) for level in levels for name in _SECTIONS)
    types = [text_of(level.get("model_type")) for level in levels]
    if "dim" in config and "n_layers" in config:  # Mistral's params.json, which names no type
        types.append("mistral")
    model_type = next((name for name in types if name is not None), None)
    return Reading(
        config,
        (*levels, *(part for part in sections if isinstance(part, Mapping))),
        TEXT_TYPES.get(model_type or "", model_type),
        bool(nested),
    )


def most_of(name: str) -> int:
    """The bound below which a count of this name is believed."""
    return _MOST.get(name, TOO_MANY)


def count_of(value: object, most: int = TOO_MANY) -> int | None:
    """A whole number above 0 and below `most`; None for all else."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < most:
        return value
    return None


def ratio_of(value: object, most: float = 1e6) -> float | None:
    """A number from 0 to `most`; None for all else, NaN included."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most:
        return float(value)
    return None


def text_of(value: object) -> str | None:
    """A name as config.json gives it; what no library could call a name counts as unknown."""
    is_name = isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()
    return str(value) if is_name else None


def _nested(config: Mapping[Any, Any], depth: int) -> Iterator[Mapping[Any, Any]]:
    """Parts that describe the language model, the innermost first."""
    for name in _NESTED:
        part = config.get(name)
        if isinstance(part, Mapping):
            if depth > 1:
                yield from _nested(part, depth - 1)
            yield part
