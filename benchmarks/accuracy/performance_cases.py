"""Rows of perf-observations.csv as questions to the estimate, with what was measured."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.accuracy.observations import Observations, OutOfScope, Row, card, link, number
from lmi_deployer import sizing
from lmi_deployer.model_shape import ModelShape, StoredFormat
from lmi_deployer.performance.scope import group, pace_name, reason_against
from lmi_deployer.sizing.memory import Memory
from lmi_deployer.sizing.setup import Engine, Setup

_LIBRARY = re.compile(r"\([a-z_-]+ ([^)]+)\)")
"""The library that the version of a container names in brackets: 0.26.0 (trtllm 0.7.1)."""
OBSERVATIONS = Path(__file__).parents[1] / "observations"
ENGINES: Mapping[str, Engine] = {
    "trtllm": "trtllm",
    "lmi-trtllm": "trtllm",
    "trtllm-nim": "trtllm",
    "vllm": "vllm",
    "lmi-vllm": "vllm",
    "lmi-dist": "lmi-dist",
    "sglang": "sglang",
    "tgi": "tgi",
}
NIM_LIBRARY = {"1.0.0": "0.10.0"}
"""NIM for LLMs 1.0.0, of June 2024, holds the TensorRT-LLM of its time."""
STORED: Mapping[str, StoredFormat | None] = {
    "fp16": None,
    "bf16": None,
    "fp8": StoredFormat(method="fp8", bits=8),
    "fp8_block": StoredFormat(method="fp8", bits=8, group_size=128 * 128),
    "nvfp4": StoredFormat(method="nvfp4", bits=4, group_size=16),
    "mxfp4": StoredFormat(method="mxfp4", bits=4, group_size=32),
    "gptq-4bit": StoredFormat(method="gptq", bits=4, group_size=128),
    "awq-4bit": StoredFormat(method="awq", bits=4, group_size=128),
}
EIGHT_BIT_CACHE = frozenset({"trtllm", "vllm"})
"""Engines whose published runs of 8- and 4-bit weights are taken to keep an fp8 cache too, where
the row does not say: the checkpoints made for them bring its scales."""
MAX_LOAD = 2048
"""Requests in flight of a `max-load` row: TensorRT-LLM's own limit, the cache permitting."""
BUILT_TOKENS = {"trtllm": 8192}
"""Tokens of one pass that NVIDIA's engines were built for, as far as its pages say."""
GPUS_OF_A_MACHINE = 8
FEWEST_ANSWER_TOKENS = 8
"""Shorter answers measure the prompt alone."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One measurement, and what the estimate has to go by."""

    row: int
    """Line of the file."""
    setup: Setup
    memory: Memory
    concurrency: int
    model: str
    card: str
    pace: str
    group: str
    tokens_per_second: float
    """Of the whole server; for a burst what the requests' latency comes to."""
    itl_seconds: float | None
    ttft_seconds: float | None

    @property
    def sweep(self) -> tuple[str, ...]:
        """What rows of one sweep have in common, so that a long one does not count for more."""
        degree = str(self.setup.tensor_parallel_degree)
        return (self.pace, self.group, self.model, self.card, degree)


def read_cases(observations: Observations) -> tuple[list[Case], Counter[str]]:
    """The cases of a folder, and how many rows were left out for which reason."""
    cases: list[Case] = []
    skipped: Counter[str] = Counter()
    for line, row in enumerate(observations.performances, start=2):
        try:
            cases.append(_case(observations, line, row))
        except OutOfScope as reason:
            skipped[str(reason)] += 1
    return cases, skipped


def _case(observations: Observations, line: int, row: Row) -> Case:
    """The case of one row. Raises OutOfScope with the reason why it is none."""
    for reason in _reasons_to_skip(row):
        raise OutOfScope(reason)
    setup = _setup(row, _shape(observations, row))
    unmeasured = reason_against(setup)
    if unmeasured is not None:
        raise OutOfScope(unmeasured)
    memory = sizing.measure(setup)
    if memory.kv_cache_tokens < setup.max_input_len + setup.max_output_len:
        raise OutOfScope("sizing says that not one sequence fits")
    return Case(
        row=line,
        setup=setup,
        memory=memory,
        concurrency=setup.max_rolling_batch_size,
        model=row["model"],
        card=setup.gpu.name,
        pace=pace_name(setup) or "",
        group=group(setup),
        tokens_per_second=_tokens_per_second(row, setup),
        itl_seconds=None if "request time" in row["note"] else _seconds(row["tpot_ms"]),
        ttft_seconds=_first_token(row, setup, memory),
    )


