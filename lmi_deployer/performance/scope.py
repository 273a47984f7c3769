"""Which measurements speak for a setup: the engine's generation, and the group its band is of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from lmi_deployer.performance.work import NVLINKS
from lmi_deployer.shapes.families import family_of

if TYPE_CHECKING:
    from lmi_deployer.sizing.setup import Setup

OLDEST_MEASURED = 8.0
"""Compute capability of Ampere; nothing older was measured."""
FIRST_GRAPHS = {"vllm": (0, 2, 6), "lmi-dist": (8,)}
"""First version of an engine with CUDA graphs. Source: vllm release v0.2.6; lmi-dist is built on
vLLM since 8.0, before that on text-generation-inference."""
OLDEST_MEASURED_VERSION = {"vllm": (0, 10), "sglang": (0, 5)}
LONGEST_MEASURED_PROMPT = 20_000
"""Tokens of the longest prompts among the measurements; up to twice that counts as alike."""
NVLINK_OF_ALL = 150
"""GB/s per GPU and way from which on NVLink joins all GPUs of a machine rather than pairs."""
MEASURED_METHODS = frozenset({None, "fp8", "nvfp4", "mxfp4"})
UNMEASURED = "unmeasured"
NO_GRAPHS = "no-graphs"


def reason_against(setup: Setup) -> str | None:
    """Why nothing measured speaks for a setup; None where something does."""
    return next(_reasons(setup), None)


def _reasons(setup: Setup) -> Iterator[str]:
    gpu, method = setup.gpu, method_of(setup)
    if gpu.compute_capability is None:
        yield f"nothing was measured on {gpu.name} that could be compared"
    elif gpu.compute_capability < OLDEST_MEASURED:
        yield f"nothing was measured on cards before Ampere, and {gpu.name} is one"
    elif "fp16" not in gpu.dense_tflops:
        yield f"the catalog holds no peak rate of {gpu.name}"
    if pace_name(setup) is None:
        yield f"nothing was measured with {setup.engine} {setup.engine_version}".strip()
    if family_of(setup.shape.model_type) is None:
        yield f"family {setup.shape.model_type} is not known, nor whether {setup.engine} serves it"
    if setup.shape.num_encoder_layers:
        yield "nothing was measured with a model that has an encoder"
    if setup.pipeline_parallel_degree > 1:
        yield "nothing was measured with pipeline parallelism"
    if setup.dtype == "fp32":
        yield "nothing was measured in fp32"
    if method is not None and method.startswith("bitsandbytes"):
        yield "nothing was measured with bitsandbytes, whose kernels unpack weights slowly"


def pace_name(setup: Setup) -> str | None:
    """The engine's generation, a row of performance.yaml; None where none was measured."""
    engine, version = setup.engine, version_numbers(setup.engine_version)
    if engine in FIRST_GRAPHS:
        has_graphs = not setup.is_eager and (not version or version >= FIRST_GRAPHS[engine])
        return "vllm" if has_graphs else NO_GRAPHS
    if engine == "trtllm":
        if not version or version >= (1,):
            return "trtllm-1"
        return "trtllm-0.7" if version >= (0, 7) else "trtllm-0.5"
    if engine == "tgi":
        return NO_GRAPHS if version and version < (1, 4) else None
    return "sglang" if engine == "sglang" else None


def group(setup: Setup) -> str:
    """The group of measurements whose errors make the band."""
    name = pace_name(setup)
    if name == NO_GRAPHS:
        return NO_GRAPHS if setup.tensor_parallel_degree == 1 else f"{NO_GRAPHS}-parallel"
    kind = kind_of(setup)
    if not is_measured(setup):
        return f"{kind}-{UNMEASURED}"
    is_linked = setup.tensor_parallel_degree == 1 or setup.gpu_link in NVLINKS
    if is_linked and (setup.gpu.link_gb_per_second or 0) >= NVLINK_OF_ALL:
        return f"{kind}-nvlink"
    if setup.tensor_parallel_degree > 1:
        return f"{kind}-pcie"
    if kind == "moe":
        return f"{kind}-{UNMEASURED}"
    return f"{kind}-l40s" if setup.gpu.name == "L40S" else f"{kind}-single"


def kind_of(setup: Setup) -> str:
    """What the names of groups begin with."""
    return "dense" if setup.shape.experts is None else "moe"


def is_measured(setup: Setup) -> bool:
    """Whether rows of this engine's time and of this number format are among the measurements.

    A model whose shape is in doubt, and prompts far longer than any that were measured, count as
    what nobody measured.
    """
    if setup.shape.doubts or setup.max_input_len > 2 * LONGEST_MEASURED_PROMPT:
        return False
    version = version_numbers(setup.engine_version)
    oldest = OLDEST_MEASURED_VERSION.get(setup.engine)
    if setup.engine == "lmi-dist" or (oldest and version and version < oldest):
        return False
    return method_of(setup) in MEASURED_METHODS


def method_of(setup: Setup) -> str | None:
    """The method by which weights are quantized, stored so or while loading."""
    stored = setup.shape.stored
    return setup.weight_format if stored is None else stored.method


@lru_cache(maxsize=256)
def version_numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version ("0.6.3.post1" is (0, 6, 3)); empty where it has none."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in found.group().split(".")) if found else ()
