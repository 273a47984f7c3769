"""Tables of the memory estimate: weights, caches, and how far a bound has to reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from benchmarks.accuracy import outcomes, token_limits
from benchmarks.accuracy.cache_cases import GIB, CacheCase, cache_cases, cache_setup, card_name
from benchmarks.accuracy.observations import Observations, OutOfScope, Row, fraction
from benchmarks.accuracy.statistics_of import (
    grouped,
    mean,
    median,
    of,
    quantile,
    within,
    worst,
)
from benchmarks.accuracy.table import Table, percent, target
from lmi_deployer.sizing import weights_bytes_per_gpu
from lmi_deployer.sizing.setup import Setup

SHARE = 0.9
"""Of residuals, which a bound has to hold."""


def tables(observations: Observations) -> list[Table]:
    """Every table about memory."""
    cases, skipped = cache_cases(observations)
    found = [weight_table(observations)]
    if cases:
        found += [cache_table(cases, skipped), rules_table(cases), bound_table(cases)]
    return found + token_limits.tables(observations) + outcomes.tables(observations)


def weight_table(observations: Observations) -> Table:
    """Weights against the sizes that vLLM logged, by family, beside parameters x bytes."""
    errors, plain, notes = [], [], []
    for row in observations.caches:
        logged_gib = fraction(row["weights_gib_per_gpu"])
        if logged_gib is None:
            continue
        try:
            setup = cache_setup(observations, row)
        except OutOfScope as reason:
            notes.append(f"out of scope: {row['model']}: {reason}")
            continue
        logged = logged_gib * GIB
        family = setup.shape.model_type
        error = weights_bytes_per_gpu(setup) / logged - 1
        errors.append((family, error))
        plain.append((family, _plain_weights(setup) / logged - 1))
        if abs(error) > 0.02:
            notes.append(f"off by {percent(error)}: {row['model']} {row['quantization']}")
    if not errors:
        return Table("Weights", (), (), "No row logs the size of the weights.", notes)
    by_family, plain_by_family = grouped(errors), grouped(plain)
    rows = [
        (name, str(len(found)), median(found, 2), worst(found, 2), median(plain_by_family[name]))
        for name, found in by_family.items()
    ]
    every = [error for _, error in errors]
    rows.append(("all", str(len(every)), median(every, 2), worst(every, 2),
                 median([error for _, error in plain])))  # fmt: skip
    share = within(every, 0.02)
    return Table(
        "Weights on one GPU against logged sizes",
        ("family", "rows", "median error", "worst", "parameters x bytes: median"),
        rows,
        "Nothing is fitted here. The usual rule divides parameters x bytes by the degree.",
        [
            target(share == len(every), f"{of(share, len(every))} within 2 % of the logged size"),
            target(quantile(map(abs, every), 0.5) < 0.005, "median below 0.5 %"),
            *notes,
        ],
    )


def cache_table(cases: Sequence[CacheCase], skipped: Sequence[tuple[Row, str]]) -> Table:
    """Tokens of the cache against those printed, by engine core, family and card."""
    judged = [case for case in cases if case.is_judged]
    rows = [_cache_row("**in scope: vLLM 0.6.4 and later**", judged)] if judged else []
    sections: list[tuple[str, Callable[[CacheCase], str]]] = [
        ("", lambda case: case.group),
        ("family ", lambda case: case.setup.shape.model_type),
        ("card ", lambda case: card_name(case.setup.gpu)),
    ]
    complete = [case for case in cases if case.is_complete]
    for prefix, name_of in sections:
        for name, found in grouped((name_of(case), case) for case in complete).items():
            rows.append(_cache_row(f"{prefix}{name}", found))
    rest = [case for case in cases if not case.is_complete]
    if rest:
        rows.append(_cache_row("settings not all stated, or out of the formula's scope", rest))
    notes = _cache_targets(judged)
    far = [case for case in cases if abs(case.error) > 0.1]
    notes += [_miss(case) for case in sorted(far, key=lambda case: -abs(case.error))]
    reasons = Counter(reason for _, reason in skipped)
    notes += [f"out of scope: {count} x {reason}" for reason, count in reasons.items()]
    return Table(
        "Tokens of the KV cache against those that engines printed",
        ("rows with every setting stated", "rows", "median error", "mean", "within 10 %",
         "within 2 % of the card"),
        rows,
        "Errors are of tokens; the last column compares bytes with the memory of the card.",
        notes,
    )  # fmt: skip


def rules_table(cases: Sequence[CacheCase]) -> Table:
    """The same rows by the usual rules."""
    rows = []
    complete = [case for case in cases if case.is_complete]
    for name, found in grouped((case.group, case) for case in complete).items():
        observed = [float(case.row["observed_kv_tokens"]) for case in found]
        remainder = [_remainder_tokens(case) / tokens - 1
                     for case, tokens in zip(found, observed, strict=True)]  # fmt: skip
        guide = [_guide_tokens(case) / tokens - 1
                 for case, tokens in zip(found, observed, strict=True)]  # fmt: skip
        own = [case.error for case in found]
        cells = [f"{median(e)} ({of(within(e, 0.1), len(e))})" for e in (own, remainder, guide)]
        rows.append((name, str(len(found)), *cells))
    return Table(
        "The same rows by the usual rules",
        ("rows", "count", "this estimate", "utilization x memory - weights", "LMI guide"),
        rows,
        "Median error, and in brackets how many are within 10 %. The middle rule knows grouped "
        "heads; the guide's counts 2 x bytes x layers x hidden size for a token.",
    )


def bound_table(cases: Sequence[CacheCase]) -> Table:
    """How often a bound taken from other models, or other cards, holds the truth."""
    rows = []
    complete = [case for case in cases if case.is_complete]
    new = [case for case in complete if case.is_judged]
    old = [case for case in complete if not case.is_judged]
    for title, found in (("vLLM 0.6.4 and later", new), ("before, and others", old)):
        if len(found) < 3:
            continue
        width = quantile((abs(case.residual_share) for case in found), SHARE)
        shipped = sum(
            case.memory.bound.kv_cache_bytes_low
            <= case.observed_bytes
            <= case.memory.bound.kv_cache_bytes_high
            for case in found
        )
        model = _left_out(found, lambda case: case.row["model"])
        card = _left_out(found, lambda case: case.setup.gpu.name)
        rows.append((title, str(len(found)), percent(width), of(shipped, len(found)),
                     of(model, len(found)), of(card, len(found))))  # fmt: skip
    return Table(
        "How far off the cache is, as a share of the card's memory",
        ("rows", "count", "90 % are within", "inside the bound shipped",
         "inside, width of other models", "inside, width of other cards"),
        rows,
        "The width of a bound is the 90 % quantile of the residuals in bytes over the card's "
        "memory. The last two columns take it from the rows of other models or cards alone.",
    )  # fmt: skip


def _cache_row(name: str, cases: Sequence[CacheCase]) -> tuple[str, ...]:
    errors = [case.error for case in cases]
    shares = [case.residual_share for case in cases]
    total = len(cases)
    return (name, str(total), median(errors), mean(errors), of(within(errors, 0.1), total),
            of(within(shares, 0.02), total))  # fmt: skip


def _cache_targets(judged: Sequence[CacheCase]) -> list[str]:
    if not judged:
        return ["no row of vLLM 0.6.4 and later with every setting stated"]
    close = within([case.error for case in judged], 0.1)
    near = within([case.residual_share for case in judged], 0.02)
    total = len(judged)
    return [
        target(close >= 0.85 * total, f"{of(close, total)} within 10 %, of which 85 % are asked"),
        f"{of(near, total)} within 2 % of the card's memory; either target will do",
    ]


def _miss(case: CacheCase) -> str:
    row, memory = case.row, case.memory
    off = (memory.kv_cache_bytes - case.observed_bytes) / GIB
    return (
        f"off by {percent(case.error)} ({off:+.2f} GiB): {row['model']} {row['quantization']}, "
        f"{row['engine']} {row['engine_version']}, {case.setup.tensor_parallel_degree} x "
        f"{card_name(case.setup.gpu)}" + (f"; {row['note']}" if row["note"] else "")
    )


def _left_out(cases: Sequence[CacheCase], name_of: Callable[[CacheCase], str]) -> int:
    inside = 0
    for case in cases:
        others = [abs(o.residual_share) for o in cases if name_of(o) != name_of(case)]
        inside += bool(others) and abs(case.residual_share) <= quantile(others, SHARE)
    return inside


def _plain_weights(setup: Setup) -> float:
    stored = setup.shape.stored
    bytes_each = 2.0 if stored is None else stored.bits / 8
    return setup.shape.parameter_count * bytes_each / setup.tensor_parallel_degree


def _remainder_tokens(case: CacheCase) -> float:
    fraction = case.setup.memory_fraction or 0.9
    left = case.memory.usable_bytes * fraction - case.memory.weights_bytes
    return left / case.memory.kv_bytes_per_token


def _guide_tokens(case: CacheCase) -> float:
    shape = case.setup.shape
    token = 2 * 2 * shape.num_hidden_layers * shape.hidden_size / case.setup.tensor_parallel_degree
    fraction = case.setup.memory_fraction or 0.9
    return (case.memory.usable_bytes * fraction - case.memory.weights_bytes) / token