def _reasons_to_skip(row: Row) -> Iterator[str]:
    if row["engine"] not in ENGINES:
        yield f"engine {row['engine']}"
    if not number(row["output_len"]) or not number(row["input_len"]):
        yield "no lengths"
    if (number(row["output_len"]) or 0) < FEWEST_ANSWER_TOKENS:
        yield "answers too short to measure decoding"
    if not _measured(row["output_tokens_per_s"]) and not _seconds(row["request_latency_ms"]):
        yield "no throughput"
    if "ended before" in row["note"]:
        yield "answers ended before the stated length"
    if not number(row["concurrency"]) and row["load"] != "max-load":
        yield "no concurrency"
    if (number(row["attention_dp"]) or 1) > 1:
        yield "attention in data parallel"
    if not 1 <= (number(row["tensor_parallel"]) or 0) <= GPUS_OF_A_MACHINE:
        yield "more than one machine"


def _shape(observations: Observations, row: Row) -> ModelShape:
    shape = observations.shape(row["model"])
    if shape.stored is not None and shape.stored.covers_experts_only:
        return shape  # gpt-oss runs as it was published, whatever a row calls its weights
    weights = row["weights"].rpartition("moe ")[2]
    if weights not in STORED:
        raise OutOfScope(f"weights {weights or '(none named)'}")
    return replace(shape, stored=STORED[weights], stored_bytes=None)


def _setup(row: Row, shape: ModelShape) -> Setup:
    gpu, degree = card(row["gpu"]), number(row["tensor_parallel"]) or 1
    engine = ENGINES[row["engine"]]
    is_small = row["weights"] not in {"fp16", "bf16", "gptq-4bit", "awq-4bit"}
    cache = row["kv_cache"] or ("fp8" if is_small and engine in EIGHT_BIT_CACHE else "")
    return Setup(
        shape=shape,
        gpu=gpu,
        gpu_count=degree,
        gpu_link=link(gpu, degree),
        tensor_parallel_degree=degree,
        engine=engine,
        engine_version=_version(row),
        dtype="fp16" if row["weights"] == "fp16" else "bf16",
        kv_cache_dtype="fp8" if cache == "fp8" else None,
        max_input_len=number(row["input_len"]) or 1,
        max_output_len=number(row["output_len"]) or 1,
        max_rolling_batch_size=number(row["concurrency"]) or MAX_LOAD,
        max_num_tokens=BUILT_TOKENS.get(engine),
    )


def _version(row: Row) -> str:
    version = row["engine_version"]
    if row["engine"] == "trtllm-nim":
        return NIM_LIBRARY.get(version, version)
    if inside := _LIBRARY.search(version):
        return inside.group(1)
    # A year says when it was measured, not with which version.
    return "" if version.isdigit() else version


def _tokens_per_second(row: Row, setup: Setup) -> float:
    """Of the whole server; from the latency where a burst was awaited, or nothing else stated."""
    stated, latency = _measured(row["output_tokens_per_s"]), _seconds(row["request_latency_ms"])
    if latency is not None and (row["load"] == "burst" or stated is None):
        return setup.max_rolling_batch_size * setup.max_output_len / latency
    assert stated is not None
    return stated


def _first_token(row: Row, setup: Setup, memory: Memory) -> float | None:
    """Measured time to the first token, where nobody had to wait for a place in the cache."""
    length = setup.max_input_len + setup.max_output_len
    is_waiting = setup.max_rolling_batch_size * length > memory.kv_cache_tokens
    return None if is_waiting or row["load"] != "concurrency" else _seconds(row["ttft_ms"])


def _measured(cell: str) -> float | None:
    """A number above zero, or None."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def _seconds(milliseconds: str) -> float | None:
    value = _measured(milliseconds)
    return None if value is None else value / 1000
