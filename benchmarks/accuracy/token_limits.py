"""Measured limits of max_num_tokens for TensorRT-LLM, and the constants fitted to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log

from benchmarks.accuracy.cache_cases import GIB, card_name
from benchmarks.accuracy.fit_cases import FitCase, fit_cases
from benchmarks.accuracy.observations import Observations, Row, number
from benchmarks.accuracy.statistics_of import at_most_twice, grouped, of
from benchmarks.accuracy.table import Table, target
from lmi_deployer.catalog.sizing_rows import TokenBuffers
from lmi_deployer.sizing.activations import activation_lines
from lmi_deployer.sizing.budget import room_of
from lmi_deployer.sizing.engines import engine_memory

EVIDENCE = "lmi-max-num-tokens"
_WORST = 1.6
"""Of a logarithm: a row further off says no more about the constants."""
_START = (3.0, 8.0, 1.0)
_STEPS = (1.0, 2.0, 0.4)
_ROUNDS = 40


def tables(observations: Observations) -> list[Table]:
    """The limits by card and degree, with each model left out of the fit in turn."""
    cases, skipped = fit_cases(observations, _is_limit)
    cases = [case for case in cases if engine_memory(case.setup).buffers is not None]
    notes = [f"out of scope: {row['model']}: {reason}" for row, reason in skipped]
    if not cases:
        return []
    shipped = {id(case): limit(case, _shipped(case)) / _measured(case) for case in cases}
    left_out = {}
    for name in sorted({case.row["hf_id"] for case in cases}):
        others = [case for case in cases if case.row["hf_id"] != name]
        constants = fitted(others) if others else _shipped(cases[0])
        for case in cases:
            if case.row["hf_id"] == name:
                left_out[id(case)] = limit(case, constants) / _measured(case)
    rows = []
    named = [(_place(case), case) for case in cases]
    for name, found in grouped([*named, *(("all", case) for case in cases)]).items():
        rows.append((name, *_counts(found, shipped, left_out)))
    rows.sort(key=lambda row: row[0] == "all")
    far = [case for case in cases if not at_most_twice(shipped[id(case)])]
    met = len(cases) - len(far)
    alone = sum(at_most_twice(ratio) for ratio in left_out.values())
    notes = [
        target(met >= 0.9 * len(cases), f"{of(met, len(cases))} within two times; 9 of 10 are "
               "asked"),
        f"{of(alone, len(cases))} with each model left out of the fit",
        *(f"{shipped[id(case)]:.2g} times the limit: {case.name}" for case in far),
        *(f"{left_out[id(case)]:.2g} times the limit with its model left out: {case.name}"
          for case in cases if case not in far and not at_most_twice(left_out[id(case)])),
        *notes,
    ]  # fmt: skip
    return [
        Table(
            "Limits of max_num_tokens (TensorRT-LLM)",
            ("release, card, degree", "rows", "within two times, shipped", "model left out",
             "20 % of batch x input"),
            rows,
            "Three constants are fitted to these rows: what an engine takes whatever its limit, "
            "and its buffers for each token, as multiples of the hidden size and of the "
            "feed-forward. The last column is NVIDIA's rule of thumb for the setting.",
            notes,
        )
    ]  # fmt: skip


def fitted(cases: Sequence[FitCase]) -> TokenBuffers:
    """The constants with the smallest error, by a search along the axes with shrinking steps."""
    point, steps = list(_START), list(_STEPS)
    best = _loss(cases, point)
    for _ in range(_ROUNDS):
        improved = False
        for axis, step in enumerate(steps):
            for sign in (1, -1):
                tried = [*point]
                tried[axis] = max(0.0, tried[axis] + sign * step)
                loss = _loss(cases, tried)
                if loss < best:
                    point, best, improved = tried, loss, True
        if not improved:
            steps = [step / 2 for step in steps]
    return _buffers(point)


def limit(case: FitCase, buffers: TokenBuffers) -> float:
    """The most tokens of a pass that leave no room for a cache, and none short."""
    setup = replace(case.setup, max_num_tokens=1)
    rules = engine_memory(setup).model_copy(update={"buffers": buffers})
    (line,) = activation_lines(setup, rules)
    fixed = buffers.fixed_gib * GIB
    room = room_of(setup, rules, (line,))
    free = room.allowed - room.weights - room.overhead - fixed
    return max(free / (line.fixed - fixed), 1.0)


def _place(case: FitCase) -> str:
    degree = case.setup.tensor_parallel_degree
    return f"{case.row['engine_version']}, {card_name(case.setup.gpu)}, degree {degree}"


def _is_limit(row: Row) -> bool:
    return row["evidence"] == EVIDENCE and bool(number(row["limit_value"]))


def _measured(case: FitCase) -> float:
    return float(case.row["limit_value"])


def _shipped(case: FitCase) -> TokenBuffers:
    buffers = engine_memory(case.setup).buffers
    assert buffers is not None
    return buffers


def _buffers(point: Sequence[float]) -> TokenBuffers:
    return TokenBuffers(fixed_gib=point[0], per_hidden=point[1], per_inner=point[2])


def _loss(cases: Sequence[FitCase], point: Sequence[float]) -> float:
    if point[1] <= 0:
        return float("inf")
    buffers = _buffers(point)
    off = (abs(log(limit(case, buffers) / _measured(case))) for case in cases)
    return float(sum(min(error, _WORST) ** 1.5 for error in off))


def _counts(
    cases: Sequence[FitCase], shipped: dict[int, float], left_out: dict[int, float]
) -> tuple[str, ...]:
    total = len(cases)
    thumb = sum(
        at_most_twice(0.2 * case.setup.max_rolling_batch_size * case.setup.max_input_len
                      / _measured(case))
        for case in cases
    )  # fmt: skip
    met = [sum(at_most_twice(found[id(case)]) for case in cases) for found in (shipped, left_out)]
    return (str(total), of(met[0], total), of(met[1], total), of(thumb, total))
