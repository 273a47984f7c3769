"""Ranges of LMI versions, as the catalog writes them: `0.25.0..0.27.0`, `>=0.28.0`, `all`.

LMI versions are compared by their place in containers.yaml, which lists them from the oldest to
the newest: `0.36.0-lmi18` and its like follow no common rule of version numbers.
"""

from __future__ import annotations

from collections.abc import Sequence


def versions_in(expression: str, order: Sequence[str]) -> tuple[str, ...]:
    """The versions that an expression stands for, oldest first.

    `order` holds every version, oldest first. Parts are joined with commas: `<=0.24.0, 0.26.0`.
    Raises ValueError for a version that `order` lacks and for a range that runs backwards.

    >>> versions_in("0.24.0..0.26.0", ["0.23.0", "0.24.0", "0.25.0", "0.26.0"])
    ('0.24.0', '0.25.0', '0.26.0')
    """
    chosen = {version for part in expression.split(",") for version in _part(part.strip(), order)}
    return tuple(version for version in order if version in chosen)


def _part(part: str, order: Sequence[str]) -> Sequence[str]:
    if part == "all":
        return order
    if part.startswith("<="):
        return order[: _index(part[2:], order) + 1]
    if part.startswith(">="):
        return order[_index(part[2:], order) :]
    first, dots, last = part.partition("..")
    start, end = _index(first, order), _index(last if dots else first, order)
    if end < start:
        raise ValueError(f"the range {part} runs backwards")
    return order[start : end + 1]


def _index(version: str, order: Sequence[str]) -> int:
    try:
        return list(order).index(version)
    except ValueError:
        raise ValueError(f"{version!r} is no version of containers.yaml") from None
