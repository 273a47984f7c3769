"""A recommendation for people: a ranked table, what the figures mean, and why not the others."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from math import floor, log10

from lmi_deployer.columns import folded
from lmi_deployer.performance.estimate import Band, NoBasis
from lmi_deployer.recommending import Outcome, ranking
from lmi_deployer.recommending.loading import MOST_SEQUENCES
from lmi_deployer.recommending.proving import Recommended
from lmi_deployer.recommending.ranking import Fit
from lmi_deployer.recommending.reasons import Group
from lmi_deployer.spec import GIB

HEADINGS = (
    "",
    "INSTANCE TYPE",
    "BACKEND",
    "DEGREE",
    "COPIES",
    "QUANTIZE",
    "GIB PER GPU",
    "BATCH",
    "TOKENS/S",
    "TTFT MS",
    "USD/HOUR",
    "PRICE OF",
    "USD/1M TOKENS",
)
KEYS = 2
"""The first columns, which tell the rows apart."""
WIDEST_TEXT = 100
NO_LIMIT = 10_000
"""Columns of what is no terminal, where each row stays in one line."""
SAID_ONLY_OF_SOME = {"QUANTIZE": "none", "TTFT MS": "-", "COPIES": "1"}
"""Columns that are left out where they hold nothing but this."""
PROBLEMS_SHOWN = 3
BATCH = (
    f"BATCH is the largest that a server started with it is sure to hold, up to {MOST_SEQUENCES}; "
    "`size` and `auto` start with a power of two by the middle estimate."
)
ELSEWHERE = "*"
"""Behind a price of another region than the one asked for."""


def as_text(outcome: Outcome, width: int = NO_LIMIT) -> str:
    """Everything about an outcome, in paragraphs as wide as the terminal at most."""
    lines = min(width, WIDEST_TEXT)
    parts = [_wrapped(header(outcome), lines)]
    if outcome.recommended:
        parts.append(_table(outcome, width))
        parts.append(_wrapped(remarks(outcome), lines))
    parts.append(_wrapped(reasons(outcome), lines))
    return "\n\n".join(part for part in parts if part)


def _wrapped(lines: Iterable[str], width: int) -> str:
    """Each line, and what it goes on with a bit further in."""
    return "\n".join(
        textwrap.fill(
            line,
            width,
            subsequent_indent=" " * (len(line) - len(line.lstrip()) + 2),
            break_on_hyphens=False,
        )
        for line in lines
    )


def _table(outcome: Outcome, width: int) -> str:
    rows = [HEADINGS, *(_row(*item) for item in _numbered(outcome))]
    columns = [
        column
        for column in zip(*rows, strict=True)
        if set(column[1:]) != {SAID_ONLY_OF_SOME.get(column[0])}
    ]
    return folded(list(zip(*columns, strict=True)), width, keys=KEYS)


def header(outcome: Outcome) -> Iterator[str]:
    """The model, the question and how many candidates there were."""
    question, subject, limits = outcome.question, outcome.subject, outcome.question.limits
    versions = ", ".join(item.version for item in question.containers)
    named = subject.title if subject.title == subject.model_id else f"{subject.title}  "
    if subject.title != subject.model_id:
        named += subject.model_id
    asked = [f"{question.max_input_len} + {question.max_output_len} tokens"]
    asked += [f"{limits.concurrency} requests at once"] if limits.concurrency else []
    asked += [f"at most ${limits.max_usd_per_hour:g} an hour"] if limits.max_usd_per_hour else []
    asked += [f"in {limits.region}"] if limits.region else []
    yield f"{named}    LMI {versions} ({outcome.container_reason})"
    yield f"{', '.join(asked)}; goal {question.goal}: {ranking.MEANINGS[question.goal]}"
    yield f"{outcome.found.tally.seen:,} candidates, {len(outcome.found.fits):,} fit"


def _numbered(outcome: Outcome) -> Iterator[tuple[int, Recommended]]:
    return enumerate(outcome.recommended, start=1)


def _row(rank: int, item: Recommended) -> tuple[str, ...]:
    fit, candidate = item.fit, item.fit.candidate
    performance = fit.performance
    ttft = None if isinstance(performance, NoBasis) else performance.ttft_seconds
    usd = fit.usd_per_hour
    return (
        str(rank),
        candidate.instance.name,
        candidate.backend,
        str(candidate.tensor_parallel_degree),
        str(candidate.copies),
        candidate.method or "none",
        f"{used_bytes(fit) / GIB:.1f} of {fit.memory.usable_bytes / GIB:.1f}{_tight(fit)}",
        str(fit.batch) if candidate.support.default_max_rolling_batch_size is not None else "-",
        _band(fit.tokens_per_second),
        _band(ttft, 1000),
        "-" if usd is None else f"{usd:,.2f}{_mark(fit)}",
        fit.quote.dated or "-",
        _band(fit.usd_per_million_tokens),
    )


def used_bytes(fit: Fit) -> int:
    """What one GPU holds before the first request: all but the cache and what is kept back."""
    memory = fit.memory
    return memory.weights_bytes + memory.activation_bytes + memory.overhead_bytes


def _mark(fit: Fit) -> str:
    return ELSEWHERE if fit.quote.elsewhere else ""


def _tight(fit: Fit) -> str:
    return " (tight)" if fit.memory.verdict == "tight" else ""


def _band(band: Band | None, factor: float = 1) -> str:
    if band is None:
        return "-"
    low, high = _short(band.low * factor), _short(band.high * factor)
    return low if low == high else f"{low}-{high}"


def _short(value: float) -> str:
    """Two digits that count: `0.034`, `7.2`, `45`, `1,300`."""
    if value <= 0:
        return "0"
    digits = 1 - floor(log10(value))
    return f"{round(value, digits):,.{max(0, digits)}f}"


def remarks(outcome: Outcome) -> Iterator[str]:
    """What the figures stand on, and what they leave open."""
    question, fits = outcome.question, [item.fit for item in outcome.recommended]
    yield "GiB per GPU is weights, activations and engine; the rest is KV cache."
    if any(fit.candidate.support.default_max_rolling_batch_size is not None for fit in fits):
        yield BATCH
    yield from _speed_remarks(outcome, fits)
    yield from _price_remarks(outcome, fits)
    for fit in fits:
        if fit.published is not None:
            batch = fit.published.row.max_rolling_batch_size
            yield f"{fit.candidate.label}: published with batch {batch}: {fit.published.citation}."
    doubts = [text for fit in fits for text in fit.memory.doubts] + list(question.shape.doubts)
    yield from (f"Assumed: {doubt}." for doubt in dict.fromkeys(doubts))
    if outcome.subject.needs_a_copy:
        yield "The model is gated: its weights have to be copied to S3, and model.source set."
    if any(fit.memory.verdict == "tight" for fit in fits):
        yield "(tight): by the low end of its bound the KV cache may not hold one request."


def _speed_remarks(outcome: Outcome, fits: Sequence[Fit]) -> Iterator[str]:
    goal = outcome.question.goal
    known = [fit for fit in fits if not isinstance(fit.performance, NoBasis)]
    if known:
        flying = _flying(outcome)
        yield f"Bands hold 80 of 100 measurements that were left out; {flying}."
        bases = dict.fromkeys(
            fit.performance.basis for fit in known if not isinstance(fit.performance, NoBasis)
        )
        yield from (f"Speed: {basis}." for basis in bases)
    if len(known) > 1 and _overlap(known[0], known[1], outcome):
        yield "The bands of the first two overlap: the estimate alone does not tell them apart."
    without = dict.fromkeys(
        fit.performance.reason for fit in fits if isinstance(fit.performance, NoBasis)
    )
    yield from (f"No estimate of speed for some: {reason}." for reason in without)
    unranked = [fit for fit in fits if not ranking.has_basis(fit, goal)]
    if unranked:
        which = "All" if len(unranked) == len(fits) else "Those without a figure"
        yield f"{which} are ranked by price and memory head-room, not by {goal}."


def _flying(outcome: Outcome) -> str:
    concurrency = outcome.question.limits.concurrency
    if concurrency is not None:
        return f"figures are for {concurrency} requests in flight on one instance"
    if outcome.question.goal == "latency":
        return "figures are for one request in flight on each copy"
    return "figures are for full batches: fewer requests at once cost more each"


def _overlap(first: Fit, second: Fit, outcome: Outcome) -> bool:
    figures = {
        "cost": (first.usd_per_million_tokens, second.usd_per_million_tokens),
        "throughput": (first.tokens_per_second, second.tokens_per_second),
        "latency": (first.answer_seconds, second.answer_seconds),
    }
    one, other = figures[outcome.question.goal]
    return bool(one and other and one.low <= other.high and other.low <= one.high)


def _price_remarks(outcome: Outcome, fits: Sequence[Fit]) -> Iterator[str]:
    region = outcome.question.limits.region
    yield from _cheapest_hour(outcome)
    names = dict.fromkeys(fit.candidate.instance.name for fit in fits if fit.usd_per_hour is None)
    if names:
        known = "known" if region is None else f"known, neither for {region} nor elsewhere"
        yield f"{', '.join(names)}: no price is {known}; `lmi-deploy catalog refresh` reads it."
    elsewhere = dict.fromkeys(
        f"{price.region} is ${price.usd_per_hour:,.2f} of {price.as_of} "
        f"({fit.candidate.instance.name})"
        for fit in fits
        if (price := fit.quote.elsewhere) is not None
    )
    if elsewhere:
        what = f"{ELSEWHERE} no price for {region}, which may not even offer the type"
        yield f"{what}; {'; '.join(elsewhere)}."


def _cheapest_hour(outcome: Outcome) -> Iterator[str]:
    """What serves the model for the least an hour, where no row is as cheap."""
    if outcome.cheapest is None:
        return
    fit, speed = outcome.cheapest.fit, outcome.cheapest.fit.tokens_per_second
    rate = "" if speed is None else f", {_band(speed)} tokens/s"
    yield (
        f"The cheapest by the hour that fits: {fit.candidate.label}, batch {fit.batch}{rate}, "
        f"${fit.usd_per_hour:,.2f}{_mark(fit)} ({fit.quote.dated})."
    )


def reasons(outcome: Outcome) -> Iterator[str]:
    """Why not the others, by kind."""
    groups = list(outcome.found.tally)
    lower = (
        len(outcome.found.fits)
        - len(outcome.recommended)
        - sum(group.count for group in groups if group.kind in {"checks", "dearer"})
    )
    if not groups and not lower:
        return
    yield "Why not the others"
    for group in groups:
        yield f"  {group.count:>6,}  {group.title}"
        yield from (f"          {line}" for line in _details(group))
    if lower > 0:
        yield f"  {lower:>6,}  they fit and rank lower, or are other ways on the same instance type"


def _details(group: Group) -> Iterator[str]:
    if group.nearest:
        for miss in group.nearest:
            yield f"{miss.subject}: {miss.detail}"
    problems = sorted(group.problems.items(), key=lambda item: -item[1])
    for problem, count in problems[:PROBLEMS_SHOWN]:
        yield f"{problem} ({count:,})" if count > 1 else problem
    if len(problems) > PROBLEMS_SHOWN:
        yield f"and {len(problems) - PROBLEMS_SHOWN} more of the kind"
