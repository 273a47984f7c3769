"""A memory model and a performance model of a few lines, so that tests know what comes out."""

from __future__ import annotations

from lmi_deployer.performance.estimate import Band, NoBasis, Performance
from lmi_deployer.recommending.loading import Arithmetic
from lmi_deployer.sizing.memory import Bound, Memory, Verdict
from lmi_deployer.sizing.setup import Setup
from lmi_deployer.spec import GIB

OVERHEAD_BYTES = GIB
BYTES_OF = {"awq": 0.5, "gptq": 0.5, "bitsandbytes8": 1, "fp8": 1}


def measure(setup: Setup) -> Memory:
    """Weights shared out evenly, a GiB for the engine, and 2 x layers x KV heads x head_dim x 2."""
    shape, degree = setup.shape, setup.tensor_parallel_degree
    usable = int(setup.gpu.usable_memory_gib * GIB)
    method = setup.weight_format or (shape.stored.method if shape.stored else "")
    weights = int(shape.parameter_count * BYTES_OF.get(method, 2) / degree)
    heads = -(-shape.num_key_value_heads // degree)
    per_token = 4 * shape.num_hidden_layers * heads * shape.head_dim
    rest = usable - weights - OVERHEAD_BYTES
    cache = max(0, rest)
    tokens = cache // per_token
    longest = setup.max_input_len + setup.max_output_len
    sequences = tokens // longest
    verdict: Verdict = "fits" if sequences > 1 else "tight" if sequences else "does_not_fit"
    return Memory(
        usable_bytes=usable,
        weights_bytes=weights,
        activation_bytes=0,
        overhead_bytes=OVERHEAD_BYTES,
        kv_cache_bytes=cache,
        unused_bytes=0,
        shortage_bytes=max(0, -rest),
        kv_bytes_per_token=per_token,
        kv_cache_tokens=tokens,
        max_sequences=sequences,
        max_safe_batch=sequences // 2,
        verdict=verdict,
        bound=Bound(
            kv_cache_bytes_low=int(cache * 0.9),
            kv_cache_bytes_high=int(cache * 1.1),
            kv_cache_tokens_low=int(tokens * 0.9),
            kv_cache_tokens_high=int(tokens * 1.1),
            basis="a stand-in",
        ),
    )


def estimate(setup: Setup, memory: Memory, *, concurrency: int) -> Performance | NoBasis:
    """Weights and cache read once a step at the memory's bandwidth; nothing known of T4."""
    if setup.gpu.name == "T4":
        return NoBasis(reason="nobody has measured it on T4")
    per_second = setup.gpu.memory_bandwidth_gb_per_second * 1e9
    step = memory.weights_bytes / per_second + 1e-4 * concurrency
    return Performance(
        ttft_seconds=_band(10 * step),
        itl_seconds=_band(step),
        output_tokens_per_second=_band(concurrency / step),
        concurrency=concurrency,
        basis="a stand-in",
    )


def no_estimate(setup: Setup, memory: Memory, *, concurrency: int) -> Performance | NoBasis:
    """Nothing is known of any."""
    return NoBasis(reason="nobody has measured it")


def _band(middle: float) -> Band:
    return Band(low=middle * 0.8, middle=middle, high=middle * 1.25)


STAND_INS = Arithmetic(measure, estimate)
WITHOUT_SPEED = Arithmetic(measure, no_estimate)
