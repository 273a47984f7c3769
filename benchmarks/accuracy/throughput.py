"""How far estimated throughput and latencies are from published measurements, per group.

    python -m benchmarks.accuracy.throughput [--observations FOLDER] [--quick]

The first tables are of the estimate as it ships. Those after them fit the constants again for each
model, family and card, to the repository's own observations without its rows, which takes about a
minute on one core; --quick leaves them out.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.accuracy.left_out import KINDS, Judged, left_out
from benchmarks.accuracy.observations import Observations
from benchmarks.accuracy.performance_cases import OBSERVATIONS, Case, read_cases
from benchmarks.accuracy.roofline_fit import ideal, points_of, shipped
from benchmarks.accuracy.table import Table, target
from lmi_deployer.performance.constants import Measure, factors

MEASURES: tuple[Measure, ...] = ("throughput", "itl", "ttft")
KEYS: Mapping[str, Callable[[Case], str]] = {
    "engine": lambda case: f"{case.group}, {case.pace}",
    "model": lambda case: f"{case.group}, {case.pace}, {case.model.rpartition('/')[2]}",
    "card": lambda case: f"{case.group}, {case.pace}, {case.card}",
}
COLUMNS = ("group", "rows", "throughput", "itl", "ttft", "datasheet roofline")
ABOUT = (
    "Mean (median) error in percent, and after the slash how many of 100 rows the shipped band "
    "holds. The last column is the throughput of a roofline at the peak rates of the datasheets."
)
SHIPPED = "as shipped"
TARGETS: Mapping[str, float] = {
    SHIPPED: 15.0,
    "each model left out": 25.0,
    "each family left out": 25.0,
}
"""Mean error in percent that dense models on NVLink cards and on one L40S are to stay below."""
TARGET_GROUPS = frozenset({"dense-nvlink", "dense-l40s"})
BAND_TARGET = 80.0


def tables(observations: Observations, *, is_quick: bool = False) -> list[Table]:
    """The tables for the observations of a folder; empty where it has no such file."""
    cases, skipped = read_cases(observations)
    if not cases:
        return []
    constants = shipped()
    made = list(_tables(SHIPPED, [Judged.of(case, constants) for case in cases]))
    notes = [f"out of scope, {count} rows: {reason}" for reason, count in skipped.most_common()]
    made.append(Table("Throughput: rows", ("in scope",), [[str(len(cases))]], notes=notes))
    if not is_quick:
        points = points_of(read_cases(Observations(OBSERVATIONS))[0])
        for title, kind in KINDS.items():
            without = left_out(points, constants, kind)
            judged = [Judged.of(case, without(case)) for case in cases]
            made += _tables(f"each {title} left out", judged)
    return made


def _tables(title: str, judged: Sequence[Judged]) -> Iterator[Table]:
    """Errors by engine, by model and by card."""
    for name, key in KEYS.items():
        groups: dict[str, list[Judged]] = defaultdict(list)
        for one in judged:
            groups[key(one.case)].append(one)
        rows = [
            [group, str(len(members)), *(_cell(members, measure) for measure in MEASURES),
             _datasheet(members)]
            for group, members in sorted(groups.items())
        ]  # fmt: skip
        notes = list(_targets(title, judged)) if name == "engine" else []
        yield Table(f"Throughput {title}, by {name}", COLUMNS, rows, about=ABOUT, notes=notes)


def _targets(title: str, judged: Sequence[Judged]) -> Iterator[str]:
    """Which targets are met, group by group."""
    groups: dict[tuple[str, str], list[Judged]] = defaultdict(list)
    for one in judged:
        groups[one.case.group, one.case.pace].append(one)
    for (group, pace), members in sorted(groups.items()):
        ratios = [one.ratios()["throughput"] for one in members]
        mean = statistics.mean(100 * abs(1 / ratio - 1) for ratio in ratios)
        limit = TARGETS.get(title)
        if group in TARGET_GROUPS and limit is not None:
            yield target(mean <= limit, f"{group}, {pace}: mean {mean:.1f} %, at most {limit:.0f}")
        held = _held(group, "throughput", ratios)
        if title != SHIPPED and held is not None:
            yield target(held >= BAND_TARGET, f"{group}, {pace}: band holds {held:.0f} of 100")


def _cell(judged: Sequence[Judged], measure: Measure) -> str:
    """Mean and median error of a measure, and how many rows the shipped band holds."""
    ratios = [ratio for one in judged if (ratio := one.ratios().get(measure)) is not None]
    if not ratios:
        return ""
    held = _held(judged[0].case.group, measure, ratios)
    errors = _mean([100 * abs(1 / ratio - 1) for ratio in ratios])
    return errors if held is None else f"{errors} / {held:.0f}"


def _held(group: str, measure: Measure, ratios: Sequence[float]) -> float | None:
    """Percent of the rows that the shipped band holds; None without a band."""
    band = factors(group, measure)
    if band is None:
        return None
    return 100 * sum(band.low <= ratio <= band.high for ratio in ratios) / len(ratios)


def _datasheet(judged: Sequence[Judged]) -> str:
    """The error of the throughput of a roofline at the peak rates of the datasheets."""
    best = ideal()
    ratios = [Judged.of(one.case, best).ratios()["throughput"] for one in judged]
    return _mean([100 * abs(1 / ratio - 1) for ratio in ratios])


def _mean(errors: Sequence[float]) -> str:
    return f"{statistics.mean(errors):.1f} ({statistics.median(errors):.1f})"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--observations", type=Path, default=OBSERVATIONS, metavar="FOLDER")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    for one in tables(Observations(options.observations), is_quick=options.quick):
        print(one.markdown())


if __name__ == "__main__":
    main()
