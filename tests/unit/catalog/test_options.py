"""Options of the server, the Hugging Face handler, LMI-Dist and vLLM: complete and consistent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

import pytest

from lmi_deployer.catalog.option_rows import Option, Reader, Reading
from tests.unit.catalog.looping import for_each
from tests.unit.catalog.option_files import (
    BY_FILE,
    FOLDER,
    KEYS,
    reading_of,
    readings_of,
    versions,
)

FILES = ("server", "common", "huggingface", "lmi_dist", "vllm")
CONTINUATION = "vllm_arguments"
"""vLLM's own arguments go on, from 0.32.0, with keys that LMI declared itself before."""
LONGEST_LINE = 100
BOOL_WORDS = {"true", "false"}
OWN = [option for name in FILES for option in BY_FILE[name]]
ROWS = {f"{number} {option.key}": option for number, option in enumerate(OWN)}
READINGS = {
    f"{name} {'-'.join(reading.readers)} {reading.versions}": reading
    for name, option in ROWS.items()
    for reading in option.readings
}


def backends_read(version: str, setting: str) -> set[str]:
    """Backends of a profile that act on a setting; `server` where Java does for all of them."""
    return {
        reader
        for option in OWN
        if option.setting == setting
        for reading in option.readings
        if reading.effect == "used"
        for reader in reading.readers
        if version in versions(reading.versions)
    }


def spans(readings: Sequence[Reading]) -> Iterator[tuple[str, set[str]]]:
    for reading in readings:
        for reader in reading.readers:
            yield reader, versions(reading.versions)


@pytest.mark.parametrize("name", FILES)
def test_lines_of_a_file_fit_the_page(name: str) -> None:
    text = (FOLDER / "options" / f"{name}.yaml").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if len(line) > LONGEST_LINE] == []
    assert text.isascii()


def test_a_key_stands_in_exactly_one_file() -> None:
    keys = [
        option.key
        for name, options in BY_FILE.items()
        if name != CONTINUATION
        for option in options
    ]
    shared = {key for key, count in Counter(keys).items() if count > 1}
    assert shared & {option.key for option in OWN} == set()


@for_each(ROWS)
def test_one_reader_reads_a_key_in_one_way_in_each_version(option: Option) -> None:
    for (one, first), (other, second) in combinations(spans(readings_of(option.key)), 2):
        assert one != other or first & second == set(), (one, sorted(first & second))


@for_each(ROWS)
def test_readings_of_every_handler_stand_alone(option: Option) -> None:
    """`any` beside a named handler would give that handler two readings."""
    named = [(reader, span) for reader, span in spans(option.readings) if reader != "server"]
    for (one, first), (other, second) in combinations(named, 2):
        assert "any" not in {one, other} or one == other or first & second == set()


@for_each(READINGS)
def test_a_reading_says_all_that_a_finding_needs(reading: Reading) -> None:
    assert (reading.why is not None) == (reading.effect == "ignored")
    assert (reading.fallback is not None) == (reading.bad_value == "fallback")
    assert (reading.bad_value is None) == (reading.type in {"text", "path"})
    if reading.type == "choice" and not reading.choices:
        assert reading.note, "a choice of nothing says why nothing fits"
        assert reading.bad_value in {"load_error", "request_error"}
    if reading.type in {"text", "path"}:
        assert (reading.choices, reading.minimum, reading.maximum) == ((), None, None)


@for_each(READINGS)
def test_limits_are_of_numbers_and_in_order(reading: Reading) -> None:
    limits = [limit for limit in (reading.minimum, reading.maximum) if limit is not None]
    assert not limits or reading.type in {"int", "float", "int_or_max"}
    assert all(low <= high for low, high in pairwise(limits))


@for_each(READINGS)
def test_defaults_and_fallbacks_are_values_that_the_reader_takes(reading: Reading) -> None:
    for value in filter(None, (reading.default, reading.fallback)):
        match reading.type:
            case "choice":
                assert value in reading.choices
            case "bool":
                assert value in BOOL_WORDS
            case "int":
                assert str(int(value)) == value
            case "float":
                assert float(value) >= 0
            case "int_or_max":
                assert value in reading.choices or str(int(value)) == value


@for_each(READINGS)
def test_java_reads_for_the_server_unless_a_row_says_otherwise(reading: Reading) -> None:
    assert "server" not in reading.readers or reading.readers == ("server",)
    assert "server" not in reading.readers or reading.parser in {None, "java"}
    assert "any" not in reading.readers or reading.readers == ("any",)


@for_each(ROWS)
def test_replacements_are_keys_of_the_catalog_with_values_they_take(option: Option) -> None:
    for replacement in option.replacements:
        assert versions(replacement.versions)
        if replacement.key is None:
            continue
        assert replacement.key in KEYS
        assert replacement.key != option.key
        taken = readings_of(replacement.key)
        for value in replacement.values.values():
            assert any(value in row.choices or row.type == "text" for row in taken), value


