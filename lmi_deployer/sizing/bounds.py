"""How far the truth may be from an estimate, from residuals of measured rows."""

from __future__ import annotations

from lmi_deployer.catalog.sizing_rows import EngineMemory
from lmi_deployer.sizing.memory import Bound


def bound_of(rules: EngineMemory, usable: int, cache: int, token: float) -> Bound:
    """The range of a cache. `cache` may be below 0; `token` is the bytes of one token, or 0."""
    width = error_bytes(rules, usable)
    low, high = max(0, cache - width), max(0, cache + width)
    return Bound(
        kv_cache_bytes_low=low,
        kv_cache_bytes_high=high,
        kv_cache_tokens_low=int(low / token) if token else 0,
        kv_cache_tokens_high=int(high / token) if token else 0,
        basis=rules.error_basis,
    )


def error_bytes(rules: EngineMemory, usable: int) -> int:
    """What 90 of 100 measured caches were off by at most: a share of the card, not of the cache.

    A small remainder has the same error in bytes as a large one, and many times that in percent.
    """
    return int(rules.error_share * usable)
