"""Answers to sizing questions as text and as JSON, and the bar of the memory."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.answering.document import as_json
from lmi_deployer.answering.page import memory_line, page
from lmi_deployer.memory_bar import bar
from lmi_deployer.performance.estimate import NoBasis
from lmi_deployer.sizing.memory import Memory
from tests.unit.answering.answers import GIB, MEMORY, TOO_LARGE, make_answer, make_setup

SIZES = st.integers(0, 300 * GIB)


def counted(text: str) -> dict[str, int]:
    return {letter: text.count(letter) for letter in "WAOK."}


def test_the_bar_gives_each_part_the_columns_of_its_share():
    drawn = bar(MEMORY, 24)
    assert drawn == "[WWWWWWWWWWWWAOKKKKKK..]"


def test_a_part_too_small_for_a_column_still_gets_one():
    tiny = replace(MEMORY, activation_bytes=1, overhead_bytes=1, kv_cache_bytes=8 * GIB - 2)
    assert counted(bar(tiny, 30))["A"] == counted(bar(tiny, 30))["O"] == 1


def test_what_does_not_fit_stands_behind_a_mark():
    drawn = bar(TOO_LARGE, 43)
    within, _, beyond = drawn.strip("[]").partition("|")
    assert len(drawn) == 43
    assert set(within) == {"W"}
    assert beyond.endswith("AO")
    assert len(within) / (len(within) + len(beyond)) == pytest.approx(20 / 28, abs=0.02)


@given(
    parts=st.tuples(SIZES, SIZES, SIZES, SIZES, SIZES),
    shortage=SIZES,
    width=st.integers(12, 200),
)
def test_a_bar_is_as_wide_as_asked_for_whatever_it_shows(
    parts: tuple[int, ...], shortage: int, width: int
):
    names = ("weights", "activation", "overhead", "kv_cache", "unused")
    sizes: dict[str, Any] = {f"{name}_bytes": size for name, size in zip(names, parts, strict=True)}
    has_shortage = 0 < shortage <= sum(parts[:4])
    memory = replace(MEMORY, **sizes, shortage_bytes=shortage if has_shortage else 0)
    assert len(bar(memory, width)) == width
    shown = counted(bar(memory, width))
    for letter, size in zip("WAOK", parts, strict=False):
        assert (shown[letter] > 0) == (size > 0)


def test_colors_do_not_change_the_letters():
    painted = bar(MEMORY, 40, lambda text, color: f"<{color}>{text}</>" if color else text)
    assert re.sub(r"<[^>]*>", "", painted) == bar(MEMORY, 40)


def test_the_line_of_a_plan_adds_up():
    line = memory_line(MEMORY, make_setup())
    assert line.startswith("per GPU  weights 12.0  activations 1.0  overhead 1.0  KV cache 6.0  =")
    assert "=  20.0 of 22.0 GiB  [WWW" in line


def test_neuron_cores_are_called_so():
    setup = make_setup("ml.inf2.xlarge")
    assert memory_line(MEMORY, setup).startswith("per NeuronCore  ")


def test_the_page_shows_the_parts_the_bound_and_the_reason():
    text = page(make_answer(), 100)
    assert text.startswith("acme/chat-7b on ml.g5.2xlarge, 1 x A10G: fits\nLMI 0.28.0 (vllm 0.4.2)")
    for expected in (
        "W  weights       12.0 GiB",
        "K  KV cache       6.0 GiB   5.0 to 7.0",
        "12,288   10,000 to 14,000; 512.0 KiB each on a GPU",
        "8 of 1,024 + 512 tokens at once",
        "8; a server started with up to 6 is sure to hold them all",
        "weights take 55% of the memory, and the cache holds 8 sequences of 1,536 tokens",
        "logs of a test",
    ):
        assert expected in text


def test_speed_and_cost_are_bands_and_prices_are_dated():
    text = page(make_answer(), 100)
    assert "300 (200 to 400) tokens per second, 8 requests in flight" in text
    assert "30 (20 to 40) ms between tokens" in text
    assert "$1.50 per hour (us-east-1, price of 2026-08-17)" in text
    assert "$1.39 ($1.04 to $2.08) per million output tokens" in text


def test_copies_side_by_side_share_the_price():
    one = make_answer(instance_type="ml.g5.12xlarge")
    four = make_answer(instance_type="ml.g5.12xlarge", tensor_parallel_degree=1)
    assert (one.copies, four.copies) == (1, 4)
    assert one.usd_per_million_tokens is not None
    assert four.usd_per_million_tokens is not None
    assert one.usd_per_million_tokens.low == pytest.approx(4 * four.usd_per_million_tokens.low)
    assert "4 on the machine; all of this is for each of them" in page(four, 100)


def test_without_a_basis_there_is_no_figure_of_speed_or_cost():
    answer = make_answer(speed=NoBasis(reason="nothing was measured on it"))
    text = page(answer, 100)
    assert "no estimate: nothing was measured on it" in text
    assert "per million" not in text
    assert "tokens per second" not in text
    assert as_json(answer)["performance"] == {"no_basis": "nothing was measured on it"}


def test_what_is_missing_is_said_in_gib():
    text = page(make_answer(TOO_LARGE), 100)
    assert ": does not fit" in text.splitlines()[0]
    assert "|  missing        8.0 GiB" in text
    assert (
        "weights, activations and overhead take 28.0 GiB; the engine may take 20.0 on each" in text
    )
    assert "nothing that was tried makes it fit" in text


def test_a_cache_that_is_too_small_is_another_reason():
    small = replace(MEMORY, kv_cache_bytes=GIB, unused_bytes=7 * GIB, verdict="does_not_fit")
    assert make_answer(small).why == (
        "the cache gets 1.0 GiB on each GPU; to start, the server needs 2.0"
    )


def test_an_edge_within_the_bound_is_called_tight():
    edge = replace(MEMORY, verdict="tight", bound=replace(MEMORY.bound, kv_cache_bytes_low=0))
    text = page(make_answer(edge), 100)
    assert text.splitlines()[0].endswith(": tight")
    assert "6.0 GiB on each GPU, or 0.0 by the bound; to start, the server needs 2.0" in text


@pytest.mark.parametrize("width", [20, 60, 80, 100, 400])
def test_a_page_is_no_wider_than_the_terminal_or_than_reads_well(width: int):
    reason = "rule: " + "a long reason that goes on " * 8
    answer = make_answer(assumed={"dtype": reason, "container_version": reason})
    longest = max(len(line) for line in page(answer, width).splitlines()[3:] if "price" not in line)
    assert longest <= max(min(width, 100), 78)


def test_the_document_holds_bytes_bound_and_the_question():
    document = json.loads(json.dumps(as_json(make_answer())))
    assert document["per_gpu"] == {
        "weights": 12 * GIB,
        "activations": GIB,
        "overhead": GIB,
        "kv_cache": 6 * GIB,
        "unused": 2 * GIB,
        "usable": 22 * GIB,
        "shortage": 0,
    }
    assert (document["fits"], document["verdict"]) == (True, "fits")
    assert (document["kv_cache_tokens"], document["max_sequences"]) == (12_288, 8)
    assert document["bound"]["kv_cache_tokens_low"] == 10_000
    assert document["price"]["as_of"] == "2026-08-17"
    assert document["setup"]["engine_version"] == "0.4.2"
    assert document["performance"]["output_tokens_per_second"]["low"] == 200


def test_settings_left_to_the_engine_are_shown_with_its_defaults():
    document = as_json(make_answer())
    assert document["setup"]["memory_fraction"] == 0.9
    assert document["setup"]["max_model_len"] == 4096
    assert document["assumed"]["memory_fraction"] == "engine: its own default"
    told = as_json(make_answer(memory_fraction=0.5))
    assert told["setup"]["memory_fraction"] == 0.5
    assert "memory_fraction" not in told["assumed"]


def test_every_setting_of_the_question_has_a_value_or_a_reason():
    document = as_json(make_answer())
    for name, reason in document["assumed"].items():
        assert name in document["setup"], reason


@pytest.mark.parametrize("memory", [MEMORY, TOO_LARGE])
def test_the_parts_of_a_document_add_up_to_the_card(memory: Memory):
    parts = as_json(make_answer(memory))["per_gpu"]
    used = sum(parts[name] for name in ("weights", "activations", "overhead", "kv_cache", "unused"))
    assert used == parts["usable"] + parts["shortage"]
