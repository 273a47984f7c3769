"""Rules about the memory of the GPUs: whether the server starts, and how much of a batch it holds.

The arithmetic has an error, which is measured (`sizing/`). What is beyond it is an error; what
lies within it is a warning; and where a published guide ran just this, the guide is believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lmi_deployer.catalog.rows import Backend
from lmi_deployer.checks.about import about
from lmi_deployer.findings import Finding, Severity
from lmi_deployer.spec import GIB, ResolvedSpec

if TYPE_CHECKING:
    from lmi_deployer.sizing.memory import Memory
    from lmi_deployer.sizing.setup import Setup

KEY = "instance_type"
TAKES_AS_IT_GOES = frozenset({"scheduler", "hf-accelerate"})
"""Backends that reserve nothing when they start, and fail only in the pass that is too large."""


def memory_holds_the_model(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI203: weights, activations, overhead and cache against the memory of one device."""
    memory, setup = spec.memory, spec.setup
    if memory is None or setup is None or memory.verdict == "fits" or not _heads_divide(spec):
        return
    problem, fix = _problem(spec, memory, setup)
    if spec.evidence is not None:
        problem += f"; but it ran: {spec.evidence.citation}"
        yield about(spec, "LMI203", problem, key=KEY, severity="note")
        return
    severity: Severity = "error" if _is_sure(spec.backend, memory, setup) else "warning"
    yield about(spec, "LMI203", problem, key=KEY, fix=fix, severity=severity)


def cache_holds_the_batch(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI212: a batch of which the cache holds only a part at full length."""
    memory, batch = spec.memory, spec.max_rolling_batch_size
    if memory is None or batch is None or not memory.fits or memory.max_sequences >= batch:
        return
    if spec.evidence is not None:
        return
    length = spec.max_input_len + spec.max_output_len
    problem = f"is {batch}; the cache holds {memory.max_sequences} sequences of {length} tokens, "
    problem += "and more than that wait or are started again"
    key = "max_rolling_batch_size"
    yield about(spec, "LMI212", problem, key=key, severity="note")


def _heads_divide(spec: ResolvedSpec) -> bool:
    """False where the degree is the matter, which LMI202 says."""
    facts = spec.weights.facts
    heads = facts.num_attention_heads if facts else None
    return heads is None or heads % spec.tensor_parallel_degree == 0


def _problem(spec: ResolvedSpec, memory: Memory, setup: Setup) -> tuple[str, str]:
    """What is too large, and the way out."""
    each = "NeuronCore" if spec.gpu.neuron_cores else "GPU"
    larger = "a higher tensor parallel degree, a larger instance type, or quantized weights"
    if memory.shortage_bytes:
        parts = (
            f"weights {_gib(memory.weights_bytes)}, activations {_gib(memory.activation_bytes)} "
            f"and overhead {_gib(memory.overhead_bytes)} GiB"
        )
        room = memory.usable_bytes - memory.unused_bytes
        problem = f"{parts} on each {each} are more than the {_gib(room)} that the engine may take"
        is_pass = memory.weights_bytes + memory.overhead_bytes < room
        return problem, f"a smaller batch or shorter prompts, or {larger}" if is_pass else larger
    longest = spec.max_input_len + spec.max_output_len
    tokens = f"the cache holds about {memory.kv_cache_tokens} tokens"
    if memory.verdict == "tight":
        low = memory.bound.kv_cache_tokens_low
        problem = f"{tokens}, and only {low} where the estimate errs: it may not start"
        return problem, f"a smaller batch or shorter requests, or {larger}"
    if memory.max_sequences >= 1:
        if memory.kv_cache_tokens // longest < setup.max_rolling_batch_size and not _is_paged(spec):
            batch = setup.max_rolling_batch_size
            problem = f"the cache has room for {memory.max_sequences} of the {batch} slots"
            return problem, f"max_rolling_batch_size: {max(1, memory.max_safe_batch)}"
        problem = f"{tokens}, fewer than the engine's context length, without which it stops"
        return problem, f"max_model_len: {longest}"
    return f"{tokens}; one request may take {longest}", f"shorter requests, or {larger}"


def _is_paged(spec: ResolvedSpec) -> bool:
    return spec.backend in {"vllm", "lmi-dist", "trtllm"}


def _is_sure(backend: Backend, memory: Memory, setup: Setup) -> bool:
    """Whether it does not start even where the estimate errs the right way."""
    if memory.fits:
        return False
    if backend in TAKES_AS_IT_GOES:
        return memory.weights_bytes + memory.overhead_bytes > memory.usable_bytes
    from lmi_deployer.sizing.engines import engine_memory
    from lmi_deployer.sizing.measuring import needed_cache_bytes

    needed = needed_cache_bytes(setup, engine_memory(setup))
    return memory.bound.kv_cache_bytes_high < needed


def _gib(size: int) -> str:
    return f"{size / GIB:.1f}"
