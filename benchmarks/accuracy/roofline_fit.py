"""The constants of the roofline as parameters of a fit: where they start, how far they may go."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.accuracy.fitting import Vector, fit, median_of
from benchmarks.accuracy.performance_cases import Case
from lmi_deployer.catalog import raw_rows
from lmi_deployer.performance.constants import Hardware, Pace, hardware_of, pace_of
from lmi_deployer.performance.estimate import load_of
from lmi_deployer.performance.roofline import Load, first_token, serve
from lmi_deployer.performance.scope import NO_GRAPHS
from lmi_deployer.performance.work import Work, work

HARDWARE: Mapping[str, tuple[float, float]] = {
    "weight_bandwidth": (0.75, 0.25),
    "cache_bandwidth": (0.75, 0.25),
    "expert_bandwidth": (0.75, 0.4),
    "unpacking": (0.8, 0.4),
    "decode_compute": (0.6, 0.25),
    "prefill_compute": (0.6, 0.25),
    "expert_compute": (0.5, 0.4),
    "nvlink_latency_us": (8.0, 0.7),
    "nvlink_bandwidth": (0.5, 0.4),
    "pcie_latency_us": (30.0, 0.7),
    "pcie_gb_per_second": (12.0, 0.5),
}
"""Constant: (where it starts, how far its logarithm may stray). Starts are the round figures that
kernels usually reach: memory 70 to 80 % of its rate, products 50 to 65 % of theirs, and PCIe 4.0
by way of host memory half of its 25 GB/s."""
ENGINE: Mapping[str, tuple[float, float]] = {
    "per_step_us": (1000.0, 0.7),
    "per_layer_us": (20.0, 0.7),
    "per_prefill_layer_us": (60.0, 1.0),
    "per_expert_layer_us": (10.0, 0.5),
    "per_sequence_us": (10.0, 1.0),
    "link_factor": (1.0, 0.5),
    "rereads": (0.3, 1.0),
}
OWN_STARTS: Mapping[tuple[str, str], tuple[float, float]] = {
    ("no-graphs", "per_layer_us"): (300.0, 0.7),
    ("no-graphs", "per_prefill_layer_us"): (300.0, 0.7),
    ("no-graphs", "per_sequence_us"): (1000.0, 1.0),
}
"""Without graphs every kernel is launched from Python, which takes 5 to 10 us each."""
PACES = ("trtllm-0.5", "trtllm-0.7", "trtllm-1", "vllm", "sglang", "no-graphs")
OF_OLD = {"link_factor": 1.0, "rereads": 0.0}
"""What is fitted for old engines alone, and its value for the others."""
OLD: Mapping[str, frozenset[str]] = {
    "link_factor": frozenset({"no-graphs"}),
    "rereads": frozenset({"no-graphs", "trtllm-0.5"}),
}
"""Engines of 2023: before all-reduce kernels of their own, and before attention kernels that read
the keys and values of grouped heads once (TensorRT-LLM has those since 0.7)."""
TOLERANCE = 0.1
"""Error of a row, as a logarithm, from which on it counts linearly."""
PRIOR_WEIGHT = 3.0


@dataclass(frozen=True, slots=True)
class Point:
    """A case without what constants do not change."""

    case: Case
    work: Work
    load: Load
    weight: float


@dataclass(frozen=True, kw_only=True)
class Constants:
    """A set of fitted constants: rows of performance.yaml, and the same in seconds."""

    hardware_row: dict[str, Any]
    engine_rows: dict[str, dict[str, Any]]
    hardware: Hardware
    paces: Mapping[str, Pace]

    def seconds_per_token(self, point: Point, pace: str | None = None) -> float:
        """The estimate of a point's throughput, upside down; `pace` for another engine's."""
        found = self.paces[pace or point.case.pace]
        timing = serve(point.work, self.hardware, found, point.load)
        return timing.cycle / (point.load.in_flight * point.load.output_len)


def points_of(cases: Sequence[Case]) -> list[Point]:
    """The cases with their work; every sweep counts by the square root of its rows."""
    sizes = Counter(case.sweep for case in cases)
    return [
        Point(
            case,
            work(case.setup, case.memory.kv_bytes_per_token),
            load_of(case.setup, case.memory, case.concurrency),
            sizes[case.sweep] ** -0.5,
        )
        for case in cases
    ]


def fit_constants(points: Sequence[Point], start: Constants | None = None) -> Constants:
    """The constants that explain the throughput of points best, then their first tokens."""
    parameters = _Parameters(PACES)
    scale = math.sqrt(len(points) / sum(point.weight**2 for point in points))
    goals = [math.log(point.case.tokens_per_second) for point in points]

    def residuals(vector: Vector) -> list[float]:
        constants = parameters.constants(vector)
        return [
            -(math.log(constants.seconds_per_token(point)) + goal)
            * point.weight * scale / TOLERANCE
            for point, goal in zip(points, goals, strict=True)
        ]  # fmt: skip

    touched = [
        [row for row, point in enumerate(points) if _moves(owner, point.case.pace)]
        for owner, _ in parameters.names
    ]
    begin = parameters.start if start is None else parameters.vector(start)
    spread = [value / PRIOR_WEIGHT for value in parameters.spread]
    found = parameters.constants(fit(residuals, touched, begin, parameters.start, spread))
    return _with_first_tokens(found, points)


def _moves(owner: str | None, pace: str) -> bool:
    """Whether a parameter follows the rows of a pace.

    Engines that launch every kernel from Python hide what the hardware does, so they say nothing
    of it.
    """
    return pace != NO_GRAPHS if owner is None else owner == pace


class _Parameters:
    """The order in which constants stand in a vector, as logarithms."""

    def __init__(self, paces: Sequence[str]) -> None:
        self.paces = paces
        self.names: list[tuple[str | None, str]] = [(None, name) for name in HARDWARE]
        self.names += [
            (pace, name)
            for pace in paces
            for name in ENGINE
            if name not in OLD or pace in OLD[name]
        ]
        starts = [self._start(*key) for key in self.names]
        self.start = [math.log(value) for value, _ in starts]
        self.spread = [wide for _, wide in starts]

    @staticmethod
    def _start(pace: str | None, name: str) -> tuple[float, float]:
        if pace is None:
            return HARDWARE[name]
        return OWN_STARTS.get((pace, name), ENGINE[name])

    def vector(self, constants: Constants) -> Vector:
        rows = constants.engine_rows
        return [
            math.log((constants.hardware_row if pace is None else rows[pace])[name])
            for pace, name in self.names
        ]

    def constants(self, vector: Vector) -> Constants:
        hardware: dict[str, Any] = {}
        engines: dict[str, dict[str, Any]] = {
            pace: {**OF_OLD, "first_token_factor": None, "first_token_queue": 0.0}
            for pace in self.paces
        }
        for (pace, name), value in zip(self.names, vector, strict=True):
            (hardware if pace is None else engines[pace])[name] = math.exp(value)
        return _made(hardware, engines)


def _made(hardware: dict[str, Any], engines: dict[str, dict[str, Any]]) -> Constants:
    return Constants(
        hardware_row=hardware,
        engine_rows=engines,
        hardware=hardware_of(hardware),
        paces={pace: pace_of(row) for pace, row in engines.items()},
    )


def shipped() -> Constants:
    """The constants of the catalog."""
    table = raw_rows("performance")
    return _made(table["hardware"], {pace: table[pace] for pace in PACES})


def ideal() -> Constants:
    """Every peak rate of the datasheets reached, and nothing else taking any time."""
    hardware = dict.fromkeys(HARDWARE, 1.0) | {"nvlink_latency_us": 0.0, "pcie_latency_us": 0.0}
    hardware["pcie_gb_per_second"] = 32.0  # PCIe 4.0 with 16 lanes
    pace = dict.fromkeys(ENGINE, 0.0) | {"first_token_factor": 1.0, "first_token_queue": 0.0}
    return _made(hardware, {name: {**pace, **OF_OLD} for name in PACES})


QUEUES = (0.0, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)
"""Shares of the other prompts that are tried, each with the factor that suits it best."""
FEWEST_FIRST_TOKENS = 20


def _with_first_tokens(constants: Constants, points: Sequence[Point]) -> Constants:
    """The same, with what each engine takes to the first token."""
    engines = {}
    for pace, row in constants.engine_rows.items():
        measured = [
            (point, first)
            for point in points
            if point.case.pace == pace and (first := point.case.ttft_seconds) is not None
        ]
        engines[pace] = row
        if len(measured) >= FEWEST_FIRST_TOKENS:
            factor, queue = _first_token(constants, pace, measured)
            engines[pace] = {**row, "first_token_factor": factor, "first_token_queue": queue}
    return _made(constants.hardware_row, engines)


def _first_token(
    constants: Constants, pace: str, measured: Sequence[tuple[Point, float]]
) -> tuple[float, float]:
    timings = [
        (serve(point.work, constants.hardware, constants.paces[pace], point.load), point, first)
        for point, first in measured
    ]
    best = (math.inf, 1.0, 0.0)
    for queue in QUEUES:
        plain = pace_of(
            {**constants.engine_rows[pace], "first_token_factor": 1.0, "first_token_queue": queue}
        )
        errors = [
            (math.log(first / (first_token(timing, plain, point.load.in_flight) or first)),
             point.weight)
            for timing, point, first in timings
        ]  # fmt: skip
        centre = median_of(errors)
        spread = sum(abs(error - centre) * weight for error, weight in errors)
        best = min(best, (spread, math.exp(centre), queue))
    return best[1], best[2]
