"""The engine arguments of each image's vLLM, as options/vllm_arguments.yaml lists them."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

import lmi_deployer.catalog
from lmi_deployer.catalog.option_rows import Option, Reading
from lmi_deployer.catalog.versions import versions_in

FOLDER = Path(lmi_deployer.catalog.__file__).parent
DECLARED_BY_LMI = {
    "cpu_offload_gb",
    "device",
    "dtype",
    "enable_lora",
    "enable_reasoning",
    "long_lora_scaling_factors",
    "max_loras",
    "max_num_batched_tokens",
    "override_neuron_config",
    "quantization",
    "reasoning_parser",
    "revision",
    "task",
    "trust_remote_code",
    "use_v2_block_manager",
}
ARGUMENTS = {
    "0.32.0": 91,
    "0.33.0": 89,
    "0.34.0": 121,
    "0.35.0": 146,
    "0.36.0-lmi18": 140,
    "0.36.0-lmi19": 150,
    "0.36.0-lmi20": 152,
    "0.36.0-lmi21": 156,
    "0.36.0-lmi22": 166,
    "0.36.0-lmi23": 170,
    "0.36.0-lmi24": 176,
    "0.36.0-lmi25": 185,
    "0.36.0-lmi26": 200,
    "0.36.0-lmi27": 200,
    "0.36.0-lmi28": 212,
}
"""LMI version: the fields of its vLLM's EngineArgs, less those that LMI declares itself."""
ORDER = tuple(ARGUMENTS)


@cache
def options() -> dict[str, Option]:
    text = (FOLDER / "options" / "vllm_arguments.yaml").read_text(encoding="utf-8")
    rows = TypeAdapter(list[Option]).validate_python(yaml.safe_load(text))
    return {row.key.removeprefix("option."): row for row in rows}


def reading(name: str, version: str) -> Reading | None:
    if name not in options():
        return None
    found = [each for each in options()[name].readings if version in versions_of(each.versions)]
    return found[0] if found else None


def known_reading(name: str, version: str) -> Reading:
    found = reading(name, version)
    assert found is not None
    return found


@cache
def versions_of(expression: str) -> frozenset[str]:
    return frozenset(versions_in(expression, ORDER))


def known_in(name: str) -> list[str]:
    return [version for version in ORDER if reading(name, version)]


def all_readings() -> list[tuple[str, Reading]]:
    return [(name, each) for name, row in options().items() for each in row.readings]


def test_each_argument_has_one_row() -> None:
    text = (FOLDER / "options" / "vllm_arguments.yaml").read_text(encoding="utf-8")
    keys = [row["key"] for row in yaml.safe_load(text)]
    assert len(keys) == len(set(keys))
    assert keys == sorted(keys)


@pytest.mark.parametrize(("version", "count"), ARGUMENTS.items())
def test_every_field_of_a_version_is_there(version: str, count: int) -> None:
    assert sum(reading(name, version) is not None for name in options()) == count


def test_no_two_readings_of_an_argument_are_for_one_version() -> None:
    for name, row in options().items():
        expressions = [each.versions for each in row.readings]
        expressions += [each.versions for each in row.replacements]
        parts = [versions_of(expression) for expression in expressions]
        for one, other in combinations(parts, 2):
            assert not one & other, name


def test_an_argument_that_vllm_dropped_says_what_to_write_instead() -> None:
    for name, row in options().items():
        replaced = {v for each in row.replacements for v in versions_of(each.versions)}
        last = ORDER.index(known_in(name)[-1])
        assert replaced == set(ORDER[last + 1 :]), name


def test_what_replaces_an_argument_is_known_in_the_same_versions() -> None:
    for name, row in options().items():
        for each in row.replacements:
            if each.key is not None:
                known = known_in(each.key.removeprefix("option."))
                assert versions_of(each.versions) <= set(known), name


def test_what_lmi_declares_itself_is_left_to_other_files() -> None:
    assert not DECLARED_BY_LMI & set(options())


