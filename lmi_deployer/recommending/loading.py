"""What the GPUs make of a candidate: memory, the batch that is safe, and speed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from lmi_deployer.performance.estimate import NoBasis, Performance
from lmi_deployer.recommending.candidates import Candidate, Key, methods_of
from lmi_deployer.recommending.question import Question
from lmi_deployer.sizing import published, setups
from lmi_deployer.sizing.memory import Memory
from lmi_deployer.sizing.published import Published
from lmi_deployer.sizing.setup import Setup

MOST_SEQUENCES = 256
"""Largest batch that is recommended: what vLLM and LMI take by default."""


class Estimate(Protocol):
    """The performance model."""

    def __call__(self, setup: Setup, memory: Memory, *, concurrency: int) -> Performance | NoBasis:
        """How fast one copy serves so many requests at once."""


@dataclass(frozen=True)
class Arithmetic:
    """What a candidate is judged by."""

    measure: Callable[[Setup], Memory]
    estimate: Estimate


def arithmetic() -> Arithmetic:
    """The memory model and the performance model."""
    from lmi_deployer.performance.estimate import estimate
    from lmi_deployer.sizing import measure

    return Arithmetic(measure, estimate)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the GPUs make of a candidate: everything but the instance around them."""

    setup: Setup
    memory: Memory
    performance: Performance | NoBasis | None
    """None where it does not fit."""
    published: Published | None = None


def setup_of(question: Question, candidate: Candidate) -> Setup:
    """The sizing question of a candidate, for a single request at a time."""
    machine, shape = candidate.machine, question.shape
    longest = question.max_input_len + question.max_output_len
    takes_length = "max_model_len" in candidate.support.property_names
    return Setup(
        shape=shape,
        gpu=machine.gpu,
        gpu_count=machine.devices,
        gpu_link=machine.link,
        tensor_parallel_degree=candidate.tensor_parallel_degree,
        engine=candidate.backend,
        engine_version=setups.engine_version(candidate.container, candidate.backend)
        or setups.UNKNOWN_VERSION,
        dtype="fp16" if candidate.dtype == "int8" else candidate.dtype,
        weight_format=candidate.method if shape.stored is None else None,
        max_input_len=question.max_input_len,
        max_output_len=question.max_output_len,
        max_model_len=longest if takes_length else None,
        max_rolling_batch_size=1,
    )


def load(question: Question, candidate: Candidate, models: Arithmetic) -> Loaded:
    """The memory of a candidate with its largest safe batch, and the speed where it has one."""
    setup = setup_of(question, candidate)
    memory = models.measure(setup)
    batch = batch_for(question, candidate, memory)
    if not memory.fits or batch < 1:
        return Loaded(setup, memory, None)
    if batch > 1:
        setup = replace(setup, max_rolling_batch_size=batch)
        memory = models.measure(setup)
    flying = in_flight(question, candidate, batch)
    performance = models.estimate(setup, memory, concurrency=flying)
    return Loaded(setup, memory, performance)


def load_published(
    question: Question, candidate: Candidate, models: Arithmetic, own: Loaded, row: Published
) -> Loaded:
    """The same with the batch of a guide; with our own, where the memory model contradicts it.

    What a guide ran is never called impossible, so a contradicted row without a batch of our own
    stays, at the guide's batch and without an estimate.
    """
    batch = row.row.max_rolling_batch_size
    if question.limits.concurrency is not None:
        batch = min(batch, _share(question.limits.concurrency, candidate))
    setup = replace(own.setup, max_rolling_batch_size=batch)
    memory = models.measure(setup)
    if memory.fits:
        flying = in_flight(question, candidate, batch)
        performance = models.estimate(setup, memory, concurrency=flying)
        return Loaded(setup, memory, performance, row)
    if own.performance is not None:
        return replace(own, published=row)
    reason = "a guide ran it, while the memory model has no room for it"
    return Loaded(setup, memory, NoBasis(reason=reason), row)


def batch_for(question: Question, candidate: Candidate, memory: Memory) -> int:
    """The largest safe batch; no larger than the traffic needs where that was said."""
    if candidate.support.default_max_rolling_batch_size is None:
        return min(memory.max_safe_batch, setups.STATIC_BATCH)
    safe = min(memory.max_safe_batch, MOST_SEQUENCES)
    concurrency = question.limits.concurrency
    return safe if concurrency is None else min(safe, _share(concurrency, candidate))


def in_flight(question: Question, candidate: Candidate, batch: int) -> int:
    """Requests of one copy that the speed is estimated for.

    As many as were asked for; else one where latency is the goal, and a full batch for the others.
    """
    concurrency = question.limits.concurrency
    if concurrency is not None:
        return min(batch, _share(concurrency, candidate))
    return 1 if question.goal == "latency" else batch


def _share(concurrency: int, candidate: Candidate) -> int:
    """What falls to one copy."""
    return -(-concurrency // candidate.copies)


def known_to_run(question: Question) -> dict[Key, Published]:
    """What LMI's guides ran of the model, for requests as long as those that are asked about.

    By the candidate that each row is; none is about another method or version.
    """
    pairs = {(item.row.instance_type, item.guide.backend) for item in published.every_row()}
    rows: dict[Key, Published] = {}
    for container in question.containers:
        for instance_type, backend in sorted(pairs):
            if backend not in container.backends:
                continue
            for method in methods_of(question.shape, question.methods):
                found = published.find(
                    question.model_id,
                    instance_type,
                    backend,
                    facts=question.facts,
                    quantize=method,
                    version=container.version,
                )
                for item in found:
                    if item.covers(question.max_input_len, question.max_output_len):
                        degree = item.row.tensor_parallel_degree
                        key = (container.version, instance_type, backend, degree, method)
                        rows.setdefault(key, item)
    return rows
