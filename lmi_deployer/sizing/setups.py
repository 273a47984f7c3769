"""Setups out of what people write: a decided hardware profile, or the flags of a question.

What is left open is filled in by the container's own defaults, and `Understood.assumed` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lmi_deployer import catalog
from lmi_deployer.catalog.rows import Backend, Container
from lmi_deployer.errors import InputError
from lmi_deployer.sizing.engines import version_of
from lmi_deployer.sizing.setup import Setup

if TYPE_CHECKING:
    from lmi_deployer.model_facts import ModelFacts
    from lmi_deployer.model_shape import ModelShape
    from lmi_deployer.sizing.asked import Machine, Understood, Wanted
    from lmi_deployer.spec import ResolvedSpec

LIBRARIES: Mapping[Backend, tuple[str, ...]] = {
    "trtllm": ("tensorrt_llm",),
    "lmi-dist": ("lmi_dist",),
    "vllm": ("vllm",),
    "scheduler": ("seq_scheduler", "transformers"),
    "deepspeed": ("deepspeed",),
    "hf-accelerate": ("accelerate", "transformers"),
    "neuronx": ("transformers_neuronx", "neuron_sdk"),
}
"""The library behind each backend, under its name in containers.yaml; the first one stated."""
UNKNOWN_VERSION = "unknown"
STATIC_BATCH = 1
"""Sequences at once of a backend without continuous batching, one request after the other."""
_MOST_DIGITS = 9
_FLAGS = {"true": True, "false": False}


def of_flags(model_id: str, facts: ModelFacts, machine: Machine, wanted: Wanted) -> Understood:
    """The question that flags ask about a model on a machine.

    Raises InputError for what the backend, its version, the checkpoint or the machine does not
    allow, with what is allowed; and for a model of unknown shape.
    """
    from lmi_deployer.sizing.understanding import understand

    if facts.shape is None:
        raise InputError(
            f"the shape of {model_id} is not known", fix="--config with its config.json"
        )
    return understand(model_id, facts, facts.shape, machine, wanted)


def of_spec(spec: ResolvedSpec, shape: ModelShape) -> Setup:
    """The question that a decided hardware profile asks.

    Settings are read as the container reads them, raw options included; one that is no number is
    left to the engine, and is somebody else's finding.
    """
    lines = _Lines(spec)
    backend, dtype = spec.backend, spec.weights.dtype
    method = spec.weights.quantize or ("dynamic_int8" if dtype == "int8" else None)
    tokens = [number for name in token_settings(backend) if (number := lines.number(name))]
    return Setup(
        shape=shape,
        gpu=spec.gpu,
        gpu_count=spec.device_count,
        gpu_link=spec.instance.gpu_link,
        tensor_parallel_degree=spec.tensor_parallel_degree,
        pipeline_parallel_degree=lines.number("pipeline_parallel_degree") or 1,
        engine=backend,
        engine_version=engine_version(spec.container, backend) or UNKNOWN_VERSION,
        dtype="fp16" if dtype == "int8" else dtype,
        weight_format=method if shape.stored is None else None,
        kv_cache_dtype=cache_dtype(lines.text("kv_cache_dtype")),
        memory_fraction=lines.fraction(fraction_setting(backend)),
        max_input_len=spec.max_input_len,
        max_output_len=spec.max_output_len,
        max_model_len=lines.number("max_model_len"),
        max_rolling_batch_size=spec.max_rolling_batch_size or STATIC_BATCH,
        max_num_tokens=tokens[0] if tokens else None,
        has_chunked_prefill=lines.flag("enable_chunked_prefill"),
        is_eager=lines.flag("enforce_eager") or False,
    )


def engine_version(container: Container, backend: Backend) -> str | None:
    """Version of the backend's library in an image; None where nobody has published it.

    A version without public code stands with the one whose facts it took over.
    """
    image = container.flavors[container.backends[backend].flavor]
    for library in LIBRARIES[backend]:
        if library in image.libraries:
            return image.libraries[library]
    if container.facts_of is None:
        return None
    return engine_version(catalog.container(container.facts_of), backend)


def newest_bundled(backend: Backend) -> str | None:
    """The newest version of a backend's library that an image holds; None for none stated."""
    rows = map(catalog.container, catalog.names("containers"))
    stated = (engine_version(row, backend) for row in rows if backend in row.backends)
    return max((version for version in stated if version), key=version_of, default=None)


def fraction_setting(backend: Backend) -> str:
    """Our name of the setting that says what share of the memory the engine takes."""
    return "kv_cache_free_gpu_mem_fraction" if backend == "trtllm" else "gpu_memory_utilization"


def token_settings(backend: Backend) -> tuple[str, ...]:
    """Our names of the settings that limit the tokens of one forward pass."""
    if backend == "trtllm":
        return ("max_num_tokens",)
    return ("max_rolling_batch_prefill_tokens", "max_num_batched_tokens")


def cache_dtype(name: str | None) -> str | None:
    """A number format of the cache as `Setup` knows it; None for the one of the activations."""
    if name is None or name in {"auto", "fp16", "bf16", "float16", "bfloat16"}:
        return None
    return name.partition("_")[0]  # fp8_e5m2


class _Lines:
    """The properties of a spec, by our names of the settings."""

    def __init__(self, spec: ResolvedSpec) -> None:
        from lmi_deployer.render import properties

        self._names = spec.support.property_names
        self._lines = properties(spec)

    def text(self, setting: str) -> str | None:
        return self._lines.get(self._names.get(setting, f"option.{setting}"))

    def number(self, setting: str) -> int | None:
        text = (self.text(setting) or "").strip()
        is_number = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
        return (int(text) or None) if is_number else None

    def fraction(self, setting: str) -> float | None:
        try:
            value = float(self.text(setting) or "")
        except ValueError:
            return None
        return value if 0 < value <= 1 else None

    def flag(self, setting: str) -> bool | None:
        return _FLAGS.get((self.text(setting) or "").strip().lower())
