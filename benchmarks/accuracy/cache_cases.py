"""Rows of kv-cache-observations.csv as questions to sizing, with what the engines printed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from benchmarks.accuracy.fit_cases import library_of
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
from lmi_deployer import sizing
from lmi_deployer.catalog.rows import Gpu
from lmi_deployer.sizing.engines import engine_memory, has_second_core, version_of
from lmi_deployer.sizing.kv_cache import grouped_layers, layer_bytes
from lmi_deployer.sizing.lengths import is_big_card, pass_tokens
from lmi_deployer.sizing.memory import Memory
from lmi_deployer.sizing.setup import Engine, Setup

GIB = 1 << 30
PROFILED_SINCE = (0, 6, 4)
"""vLLM counts what PyTorch allocated from this version on."""
_ENGINES: dict[str, Engine] = {
    "vllm-v0": "vllm",
    "vllm-v1": "vllm",
    "lmi-vllm-v0": "vllm",
    "lmi-vllm-v1": "vllm",
    "vllm": "vllm",
    "lmi-vllm": "vllm",
    "trtllm": "trtllm",
    "sglang": "sglang",
}
_PRINTS_REAL_TOKENS_SINCE = (0, 21)
_MORE_SEQUENCES_SINCE = (0, 8)
DEFAULT_SEQUENCES = 256
BIG_CARD_SEQUENCES = 1024
"""Of vLLM's second core on big cards, up to the tokens of a pass."""


@dataclass(frozen=True)
class CacheCase:
    """One start-up log, and what is estimated of it."""

    row: Row
    setup: Setup
    memory: Memory
    is_complete: bool

    @property
    def observed_bytes(self) -> float:
        """The cache that the log tells of, by its tokens."""
        return float(self.row["observed_kv_tokens"]) * self._printed_token_bytes

    @property
    def residual_share(self) -> float:
        """Observed less estimated cache, as a share of the card's memory."""
        estimated = self.estimated_tokens * self._printed_token_bytes
        return (self.observed_bytes - estimated) / self.memory.usable_bytes

    @property
    def error(self) -> float:
        """Estimated against observed tokens."""
        return self.estimated_tokens / float(self.row["observed_kv_tokens"]) - 1

    @property
    def estimated_tokens(self) -> int:
        """What the engine would print for the estimated cache."""
        if self._printed_token_bytes == self.memory.kv_bytes_per_token:
            return self.memory.kv_cache_tokens
        return self.memory.kv_cache_bytes // self._printed_token_bytes

    @cached_property
    def _printed_token_bytes(self) -> int:
        """Bytes of a token as the engine's own figure counts them.

        Up to 0.20 vLLM divides the cache by all layers, as if none had a window; it could hold
        more. Source: vllm@v0.20.0 and @v0.21.0:vllm/v1/core/kv_cache_utils.py.
        """
        rules = engine_memory(self.setup)
        is_real = version_of(self.setup.engine_version) >= _PRINTS_REAL_TOKENS_SINCE
        seeing_all, windowed = grouped_layers(self.setup, rules)
        if is_real or not windowed:
            return self.memory.kv_bytes_per_token
        return (seeing_all + windowed) * layer_bytes(self.setup, rules)

    @property
    def group(self) -> str:
        """Which engine core, and before or after the change of what is counted."""
        if self.setup.engine != "vllm":
            return self.setup.engine
        if self.setup.has_v1_core:
            return "vLLM V1"
        is_new = version_of(self.setup.engine_version) >= PROFILED_SINCE
        return f"vLLM V0, {'0.6.4 and later' if is_new else 'before 0.6.4'}"

    @property
    def is_judged(self) -> bool:
        """Whether the target is about this row."""
        version = version_of(self.setup.engine_version)
        return self.is_complete and self.setup.engine == "vllm" and version >= PROFILED_SINCE


def cache_cases(observations: Observations) -> tuple[list[CacheCase], list[tuple[Row, str]]]:
    """The cases, and the rows that are out of scope with the reason."""
    cases, skipped = [], []
    for row in observations.caches:
        try:
            cases.append(_case(observations, row))
        except OutOfScope as reason:
            skipped.append((row, str(reason)))
        except (ValueError, ArithmeticError) as error:
            skipped.append((row, f"not understood: {error}"))
    return cases, skipped


def _case(observations: Observations, row: Row) -> CacheCase:
    if not number(row["observed_kv_tokens"]):
        raise OutOfScope("no token count")
    setup = cache_setup(observations, row)
    return CacheCase(row, setup, sizing.measure(setup), row["settings_complete"] == "1")


def _with_sequences(row: Row, setup: Setup) -> Setup:
    """The setup with the batch that the row states, else the engine's own."""
    stated = number(row["max_num_seqs"])
    if stated is None:
        stated = DEFAULT_SEQUENCES
        is_late = version_of(setup.engine_version) >= _MORE_SEQUENCES_SINCE
        if is_late and has_second_core(setup) and is_big_card(setup):
            stated = BIG_CARD_SEQUENCES
            stated = min(stated, int(pass_tokens(setup, engine_memory(setup)).at(stated)))
    return replace(setup, max_rolling_batch_size=stated)


def cache_setup(observations: Observations, row: Row) -> Setup:
    """The question that a log's settings ask. Raises OutOfScope."""
    engine = _ENGINES.get(row["engine"].strip().lower())
    if engine is None:
        raise OutOfScope(f"unknown engine {row['engine']}")
    shape, method = with_format(observations.shape(row["model"]), row["quantization"])
    gpu, degree = card(row["gpu"], row["gpu_total_gib"]), number(row["tensor_parallel"]) or 1
    limit = number(row["max_model_len"])
    setup = Setup(
        shape=shape,
        gpu=gpu,
        gpu_count=degree,
        gpu_link=link(gpu, degree),
        tensor_parallel_degree=degree,
        engine=engine,
        engine_version=_version(row),
        dtype=dtype(row["dtype"]),
        weight_format=method,
        kv_cache_dtype="fp8" if row["kv_cache_dtype"].startswith("fp8") else None,
        memory_fraction=fraction(row["memory_fraction"]),
        max_input_len=max(1, (limit or 2048) // 2),
        max_output_len=max(1, (limit or 2048) // 2),
        max_model_len=limit,
        max_rolling_batch_size=DEFAULT_SEQUENCES,
        max_num_tokens=number(row["max_num_batched_tokens"]),
        is_eager=row["enforce_eager"] == "1",
        has_v1_core=row["engine"].endswith("v1") if engine == "vllm" else None,
    )
    return _with_sequences(row, setup)


def _version(row: Row) -> str:
    version = row["engine_version"].strip()
    if version.startswith("LMI "):
        return library_of("vllm", version)[0]
    return version


def card_name(gpu: Gpu) -> str:
    """A card's name without its form factor."""
    return gpu.name.replace("-SXM4", "").replace("-SXM5", "").replace("-SXM2", "")
