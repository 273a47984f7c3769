"""Options of TensorRT-LLM, NeuronX, DeepSpeed and stable diffusion: complete and consistent."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

import lmi_deployer.catalog
from lmi_deployer.catalog.option_rows import Option, Reader, Reading
from lmi_deployer.catalog.versions import versions_in
from tests.unit.catalog.looping import for_each

FOLDER = Path(lmi_deployer.catalog.__file__).parent / "options"
FILES = ("trtllm", "neuronx", "deepspeed", "legacy")
ORDER = (
    *("0.22.1", "0.23.0", "0.24.0", "0.25.0", "0.26.0", "0.27.0", "0.28.0", "0.29.0", "0.30.0"),
    *("0.31.0", "0.32.0", "0.33.0", "0.34.0", "0.35.0", "0.35.1"),
    *(f"0.36.0-lmi{number}" for number in range(18, 29)),
)
IMAGES: dict[Reader, str] = {
    "trtllm": "0.25.0..0.33.0",
    "neuronx": "<=0.30.0",
    "stable-diffusion-neuronx": "<=0.30.0",
    "deepspeed": "<=0.27.0",
    "stable-diffusion": "<=0.27.0",
}
"""Versions whose images hold what a reader needs."""
TRTLLM_025 = """max_input_len max_output_len use_custom_all_reduce tokens_per_block
    batch_scheduler_policy kv_cache_free_gpu_mem_fraction max_num_sequences enable_trt_overlap
    smoothquant_per_token smoothquant_per_channel multi_query_mode"""
NEURONX_025 = """n_positions unroll neuron_optimize_level context_length_estimate
    load_split_model compiled_graph_path use_stable_diffusion use_auth_token"""
DEEPSPEED = """max_tokens enable_cuda_graph triangular_masking return_tuple training_mp_size
    checkpoint deepspeed_config_path"""
ONLY_READERS: dict[tuple[str, Reader], str] = {
    ("0.25.0", "trtllm"): TRTLLM_025,
    ("0.26.0", "trtllm"): f"""{TRTLLM_025} enable_kv_cache_reuse baichuan_model_version
        chatglm_model_version gpt_model_version multi_block_mode use_fused_mlp rotary_base
        rotary_dim rotary_scaling_type rotary_scaling_factor awq_format awq_calib_size
        max_draft_len""",
    ("0.25.0", "neuronx"): f"{NEURONX_025} save_compiled_model",
    ("0.26.0", "neuronx"): f"""{NEURONX_025} group_query_attention
        enable_mixed_precision_accumulation height width num_images_per_prompt""",
    ("0.25.0", "deepspeed"): DEEPSPEED,
    ("0.26.0", "deepspeed"): DEEPSPEED,
}
"""What the release reads with one backend alone, stable diffusion counted as its image's."""


@cache
def rows(name: str) -> list[Option]:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    return TypeAdapter(list[Option]).validate_python(yaml.safe_load(text))


OPTIONS = {option.key: option for name in FILES for option in rows(name)}
READINGS = {
    f"{option.key.removeprefix('option.')} {number} {reading.versions}": reading
    for option in OPTIONS.values()
    for number, reading in enumerate(option.readings)
}


def reading_of(key: str, version: str, reader: Reader) -> Reading | None:
    for reading in OPTIONS[key].readings:
        if reader in reading.readers and version in versions_in(reading.versions, ORDER):
            return reading
    return None


def keys_read(version: str, *readers: Reader) -> set[str]:
    return {key for key in OPTIONS for reader in readers if reading_of(key, version, reader)}


@for_each({key: key for key in OPTIONS})
def test_one_reader_reads_a_key_in_one_way_in_each_version(key: str) -> None:
    """Several files may hold a key, each for readers of its own."""
    every = (row for path in FOLDER.glob("*.yaml") for row in rows(path.stem) if row.key == key)
    for one, other in combinations([reading for row in every for reading in row.readings], 2):
        if set(one.readers) & set(other.readers):
            shared = set(versions_in(one.versions, ORDER)) & set(versions_in(other.versions, ORDER))
            assert shared == set()


@for_each(READINGS)
def test_a_reading_ends_with_the_images_of_its_reader(reading: Reading) -> None:
    for reader in reading.readers:
        images = versions_in(IMAGES[reader], ORDER)
        assert set(versions_in(reading.versions, ORDER)) <= set(images)


@for_each(READINGS)
def test_a_reading_says_all_that_a_finding_needs(reading: Reading) -> None:
    assert not reading.choices or reading.type == "choice"
    assert reading.type != "choice" or reading.choices or reading.note  # no text is right
    assert (reading.why is not None) == (reading.effect == "ignored")
    assert (reading.fallback is not None) == (reading.bad_value == "fallback")
    assert (reading.bad_value is None) <= (reading.type in ("text", "path", "bool"))
    assert (reading.parser == "none") <= (reading.bad_value in (None, "unchecked"))


