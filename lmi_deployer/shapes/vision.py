"""Parameters of the part of a multimodal model that sees, from its vision_config.

Source: src/transformers/models/{siglip,clip,pixtral,qwen2_vl,qwen2_5_vl,llama4,mllama}/ and the
projectors of the models that use these towers, transformers 4.57.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lmi_deployer.shapes.reading import count_of, ratio_of, text_of

if TYPE_CHECKING:
    from lmi_deployer.shapes.reading import Reading

Part = Mapping[Any, Any]
_ASPECT_RATIOS = 8
"""supported_aspect_ratios of every Llama 3.2."""
_PARTS = ("vision_config", "vision_encoder", "visual", "vit_config")


def vision_parameters(reading: Reading, hidden_size: int) -> tuple[int, str | None]:
    """Parameters of tower and projector, and what is assumed of them; 0 for a text model."""
    part = reading.part(*_PARTS)
    if part is None:
        return 0, None
    # Mistral's own params.json names no type, and one kind of tower.
    outer = text_of(reading.config.get("model_type")) or "pixtral"
    kind = text_of(part.get("model_type"))
    towers = (tower for (of, name), tower in _TOWERS.items() if of == outer)
    known = next(towers, None) if kind is None else _TOWERS.get((outer, kind))
    if known is not None:
        return known(part, hidden_size), None
    count = _transformer(part, hidden_size)
    if not count:
        return 0, "vision_config does not tell the size of the tower: it is not counted"
    return count, f"the vision tower is estimated at {count / 1e9:.2f} billion parameters"


def _number(part: Part, default: int, *names: str) -> int:
    return next((n for name in names if (n := count_of(part.get(name), 2**24))), default)


def _transformer(part: Part, hidden_size: int) -> int:
    """Any vision transformer, nearly: its layers, and a projector of two layers."""
    width = _number(part, 0, "embed_dim", "hidden_size", "width")
    layers = min(_number(part, 0, "num_hidden_layers", "depth", "layers", "num_layers"), 10_000)
    ratio = ratio_of(part.get("mlp_ratio"), 64) or 4
    inner = _number(part, int(ratio * width), "intermediate_size")
    if not width or not layers:
        return 0
    return layers * (4 * width**2 + 2 * width * inner) + hidden_size * (width + hidden_size)


def _layers(layers: int, width: int, inner: int) -> int:
    """CLIP and SigLIP: every linear layer with a bias, two norms with a shift."""
    return layers * (4 * (width**2 + width) + 2 * width * inner + inner + width + 4 * width)


def _patches(part: Part, width: int, default_patch: int) -> tuple[int, int]:
    """Weights of the patch embedding without bias, and how many patches an image has."""
    patch = _number(part, default_patch, "patch_size")
    side = _number(part, 224, "image_size") // patch
    return 3 * patch**2 * width, side**2


def _siglip(part: Part) -> tuple[int, int]:
    """The tower without its pooling head, and its width."""
    width = _number(part, 768, "hidden_size")
    inner = _number(part, 3072, "intermediate_size")
    layers = _number(part, 12, "num_hidden_layers")
    embedding, count = _patches(part, width, 16)
    return embedding + width + count * width + _layers(layers, width, inner) + 2 * width, width


def _gemma3(part: Part, hidden_size: int) -> int:
    tower, width = _siglip(part)
    return tower + width * hidden_size + width


def _llava(part: Part, hidden_size: int) -> int:
    """CLIP's tower, and a projector of two layers with biases."""
    width = _number(part, 768, "hidden_size")
    inner = _number(part, 3072, "intermediate_size")
    layers = _number(part, 12, "num_hidden_layers")
    embedding, count = _patches(part, width, 32)
    # A class token with its position, and norms before and after the layers.
    tower = embedding + width + (count + 1) * width + _layers(layers, width, inner) + 4 * width
    return tower + width * hidden_size + hidden_size + hidden_size**2 + hidden_size


def _llava_next(part: Part, hidden_size: int) -> int:
    """As LLaVA's, and the token that ends a row of patches."""
    return _llava(part, hidden_size) + hidden_size


def _pixtral_tower(part: Part) -> tuple[int, int]:
    width = _number(part, 1024, "hidden_size")
    inner = _number(part, 4096, "intermediate_size")
    layers = _number(part, 24, "num_hidden_layers")
    embedding, _ = _patches(part, width, 16)
    return embedding + width + layers * (4 * width**2 + 3 * width * inner + 2 * width), width


