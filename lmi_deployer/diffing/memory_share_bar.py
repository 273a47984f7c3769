"""The memory of one GPU on one side of a comparison, as the product's bar of letters."""

from __future__ import annotations

from functools import lru_cache

from lmi_deployer.diffing.snapshot import MemoryShare
from lmi_deployer.memory_bar import bar
from lmi_deployer.paint import Paint
from lmi_deployer.sizing.memory import Bound, Memory
from lmi_deployer.spec import GIB


@lru_cache(maxsize=1024)  # many profiles have the same machine and model
def share_bar(share: MemoryShare, width: int, paint: Paint) -> str:
    """Weights, activations with overhead, cache and what is unused, to scale."""
    used, usable = share.used_gib, share.usable_gib
    memory = Memory(
        usable_bytes=_bytes(usable),
        weights_bytes=_bytes(share.weights_gib),
        activation_bytes=_bytes(share.other_gib),
        overhead_bytes=0,  # a snapshot has it with the activations
        kv_cache_bytes=_bytes(share.kv_cache_gib),
        unused_bytes=_bytes(usable - used),
        shortage_bytes=_bytes(-share.headroom_gib),
        kv_bytes_per_token=0,
        kv_cache_tokens=share.kv_cache_tokens,
        max_sequences=share.batch_ceiling,
        max_safe_batch=share.batch_ceiling,
        verdict=share.verdict,
        bound=Bound(
            kv_cache_bytes_low=0,
            kv_cache_bytes_high=0,
            kv_cache_tokens_low=0,
            kv_cache_tokens_high=0,
            basis="",
        ),
    )
    return bar(memory, width, paint)


def _bytes(gib: float) -> int:
    return max(0, round(gib * GIB))
