"""Least squares of many small terms in plain Python: robust, with a prior on every parameter."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Vector = list[float]
ROUNDS = 14
NUDGE = 1e-4
"""Of a logarithm, for slopes by differences."""
SMALL_GAIN = 1e-4
"""Share of the loss below which a round is the last."""


def fit(
    residuals: Callable[[Vector], Sequence[float]],
    touched: Sequence[Sequence[int]],
    start: Vector,
    prior: Vector,
    spread: Vector,
) -> Vector:
    """Parameters that make the residuals small, by Levenberg and Marquardt.

    A residual counts in full up to 1 and linearly beyond, so that a row that nothing explains does
    not bend the rest. `touched` names the residuals that each parameter moves; `spread` is how far
    it may stray from its `prior` at the price of one residual of 1.
    """
    point, damping = list(start), 1e-2
    current = list(residuals(point))
    loss = _loss(current, point, prior, spread)
    for _ in range(ROUNDS):
        matrix, gradient = _normal(residuals, touched, point, current, prior, spread)
        for _ in range(8):
            damped = [
                [value * (1 + damping) if i == j else value for j, value in enumerate(row)]
                for i, row in enumerate(matrix)
            ]
            step = solve(damped, gradient)
            tried = [value - move for value, move in zip(point, step, strict=True)]
            found = list(residuals(tried))
            better = _loss(found, tried, prior, spread)
            if better < loss:
                break
            damping *= 8
        else:
            return point
        gain, point, current, loss = loss - better, tried, found, better
        damping = max(1e-6, damping / 5)
        if gain < SMALL_GAIN * loss:
            break
    return point


def _loss(values: Sequence[float], point: Vector, prior: Vector, spread: Vector) -> float:
    rows = sum(math.sqrt(1 + value * value) - 1 for value in values)
    return rows + sum(
        ((value - middle) / wide) ** 2 / 2
        for value, middle, wide in zip(point, prior, spread, strict=True)
    )


def _normal(
    residuals: Callable[[Vector], Sequence[float]],
    touched: Sequence[Sequence[int]],
    point: Vector,
    current: Sequence[float],
    prior: Vector,
    spread: Vector,
) -> tuple[list[Vector], Vector]:
    """The normal equations of one round; far residuals weigh less."""
    weights = [1 / math.sqrt(1 + value * value) for value in current]
    slopes: list[dict[int, float]] = []
    for index in range(len(point)):
        moved = list(point)
        moved[index] += NUDGE
        found = residuals(moved)
        slopes.append({row: (found[row] - current[row]) / NUDGE for row in touched[index]})
    size = len(point)
    matrix = [[0.0] * size for _ in range(size)]
    gradient = [0.0] * size
    for i, left in enumerate(slopes):
        weighed = {row: slope * weights[row] for row, slope in left.items()}
        gradient[i] = sum(slope * current[row] for row, slope in weighed.items())
        gradient[i] += (point[i] - prior[i]) / spread[i] ** 2
        for j in range(i + 1):
            right = slopes[j]
            few, many = (weighed, right) if len(weighed) < len(right) else (right, weighed)
            total = sum(value * many[row] for row, value in few.items() if row in many)
            matrix[i][j] = matrix[j][i] = total
        matrix[i][i] += 1 / spread[i] ** 2
    return matrix, gradient


def solve(matrix: list[Vector], right: Vector) -> Vector:
    """The x of a linear system, by elimination with the largest pivot first."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for row in range(column + 1, size):
            factor = rows[row][column] / rows[column][column]
            for k in range(column, size + 1):
                rows[row][k] -= factor * rows[column][k]
    answer = [0.0] * size
    for row in reversed(range(size)):
        known = sum(rows[row][k] * answer[k] for k in range(row + 1, size))
        answer[row] = (rows[row][size] - known) / rows[row][row]
    return answer


def quantile(values: Sequence[tuple[float, float]], share: float) -> float:
    """The value below which `share` of the weight lies, of (value, weight) pairs."""
    ordered = sorted(values)
    wanted, seen = share * sum(weight for _, weight in ordered), 0.0
    for value, weight in ordered:
        seen += weight
        if seen >= wanted:
            return value
    return ordered[-1][0]


def median_of(values: Sequence[tuple[float, float]]) -> float:
    """The weighted median of (value, weight) pairs."""
    return quantile(values, 0.5)
