"""Rows of fit-observations.csv as questions to sizing, with how they are known to have ended."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.accuracy.observations import (
    Observations,
    OutOfScope,
    Row,
    card,
    dtype,
    fraction,
    link,
    number,
    with_format,
)
from lmi_deployer import catalog, sizing
from lmi_deployer.catalog.rows import Backend
from lmi_deployer.sizing.memory import Memory
from lmi_deployer.sizing.setup import Engine, Setup
from lmi_deployer.sizing.setups import engine_version

RUNS = {"runs"}
FAILURES = {"oom", "kv_too_small", "invalid"}
DEFAULT_LENGTHS = (1024, 512)
"""Input and output where a row states none: what djl-serving builds TensorRT engines for."""
_BACKENDS: Mapping[str, Backend] = {
    "vllm": "vllm",
    "lmi-vllm": "vllm",
    "lmi-dist": "lmi-dist",
    "trtllm": "trtllm",
    "lmi-trtllm": "trtllm",
    "deepspeed": "deepspeed",
    "deepspeed_smoothquant": "deepspeed",
    "hf-accelerate": "hf-accelerate",
    "unmerged_lora": "hf-accelerate",
    "seq-scheduler": "scheduler",
    "transformers-neuronx": "neuronx",
    "transformers_neuronx": "neuronx",
    "transformers_neuronx_aot": "neuronx",
    "transformers_neuronx_raw": "neuronx",
}
_ALONE: Mapping[str, Engine] = {
    "vllm": "vllm",
    "trtllm": "trtllm",
    "sglang": "sglang",
    "tgi": "tgi",
}
_OF_SUITES = {"correctness", "handler_performance", "build_stateful_model"}
"""CI suites that name their backend among the options."""
_NUMBER = re.compile(r"\d+(?:\.\d+)+(?:-lmi\d+)?")
_FLAG = re.compile(
    r"(gpu_memory_utilization|max_num_seqs|max_num_batched_tokens|n_positions)\s*=\s*([\d.]+)"
)


@dataclass(frozen=True)
class FitCase:
    """One configuration and its answer."""

    row: Row
    setup: Setup
    memory: Memory

    @property
    def name(self) -> str:
        """What the row is about, on one line."""
        where = self.row["instance"] or f"{self.setup.gpu_count} x {self.setup.gpu.name}"
        quantization = f" {self.row['quantization']}" if self.row["quantization"] else ""
        return (
            f"{self.row['model'] or self.row['hf_id']}{quantization}, {self.setup.engine} "
            f"{self.row['engine_version']}, {where}, degree {self.setup.tensor_parallel_degree}"
        )


def fit_cases(
    observations: Observations, wanted: Callable[[Row], bool]
) -> tuple[list[FitCase], list[tuple[Row, str]]]:
    """The cases among the wanted rows, and the rows that are out of scope with the reason."""
    cases, skipped = [], []
    for row in observations.fits:
        if wanted(row):
            try:
                setup = fit_setup(observations, row)
                cases.append(FitCase(row, setup, sizing.measure(setup)))
            except OutOfScope as reason:
                skipped.append((row, str(reason)))
            except (ValueError, ArithmeticError) as error:
                skipped.append((row, f"not understood: {error}"))
    return cases, skipped


def fit_setup(observations: Observations, row: Row) -> Setup:
    """The question that a row's settings ask. Raises OutOfScope."""
    options = read_options(row["options"])
    engine, version, default_batch = _engine(row, options)
    shape, method = with_format(observations.shape(row["hf_id"]), row["quantization"])
    if str(options.get("load_in_8bit", "")).lower() == "true":
        method = "bitsandbytes8" if shape.stored is None else method
    gpu, degree = card(row["gpu"]), number(row["tensor_parallel"])
    gpus = number(row["gpus"]) or degree or 1
    inputs = number(row["max_input_len"]) or DEFAULT_LENGTHS[0]
    outputs = number(row["max_output_len"]) or DEFAULT_LENGTHS[1]
    batch = number(row["max_rolling_batch_size"].partition("-")[0])
    chunked = options.get("enable_chunked_prefill")
    return Setup(
        shape=shape,
        gpu=gpu,
        gpu_count=gpus,
        gpu_link=_link(row, gpus) or link(gpu, gpus),
        tensor_parallel_degree=degree or gpus,
        pipeline_parallel_degree=number(options.get("pipeline_parallel_degree")) or 1,
        engine=engine,
        engine_version=version,
        dtype=dtype(row["dtype"]),
        weight_format=method,
        memory_fraction=fraction(options.get("gpu_memory_utilization")),
        max_input_len=inputs,
        max_output_len=outputs,
        max_model_len=number(row["max_model_len"]),
        max_rolling_batch_size=batch or number(options.get("batch_size"))
        or number(options.get("max_num_seqs")) or default_batch,
        has_chunked_prefill=None if chunked is None else str(chunked).lower() == "true",
        is_eager=bool(options.get("enforce_eager")),
        has_v1_core=False if "V0" in row["engine_version"] else None,
    )  # fmt: skip


