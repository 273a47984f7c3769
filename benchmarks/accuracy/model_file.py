"""Models of a folder's model-facts.yaml, as shapes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from lmi_deployer.model_shape import (
    Experts,
    LatentAttention,
    ModelShape,
    SlidingWindow,
    StoredFormat,
)
from lmi_deployer.shapes import computed_parameters

_WIDTHS = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}


def read_models(path: Path) -> dict[str, ModelShape]:
    """Every model of the file by its id; none where there is no file."""
    if not path.is_file():
        return {}
    document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    known = {row["id"]: _shape(row) for row in document.get("models", [])}
    for row in document.get("quantized_variants", []):
        base = known.get(row["base"])
        if base is not None:
            known[row["id"]] = replace(base, stored=_variant(row), stored_bytes=None)
    return known


def _shape(row: dict[str, Any]) -> ModelShape:
    moe, mla, window = row.get("moe"), row.get("mla"), row.get("sliding_window")
    layers = row["num_hidden_layers"]
    width = 0 if moe is None else moe["moe_intermediate_size"]
    shape = ModelShape(
        model_type=row["model_type"],
        num_hidden_layers=layers,
        num_encoder_layers=row.get("num_encoder_layers", 0),
        hidden_size=row["hidden_size"],
        intermediate_size=row["intermediate_size"],
        num_attention_heads=row["num_attention_heads"],
        num_key_value_heads=row["num_key_value_heads"],
        head_dim=row["head_dim"],
        vocab_size=row["vocab_size"],
        max_position_embeddings=row["max_position_embeddings"],
        has_tied_embeddings=row["tie_word_embeddings"],
        has_gated_mlp=row["gated_mlp"],
        vision_parameters=_vision_parameters(row.get("vision_tower", "")),
        experts=None
        if moe is None
        else Experts(
            num_experts=moe["num_experts"],
            experts_per_token=moe["experts_per_token"],
            intermediate_size=width,
            shared_intermediate_size=moe.get("shared_experts", 0) * width,
            dense_layers=moe.get("first_k_dense", 0),
        ),
        latent=None if mla is None else LatentAttention(**mla),
        window=None
        if window is None
        else SlidingWindow(tokens=window, layers=row.get("sliding_window_layers", layers)),
        stored_dtype=_WIDTHS.get(row["torch_dtype"], "fp16"),
        stored=_stored(row.get("quantization")),
        parameter_count=row["parameter_count"],
    )
    # What the matrices do not account for are norms, biases and learned positions.
    rest = row["parameter_count"] - computed_parameters(shape)
    return replace(shape, small_parameters=max(0, rest))


def _vision_parameters(text: str) -> int:
    """The number in a note such as `ViT (about 0.675B parameters, not counted below)`."""
    for word in text.replace("(", " ").split():
        if word.endswith("B") and word[:-1].replace(".", "", 1).isdigit():
            return int(float(word[:-1]) * 1e9)
    return 0


def _stored(row: dict[str, Any] | None) -> StoredFormat | None:
    if row is None:
        return None
    block = row.get("block")
    if row["method"] == "mxfp4":
        return StoredFormat(method="mxfp4", bits=4, group_size=32, covers_experts_only=True)
    return StoredFormat(
        method=row["method"],
        bits=row.get("bits", 8),
        group_size=block[0] * block[1] if block else row.get("group_size"),
    )


def _variant(row: dict[str, Any]) -> StoredFormat:
    return StoredFormat(
        method=row["method"],
        bits=row.get("bits", 8),
        group_size=row.get("group_size"),
        has_act_order=row.get("desc_act", False),
    )
