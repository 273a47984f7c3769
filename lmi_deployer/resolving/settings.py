"""The settings that a profile comes to for its backend, under our names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import cast

from lmi_deployer import rules
from lmi_deployer.catalog.rows import Backend, BackendSupport, Dtype, InstanceType
from lmi_deployer.profile import QuantizeSection, Section
from lmi_deployer.resolving.compilation import is_ahead
from lmi_deployer.resolving.deciding import Decisions
from lmi_deployer.rules import Choice
from lmi_deployer.spec import Value, Weights

BACKEND_SECTIONS: Mapping[Backend, str] = {
    "trtllm": "trtllm",
    "lmi-dist": "lmi_dist",
    "vllm": "vllm",
    "deepspeed": "deepspeed",
    "scheduler": "huggingface",
    "hf-accelerate": "huggingface",
    "neuronx": "neuronx",
}
"""The section of the profile with settings that only this backend reads."""
DEEPSPEED_MAX_TOKENS = 1024
"""option.max_tokens of DeepSpeed where it is left out. Source: ds_properties.py, djl-serving
0.25.0 to 0.27.0. A longer request than it fails, so it is never written lower."""


def weights_settings(
    decisions: Decisions, support: BackendSupport, weights: Weights
) -> dict[str, Value | None]:
    """The settings that say which weights to load, and as what."""
    written = decisions.merged.get("quantize")
    quantize = written if isinstance(written, QuantizeSection) else None
    row = support.quantize.get(weights.quantize) if weights.quantize else None
    takes_dtype = "dtype" in support.property_names and (row is None or bool(row.dtypes))
    is_dtype_written = not decisions.is_open("model.dtype")
    return {
        "model_id": weights.source or weights.model_id,
        "revision": _revision(decisions, support, weights),
        "trust_remote_code": bool(decisions.merged.get("model.trust_remote_code")) or None,
        "dtype": support.dtype_names.get(cast(Dtype, weights.dtype), weights.dtype)
        if takes_dtype or is_dtype_written
        else None,
        "quantize": row.value if row else weights.quantize,
        "smoothquant_alpha": quantize.alpha if quantize else None,
        "smoothquant_per_token": quantize.per_token if quantize else None,
        "smoothquant_per_channel": quantize.per_channel if quantize else None,
    }


def _revision(decisions: Decisions, support: BackendSupport, weights: Weights) -> str | None:
    """The commit that the container loads, or one that somebody wrote and it would not read.

    What is compiled ahead of time is downloaded before, at that commit.
    """
    if weights.source is not None:
        return None
    is_lost = not decisions.is_open("model.revision") and not is_ahead(decisions)
    return weights.revision if "revision" in support.property_names or is_lost else None


def length_settings(
    backend: Backend, support: BackendSupport, max_input_len: int, max_output_len: int
) -> Iterator[tuple[str, int]]:
    """Lengths under every name that the backend has for them.

    Left out, they would be the container's own: 512 tokens or fewer on some backends.
    """
    together = max_input_len + max_output_len
    slot = max(together, DEEPSPEED_MAX_TOKENS) if backend == "deepspeed" else together
    for name, length in (
        ("max_input_len", max_input_len),
        ("max_output_len", max_output_len),
        ("max_tokens", slot),
        ("max_seq_len", together),
        ("n_positions", together),
    ):
        if name in support.property_names:
            yield name, length


def section_settings(
    decisions: Decisions,
    backend: Backend,
    support: BackendSupport,
    instance: InstanceType,
    weights: Weights,
    degree: int,
) -> dict[str, Value | None]:
    """The settings of the chosen backend's own section, with its `auto`s decided.

    What only the memory can decide (max_model_len) is left open.
    """
    name = BACKEND_SECTIONS[backend]
    section = decisions.merged.get(name)
    values: dict[str, Value | None] = section.model_dump() if isinstance(section, Section) else {}
    if values.get("max_model_len") == "auto":
        values["max_model_len"] = None
    if backend == "trtllm":
        decided: dict[str, Callable[[], Choice[bool | None]]] = {
            "use_custom_all_reduce": lambda: rules.use_custom_all_reduce(instance, degree),
            "multi_query_mode": lambda: rules.multi_query_mode(weights),
        }
        for setting, rule in decided.items():
            is_read = setting in support.property_names
            is_said = values.get(setting) not in {None, "auto"}  # not read, it is to be refused
            key = f"{name}.{setting}"
            values[setting] = decisions.decide(key, rule) if is_read or is_said else None
    if backend == "hf-accelerate" and values.get("device_map") is None:
        key = f"{name}.device_map"
        values["device_map"] = decisions.decide(key, lambda: rules.device_map(weights))
    return values