@for_each(READINGS)
def test_defaults_and_fallbacks_are_values_that_the_reader_takes(reading: Reading) -> None:
    for value in filter(None, (reading.default, reading.fallback)):
        match reading.type:
            case "choice":
                assert value in reading.choices
            case "bool":
                assert value in ("true", "false")
            case "int" | "float":
                number = float(value)
                assert (reading.minimum is None) or reading.minimum <= number
                assert (reading.maximum is None) or number <= reading.maximum


@pytest.mark.parametrize(("version", "reader"), ONLY_READERS)
def test_no_key_of_a_release_is_missing(version: str, reader: Reader) -> None:
    others: tuple[Reader, ...] = ("stable-diffusion-neuronx",) if reader == "neuronx" else ()
    expected = {f"option.{name}" for name in ONLY_READERS[version, reader].split()}
    assert expected - keys_read(version, reader, *others) == set()


@for_each(OPTIONS)
def test_a_replacement_is_read_where_it_is_offered(option: Option) -> None:
    readers = {reader for reading in option.readings for reader in reading.readers}
    for replacement in option.replacements:
        versions = versions_in(replacement.versions, ORDER)
        if replacement.key is None or replacement.key not in OPTIONS:
            continue  # nothing, or a key that several backends share
        for version in versions:
            if version not in versions_in(IMAGES[min(readers)], ORDER):
                continue
            found = [reading_of(replacement.key, version, reader) for reader in readers]
            reading = next(filter(None, found), None)
            assert reading is not None, (replacement.key, version)
            assert {*replacement.values.values()} <= {*reading.choices} or not reading.choices


@for_each(OPTIONS)
def test_a_key_is_replaced_only_where_it_is_not_read_alike(option: Option) -> None:
    for replacement in option.replacements:
        versions = {*versions_in(replacement.versions, ORDER)}
        read = {*versions_in(",".join(r.versions for r in option.readings), ORDER)}
        assert replacement.key == option.key or versions & read == set()


def test_two_keys_share_a_setting_only_in_different_versions() -> None:
    for one, other in combinations([o for o in OPTIONS.values() if o.setting], 2):
        if one.setting == other.setting:
            spans = [
                {*versions_in(",".join(r.versions for r in option.readings), ORDER)}
                for option in (one, other)
            ]
            assert spans[0] & spans[1] == set()


@pytest.mark.parametrize(
    ("key", "version", "reader", "field", "value"),
    [
        # the toolkit's code is closed, so that nothing can be said of a bad value
        ("max_input_len", "0.32.0", "trtllm", "bad_value", "unchecked"),
        ("max_input_len", "0.33.0", "trtllm", "bad_value", "load_error"),
        # trtllm-build takes enable and disable where the toolkit took true and false
        ("use_fused_mlp", "0.33.0", "trtllm", "choices", ("enable", "disable")),
        ("free_gpu_memory_fraction", "0.33.0", "trtllm", "parser", "python"),
        ("max_tokens", "0.27.0", "deepspeed", "default", "1024"),
        ("max_tokens", "0.27.0", "stable-diffusion", "effect", "ignored"),
        ("triangular_masking", "0.24.0", "deepspeed", "bad_value", "fallback"),
        ("triangular_masking", "0.25.0", "deepspeed", "bad_value", "load_error"),
        ("n_positions", "0.29.0", "neuronx", "default", "128"),
        ("n_positions", "0.30.0", "neuronx", "default", None),
        ("unroll", "0.25.0", "neuronx", "effect", "used"),
        ("unroll", "0.26.0", "neuronx", "effect", "ignored"),
        ("context_length_estimate", "0.24.0", "neuronx", "type", "json"),
        ("context_length_estimate", "0.25.0", "neuronx", "type", "int_list"),
        ("model_loader", "0.27.0", "neuronx", "choices", ("tnx", "optimum")),
    ],
)
def test_readings_follow_the_server_s_code(
    key: str, version: str, reader: Reader, field: str, value: object
) -> None:
    reading = reading_of(f"option.{key}", version, reader)
    assert reading is not None
    assert getattr(reading, field) == value


@pytest.mark.parametrize(
    ("key", "version", "reader"),
    [
        ("max_output_len", "0.33.0", "trtllm"),
        ("use_custom_all_reduce", "0.30.0", "trtllm"),
        ("awq_format", "0.27.0", "trtllm"),
        ("on_device_embedding", "0.28.0", "neuronx"),
        ("max_tokens", "0.28.0", "deepspeed"),
    ],
)
def test_a_removed_key_has_no_reading(key: str, version: str, reader: Reader) -> None:
    assert reading_of(f"option.{key}", version, reader) is None
