"""The arithmetic of the quality gate, and the answers of servers as they are read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.aot.matching import mismatches
from lmi_deployer.artifact.manifest import Manifest
from lmi_deployer.entry_point.answers import agreement, common_share
from lmi_deployer.entry_point.downloading import chosen
from lmi_deployer.entry_point.job import QualityGate
from lmi_deployer.entry_point.quality import is_measured, tokenizer_folder, verdict
from lmi_deployer.entry_point.serving import generated_text, without_prompt
from lmi_deployer.spec import Quality

GATE = QualityGate(prompts=("a", "b"), max_new_tokens=8, minimum_agreement=0.9)
TOKENS = st.lists(st.integers(0, 3), max_size=8)


class Words:
    """A tokenizer for which every word is a token."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        assert not add_special_tokens
        return [hash(word) for word in text.split()]


@given(TOKENS, TOKENS)
def test_a_share_is_one_only_where_the_whole_reference_is_met(reference, candidate):
    share = common_share(reference, candidate)
    assert 0 <= share <= 1
    if reference:
        assert (share == 1) == (candidate[: len(reference)] == reference)


@given(TOKENS.filter(bool), TOKENS)
def test_what_comes_after_the_first_difference_does_not_count(reference, more):
    wrong = [*reference[:-1], reference[-1] + 1]
    assert common_share(reference, [*wrong, *more]) == (len(reference) - 1) / len(reference)


@pytest.mark.parametrize(
    ("reference", "candidate", "expected"),
    [
        ("one two", " one two ", 1.0),
        ("one two", "one two three", 1.0),
        ("one two", "one", 0.5),
        ("one two", "", 0.0),
        ("", "", 1.0),
        ("", "one", 0.0),
        ("one two three four five six", "one two three four", 1.0),
    ],
    ids=["space", "longer", "shorter", "empty", "both empty", "no reference", "cut at 4"],
)
def test_answers_agree_by_tokens(reference, candidate, expected):
    assert agreement(Words(), reference, candidate, 4) == expected


def test_a_verdict_names_the_worst_prompt_and_judges_the_mean():
    found = verdict(GATE, [1.0, 0.79])
    assert (found["agreement"], found["passed"], found["worst_prompt"]) == (0.895, False, 1)
    assert verdict(GATE, [1.0, 0.8])["passed"]


def test_a_measurement_is_what_the_host_looks_for_in_a_manifest():
    """The documents of both sides are written apart from one another."""
    wanted = Quality(prompts=("a", "b"), reference=None, max_new_tokens=8, minimum_agreement=0.9)
    manifest = Manifest(inputs={}, layout="x", files=(), quality=verdict(GATE, [1.0, 1.0]))
    told = mismatches(_NoInputs(), wanted, manifest)  # type: ignore[arg-type]
    assert [each for each in told if "quality" in each.what] == []


class _NoInputs:
    def document(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"minimum_agreement": 0.8}, True),
        ({"minimum_agreement": 0.96}, False),
        ({"prompts": ("a", "c")}, False),
        ({"max_new_tokens": 9}, False),
        ({"reference": ("x", "y")}, False),
    ],
)
def test_an_earlier_measurement_counts_only_for_the_same_question(change, expected):
    found = verdict(GATE, [1.0, 0.9])
    assert is_measured(replace(GATE, **change), found) is expected


def test_without_a_gate_nothing_has_to_be_measured():
    assert is_measured(None, None)
    assert not is_measured(GATE, None)


@pytest.mark.parametrize(
    "content",
    [
        b'{"generated_text": "hi"}',
        b'[{"generated_text": "hi"}]',
        b'[[{"generated_text": "hi"}]]',
        b'{"generated_text": "hi", "details": {"finish_reason": "length"}}',
    ],
)
def test_every_form_of_an_answer_is_read(content):
    assert generated_text(content) == "hi"


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"hi", b'{"error": "no"}', b'{"generated_text": 1}']
)
def test_anything_else_is_no_answer(content):
    with pytest.raises(ValueError, match=r".*"):
        generated_text(content)


def test_a_prompt_is_taken_off_where_an_answer_begins_with_it():
    assert without_prompt("Say a: b", "Say a:") == " b"
    assert without_prompt("b", "Say a:") == "b"


def test_the_tokenizer_nearest_to_the_top_is_taken(tmp_path: Path):
    assert tokenizer_folder(tmp_path) is None
    for folder in ("tensorrt_llm/1", "tensorrt_llm"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "tokenizer_config.json").touch()
    assert tokenizer_folder(tmp_path) == tmp_path / "tensorrt_llm"


@pytest.mark.parametrize(
    ("names", "reads_bin", "left_out"),
    [
        (["model.safetensors", "pytorch_model.bin", "config.json"], False, {"pytorch_model.bin"}),
        (["model.safetensors", "pytorch_model.bin", "config.json"], True, set()),
        (["pytorch_model.bin", "config.json"], False, set()),
        (
            ["model.safetensors.index.json", "consolidated.safetensors", "original/params.json"],
            True,
            {"consolidated.safetensors", "original/params.json"},
        ),
        (["adapter.safetensors", "pytorch_model.bin"], False, set()),
    ],
)
def test_weights_are_not_downloaded_twice(names, reads_bin, left_out):
    got = chosen(dict.fromkeys(names, 1), reads_bin=reads_bin)
    assert set(names) - set(got) == left_out