@pytest.mark.parametrize("name", ["disable_log_requests", "enable_log_requests"])
def test_fields_of_the_asynchronous_engine_alone_do_not_pass(name: str) -> None:
    assert name not in options()


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("enable_prefix_caching", "0.32.0", "0.36.0-lmi28"),
        ("max_model_len", "0.32.0", "0.36.0-lmi28"),
        ("speculative_model", "0.32.0", "0.32.0"),
        ("speculative_config", "0.33.0", "0.36.0-lmi28"),
        ("num_scheduler_steps", "0.32.0", "0.33.0"),
        ("rope_scaling", "0.32.0", "0.34.0"),
        ("guided_decoding_backend", "0.32.0", "0.35.0"),
        ("structured_outputs_config", "0.35.0", "0.36.0-lmi28"),
        ("runner", "0.34.0", "0.36.0-lmi28"),
        ("swap_space", "0.32.0", "0.36.0-lmi22"),
        ("attention_backend", "0.36.0-lmi19", "0.36.0-lmi28"),
        ("device_ids", "0.36.0-lmi28", "0.36.0-lmi28"),
    ],
)
def test_an_argument_is_known_from_its_first_vllm_to_its_last(
    name: str, first: str, last: str
) -> None:
    assert known_in(name) == list(ORDER[ORDER.index(first) : ORDER.index(last) + 1])


@pytest.mark.parametrize(
    ("name", "version", "kind"),
    [
        ("limit_mm_per_prompt", "0.33.0", "int_mapping"),
        ("limit_mm_per_prompt", "0.34.0", "json"),
        ("compilation_config", "0.33.0", "literal"),
        ("compilation_config", "0.34.0", "json"),
        ("max_lora_rank", "0.34.0", "int"),
        ("max_lora_rank", "0.35.0", "choice"),
        ("enforce_eager", "0.32.0", "bool"),
    ],
)
def test_a_value_is_read_as_that_version_reads_it(name: str, version: str, kind: str) -> None:
    assert known_reading(name, version).type == kind


@pytest.mark.parametrize(
    ("name", "word", "before", "since"),
    [
        ("kv_cache_dtype", "nvfp4", "0.36.0-lmi24", "0.36.0-lmi25"),
        ("load_format", "fastsafetensors", "0.32.0", "0.33.0"),
        ("guided_decoding_backend", "guidance", "0.32.0", "0.34.0"),
        ("tokenizer_mode", "hf", "0.35.0", "0.36.0-lmi18"),
        ("moe_backend", "emulation", "0.36.0-lmi24", "0.36.0-lmi25"),
    ],
)
def test_a_choice_is_taken_from_the_vllm_that_brought_it(
    name: str, word: str, before: str, since: str
) -> None:
    assert word not in known_reading(name, before).choices
    assert word in known_reading(name, since).choices


@pytest.mark.parametrize("name", ["tensor_parallel_size", "pipeline_parallel_size", "max_num_seqs"])
def test_an_argument_that_lmi_fills_in_itself_takes_no_value(name: str) -> None:
    for version in ORDER:
        found = known_reading(name, version)
        assert (found.type, found.choices, found.bad_value) == ("choice", (), "load_error")


@pytest.mark.parametrize("name", ["disable_log_stats", "aggregate_engine_logging"])
def test_a_plain_flag_takes_only_true_once_lmi_writes_false_as_no(name: str) -> None:
    newer = known_reading(name, "0.36.0-lmi26")
    assert known_reading(name, "0.36.0-lmi25").type == "bool"
    assert (newer.type, newer.choices) == ("choice", ("true",))


def test_a_dropped_false_is_pointed_out_where_the_default_is_not_false() -> None:
    for version in ORDER[: ORDER.index("0.36.0-lmi26")]:
        for name in options():
            found = reading(name, version)
            if found is not None and found.type == "bool" and found.default != "false":
                assert "`false`" in (found.note or ""), (name, version)


def test_a_default_is_a_value_that_its_reading_takes() -> None:
    for name, each in all_readings():
        if each.default is None:
            continue
        if each.type == "choice":
            assert each.default in {*each.choices, "false"}, name
        elif each.type == "bool":
            assert each.default in {"true", "false"}, name
        elif each.type in {"int", "float"}:
            number = {"int": int, "float": float}[each.type](each.default)
            assert each.minimum is None or number >= each.minimum, name
            assert each.maximum is None or number <= each.maximum, name


def test_numbers_and_flags_are_parsed_as_python_does() -> None:
    for name, each in all_readings():
        if each.type in {"int", "float", "bool"}:
            assert (each.parser, each.bad_value) == ("python", "load_error"), name


def test_only_vllm_reads_these_rows() -> None:
    for name, each in all_readings():
        assert each.readers == ("vllm",), name


def test_every_row_says_briefly_what_it_does_and_where_that_stands() -> None:
    for name, row in options().items():
        assert len(row.meaning) <= 90, name
        assert row.source.startswith(("vllm-project/vllm@v", "djl-serving@")), name
