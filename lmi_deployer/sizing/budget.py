"""Where the memory of one GPU goes: the parts, and what is left for the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lmi_deployer.catalog.sizing_rows import EngineMemory
from lmi_deployer.sizing.activations import GIB, peak_bytes
from lmi_deployer.sizing.lengths import Line
from lmi_deployer.sizing.overhead import overhead_bytes
from lmi_deployer.sizing.setup import Setup
from lmi_deployer.sizing.weights import weights_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What there is for activations and cache together, and how the cache may use it."""

    usable: int
    weights: int
    overhead: int
    allowed: int
    """What weights, overhead, cache and, except in SGLang, activations may take together."""
    cache_share: float
    """Part of what is free that becomes cache."""
    holds_activations: bool
    """Whether activations come out of `allowed`."""
    lines: Sequence[Line]

    def cache_bytes(self, sequences: int) -> int:
        """What is left for the cache beside a pass over so many sequences; below 0 when short."""
        activations = peak_bytes(self.lines, sequences)
        if self.holds_activations:
            free = self.allowed - self.weights - self.overhead - activations
            return int(free * self.cache_share) if free > 0 else free
        outside = self.usable - self.allowed - activations
        return self.allowed - self.weights - self.overhead + min(0, outside)


def room_of(setup: Setup, rules: EngineMemory, lines: Sequence[Line]) -> Room:
    """The budget of a setup."""
    usable = usable_bytes(setup)
    fraction = setup.memory_fraction if setup.memory_fraction is not None else rules.fraction
    is_card_share = rules.budget in {"share_of_card", "weights_and_cache"}
    return Room(
        usable=usable,
        weights=weights_bytes(setup, rules),
        overhead=overhead_bytes(setup, rules),
        allowed=int(usable * fraction) if is_card_share else usable,
        cache_share=fraction if rules.budget == "share_of_free" else 1.0,
        holds_activations=rules.budget != "weights_and_cache",
        lines=lines,
    )


def usable_bytes(setup: Setup) -> int:
    """What one device of the tensor parallel degree has: a GPU, or a NeuronCore's part."""
    cores = setup.gpu.neuron_cores or 1
    return int(setup.gpu.usable_memory_gib * GIB / cores)