def _pixtral(part: Part, hidden_size: int) -> int:
    tower, width = _pixtral_tower(part)
    return tower + width * hidden_size + hidden_size**2 + 2 * hidden_size


def _mistral3(part: Part, hidden_size: int) -> int:
    """Pixtral's tower; patches are merged two by two before a projector without biases."""
    tower, width = _pixtral_tower(part)
    return tower + 4 * width**2 + width + width * hidden_size + hidden_size**2


def _qwen2(part: Part, hidden_size: int) -> int:
    width, layers = _number(part, 1280, "embed_dim"), _number(part, 32, "depth")
    inner = int((ratio_of(part.get("mlp_ratio"), 64) or 4) * width)
    out = _number(part, hidden_size, "hidden_size")
    embedding = 3 * _number(part, 14, "patch_size") ** 2 * width
    embedding *= _number(part, 2, "temporal_patch_size")
    merged = width * _number(part, 2, "spatial_merge_size") ** 2
    merger = 2 * width + merged**2 + merged + merged * out + out
    return embedding + _layers(layers, width, inner) + merger


def _qwen2_5(part: Part, hidden_size: int) -> int:
    """As Qwen2's, with gated feed-forwards and norms without a shift."""
    width, layers = _number(part, 1280, "hidden_size"), _number(part, 32, "depth")
    inner = _number(part, 3420, "intermediate_size")
    out = _number(part, hidden_size, "out_hidden_size")
    embedding = 3 * _number(part, 14, "patch_size") ** 2 * width
    embedding *= _number(part, 2, "temporal_patch_size")
    merged = width * _number(part, 2, "spatial_merge_size") ** 2
    merger = width + merged**2 + merged + merged * out + out
    layer = 4 * (width**2 + width) + 3 * width * inner + 2 * inner + width + 2 * width
    return embedding + layers * layer + merger


def _llama4(part: Part, hidden_size: int) -> int:
    width, inner = _number(part, 768, "hidden_size"), _number(part, 5632, "intermediate_size")
    layers = _number(part, 34, "num_hidden_layers")
    embedding, count = _patches(part, width, 14)
    tower = embedding + (count + 2) * width + _layers(layers, width, inner) + 4 * width
    ratio = ratio_of(part.get("pixel_shuffle_ratio"), 1) or 0.5
    shuffled = int(width // ratio**2)
    middle = _number(part, 4096, "projector_input_dim")
    out = _number(part, 4096, "projector_output_dim")
    return tower + shuffled * middle + middle * out + out * hidden_size


def _mllama(part: Part, hidden_size: int) -> int:
    """Two towers in a row, positions for every ratio of tiles, and a projector of one layer."""
    width, inner = _number(part, 1280, "hidden_size"), _number(part, 5120, "intermediate_size")
    gated = _number(part, 8, "num_global_layers")
    layers = _number(part, 32, "num_hidden_layers") + gated
    tiles, ratios = _number(part, 4, "max_num_tiles"), _ASPECT_RATIOS + 1
    embedding, patches = _patches(part, width, 14)
    positions = (patches + 1) * width
    tower = embedding + width + layers * (4 * width**2 + 2 * width * inner + inner + 5 * width)
    tower += 4 * width + 2 * gated + positions + ratios * tiles * (positions + 2 * width) + 3
    return tower + _number(part, 7680, "vision_output_dim") * hidden_size + hidden_size


_TOWERS: Mapping[tuple[str, str], Callable[[Part, int], int]] = {
    ("gemma3", "siglip_vision_model"): _gemma3,
    ("llava", "clip_vision_model"): _llava,
    ("llava_next", "clip_vision_model"): _llava_next,
    ("llava", "pixtral"): _pixtral,
    ("pixtral", "pixtral"): _pixtral,
    ("mistral3", "pixtral"): _mistral3,
    ("qwen2_vl", "qwen2_vl"): _qwen2,
    ("qwen2_5_vl", "qwen2_5_vl"): _qwen2_5,
    ("llama4", "llama4_vision_model"): _llama4,
    ("mllama", "mllama_vision_model"): _mllama,
}
"""By the model_type of the whole model and of its vision_config."""
