"""Ranges of LMI versions, as the catalog writes them: `0.25.0..0.27.0`, `>=0.28.0`, `all`.

LMI versions are compared by their place in containers.yaml, which lists them from the oldest to
the newest: `0.36.0-lmi18` and its like follow no common rule of version numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence


def versions_in(expression: str, order: Sequence[str]) -> tuple[str, ...]:
    """The versions that an expression stands for, oldest first.

    `order` holds every version, oldest first. Parts are joined with commas: `<=0.24.0, 0.26.0`.
    Raises ValueError for a version that `order` lacks and for a range that runs backwards.

    >>> versions_in("0.24.0..0.26.0", ["0.23.0", "0.24.0", "0.25.0", "0.26.0"])
    ('0.24.0', '0.25.0', '0.26.0')
    """
    chosen = {version for part in expression.split(",") for version in _part(part.strip(), order)}
    return tuple(version for version in order if version in chosen)


def expression_of(versions: Collection[str], order: Sequence[str]) -> str:
    """The shortest expression that stands for some versions; `none` for no version.

    >>> expression_of(["0.23.0", "0.25.0", "0.26.0"], ["0.23.0", "0.24.0", "0.25.0", "0.26.0"])
    '0.23.0, >=0.25.0'
    """
    if len(versions) == len(order):
        return "all"
    runs: list[list[str]] = []
    for version in order:
        if version in versions:
            if not runs or order[order.index(version) - 1] != runs[-1][-1]:
                runs.append([])
            runs[-1].append(version)
    return ", ".join(_run(run, order) for run in runs) or "none"


def _run(run: Sequence[str], order: Sequence[str]) -> str:
    """Neighbouring versions, as one part of an expression."""
    if len(run) == 1:
        return run[0]
    if run[-1] == order[-1]:
        return f">={run[0]}"
    return f"<={run[-1]}" if run[0] == order[0] else f"{run[0]}..{run[-1]}"


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
