"""What is known of a model: from its config.json, or from the catalog. Unknown facts are None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmi_deployer.errors import InputError

if TYPE_CHECKING:
    from lmi_deployer.catalog.rows import Model
    from lmi_deployer.model_shape import ModelShape

DIFFUSERS = "stable-diffusion"
"""The model type that the server gives to a diffusers model, which has none of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """Facts of one model; None where a fact is not known."""

    model_id: str | None = None
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
    shape: ModelShape | None = None
    """What the arithmetic of memory and speed needs; None where it cannot be derived."""
    impossible: tuple[str, ...] = ()
    """What config.json says that no model can be: each key with its value, in words."""
    shape_problem: str | None = None
    """Why there is no shape, in words."""

    @property
    def parameter_count(self) -> int | None:
        """Parameters of the language model."""
        return None if self.shape is None else self.shape.parameter_count

    @property
    def is_grouped_query(self) -> bool | None:
        """Whether several attention heads share a KV head."""
        if self.num_attention_heads is None or self.num_key_value_heads is None:
            return None
        return self.num_key_value_heads < self.num_attention_heads


def from_config(
    config: object,
    *,
    model_id: str | None = None,
    parameter_counts: Mapping[str, int] | None = None,
    stored_bytes: int | None = None,
) -> ModelFacts:
    """Facts of a Hugging Face config.json that has been read already.

    The further arguments are those of `shapes.from_config`. A value of the wrong type counts as
    unknown. Raises InputError for what is no JSON object.
    """
    from lmi_deployer.config_facts import facts_of  # most runs know their facts already

    if not isinstance(config, Mapping):
        raise InputError("the model configuration is no JSON object", fix="give its config.json")
    return facts_of(config, model_id, parameter_counts, stored_bytes)


def from_catalog(model: Model) -> ModelFacts:
    """Facts of a model that the catalog knows."""
    from lmi_deployer import shapes

    shape = shapes.from_catalog(model)
    return ModelFacts(
        model_id=model.id,
        model_type=model.model_type,
        architectures=model.architectures,
        num_attention_heads=model.num_attention_heads,
        num_key_value_heads=model.num_key_value_heads,
        num_hidden_layers=model.num_hidden_layers,
        hidden_size=model.hidden_size,
        head_dim=shape.head_dim,
        max_position_embeddings=shape.max_position_embeddings,
        torch_dtype=model.published_dtype,
        quantization=model.quantization,
        has_quantization_known=True,
        needs_remote_code=model.needs_remote_code,
        is_gated=model.is_gated,
        weight_bytes=model.checkpoint_bytes,
        shape=shape,
    )