def read_options(text: str) -> dict[str, Any]:
    """The options of a row, which are JSON or words."""
    try:
        found = json.loads(text) if text.startswith("{") else None
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    options: dict[str, Any] = dict(_FLAG.findall(text))
    if "chunked prefill" in text:
        options["enable_chunked_prefill"] = "chunked prefill on" in text
    if "enforce_eager" in text:
        options["enforce_eager"] = True
    return options


def _engine(row: Row, options: Mapping[str, Any]) -> tuple[Engine, str, int]:
    """The engine, its library's version, and the batch that it takes by itself."""
    name, version = row["engine"].strip().lower(), row["engine_version"]
    if name in _OF_SUITES:
        name = str(options.get("rolling_batch", "vllm"))
        name = "trtllm" if "trtllm" in str(options) else "vllm" if name == "disable" else name
    if name == "any":
        name, version = "vllm", f"LMI {version}"
    is_container = version.startswith("LMI") or row["evidence"].startswith(("lmi", "nightly"))
    if not is_container and not name.startswith("lmi-"):
        if name not in _ALONE:
            raise OutOfScope(f"engine {name} is not modelled")
        found = _NUMBER.search(version)
        # "before 0.2.5" says the release just before; a year says nothing.
        number_text = found.group() if found else ("1.0" if version.startswith("1.x") else "0")
        if version.startswith("before"):
            number_text = _just_before(number_text)
        return _ALONE[name], number_text, 256
    backend = _BACKENDS.get(name)
    if backend is None:
        raise OutOfScope(f"engine {name} is not modelled")
    return (backend, *library_of(backend, version))


def library_of(backend: Backend, version: str) -> tuple[str, int]:
    """Library version and default batch of a container version, the oldest of a range."""
    found = _NUMBER.search(version)
    asked = found.group() if found else ""
    known = catalog.names(catalog.CONTAINERS)
    names = [name for name in known if name == asked or name.startswith(f"{asked}-")]
    if not names:
        stem = asked.partition("-")[0]
        names = [name for name in known if name == stem or name.startswith(f"{stem}-")]
    if not names:
        raise OutOfScope(f"unknown container {version}")
    for name in names:
        container = catalog.container(name)
        if backend in container.backends:
            batch = container.backends[backend].default_max_rolling_batch_size
            return engine_version(container, backend) or "unknown", batch or 1
    raise OutOfScope(f"container {names[0]} has no backend {backend}")


def _just_before(version: str) -> str:
    parts = [int(part) for part in version.split(".")]
    return ".".join(str(part) for part in [*parts[:-1], max(0, parts[-1] - 1)])


def _link(row: Row, gpus: int) -> str | None:
    name = f"ml.{row['instance']}"
    known = name in catalog.names("instances") and gpus > 1
    return catalog.instance_type(name).gpu_link if known else None
