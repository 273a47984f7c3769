"""The answer of sizing: where the memory of one GPU goes, and what is left for requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["fits", "tight", "does_not_fit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """How far the truth may be from the point: 90 of 100 measured rows lie inside."""

    kv_cache_bytes_low: int
    kv_cache_bytes_high: int
    kv_cache_tokens_low: int
    kv_cache_tokens_high: int
    basis: str
    """Which measurements the width comes from, or that there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes on the GPU that has the least room; the parts add up to `usable_bytes`."""

    usable_bytes: int
    weights_bytes: int
    activation_bytes: int
    """Peak of one forward pass."""
    overhead_bytes: int
    """Engine, CUDA context, communication buffers."""
    kv_cache_bytes: int
    """What is left for the cache; 0 where the rest does not fit."""
    unused_bytes: int
    """What the memory fraction keeps back."""
    shortage_bytes: int
    """By how much weights, activations and overhead exceed what they may take; else 0."""
    kv_bytes_per_token: int
    """On one GPU; 0 for a model without a cache."""
    kv_cache_tokens: int
    """Tokens that the cache of one copy holds."""
    max_sequences: int
    """Sequences of full input and output length that the cache holds at once."""
    max_safe_batch: int
    """Largest max_rolling_batch_size that is sure to serve, at the given lengths."""
    verdict: Verdict
    bound: Bound
    doubts: tuple[str, ...] = ()
    """What was assumed or is not modelled, in words."""

    @property
    def fits(self) -> bool:
        """Whether the server would start and hold one sequence of full length."""
        return self.verdict != "does_not_fit"
