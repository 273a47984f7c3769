"""Answers to sizing questions as plain data for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lmi_deployer.performance.estimate import NoBasis
from lmi_deployer.sizing.engines import engine_memory
from lmi_deployer.sizing.kv_cache import cache_dtype, pools_windows
from lmi_deployer.sizing.lengths import length_limit, pass_tokens

if TYPE_CHECKING:
    from lmi_deployer.answering.answer import Answer
    from lmi_deployer.performance.estimate import Band
    from lmi_deployer.sizing.asked import Understood
    from lmi_deployer.sizing.memory import Memory
    from lmi_deployer.sizing.setup import Setup


def as_json(answer: Answer) -> dict[str, Any]:
    """One answer. Sizes are bytes on each GPU, or NeuronCore."""
    memory = answer.memory
    settings = setup_as_json(answer.asked)
    return {
        "model": answer.title,
        "fits": memory.fits,
        "verdict": memory.verdict,
        "why": answer.why,
        **memory_as_json(memory),
        "kv_bytes_per_token_is_pooled": pools_windows(answer.asked.setup),
        "published": answer.asked.evidence,
        "copies": answer.copies,
        "doubts": list(answer.doubts),
        "performance": _speed(answer),
        "price": price_as_json(answer),
        "ways_out": [
            {"change": way.change, "fits": way.memory.fits, **memory_as_json(way.memory)}
            for way in answer.ways_out
        ],
        "setup": settings,
        "assumed": reasons(answer.asked),
    }


def memory_as_json(memory: Memory) -> dict[str, Any]:
    """Where the memory goes, and what it holds."""
    return {
        "per_gpu": {
            "weights": memory.weights_bytes,
            "activations": memory.activation_bytes,
            "overhead": memory.overhead_bytes,
            "kv_cache": memory.kv_cache_bytes,
            "unused": memory.unused_bytes,
            "usable": memory.usable_bytes,
            "shortage": memory.shortage_bytes,
        },
        "kv_bytes_per_token": memory.kv_bytes_per_token,
        "kv_cache_tokens": memory.kv_cache_tokens,
        "max_sequences": memory.max_sequences,
        "max_safe_batch": memory.max_safe_batch,
        "bound": asdict(memory.bound),
    }


def setup_as_json(asked: Understood) -> dict[str, Any]:
    """The question as it was understood, with every default that was filled in."""
    setup, machine = asked.setup, asked.machine
    stored = setup.shape.stored
    content: dict[str, Any] = {
        "model_type": setup.shape.model_type,
        "parameter_count": setup.shape.parameter_count,
        "instance_type": machine.instance.name if machine.instance else None,
        "gpu": setup.gpu.name,
        "gpu_count": machine.cards,
        "device_count": setup.gpu_count,
        "gpu_link": setup.gpu_link,
        "container_version": asked.container.version,
        "backend": asked.backend,
        "engine_version": setup.engine_version,
        "tensor_parallel_degree": setup.tensor_parallel_degree,
        "pipeline_parallel_degree": setup.pipeline_parallel_degree,
        "dtype": setup.dtype,
        "quantize": setup.weight_format or (stored.method if stored else None),
        "kv_cache_dtype": cache_dtype(setup) or setup.dtype,
        "memory_fraction": setup.memory_fraction,
        "max_input_len": setup.max_input_len,
        "max_output_len": setup.max_output_len,
        "max_model_len": setup.max_model_len,
        "max_rolling_batch_size": setup.max_rolling_batch_size,
        "max_num_tokens": setup.max_num_tokens,
        "enable_chunked_prefill": setup.has_chunked_prefill,
        "enforce_eager": setup.is_eager,
    }
    return content | of_engine(setup)


def of_engine(setup: Setup) -> dict[str, float | int]:
    """Settings that are left to the engine, with the values that it takes then."""
    rules = engine_memory(setup)
    found: dict[str, float | int] = {}
    if setup.memory_fraction is None and rules.budget != "static_slots":
        found["memory_fraction"] = rules.fraction
    if setup.max_model_len is None:
        found["max_model_len"] = length_limit(setup, rules)
    if setup.max_num_tokens is None:
        found["max_num_tokens"] = int(pass_tokens(setup, rules).at(setup.max_rolling_batch_size))
    return found


def reasons(asked: Understood) -> dict[str, str]:
    """Settings that nobody gave: where their values come from."""
    own = dict.fromkeys(of_engine(asked.setup), "engine: its own default")
    settings = setup_as_json(asked)
    decided = {name: reason for name, reason in asked.assumed.items() if name in settings}
    return {**own, **decided}


def price_as_json(answer: Answer) -> dict[str, Any] | None:
    """The price that was reckoned with, dated, and whether it is that of the region asked for."""
    price = answer.price
    if price is None:
        return None
    return {
        "usd_per_hour": price.usd_per_hour,
        "region": price.region,
        "as_of": price.as_of.isoformat(),
        "source": price.source,
        "is_of_the_region": answer.region in {None, price.region},
    }


def _speed(answer: Answer) -> dict[str, Any] | None:
    speed = answer.speed
    if isinstance(speed, NoBasis):
        return {"no_basis": speed.reason}
    return {
        "ttft_seconds": _band(speed.ttft_seconds),
        "itl_seconds": _band(speed.itl_seconds),
        "output_tokens_per_second": _band(speed.output_tokens_per_second),
        "usd_per_million_output_tokens": _band(answer.usd_per_million_tokens),
        "concurrency": speed.concurrency,
        "basis": speed.basis,
    }


def _band(band: Band | None) -> dict[str, float] | None:
    return None if band is None else asdict(band)
