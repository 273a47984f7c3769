"""How many sequences a cache holds, and the largest batch that is sure to be served."""

from __future__ import annotations

from lmi_deployer.catalog.sizing_rows import EngineMemory
from lmi_deployer.sizing.budget import Room
from lmi_deployer.sizing.kv_cache import sequence_bytes
from lmi_deployer.sizing.lengths import sequence_tokens, slot_tokens
from lmi_deployer.sizing.setup import Setup

MOST_SEQUENCES = 1 << 20
"""Where a batch stops to mean anything; only a model without a cache gets near."""


def bytes_of_sequence(setup: Setup, rules: EngineMemory) -> int:
    """Cache of one sequence of full input and output length, or of one slot."""
    is_static = rules.budget == "static_slots"
    tokens = slot_tokens(setup, rules) if is_static else sequence_tokens(setup)
    return sequence_bytes(setup, rules, tokens)


def largest_batch(room: Room, sequence: int, reserve: int) -> int:
    """The most sequences whose caches fit beside a pass over all of them.

    `sequence` is the cache of one, `reserve` what stays free. The pass is the highest of some
    straight lines, so the batch is the least of what each of them allows.
    """
    total = room.allowed - room.weights - room.overhead
    if room.holds_activations:
        most = [
            ((total - line.fixed) * room.cache_share - reserve)
            / max(sequence + line.per_sequence * room.cache_share, 1)
            for line in room.lines
        ]
    else:
        outside = room.usable - room.allowed
        most = [(total - reserve) / max(sequence, 1)]
        most += [
            (outside - line.fixed) / line.per_sequence
            if line.per_sequence
            else (MOST_SEQUENCES if line.fixed <= outside else 0)
            for line in room.lines
        ]
    return max(0, min(MOST_SEQUENCES, int(min(most))))
