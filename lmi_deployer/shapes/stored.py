"""How a checkpoint is stored: from quantization_config, or from the file beside it of other tools.

Sources: the quantization configurations of transformers 4.57 (utils/quantization_config.py), of
compressed-tensors and NVIDIA ModelOpt, and the loaders of vLLM
(vllm/model_executor/layers/quantization).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from math import prod
from typing import Any

from lmi_deployer.model_shape import StoredFormat
from lmi_deployer.shapes.reading import Reading, count_of, read, text_of

_BITS: Mapping[str, float] = {
    "gptq": 4, "awq": 4, "fp8": 8, "fbgemm_fp8": 8, "int8": 8, "int4": 4, "mxfp4": 4, "nvfp4": 4,
    "bitsandbytes4": 4, "bitsandbytes8": 8, "eetq": 8, "marlin": 4, "gptq_marlin": 4,
    "awq_marlin": 4, "squeezellm": 4, "aqlm": 2, "hqq": 4, "quip": 2, "quip#": 2, "bitnet": 2,
    "auto-round": 4, "experts_int8": 8, "ptpc_fp8": 8, "spqr": 3, "higgs": 4, "vptq": 2,
    "exl2": 4, "quanto": 8, "deepspeedfp": 8, "smoothquant": 8, "modelopt_fp4": 4,
}  # fmt: skip
"""Bits of one weight where the configuration leaves them out."""
_SAME_AS: Mapping[str, str] = {
    "fbgemm_fp8": "fp8", "ptpc_fp8": "fp8", "marlin": "gptq", "gptq_marlin": "gptq",
    "awq_marlin": "awq", "modelopt_fp4": "nvfp4",
}  # fmt: skip
_BIT_NAMES = ("bits", "w_bit", "num_bits", "nbits", "q_bits")
_GROUP_NAMES = ("group_size", "q_group_size")
_GROUPED_BY_NATURE: Mapping[str, int] = {"mxfp4": 32, "nvfp4": 16}
_GROUPED_UNLESS_TOLD = frozenset({"gptq", "awq"})
_USUAL_GROUP = 128
"""Of the tools that quantize, where nothing is said; -1 says that there are no groups."""
_MOST_BITS = 33


def quantization_of(reading: Reading) -> Mapping[Any, Any] | None:
    """What describes the quantization; None where nothing does."""
    return reading.part("quantization_config", "compression_config")


def completed(
    config: dict[str, Any], names: Container[str], content: Callable[[str], Mapping[str, Any]]
) -> dict[str, Any]:
    """The configuration with the quantization that only a file beside it states.

    `names` are the files that there are, and `content` reads one of them.
    """
    if quantization_of(read(config)) is not None:
        return config
    for name, translate in _BESIDE.items():
        if name in names:
            found = translate(content(name))
            stated = {key: value for key, value in found.items() if value is not None}
            return {**config, "quantization_config": stated}
    return config


def method_of(part: Mapping[Any, Any]) -> str | None:
    """The method as config.json spells it, with the bits for bitsandbytes."""
    method = text_of(part.get("quant_method"))
    if method in {None, "bitsandbytes"}:
        for name, bits in (("load_in_4bit", 4), ("load_in_8bit", 8)):
            if part.get(name) is True:
                return f"bitsandbytes{bits}"
    return method


def stored_format(
    part: Mapping[Any, Any], model_type: str | None
) -> tuple[StoredFormat | None, str | None]:
    """How weights are stored by what describes it, and what is assumed of it in words."""
    method = method_of(part)
    if method is None:
        return None, "quantization_config names no method: counted as weights of 16 bits"
    bits, group = _first(part, _BIT_NAMES, _MOST_BITS), _first(part, _GROUP_NAMES)
    cache = "fp8" if _names_fp8_cache(part) else None
    if method == "compressed-tensors":
        method, bits, group = _compressed(part)
    elif method == "modelopt":
        method = _modelopt(part)
    if method == "fp8":
        group = _block(part.get("weight_block_size"))
    elif method in _GROUPED_UNLESS_TOLD and not any(name in part for name in _GROUP_NAMES):
        group = _USUAL_GROUP
    known = _BITS.get(method)
    doubt = None
    if known is None:
        doubt = f"how {method} stores weights is not known: counted with {bits or 8} bits"
    method = _SAME_AS.get(method, method)
    return StoredFormat(
        method=method,
        bits=bits or known or 8,
        group_size=group or _GROUPED_BY_NATURE.get(method),
        has_act_order=part.get("desc_act") is True,
        covers_experts_only=model_type == "gpt_oss" and method == "mxfp4",
        kv_cache_dtype=cache,
    ), doubt


def _block(value: object) -> int | None:
    """Weights that share a scale, of a block [rows, columns]."""
    sides = [count_of(side, 2**16) for side in value] if isinstance(value, list) else []
    return prod(side or 0 for side in sides) or None if sides else None


def _first(part: Mapping[Any, Any], names: tuple[str, ...], most: int = 2**20) -> int | None:
    return next((n for name in names if (n := count_of(part.get(name), most))), None)


def _names_fp8_cache(part: Mapping[Any, Any]) -> bool:
    scheme = part.get("kv_cache_scheme")
    if isinstance(scheme, Mapping):
        return scheme.get("type") == "float" and scheme.get("num_bits") == _BITS["fp8"]
    return (text_of(part.get("kv_cache_quant_algo")) or "").upper() == "FP8"


def _modelopt(part: Mapping[Any, Any]) -> str:
    inner = part.get("quantization")
    named = part.get("quant_algo")
    if named is None and isinstance(inner, Mapping):
        named = inner.get("quant_algo")
    algorithm = (text_of(named) or "FP8").upper()
    return {"FP8": "fp8", "NVFP4": "nvfp4", "W4A16_AWQ": "awq", "INT8_SQ": "int8"}.get(
        algorithm, "fp8" if algorithm.startswith("FP8") else algorithm.lower()
    )


def _compressed(part: Mapping[Any, Any]) -> tuple[str, int | None, int | None]:
    """Method, bits and group size of the first group that compressed-tensors describes."""
    groups = part.get("config_groups")
    for group in groups.values() if isinstance(groups, Mapping) else ():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        if not isinstance(weights, Mapping):
            continue
        bits = count_of(weights.get("num_bits"), _MOST_BITS)
        size = count_of(weights.get("group_size"), 2**20)
        is_float = weights.get("type") == "float"
        names = {(True, 8): "fp8", (True, 4): "nvfp4", (False, 8): "int8", (False, 4): "int4"}
        method = names.get((is_float, bits or 0))
        block = _block(weights.get("block_structure"))
        return method or "compressed-tensors", bits, block or size
    return "compressed-tensors", None, None


def _gptq(said: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: said.get(key) for key in ("bits", "group_size", "desc_act", "sym", "lm_head")}
    return {"quant_method": said.get("quant_method") or "gptq", **own}


def _awq(said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "quant_method": said.get("quant_method") or "awq",
        "bits": said.get("w_bit", said.get("bits")),
        "group_size": said.get("q_group_size", said.get("group_size")),
        "zero_point": said.get("zero_point"),
        "version": said.get("version"),
        "modules_to_not_convert": said.get("modules_to_not_convert"),
    }


def _model_optimizer(said: Mapping[str, Any]) -> dict[str, Any]:
    inner = said.get("quantization")
    own = inner if isinstance(inner, Mapping) else said
    keys = ("quant_algo", "kv_cache_quant_algo", "group_size", "exclude_modules")
    return {"quant_method": "modelopt", **{key: own.get(key) for key in keys}}


_BESIDE: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "quantize_config.json": _gptq,
    "quant_config.json": _awq,
    "hf_quant_config.json": _model_optimizer,
}
"""Files that tools write beside config.json: AutoGPTQ's, AutoAWQ's and llm-awq's, ModelOpt's.
Source: get_config_filenames in vllm/model_executor/layers/quantization/{gptq,awq,modelopt}.py."""
FILES_BESIDE = tuple(_BESIDE)
