"""What fits: its figures of speed and cost, and the order by the goal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf

from lmi_deployer.performance.estimate import Band, NoBasis, Performance
from lmi_deployer.prices import Quote, usd_per_million_tokens
from lmi_deployer.recommending.candidates import Candidate
from lmi_deployer.recommending.question import Goal
from lmi_deployer.sizing.memory import Memory
from lmi_deployer.sizing.published import Published
from lmi_deployer.sizing.setup import Setup


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A candidate that serves the traffic within the limits."""

    candidate: Candidate
    setup: Setup
    """With the batch that is recommended."""
    memory: Memory
    performance: Performance | NoBasis
    quote: Quote
    published: Published | None = None
    """The row of a guide that ran just this, where there is one."""

    @property
    def batch(self) -> int:
        """max_rolling_batch_size of each copy."""
        return self.setup.max_rolling_batch_size

    @property
    def usd_per_hour(self) -> float | None:
        """The region's price, or else the nearest; None where none is known."""
        nearest = self.quote.nearest
        return None if nearest is None else nearest.usd_per_hour

    @cached_property
    def tokens_per_second(self) -> Band | None:
        """Output tokens of one instance, all of its copies together."""
        if isinstance(self.performance, NoBasis):
            return None
        return _times(self.performance.output_tokens_per_second, self.candidate.copies)

    @cached_property
    def answer_seconds(self) -> Band | None:
        """From a request to the last token of an answer of full length."""
        if isinstance(self.performance, NoBasis):
            return None
        answer = _times(self.performance.itl_seconds, max(0, self.setup.max_output_len - 1))
        first = self.performance.ttft_seconds
        if first is None:
            return answer
        return Band(
            low=first.low + answer.low,
            middle=first.middle + answer.middle,
            high=first.high + answer.high,
        )

    @cached_property
    def usd_per_million_tokens(self) -> Band | None:
        """What a million output tokens cost on an instance that is kept busy so."""
        if self.tokens_per_second is None or self.usd_per_hour is None:
            return None
        return usd_per_million_tokens(self.usd_per_hour, self.tokens_per_second)


def _times(band: Band, factor: float) -> Band:
    return Band(low=band.low * factor, middle=band.middle * factor, high=band.high * factor)


def _least(band: Band | None) -> float:
    return inf if band is None else band.middle


GOALS: Mapping[Goal, Callable[[Fit], float]] = {
    "cost": lambda fit: _least(fit.usd_per_million_tokens),
    "throughput": lambda fit: -_least(fit.tokens_per_second),
    "latency": lambda fit: _least(fit.answer_seconds),
}
"""What is to be small."""
MEANINGS: Mapping[Goal, str] = {
    "cost": "USD for a million output tokens",
    "throughput": "output tokens a second of one instance",
    "latency": "seconds to the end of an answer of full length",
}


def ranked(fits: Iterable[Fit], goal: Goal) -> list[Fit]:
    """The best first; those without a basis for the goal last, by price and memory head-room.

    Costs within the band of the best are one to the estimate, so of those the cheaper by the hour
    comes first: it commits to less. At one price, backends that serve several requests at once
    come before those that do not.
    """
    in_order = sorted(fits, key=lambda fit: _order(fit, goal))
    return list(_least_committing(in_order)) if goal == "cost" else in_order


def _least_committing(in_order: Sequence[Fit]) -> Iterator[Fit]:
    """Fits by their cost; those that it does not tell apart by the price of an hour."""
    start = 0
    while start < len(in_order):
        best = in_order[start].usd_per_million_tokens
        end = start + 1
        if best is None:
            yield from in_order[start:]
            return
        while end < len(in_order) and _is_within(in_order[end], best.high):
            end += 1
        yield from sorted(in_order[start:end], key=lambda fit: fit.usd_per_hour or 0)
        start = end


def _is_within(fit: Fit, most: float) -> bool:
    cost = fit.usd_per_million_tokens
    return cost is not None and cost.middle <= most


def has_basis(fit: Fit, goal: Goal) -> bool:
    """Whether a fit has the figure that the goal goes by."""
    figures: Mapping[Goal, Band | None] = {
        "cost": fit.usd_per_million_tokens,
        "throughput": fit.tokens_per_second,
        "latency": fit.answer_seconds,
    }
    return figures[goal] is not None


def _order(fit: Fit, goal: Goal) -> tuple[object, ...]:
    usd = inf if fit.usd_per_hour is None else fit.usd_per_hour
    is_ranked = has_basis(fit, goal)
    candidate = fit.candidate
    return (
        not is_ranked,
        GOALS[goal](fit) if is_ranked else 0.0,
        usd,
        candidate.support.default_max_rolling_batch_size is None,
        -headroom(fit),
        candidate.instance.name,
        list(candidate.container.backends).index(candidate.backend),
    )


def headroom(fit: Fit) -> float:
    """Share of a GPU's memory that is left for the cache, by the low end of the bound."""
    return fit.memory.bound.kv_cache_bytes_low / fit.memory.usable_bytes
