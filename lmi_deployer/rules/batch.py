"""How many sequences run at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from lmi_deployer import catalog
from lmi_deployer.catalog.rows import Backend
from lmi_deployer.catalog.versions import versions_in
from lmi_deployer.hardware import RunnerUp
from lmi_deployer.rules.choice import CONTAINER_DEFAULT, PUBLISHED, Case, Choice

if TYPE_CHECKING:
    from lmi_deployer.sizing.memory import Memory

LARGEST_THAT_FITS = "largest-batch-that-fits"
STARTING_BATCH: Mapping[Backend, int] = {
    "lmi-dist": 64,
    "vllm": 64,
    "deepspeed": 64,
    "trtllm": 128,
}
"""The largest batch that LMI's documents start with, or were tested with.

64: the starter configurations of lmi-dist_user_guide.md, vllm_user_guide.md and
deepspeed_user_guide.md (0.27.0 and later). 128: trtllm_finding_max_num_tokens_tutorial.md (0.27.0
and 0.28.0), "tested with batch size up to 128".
"""
NEURON_BATCHES: Mapping[str, int] = {"<=0.26.0": 4, ">=0.27.0": 8}
"""What the Neuron compiler takes, whatever the server's default.

4: its limit in tnx_tuning_guide.md (0.26.0). 8: the starter configuration of tnx_user_guide.md.
"""

Measure: TypeAlias = "Callable[[int], Memory]"
"""The memory of one GPU with a batch of so many sequences."""


def max_rolling_batch_size(case: Case, degree: int, measure: Measure | None) -> Choice[int | None]:
    """A published batch, or the largest power of two that the memory holds.

    Every sequence counts at full length, since a batch that fits only on average is pre-empted or
    queued under load. Memory counts at its middle estimate; a batch that is sure even where the
    estimate errs stands among the runners-up. Where the memory cannot be worked out, what the
    container uses itself; None for a backend without rolling batch.
    """
    default = case.support.default_max_rolling_batch_size
    if default is None:
        return _of_container(case, None)
    own = _of_container(case, default) if measure is None else _by_memory(case, measure)
    row = next(case.covering(degree), None)
    if row is None:
        return own
    batch = row.row.max_rolling_batch_size
    others = (
        ()
        if own.value in {batch, None}
        else (RunnerUp(str(own.value), f"what {own.rule} comes to; a measured batch goes first"),)
    )
    return Choice(batch, PUBLISHED, f"published: {row.citation}", others)


def _of_container(case: Case, value: int | None) -> Choice[int | None]:
    reason = f"container: what {case.backend} uses on LMI {case.container.version} by default"
    return Choice(value, CONTAINER_DEFAULT, reason)


def ceiling(case: Case) -> int:
    """The largest batch that is tried: what documents start with, or the container's own."""
    if case.backend == "neuronx":
        order, version = catalog.names("containers"), case.container.version
        return next(
            batch for part, batch in NEURON_BATCHES.items() if version in versions_in(part, order)
        )
    default = case.support.default_max_rolling_batch_size or 1
    return max(STARTING_BATCH.get(case.backend, 1), default)


def _by_memory(case: Case, measure: Measure) -> Choice[int | None]:
    most = ceiling(case)
    sizes = [2**power for power in reversed(range(most.bit_length()))]
    tried: dict[int, Memory] = {}

    def holds(batch: int) -> bool:
        memory = tried[batch] = measure(batch)
        return memory.fits and memory.max_sequences >= batch

    batch = next((size for size in sizes if holds(size)), 1)
    together = case.max_input_len + case.max_output_len
    held = f"{tried[batch].max_sequences} sequences of {together} tokens fit"
    reason = f"rule: {held}; a power of two up to {most}"
    return Choice(batch, LARGEST_THAT_FITS, reason, tuple(_others(case, batch, most, tried)))


def _others(case: Case, batch: int, most: int, tried: Mapping[int, Memory]) -> list[RunnerUp]:
    others = []
    above = tried.get(batch * 2)
    if above is not None:
        held = f"{above.max_sequences} sequences of full length fit beside it"
        why = held if above.fits else "leaves too little memory to start"
        others.append(RunnerUp(str(batch * 2), why))
    elif batch * 2 > most:
        others.append(RunnerUp(str(batch * 2), f"beyond {most}, which LMI's documents start with"))
    safe = tried[batch].max_safe_batch
    sure = 2 ** (safe.bit_length() - 1) if safe else 0
    if tried[batch].verdict == "tight" and 0 < sure < batch:
        others.append(RunnerUp(str(sure), "is sure to start, and leaves the rest unused"))
    default = case.support.default_max_rolling_batch_size
    if default is not None and default not in {batch, batch * 2}:
        others.append(RunnerUp(str(default), "the container's own, whatever the machine"))
    return others
