"""Errors on rows that the constants had not seen, and the bands that come of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.accuracy.fitting import quantile
from benchmarks.accuracy.performance_cases import Case
from benchmarks.accuracy.roofline_fit import PACES, Constants, Point, fit_constants
from lmi_deployer.performance.constants import Measure
from lmi_deployer.performance.estimate import middle
from lmi_deployer.performance.scope import NO_GRAPHS, UNMEASURED, kind_of, method_of

KEPT_SHARE = 0.86
"""Of the left-out points a band holds; more than the promised 0.8, as new rows differ more."""
STRANGE_SHARE = 0.92
"""The same for engines and formats that nobody measured, which may be stranger than any here."""
HANDFUL = 3
"""Models from which on a group speaks for itself."""
KINDS: Mapping[str, Callable[[Case], str]] = {
    "model": lambda case: case.model,
    "family": lambda case: case.setup.shape.model_type,
    "card": lambda case: case.card,
}
STRANGE_KINDS: Mapping[str, Callable[[Case], str]] = {
    "number format": lambda case: str(method_of(case.setup)),
    "engine": lambda case: case.pace,
}
NEIGHBOURS = tuple(name for name in PACES if name not in {NO_GRAPHS, "trtllm-0.5"})
"""Engines whose pace is tried for one that nobody measured."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One case with what was estimated of it."""

    case: Case
    tokens_per_second: float
    itl_seconds: float
    ttft_seconds: float | None

    @classmethod
    def of(cls, case: Case, constants: Constants, pace: str | None = None) -> Judged:
        """With given constants; `pace` names another engine's than the case's own."""
        found = middle(
            case.setup,
            case.memory,
            concurrency=case.concurrency,
            hardware=constants.hardware,
            pace=constants.paces[pace or case.pace],
        )
        return cls(case, found.output_tokens_per_second, found.itl_seconds, found.ttft_seconds)

    def ratios(self) -> dict[Measure, float]:
        """Measured over estimated, for whatever was measured."""
        case = self.case
        found: dict[Measure, float] = {
            "throughput": case.tokens_per_second / self.tokens_per_second
        }
        if case.itl_seconds is not None:
            found["itl"] = case.itl_seconds / self.itl_seconds
        if case.ttft_seconds is not None and self.ttft_seconds is not None:
            found["ttft"] = case.ttft_seconds / self.ttft_seconds
        return found


@dataclass(frozen=True, slots=True)
class Miss:
    """One left-out point: measured over estimated."""

    case: Case
    group: str
    measure: Measure
    ratio: float
    weight: float


def left_out(
    points: Sequence[Point], everything: Constants, kind: Callable[[Case], str]
) -> Callable[[Case], Constants]:
    """What gives the constants for a case that were fitted without any row of its kind."""
    found: dict[str, Constants] = {}
    for one in sorted({kind(point.case) for point in points}):
        rest = [point for point in points if kind(point.case) != one]
        found[one] = fit_constants(rest, everything)
    return lambda case: found.get(kind(case), everything)


def misses(points: Iterable[Point], without: Callable[[Case], Constants]) -> Iterator[Miss]:
    """What the left-out points measured, over what was estimated of them."""
    for point in points:
        case = point.case
        for measure, ratio in Judged.of(case, without(case)).ratios().items():
            yield Miss(case, case.group, measure, ratio, point.weight)


def strange_misses(points: Sequence[Point], everything: Constants) -> Iterator[Miss]:
    """The same for engines and number formats that nobody measured.

    A format is left out as a whole; so is an engine, which then goes at its neighbours' pace.
    """
    points = [point for point in points if point.case.pace != NO_GRAPHS]
    for name, kind in STRANGE_KINDS.items():
        without = left_out(points, everything, kind)
        for point in points:
            case = point.case
            group = f"{kind_of(case.setup)}-{UNMEASURED}"
            paces = [case.pace] if name == "number format" else NEIGHBOURS
            for pace in {*paces} - ({case.pace} if name == "engine" else set()):
                for measure, ratio in Judged.of(case, without(case), pace).ratios().items():
                    yield Miss(case, group, measure, ratio, point.weight / len(paces))


def limits(chosen: Sequence[Miss], strange: Sequence[Miss] = ()) -> tuple[float, float]:
    """Lowest and highest factor on an estimate, which itself always lies between.

    Few models say little of the next one: with k of them the range is 1 + 1/k times as wide, and
    with less than a handful no narrower than that of `strange` engines and formats.
    """
    models = len({miss.case.model for miss in chosen})
    pairs = [(math.log(miss.ratio), miss.weight) for miss in chosen]
    is_strange = all(miss.group.endswith(UNMEASURED) for miss in chosen)
    outside = (1 - (STRANGE_SHARE if is_strange else KEPT_SHARE)) / 2
    low, high = (quantile(pairs, share) * (1 + 1 / models) for share in (outside, 1 - outside))
    if strange and models < HANDFUL:
        least, most = limits(strange)
        low, high = min(low, math.log(least)), max(high, math.log(most))
    return math.exp(min(0.0, low)), math.exp(max(0.0, high))


def grouped(found: Iterable[Miss]) -> dict[tuple[str, Measure], list[Miss]]:
    """The misses of each group and measure."""
    groups: dict[tuple[str, Measure], list[Miss]] = defaultdict(list)
    for miss in found:
        groups[miss.group, miss.measure].append(miss)
    return dict(sorted(groups.items()))


def strange_of(
    groups: Mapping[tuple[str, Measure], list[Miss]], group: str, measure: Measure
) -> list[Miss]:
    """The misses of unmeasured engines and formats that a group is compared with."""
    kind, _, place = group.partition("-")
    return [] if place == UNMEASURED else groups.get((f"{kind}-{UNMEASURED}", measure), [])


def coverage(found: Sequence[Miss]) -> dict[tuple[str, Measure], tuple[int, int]]:
    """Of how many points the band held, when it was made without any row of the point's model."""
    held: dict[tuple[str, Measure], tuple[int, int]] = {}
    groups = grouped(found)
    for (group, measure), chosen in groups.items():
        strange = strange_of(groups, group, measure)
        inside = total = 0
        for model in {miss.case.model for miss in chosen}:
            others = [miss for miss in chosen if miss.case.model != model]
            if others:
                rest = [miss for miss in strange if miss.case.model != model]
                low, high = limits(others, rest)
                own = [miss for miss in chosen if miss.case.model == model]
                inside += sum(low <= miss.ratio <= high for miss in own)
                total += len(own)
        held[group, measure] = (inside, total)
    return held
