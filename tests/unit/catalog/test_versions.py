"""Ranges of versions are read, and written again, by their place in a list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.catalog.versions import expression_of, versions_in

ORDER = ("0.24.0", "0.25.0", "0.26.0", "0.36.0-lmi9", "0.36.0-lmi10")


@pytest.mark.parametrize(
    ("expression", "versions"),
    [
        ("all", ORDER),
        ("0.25.0", ("0.25.0",)),
        ("0.25.0..0.36.0-lmi9", ("0.25.0", "0.26.0", "0.36.0-lmi9")),
        (">=0.36.0-lmi9", ("0.36.0-lmi9", "0.36.0-lmi10")),
        ("<=0.24.0, 0.26.0", ("0.24.0", "0.26.0")),
        ("0.26.0, 0.24.0..0.25.0", ("0.24.0", "0.25.0", "0.26.0")),
    ],
)
def test_a_range_follows_the_order_of_the_list(expression: str, versions: tuple[str, ...]) -> None:
    assert versions_in(expression, ORDER) == versions
    assert versions_in(expression_of(versions, ORDER), ORDER) == versions


@pytest.mark.parametrize("expression", ["0.27.0", ">=0.27.0", "0.24.0..0.27.0", "", "0.24.0,"])
def test_a_version_that_the_list_lacks_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"is no version of containers\.yaml"):
        versions_in(expression, ORDER)


def test_a_range_that_runs_backwards_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.26\.0\.\.0\.24\.0 runs backwards"):
        versions_in("0.26.0..0.24.0", ORDER)


@given(st.sets(st.sampled_from(ORDER), min_size=1))
def test_what_is_written_for_some_versions_stands_for_them(versions: set[str]) -> None:
    assert set(versions_in(expression_of(versions, ORDER), ORDER)) == versions


def test_no_version_at_all_is_said_in_a_word() -> None:
    assert expression_of([], ORDER) == "none"
