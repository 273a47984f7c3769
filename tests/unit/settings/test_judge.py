"""What becomes of values that readers take differently, that are empty, or that stand together."""

from __future__ import annotations

import pytest

from lmi_deployer.lint import Judged, judge_settings, make_target
from lmi_deployer.settings.table import Entry
from lmi_deployer.settings.view import Issue

SERVER_BOOL = {"type": "bool", "parser": "java", "bad_value": "fallback", "fallback": "false"}
OWN_BOOL = {"type": "bool", "parser": "pydantic2", "bad_value": "load_error"}
VLLM = {"engine": "Python", "option.rolling_batch": "vllm"}
NEURONX = {"engine": "Python", "option.rolling_batch": "tnx", "option.tensor_parallel_degree": "2"}


def judged(version: str, settings: dict[str, str], flavor: str = "lmi") -> Judged:
    every = {"option.model_id": "acme/chat", **settings}
    return judge_settings(make_target(version, flavor), every, {})


def about(key: str, *arguments, **options) -> list[Issue]:
    return [issue for issue in judged(*arguments, **options).issues if issue.key == key]


def outcome(text: str, *readings) -> str | None:
    fault = Entry(readings).fault(text)
    return None if fault is None else fault.outcome


@pytest.mark.parametrize(
    ("text", "expected"),
    [("true", None), ("no", None), ("yes", "divided"), ("abc", "load_error")],
)
def test_a_switch_that_two_readers_take_differently_is_divided(text, expected):
    assert outcome(text, SERVER_BOOL, OWN_BOOL) == expected


def test_harm_that_one_reader_does_comes_before_what_nobody_checks():
    loose = {"type": "int", "parser": "java", "minimum": 1, "bad_value": "load_error"}
    strict = {**loose, "maximum": 1, "out_of_range": "load_error"}
    assert outcome("0", loose, strict) == "load_error"
    assert outcome("0", loose, loose) == "unchecked"


def test_an_empty_value_that_counts_as_left_out_is_no_error_and_has_no_effect():
    hugging_face = {"engine": "Python", "option.rolling_batch": "disable", "option.dtype": ""}
    (found,) = about("option.dtype", "0.30.0", hugging_face)
    assert (found.code, found.severity) == ("LMI308", "warning")
    assert "option.dtype" not in judged("0.30.0", hugging_face).effective


def test_an_empty_value_counts_as_left_out_for_combinations_too():
    tools = {**VLLM, "option.enable_auto_tool_choice": "true"}
    for parser in ({}, {"option.tool_call_parser": ""}):
        found = about("option.enable_auto_tool_choice", "0.32.0", {**tools, **parser})
        assert [issue.code for issue in found] == ["LMI306"]
    named = {**tools, "option.tool_call_parser": "hermes"}
    assert about("option.enable_auto_tool_choice", "0.32.0", named) == []


@pytest.mark.parametrize(
    ("loser", "winner"),
    [
        ("quantize", "quantization"),
        ("max_rolling_batch_prefill_tokens", "max_num_batched_tokens"),
        ("cpu_offload_gb_per_gpu", "cpu_offload_gb"),
    ],
)
def test_of_two_names_of_a_setting_the_finding_names_the_value_that_holds(loser, winner):
    both = {**VLLM, f"option.{loser}": "3", f"option.{winner}": "4711"}
    problems = [issue.problem for issue in about(f"option.{loser}", "0.32.0", both)]
    assert any("4711" in problem for problem in problems)


def test_a_finding_names_the_default_where_the_key_that_holds_is_left_out():
    settings = {**NEURONX, "option.batch_size": "1"}
    (found,) = about("option.batch_size", "0.26.0", settings, "neuronx")
    assert found.problem.endswith("which is 32")


def test_a_switch_that_cannot_be_off_is_said_to_be_true():
    key = "option.enable_saturate_infinity"
    (found,) = about(key, "0.28.0", {**NEURONX, key: "no"}, "neuronx")
    assert (found.code, "true" in found.problem) == ("LMI308", True)


@pytest.mark.parametrize(
    ("version", "rolling_batch", "text", "is_refused"),
    [
        ("0.35.0", "vllm", " 8", True),  # Java parses it, and takes no spaces
        ("0.35.0", "vllm", "+8", False),
        ("0.35.0", "disable", " 8", False),  # only the handler parses it
        ("0.35.0", "disable", "x", True),
    ],
)
def test_the_size_of_a_rolling_batch_is_parsed_by_the_server_too(
    version, rolling_batch, text, is_refused
):
    key = "option.max_rolling_batch_size"
    settings = {"engine": "Python", "option.rolling_batch": rolling_batch, key: text}
    codes = [issue.code for issue in about(key, version, settings)]
    assert ("LMI309" in codes) == is_refused


def test_settings_of_sessions_have_no_effect_outside_the_async_service():
    key = "option.sessions_expiration"
    (found,) = about(key, "0.35.0", {**VLLM, key: "60"})
    assert (found.code, found.severity) == ("LMI307", "warning")
    assert about(key, "0.35.0", {"engine": "Python", key: "60"}) == []


def test_streaming_does_not_go_with_the_dynamic_batches_of_an_async_service():
    settings = {"engine": "Python", "option.enable_streaming": "true", "batch_size": "4"}
    service = {"option.async_mode": "true", "option.rolling_batch": "disable"}
    (found,) = about("batch_size", "0.35.0", {**settings, **service})
    assert (found.code, found.severity) == ("LMI306", "error")
