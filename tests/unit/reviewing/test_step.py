"""What a step of GitHub Actions is handed, as its runner reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.reviewing.step import (
    LEFT_OUT,
    SUMMARY_LIMIT_BYTES,
    Quiet,
    outputs_text,
    summary_text,
)
from tests.edges.actions_runner import commands, file_commands

HOSTILE = st.text(alphabet=st.sampled_from("a\n=<:#[]%, EOFend-")) | st.text()


@given(st.dictionaries(st.sampled_from(["changed", "impact", "cost-delta"]), HOSTILE))
def test_no_value_of_an_output_names_another_one(outputs: dict[str, str]):
    assert file_commands(outputs_text(outputs)) == outputs


def test_no_two_outputs_end_alike():
    first, second = outputs_text({"a": ""}), outputs_text({"a": ""})
    assert first != second


@given(st.lists(HOSTILE))
def test_no_line_of_a_stranger_is_a_command(texts: list[str]):
    quiet = Quiet()
    lines = [quiet.begin, *texts, "::set-output name=impact::none", "x ##[add-mask]a", quiet.end]
    (only,) = commands("\n".join([*lines, "::notice::ours"]))
    assert (only.name, only.data) == ("notice", "ours")


@pytest.mark.parametrize("letter", ["x", "\u20ac"])
@pytest.mark.parametrize("used", [0, 1000, SUMMARY_LIMIT_BYTES - 10, SUMMARY_LIMIT_BYTES + 10])
def test_a_summary_never_grows_beyond_what_is_shown(letter: str, used: int):
    text = f"{letter * 99}\n" * 20_000
    added = summary_text(text, used_bytes=used)
    assert used + len(added.encode()) <= max(used, SUMMARY_LIMIT_BYTES)
    if added:
        assert added.endswith(f"\n{LEFT_OUT}")
        assert text.startswith(added.removesuffix(LEFT_OUT))


def test_a_summary_that_fits_is_whole():
    room = SUMMARY_LIMIT_BYTES - 7
    assert summary_text("x" * room, used_bytes=7) == "x" * room
