"""Small statistics over errors, as the tables print them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from math import ceil
from typing import TypeVar

from benchmarks.accuracy.table import percent

T = TypeVar("T")


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed.

    >>> quantile([3.0, 1.0, 2.0, 4.0], 0.75)
    3.0
    """
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def grouped(items: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    """Items by the name beside them, names in order."""
    found: dict[str, list[T]] = {}
    for name, item in items:
        found.setdefault(name, []).append(item)
    return dict(sorted(found.items()))


def of(count: int, total: int) -> str:
    """`13 of 14`."""
    return f"{count} of {total}"


def median(errors: Sequence[float], digits: int = 1) -> str:
    """The middle of absolute errors, as percent."""
    return percent(statistics.median(abs(error) for error in errors), digits)


def mean(errors: Sequence[float], digits: int = 1) -> str:
    """The mean of absolute errors, as percent."""
    return percent(statistics.fmean(abs(error) for error in errors), digits)


def worst(errors: Sequence[float], digits: int = 1) -> str:
    """The largest absolute error, as percent."""
    return percent(max(abs(error) for error in errors), digits)


def within(errors: Sequence[float], most: float) -> int:
    """How many errors are no larger than that."""
    return sum(abs(error) <= most for error in errors)


def at_most_twice(ratio: float) -> bool:
    """Whether an estimate is between half of a measurement and twice it."""
    return 0.5 <= ratio <= 2.0
