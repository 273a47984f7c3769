"""One test over every row of a table: an item for each would be thousands of tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import pytest

Row = TypeVar("Row")


def for_each(rows: Mapping[str, Row]) -> Callable[[Callable[[Row], None]], Callable[[], None]]:
    """Makes a test of one row a test of them all, which tells every row that fails by its name."""

    def of_all(test: Callable[[Row], None]) -> Callable[[], None]:
        def looped() -> None:
            failures = []
            for name, row in rows.items():
                try:
                    test(row)
                except AssertionError as error:
                    failures.append(f"{name}: {error}")
            if failures:
                pytest.fail("\n".join([f"{len(failures)} of {len(rows)}:", *failures[:20]]))

        looped.__name__, looped.__doc__ = test.__name__, test.__doc__
        return looped

    return of_all
