"""Lines of a diff beside one another: what belongs together stands in one row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.diffing.as_text import WIDE, text
from lmi_deployer.diffing.side_by_side import BETWEEN, beside, rows, shown_lines, unified
from lmi_deployer.paint import plain
from tests.diffing_samples import HUB_TOKEN, samples
from tests.unit.diffing.hand_made import TEXTS

LINES = (" a=1", "-b=1", "-c=1", "+c=2", "+d=2", " e=1")


def test_lines_of_one_key_stand_in_one_row():
    assert list(rows(LINES)) == [
        (" a=1", " a=1"),
        ("-b=1", None),
        ("-c=1", "+c=2"),
        (None, "+d=2"),
        (" e=1", " e=1"),
    ]


def test_lines_whose_keys_stand_twice_are_taken_in_order():
    lines = ["-- name: a", "-- name: b", "+- name: c"]
    assert list(rows(lines)) == [("-- name: a", "+- name: c"), ("-- name: b", None)]


def test_one_under_the_other_what_was_comes_before_what_is():
    assert list(shown_lines(LINES, 80)) == list(LINES)


@pytest.mark.parametrize("width", [60, 100, 160, 161])
def test_both_columns_begin_at_the_same_place_in_every_row(width: int):
    lines = list(beside([*LINES, "-f=" + "x" * 100, "+f=" + "y" * 100], width, plain))
    assert {line.index(BETWEEN.rstrip()) for line in lines} == {4 + (width - 7) // 2}
    assert max(map(len, lines)) <= width


@given(before=TEXTS, after=TEXTS, room=st.integers(20, 120))
def test_two_lines_that_differ_are_never_shown_as_the_same(before: str, after: str, room: int):
    removed, added = shown_lines([f"-option.x={before}", f"+option.x={after}"], room)
    assert removed[:1] == "-"
    assert added[:1] == "+"
    assert (removed[1:] == added[1:]) == (before == after)


@given(lines=st.lists(st.tuples(st.sampled_from("-+ @"), TEXTS).map("".join), max_size=8))
def test_no_line_is_lost(lines: list[str]):
    shown = list(shown_lines(lines, 10_000))
    assert sorted(line[:1] for line in shown) == sorted(line[:1] for line in lines)


@given(told=TEXTS, width=st.integers(40, 160))
def test_lines_stay_within_the_width(told: str, width: int):
    for form in (unified, beside):
        lines = list(form([f"-{told}", f"+x{told}", f" {told}"], width, plain))
        assert max(map(len, lines)) <= width
        assert all(line.isascii() and line.isprintable() for line in lines)


def test_a_secret_is_hidden_and_still_seen_to_differ():
    (rendered,) = samples()["hostile"].profiles
    shown = list(shown_lines(rendered.rendered, 80))
    assert "-option.api_token=***" in shown
    assert "+option.api_token=*** (not the same)" in shown
    assert list(shown_lines([f"-a={HUB_TOKEN}", f"+a={HUB_TOKEN}2", f"+b={HUB_TOKEN}"], 80)) == [
        "-a=***",
        "+a=*** (not the same)",
        "+b=***",
    ]


def test_a_space_at_the_end_is_seen():
    assert list(shown_lines(["-a=1", "+a=1 ", " "], 80)) == ["-a=1", r"+a=1\x20", " "]


def test_wide_terminals_show_both_sides_beside_each_other_and_others_when_asked():
    comparison = samples()["restart"]
    row = "-option.max_rolling_batch_size=32"
    beside_each_other = "| +option.max_rolling_batch_size=16"

    def line(width: int, side_by_side: bool | None) -> str:
        shown = text(comparison, width=width, side_by_side=side_by_side)
        return next(line for line in shown.splitlines() if row in line)

    assert beside_each_other in line(WIDE, None)
    assert beside_each_other not in line(WIDE - 1, None)
    assert beside_each_other in line(100, True)
    assert beside_each_other not in line(WIDE, False)


def test_lines_of_one_side_only_are_not_set_beside_nothing():
    for name in ("added", "removed"):
        shown = text(samples()[name], width=WIDE).partition("serving.properties\n")[2]
        assert BETWEEN.rstrip() not in shown
