"""A setup that is measured, with the memory it would have, for tests that change one thing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lmi_deployer import catalog
from lmi_deployer.shapes import from_catalog
from lmi_deployer.sizing.memory import Bound, Memory
from lmi_deployer.sizing.setup import Setup


def setup(model: str = "meta-llama/Meta-Llama-3.1-8B", *, gpu: str = "H100-SXM5-80GB",
          **changes: Any) -> Setup:  # fmt: skip
    row = catalog.find_model(model)
    assert row is not None
    degree = changes.get("tensor_parallel_degree", 1)
    whole = Setup(
        shape=from_catalog(row),
        gpu=catalog.gpu(gpu),
        gpu_count=degree,
        gpu_link="nvswitch" if catalog.gpu(gpu).link_gb_per_second else "pcie",
        tensor_parallel_degree=degree,
        engine="vllm",
        engine_version="0.12.0",
        dtype="bf16",
        max_input_len=1024,
        max_output_len=512,
        max_rolling_batch_size=256,
    )
    return replace(whole, **changes)


def memory(*, kv_cache_tokens: int = 10_000_000, kv_bytes_per_token: int = 131_072) -> Memory:
    """Memory of which only the cache matters here."""
    return Memory(
        usable_bytes=0,
        weights_bytes=0,
        activation_bytes=0,
        overhead_bytes=0,
        kv_cache_bytes=kv_cache_tokens * kv_bytes_per_token,
        unused_bytes=0,
        shortage_bytes=0,
        kv_bytes_per_token=kv_bytes_per_token,
        kv_cache_tokens=kv_cache_tokens,
        max_sequences=1,
        max_safe_batch=1,
        verdict="fits",
        bound=Bound(
            kv_cache_bytes_low=0,
            kv_cache_bytes_high=0,
            kv_cache_tokens_low=0,
            kv_cache_tokens_high=0,
            basis="",
        ),
    )
