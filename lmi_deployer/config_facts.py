"""Facts of a model out of its config.json: what the server asks of it, and its shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lmi_deployer import shapes
from lmi_deployer.errors import InputError
from lmi_deployer.model_facts import DIFFUSERS, ModelFacts
from lmi_deployer.shapes.attention import head_size, key_value_heads, positions
from lmi_deployer.shapes.believing import impossible
from lmi_deployer.shapes.reading import read, text_of
from lmi_deployer.shapes.stored import method_of, quantization_of

if TYPE_CHECKING:
    from lmi_deployer.model_shape import ModelShape

_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})")
_TAKES_QUANTIZED = (4, 35)
"""The first transformers that reads both GPTQ and AWQ from quantization_config."""
_NATIVE_SINCE = frozenset(
    {"falcon", "mpt", "phi", "phi3", "stablelm", "starcoder2", "dbrx", "cohere", "qwen2_moe"}
)
"""Families whose repositories carry code of their own that newer transformers do not need."""


def facts_of(
    config: Mapping[Any, Any],
    model_id: str | None,
    parameter_counts: Mapping[str, int] | None,
    stored_bytes: int | None,
) -> ModelFacts:
    """As `model_facts.from_config`, for a mapping."""
    reading = read(config)
    heads, hidden_size = reading.number("num_attention_heads"), reading.number("hidden_size")
    shape, problem = _shape(config, parameter_counts, stored_bytes)
    quantization = quantization_of(reading)
    method = None if quantization is None else method_of(quantization)
    if method is None and shape is not None and shape.stored is not None:
        method = shape.stored.method
    auto_map = config.get("auto_map")
    return ModelFacts(
        model_id=model_id,
        model_type=_model_type(config),
        architectures=_texts(config.get("architectures")),
        auto_classes=tuple(map(str, auto_map)) if isinstance(auto_map, Mapping) else (),
        num_attention_heads=heads if shape is None else shape.num_attention_heads,
        num_key_value_heads=key_value_heads(reading, heads)
        if shape is None
        else shape.num_key_value_heads,
        num_hidden_layers=reading.number("num_hidden_layers")
        if shape is None
        else shape.num_hidden_layers,
        hidden_size=hidden_size if shape is None else shape.hidden_size,
        head_dim=head_size(reading, heads, hidden_size),
        max_position_embeddings=positions(reading),
        torch_dtype=reading.dtype,
        quantization=method,
        has_quantization_known=method is not None
        or bool(parameter_counts)
        or not _is_older_than_quantization(config),
        needs_remote_code=_needs_remote_code(auto_map, _model_type(config)),
        weight_bytes=stored_bytes,
        shape=shape,
        impossible=impossible(reading),
        shape_problem=problem,
    )


def _shape(
    config: Mapping[Any, Any],
    parameter_counts: Mapping[str, int] | None,
    stored_bytes: int | None,
) -> tuple[ModelShape | None, str | None]:
    """The shape, or why there is none."""
    try:
        shape = shapes.from_config(
            config, parameter_counts=parameter_counts, stored_bytes=stored_bytes
        )
    except InputError as error:
        return None, error.problem
    return shape, None


def _is_older_than_quantization(config: Mapping[Any, Any]) -> bool:
    """Whether quantized weights of its time left config.json as it was.

    AutoGPTQ and AutoAWQ wrote a file of their own beside it until transformers took them in, the
    later one with 4.35.
    """
    found = _VERSION.match(text_of(config.get("transformers_version")) or "")
    return found is not None and (int(found[1]), int(found[2])) < _TAKES_QUANTIZED


def _model_type(config: Mapping[Any, Any]) -> str | None:
    model_type = text_of(config.get("model_type"))
    return DIFFUSERS if model_type is None and "_diffusers_version" in config else model_type


def _needs_remote_code(auto_map: object, model_type: str | None) -> bool | None:
    if not isinstance(auto_map, Mapping) or not auto_map:
        return False
    return None if model_type in _NATIVE_SINCE else True


def _texts(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    return tuple(name for item in value if (name := text_of(item)) is not None)
