"""What Java makes of the settings before Python sees them."""

from __future__ import annotations

import pytest

from tests.conformance.cases import Changes, make_case
from tests.conformance.handover import HandOver, hand_over
from tests.conformance.java import RejectedByServerError, java_bool, java_int
from tests.conformance.server_table import load_table


def handed(version: str, backend: str, changes: Changes, devices: int = 4) -> HandOver:
    table = load_table()
    row = table.backend(version, backend)
    case = make_case(version, row, changes, devices)
    return hand_over(table, version, row, case.properties, devices)


@pytest.mark.parametrize(
    ("text", "number"), [("7", 7), ("+7", 7), ("-7", -7), ("007", 7), ("\u0667", 7)]
)
def test_java_reads_a_sign_and_decimal_digits_of_any_script(text, number):
    assert java_int(text, "key") == number


@pytest.mark.parametrize("text", ["", " 7", "7 ", "7.0", "1_000", "1e3", "max", "2147483648"])
def test_java_reads_nothing_else_as_a_number(text):
    with pytest.raises(RejectedByServerError, match="key"):
        java_int(text, "key")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("true", True), ("TRUE", True), ("1", False), ("yes", False), ("", False)],
)
def test_java_takes_one_word_for_true_and_all_others_for_false(text, expected):
    assert java_bool(text) is expected


def test_options_lose_their_prefix_and_win_over_top_level_keys():
    properties = handed("0.25.0", "vllm", {"dtype": "fp16", "option.dtype": "bf16"}).properties
    assert properties["dtype"] == "bf16"


def test_top_level_keys_reach_python_too():
    assert handed("0.25.0", "vllm", {"quantize": "awq"}).properties["quantize"] == "awq"


def test_the_environment_of_the_process_is_no_setting():
    assert "env" not in handed("0.25.0", "vllm", {"option.env": "A=B"}).properties


def test_max_becomes_the_number_of_devices():
    properties = handed("0.30.0", "vllm", {"option.tensor_parallel_degree": "max"}, 8).properties
    assert properties["tensor_parallel_degree"] == "8"


def test_mpi_hands_over_a_number_and_a_process_sees_its_own_devices():
    start = handed("0.25.0", "lmi-dist", {"option.tensor_parallel_degree": "2"}, 8)
    assert (start.properties["tensor_parallel_degree"], start.gpus) == (2, 2)
    assert start.environment == {"LOCAL_RANK": "0"}


@pytest.mark.parametrize("backend", ["lmi-dist", "vllm"])
def test_more_partitions_than_devices_stop_the_load(backend):
    with pytest.raises(RejectedByServerError, match="not enough"):
        handed("0.27.0", backend, {"option.tensor_parallel_degree": "8"})


@pytest.mark.parametrize(
    ("version", "mpi_mode"), [("0.25.0", None), ("0.26.0", "true"), ("0.30.0", "true")]
)
def test_the_engine_mpi_becomes_a_setting_from_0_26_on(version, mpi_mode):
    assert handed(version, "lmi-dist", {}).properties.get("mpi_mode") == mpi_mode


@pytest.mark.parametrize(("version", "rolling_batch"), [("0.27.0", "vllm"), ("0.28.0", "disable")])
def test_a_dynamic_batch_turns_rolling_batch_off_from_0_28_on(version, rolling_batch):
    properties = handed(version, "vllm", {"batch_size": "4"}).properties
    assert properties["rolling_batch"] == rolling_batch


@pytest.mark.parametrize(
    ("version", "settings", "handler"),
    [
        ("0.34.0", {}, "huggingface"),
        ("0.35.0", {}, "huggingface"),
        ("0.35.0", {"option.rolling_batch": "auto"}, "vllm_async"),
        ("0.35.0", {"option.async_mode": "true"}, "vllm_async"),
        ("0.33.0", {"option.rolling_batch": "disable"}, "vllm_async"),
    ],
)
def test_the_handler_follows_from_version_and_settings(version, settings, handler):
    assert handed(version, "vllm", settings).handler == handler


@pytest.mark.parametrize(
    ("version", "rolling_batch"),
    [("0.28.0", "lmi-dist"), ("0.32.0", "lmi-dist"), ("0.33.0", "vllm"), ("0.35.0", "disable")],
)
def test_auto_becomes_the_rolling_batch_that_the_image_prefers(version, rolling_batch):
    properties = handed(version, "vllm", {"option.rolling_batch": "auto"}).properties
    assert properties["rolling_batch"] == rolling_batch


def test_an_engine_that_the_version_no_longer_has_is_refused():
    with pytest.raises(RejectedByServerError, match="engine not found: DeepSpeed"):
        handed("0.28.0", "vllm", {"engine": "DeepSpeed"})
