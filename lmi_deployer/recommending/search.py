"""Tries every candidate: does it fit, how many requests at once, how fast, for how much.

Instance types that differ only around the same GPUs share one calculation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from lmi_deployer.recommending.candidates import Candidate, candidates
from lmi_deployer.recommending.loading import (
    Arithmetic,
    Loaded,
    arithmetic,
    known_to_run,
    load,
    load_published,
)
from lmi_deployer.recommending.question import Question
from lmi_deployer.recommending.ranking import Fit
from lmi_deployer.recommending.reasons import Miss, Tally
from lmi_deployer.sizing.memory import Memory
from lmi_deployer.spec import GIB


@dataclass(frozen=True, kw_only=True)
class Found:
    """What came of a search."""

    fits: tuple[Fit, ...]
    """In no order yet."""
    tally: Tally


def search(question: Question, models: Arithmetic | None = None) -> Found:
    """Every candidate that fits, and why the others do not."""
    models = models or arithmetic()
    tally = Tally()
    fits: list[Fit] = []
    loaded: dict[tuple[object, ...], Loaded] = {}
    published = known_to_run(question)
    for candidate in candidates(question, tally):
        key = _key(candidate)
        if key not in loaded:
            loaded[key] = load(question, candidate, models)
        outcome = loaded[key]
        row = published.get(candidate.key)
        if row is not None:
            outcome = load_published(question, candidate, models, outcome, row)
        fit = _judge(question, candidate, outcome, tally)
        if fit is not None:
            fits.append(fit)
    return Found(fits=tuple(fits), tally=tally)


def _key(candidate: Candidate) -> tuple[object, ...]:
    machine = candidate.machine
    return (
        machine.gpu.name,
        machine.devices,
        machine.link,
        candidate.container.version,
        candidate.backend,
        candidate.tensor_parallel_degree,
        candidate.method,
        candidate.dtype,
    )


def _judge(question: Question, candidate: Candidate, loaded: Loaded, tally: Tally) -> Fit | None:
    """The candidate as a fit, or None once it has been tallied why it is none."""
    memory, limits = loaded.memory, question.limits
    instance = candidate.instance.name
    machine = f"{candidate.machine.devices} x {candidate.machine.gpu.name}"

    def miss(shortage: float, detail: str, remedy: str | None = None) -> Miss:
        return Miss(
            shortage=shortage,
            subject=candidate.label,
            detail=detail,
            machine=machine,
            remedy=remedy,
        )

    if loaded.performance is None and not memory.fits:
        tally.miss("memory", _too_large(memory, miss))
        return None
    if loaded.performance is None:
        bound = memory.bound
        low, high = bound.kv_cache_tokens_low, bound.kv_cache_tokens_high
        detail = f"{low:,} to {high:,} tokens of KV cache, by the bound"
        tally.miss("batch", miss(-low, detail, "shorter lengths, or more GPUs to a copy"))
        return None
    slots = loaded.setup.max_rolling_batch_size * candidate.copies
    if limits.concurrency is not None and slots < limits.concurrency:
        detail = f"{slots} of {limits.concurrency} requests at once"
        remedy = f"{-(-limits.concurrency // slots)} instances"
        tally.miss("concurrency", miss(limits.concurrency - slots, detail, remedy))
        return None
    quote = question.prices.quote(instance, limits.region)
    if limits.max_usd_per_hour is not None:
        nearest = quote.nearest
        if nearest is None:
            problem = f"there is no price for {instance}, so no budget can hold it"
            tally.discard("budget", problem)
            return None
        over = nearest.usd_per_hour - limits.max_usd_per_hour
        if over > 0:
            detail = f"${nearest.usd_per_hour:,.2f} an hour ({nearest.region}, {nearest.as_of})"
            remedy = f"--max-usd-per-hour {ceil(nearest.usd_per_hour * 100) / 100:.2f}"
            tally.miss("budget", miss(over, detail, remedy))
            return None
    return Fit(
        candidate=candidate,
        setup=loaded.setup,
        memory=memory,
        performance=loaded.performance,
        quote=quote,
        published=loaded.published,
    )


def _too_large(memory: Memory, miss: Callable[..., Miss]) -> Miss:
    """By how much a candidate does not fit: the weights, or the cache of one request."""
    if memory.shortage_bytes > 0:
        detail = f"{memory.shortage_bytes / GIB:.1f} GiB too little on each GPU"
        return miss(memory.shortage_bytes, detail, "quantized weights, or more GPUs to a copy")
    detail = f"{memory.kv_cache_tokens:,} tokens of KV cache, less than one request"
    # The cache of one request is small beside weights that do not fit at all.
    return miss(1 / (1 + memory.kv_cache_tokens), detail, "shorter lengths")