@pytest.mark.parametrize(
    ("version", "setting", "backends"),
    [
        ("0.25.0", "revision", "lmi-dist deepspeed scheduler hf-accelerate neuronx"),
        ("0.26.0", "revision", "lmi-dist vllm deepspeed scheduler hf-accelerate neuronx"),
        ("0.25.0", "output_formatter", "trtllm lmi-dist vllm deepspeed scheduler"),
        ("0.26.0", "output_formatter", "trtllm lmi-dist vllm deepspeed scheduler"),
        ("0.26.0", "max_model_len", "vllm"),
        ("0.25.0", "max_model_len", ""),
        ("0.25.0", "paged_attention", "lmi-dist"),
        ("0.26.0", "paged_attention", ""),
        ("0.26.0", "device_map", "scheduler hf-accelerate"),
        ("0.25.0", "low_cpu_mem_usage", "deepspeed scheduler hf-accelerate neuronx"),
        ("0.25.0", "max_rolling_batch_prefill_tokens", "lmi-dist vllm"),
        ("0.25.0", "max_rolling_batch_size", "trtllm lmi-dist vllm deepspeed scheduler neuronx"),
        (
            "0.25.0",
            "quantize",
            "trtllm lmi-dist vllm deepspeed scheduler hf-accelerate neuronx",
        ),
        ("0.25.0", "predict_timeout", "server"),
        ("0.25.0", "model_id", "server"),
        ("0.26.0", "smoothquant_alpha", "trtllm deepspeed"),
        ("0.26.0", "gpu_memory_utilization", ""),
        ("0.27.0", "gpu_memory_utilization", "lmi-dist vllm"),
    ],
)
def test_a_setting_reaches_the_backends_that_act_on_it(
    version: str, setting: str, backends: str
) -> None:
    assert backends_read(version, setting) == set(backends.split())


VLLM_DTYPES = ("auto", "fp32", "fp16", "bf16")


@pytest.mark.parametrize(
    ("key", "version", "reader", "field", "value"),
    [
        # VllmRbProperties lists float16 from 0.32.0 on, HuggingFaceProperties refuses it first
        ("option.dtype", "0.32.0", "vllm", "choices", VLLM_DTYPES),
        ("option.dtype", "0.36.0-lmi27", "vllm", "choices", VLLM_DTYPES),
        ("option.dtype", "0.23.0", "vllm", "effect", "ignored"),
        ("option.dtype", "0.24.0", "hf-accelerate", "ignores_case", False),
        ("option.dtype", "0.25.0", "hf-accelerate", "ignores_case", True),
        # the rolling batch lists squeezellm from 0.27.0 on, the handler from 0.29.0 on
        ("option.quantize", "0.27.0", "lmi-dist", "choices", ("awq", "gptq")),
        ("option.quantize", "0.27.0", "deepspeed", "bad_value", "ignored"),
        ("option.quantize", "0.31.0", "vllm", "type", "text"),
        ("option.rolling_batch", "0.25.0", "vllm", "bad_value", "fallback"),
        ("option.rolling_batch", "0.26.0", "vllm", "bad_value", "load_error"),
        ("option.tensor_parallel_degree", "0.23.0", "server", "type", "int"),
        ("option.tensor_parallel_degree", "0.24.0", "server", "type", "int_or_max"),
        ("option.max_rolling_batch_size", "0.34.0", "vllm", "default", "256"),
        ("option.max_rolling_batch_size", "0.35.0", "vllm", "default", "32"),
        ("option.max_rolling_batch_size", "0.25.0", "hf-accelerate", "effect", "ignored"),
        ("option.waiting_steps", "0.27.0", "vllm", "effect", "used"),
        ("option.waiting_steps", "0.28.0", "vllm", "effect", "ignored"),
        ("option.load_in_8bit", "0.25.0", "vllm", "bad_value", "load_error"),
        ("option.load_in_8bit", "0.25.0", "vllm", "effect", "ignored"),
        ("option.decoding_strategy", "0.25.0", "scheduler", "default", "greedy"),
        ("option.pipeline_parallel_degree", "0.30.0", "vllm", "maximum", 1.0),
        ("option.paged_attention", "0.25.0", "lmi-dist", "parser", "is_true"),
        ("option.cpu_offload_gb_per_gpu", "0.31.0", "vllm", "type", "int"),
        ("option.cpu_offload_gb_per_gpu", "0.32.0", "vllm", "type", "float"),
        ("retry_threshold", "0.29.0", "server", "default", "10"),
        ("retry_threshold", "0.30.0", "server", "default", "0"),
        ("option.model_loading_timeout", "0.36.0-lmi28", "server", "default", "1200"),
        ("option.task", "0.36.0-lmi25", "vllm", "fallback", "auto"),
    ],
)
def test_readings_follow_the_server_s_code(
    key: str, version: str, reader: Reader, field: str, value: object
) -> None:
    reading = reading_of(key, version, reader)
    assert reading is not None
    assert getattr(reading, field) == value


@pytest.mark.parametrize(
    ("key", "version", "reader"),
    [
        ("option.s3url", "0.27.0", "server"),
        ("log_model_metric", "0.27.0", "server"),
        ("log_request_metric", "0.26.0", "server"),
        ("option.paged_attention", "0.26.0", "lmi-dist"),
        ("option.quantize", "0.33.0", "trtllm"),
        ("option.max_model_len", "0.25.0", "vllm"),
        ("option.use_v2_block_manager", "0.34.0", "vllm"),
        ("option.lmcache_auto_config", "0.36.0-lmi18", "vllm"),
        ("option.normalize", "0.36.0-lmi24", "vllm"),
        ("option.revision", "0.23.0", "vllm"),
        ("option.rolling_batch", "0.22.1", "hf-accelerate"),
    ],
)
def test_versions_without_a_key_have_no_reading(key: str, version: str, reader: Reader) -> None:
    assert reading_of(key, version, reader) is None
