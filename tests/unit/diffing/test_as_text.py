"""The comparison as text: readable at every width, and never two texts that differ as one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lmi_deployer.diffing.as_text import text
from lmi_deployer.diffing.page_lines import LEAST_ROOM, cut, cut_pair, filled, pieces, seen
from lmi_deployer.diffing.value_lines import value_texts
from lmi_deployer.paint import plain
from tests.diffing_samples import AFTER, BEFORE, HUB_TOKEN, samples
from tests.unit.diffing.hand_made import (
    TEXTS,
    change,
    changed,
    compared,
    everywhere,
    mirrored,
)

NAMES = sorted(samples())
SAVED_WIDTHS = (60, 80, 160)
TELLING = ("hostile", "live", "recompile", "several", "unread")
WIDTHS = st.integers(60, 200)


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_reads_as_it_did(name: str, golden: Callable[[str, str], None]):
    golden(f"diff/{name}.txt", text(samples()[name], width=100))


@pytest.mark.parametrize("name", NAMES)
def test_every_mirrored_sample_reads_as_it_did(name: str, golden: Callable[[str, str], None]):
    golden(f"diff/{name}.mirrored.txt", text(mirrored(samples()[name]), width=100))


@pytest.mark.parametrize("width", SAVED_WIDTHS)
@pytest.mark.parametrize("name", TELLING)
def test_samples_read_as_they_did_on_other_terminals(
    name: str, width: int, golden: Callable[[str, str], None]
):
    golden(f"diff/{name}.{width}.txt", text(samples()[name], width=width, show_all=True))


@pytest.mark.parametrize("width", [40, 60, 72, 80, 100, 139, 140, 160, 200])
@pytest.mark.parametrize("name", NAMES)
def test_no_line_is_wider_than_the_terminal(name: str, width: int):
    shown = text(samples()[name], width=width, show_all=True)
    assert max(map(len, shown.split("\n"))) <= width


@given(told=TEXTS, width=WIDTHS, is_wide=st.booleans())
def test_whatever_is_in_a_profile_stays_on_lines_of_plain_letters(
    told: str, width: int, is_wide: bool
):
    shown = text(everywhere(told), width=width, side_by_side=is_wide, show_all=True)
    lines = shown.removesuffix("\n").split("\n")
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert max(map(len, lines)) <= width


@given(told=TEXTS, width=st.integers(40, 160))
def test_color_is_all_that_a_painter_adds(told: str, width: int):
    comparison = everywhere(told)
    painted = text(
        comparison,
        lambda part, color: f"\x1b[{color}m{part}\x1b[0m" if color else part,
        width=width,
    )
    assert re.sub(r"\x1b\[[^m]*m", "", painted) == text(comparison, plain, width=width)


@pytest.mark.parametrize("width", [40, 80, 160])
def test_a_secret_is_never_shown(width: int):
    shown = text(samples()["hostile"], width=width, show_all=True)
    assert HUB_TOKEN not in shown.replace("\n", "")
    assert "plain-" not in shown


@given(before=TEXTS, after=TEXTS)
def test_two_values_that_differ_are_never_shown_as_the_same(before: str, after: str):
    assume(before != after)
    shown = value_texts(change(before, after))
    assert shown[0] != shown[1]


@given(value=TEXTS)
def test_a_value_never_looks_like_none_at_all(value: str):
    shown = value_texts(change(None, value))
    assert shown[0] != shown[1]


@given(
    same=st.text("ab./", max_size=300),
    before=st.text("ab.", max_size=60),
    after=st.text("ab.", max_size=60),
    rest=st.text("ab.", max_size=60),
    room=st.integers(0, 120),
)
def test_two_texts_that_differ_still_differ_when_they_are_cut(
    same: str, before: str, after: str, rest: str, room: int
):
    shown = cut_pair(same + before + rest, same + after + rest, room)
    assert (shown[0] == shown[1]) == (before == after)
    assert max(map(len, shown)) <= max(room, LEAST_ROOM)


@given(told=TEXTS, room=st.integers(LEAST_ROOM, 80))
def test_breaking_a_text_drops_none_of_it(told: str, room: int):
    parts = list(pieces(seen(told), room))
    assert "".join(parts) == seen(told)
    assert max(map(len, parts)) <= room


@given(told=TEXTS, width=st.integers(20, 80))
def test_filling_lines_drops_nothing_but_spaces(told: str, width: int):
    lines = filled(seen(told), width, first="- ")
    assert "".join(lines).replace(" ", "") == "-" + seen(told).replace(" ", "")


def test_what_is_cut_says_so():
    assert cut("x" * 50, 30) == "x" * 13 + "..." + "x" * 14


def test_an_empty_comparison_says_so_and_of_what():
    shown = text(samples()["comment_only"], width=100)
    assert shown.splitlines()[0] == f"no differences between {BEFORE} and {AFTER}"


def test_equal_profiles_are_counted_and_named_only_when_asked_for():
    comparison = samples()["several"]
    assert "llama2-7b / g5 " not in text(comparison, width=100)
    assert "1 equal" in text(comparison, width=100)
    assert "llama2-7b / g5    no effective change" in text(comparison, width=100, show_all=True)


def test_what_could_not_be_read_says_why_and_what_is_missing_and_shows_its_text():
    shown = text(samples()["unread"], width=100)
    assert f"profiles/chat.yaml    in {AFTER}" in shown
    assert "error LMI001 profiles/chat.yaml:9 is not YAML" in shown
    assert "are not compared; as text it differs so" in shown
    assert "+    backend: lmi-dist: x" in shown


def test_an_impact_is_repeated_only_where_it_is_not_that_of_the_whole():
    worst = change("1", "2", key="a")
    mild = replace(worst, key="b", impact=type(worst.impact).NONE)
    lines = text(compared(changed([worst, mild])), width=100).splitlines()
    assert next(line for line in lines if line.startswith("  a ")).endswith("profiles/a.yaml:3")
    assert next(line for line in lines if line.startswith("  b ")).endswith("(none)")


def test_the_last_line_has_the_totals_the_worst_impact_and_the_cost():
    last = text(samples()["new_machine"], width=160).splitlines()[-1]
    assert last == (
        "1 profile: 1 changed; NEW ENDPOINT CONFIG; +$5.58 per hour, +$4,070 per 730 hours "
        "(prices of us-east-1 from 2026-08-01 to 2026-08-17)"
    )


def test_a_value_keeps_its_unit_and_its_line():
    shown = text(samples()["restart"], width=100)
    row = next(line for line in shown.splitlines() if "max_rolling_batch_size" in line)
    assert row.split("  ")[1:] == [
        "max_rolling_batch_size",
        "32 -> 16 sequences",
        "profiles/chat.yaml:11",
    ]


def test_the_last_difference_of_two_long_values_is_seen():
    long = "s3://acme-models/" + "llama/" * 80
    shown = text(compared(changed([change(f"{long}one", f"{long}two")])), width=80)
    assert "/one" in shown
    assert "/two" in shown
    assert long not in shown
