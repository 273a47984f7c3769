"""The cases: complete, deterministic, spelt as in serving.properties."""

from __future__ import annotations

from tests.conformance.cases import Case
from tests.conformance.generate import foreign_keys_of, generate
from tests.conformance.oracle import Fields
from tests.conformance.server_table import load_table

FIELDS: Fields = {
    "HuggingFaceProperties": {
        "dtype": {"kind": "text", "choices": [], "default": None, "keys": ["dtype"]},
        "batch_size": {"kind": "int", "choices": [], "default": 1, "keys": ["batch_size"]},
        "quantize": {
            "kind": "choice",
            "choices": ["awq", "gptq"],
            "default": None,
            "keys": ["quantization", "quantize"],
        },
        "lmcache_config_file": {"kind": "text", "choices": [], "default": None, "keys": ["x"]},
    }
}


def cases(depth: int = 1) -> list[Case]:
    row = load_table().backend("0.28.0", "hf-accelerate")
    foreign = {"height": "int", "quantize": "text"}
    return generate(load_table(), row, "0.28.0", FIELDS, foreign, depth=depth)


def alone(key: str) -> set[str | None]:
    return {c.changes[key] for c in cases() if list(c.changes) == [key] and c.devices == 4}


def test_the_same_fields_give_the_same_cases():
    assert cases() == cases()


def test_no_case_comes_twice():
    written = [(case.devices, *sorted(case.properties.items())) for case in cases()]
    assert len(written) == len(set(written))


def test_every_choice_is_tried_in_both_cases_and_beside_words_that_are_none():
    tried = alone("option.quantization")
    assert {"awq", "AWQ", "gptq", "GPTQ", "no-such", "", "awq "} <= tried


def test_server_keys_are_written_without_the_prefix():
    assert {"4", "abc", "\u0661"} <= alone("batch_size")


def test_keys_of_other_backends_are_tried_once_with_a_good_value():
    assert alone("option.height") == {"1"}


def test_keys_that_name_files_are_left_out():
    assert alone("option.lmcache_config_file") == set()


def test_fields_of_one_rule_are_combined():
    both = [c for c in cases() if {"option.dtype", "option.quantization"} <= c.changes.keys()]
    assert both


def test_depth_adds_pairs_and_random_settings_and_keeps_the_rest():
    shallow, deep = cases(), cases(depth=3)
    assert len(deep) > len(shallow)
    singles = [case for case in shallow if len(case.changes) < 2]
    assert all(case in deep for case in singles)


def test_foreign_keys_come_with_a_kind_that_has_values():
    assert foreign_keys_of([FIELDS]) == {
        "batch_size": "int",
        "dtype": "text",
        "quantization": "text",
        "quantize": "text",
        "x": "text",
    }
