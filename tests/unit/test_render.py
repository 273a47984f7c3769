from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import javaproperties
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lmi_deployer.errors import InputError
from lmi_deployer.render import (
    as_environment_file,
    as_json,
    as_text,
    environment,
    properties,
    serving_properties,
    unreadable,
)
from lmi_deployer.spec import ResolvedSpec, Value
from tests.java_properties import NO_JAVA, has_java, read_with_java
from tests.specs import make_spec

SPEC = make_spec("max_rolling_batch_size=32")
TRTLLM = make_spec("instance_type=ml.p4d.24xlarge", "backend=trtllm", "trtllm.tokens_per_block=64")


def with_options(options: Mapping[str, Value | None]) -> ResolvedSpec:
    return replace(SPEC, options=options)


def split_plainly(text: str) -> dict[str, str]:
    """Read properties as the container's compile scripts do: no escapes, no continuations."""
    pairs = {}
    for line in text.split("\n"):
        if line.startswith("#") or not line.strip():
            continue
        key, value = line.strip().split("=", 1)
        pairs[key] = value
    return pairs


def test_the_text_says_where_it_is_from_and_then_holds_sorted_pairs() -> None:
    assert serving_properties(SPEC) == (
        "# chat / g5 on LMI 0.25.0, rendered by lmi-deploy: edit the profile, not this file\n"
        "engine=MPI\n"
        "option.dtype=fp16\n"
        "option.max_rolling_batch_size=32\n"
        "option.model_id=TheBloke/Llama-2-7B-fp16\n"
        "option.model_loading_timeout=840\n"
        "option.output_formatter=json\n"
        "option.rolling_batch=lmi-dist\n"
        "option.tensor_parallel_degree=1\n"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (8, "8"), (0.5, "0.5"), (1.0, "1.0"), ("Text", "Text")],
)
def test_values_are_written_as_both_readers_expect_them(value: Value, text: str) -> None:
    assert as_text(value) == text


def test_lines_that_an_engine_does_without_are_left_out() -> None:
    pairs = properties(make_spec("backend=hf-accelerate"))
    assert "option.rolling_batch" not in pairs
    assert "option.entryPoint" not in pairs
    assert pairs["engine"] == "Python"


def test_a_handler_that_the_server_would_not_pick_is_named() -> None:
    pairs = properties(make_spec("backend=deepspeed"))
    assert pairs["option.entryPoint"] == "djl_python.deepspeed"


def test_a_setting_with_two_names_is_written_under_both() -> None:
    pairs = properties(
        make_spec("instance_type=ml.inf2.8xlarge", "backend=neuronx", "max_rolling_batch_size=4")
    )
    assert pairs["option.batch_size"] == pairs["option.max_rolling_batch_size"] == "4"


def test_raw_options_are_added() -> None:
    assert properties(with_options({"job_queue_size": 5}))["job_queue_size"] == "5"


def test_raw_options_are_laid_over_what_other_settings_come_to() -> None:
    assert properties(with_options({"option.dtype": "float16"}))["option.dtype"] == "float16"


@pytest.mark.parametrize("name", sorted(properties(SPEC)))
def test_a_null_option_leaves_its_line_out_and_no_other(name: str) -> None:
    kept = {key: value for key, value in properties(SPEC).items() if key != name}
    assert properties(with_options({name: None})) == kept


def test_a_line_that_is_left_out_is_left_out_of_the_environment_too() -> None:
    without = with_options({"engine": None, "option.output_formatter": None})
    gone = {"OPTION_ENGINE", "SERVING_LOAD_MODELS", "OPTION_OUTPUT_FORMATTER"}
    assert environment(SPEC).keys() - environment(without).keys() == gone


def test_rendering_is_deterministic() -> None:
    again = make_spec(
        "instance_type=ml.p4d.24xlarge", "backend=trtllm", "trtllm.tokens_per_block=64"
    )
    assert serving_properties(TRTLLM) == serving_properties(again)
    backwards = replace(TRTLLM, settings=dict(reversed(list(TRTLLM.settings.items()))))
    assert serving_properties(TRTLLM) == serving_properties(backwards)


@pytest.mark.parametrize("spec", [SPEC, TRTLLM], ids=["lmi-dist", "trtllm"])
def test_both_readers_read_the_pairs_that_were_written(spec: ResolvedSpec) -> None:
    text = serving_properties(spec)
    assert javaproperties.loads(text) == properties(spec)
    assert split_plainly(text) == properties(spec)


def test_the_environment_holds_the_same_settings_in_upper_case() -> None:
    assert environment(SPEC) == {
        "OPTION_DTYPE": "fp16",
        "OPTION_ENGINE": "MPI",
        "OPTION_MAX_ROLLING_BATCH_SIZE": "32",
        "OPTION_MODEL_ID": "TheBloke/Llama-2-7B-fp16",
        "OPTION_MODEL_LOADING_TIMEOUT": "840",
        "OPTION_OUTPUT_FORMATTER": "json",
        "OPTION_ROLLING_BATCH": "lmi-dist",
        "OPTION_TENSOR_PARALLEL_DEGREE": "1",
        "SERVING_LOAD_MODELS": "model::MPI=/opt/ml/model",
    }


def test_the_entry_point_is_the_one_name_whose_case_the_server_restores() -> None:
    assert (
        environment(make_spec("backend=deepspeed"))["OPTION_ENTRYPOINT"] == "djl_python.deepspeed"
    )


@pytest.mark.parametrize(
    "option", ["minWorkers", "gpu.minWorkers", "option.pythonExecutable", "a b"]
)
def test_a_name_that_a_variable_cannot_carry_is_refused(option: str) -> None:
    with pytest.raises(InputError, match=option):
        environment(with_options({option: 1}))


def test_a_server_option_becomes_a_server_variable() -> None:
    assert environment(with_options({"job_queue_size": 5}))["SERVING_JOB_QUEUE_SIZE"] == "5"


def test_the_environment_file_has_one_line_for_each_variable() -> None:
    lines = as_environment_file(SPEC).splitlines()
    assert dict(line.split("=", 1) for line in lines) == environment(SPEC)
    assert lines == sorted(lines)


def test_the_json_form_holds_the_same_pairs() -> None:
    assert json.loads(as_json(SPEC)) == properties(SPEC)


def test_no_template_is_run_on_what_a_user_wrote() -> None:
    spec = with_options({"option.env": "{{ 7 * 7 }}{% for x in y %}"})
    assert "option.env={{ 7 * 7 }}{% for x in y %}\n" in serving_properties(spec)


# Letters that matter to one reader or the other, and any other character.
awkward = st.text("ab=:#!\\ \t\n\r\f\"'\u00e9\u2028\x00\x7f{}%$,/.-", min_size=0, max_size=8)
anything = st.text(max_size=8)
options = st.dictionaries(awkward | anything, awkward | anything | st.integers(), max_size=4)


@given(options)
@example({"a=b": "c"})
@example({"a": "=b"})
@example({"a": ":b"})
@example({"a": "b\\"})
@example({"#a": "b"})
@example({"!a": "b"})
def test_what_is_not_flagged_is_read_back_alike_by_both_readers(options: dict[str, Value]) -> None:
    spec = with_options(options)
    flagged = {name for name, _ in unreadable(spec)}
    kept = with_options({name: value for name, value in options.items() if name not in flagged})
    assert not list(unreadable(kept))
    text = serving_properties(kept)
    assert text.isascii()
    assert javaproperties.loads(text) == properties(kept)
    assert split_plainly(text) == properties(kept)


@pytest.mark.skipif(not has_java(), reason=NO_JAVA)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(options, min_size=30, max_size=60))
def test_java_itself_reads_back_what_is_not_flagged(many: list[dict[str, Value]]) -> None:
    specs = []
    for options in many:
        flagged = {name for name, _ in unreadable(with_options(options))}
        specs.append(with_options({name: options[name] for name in options.keys() - flagged}))
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{index}.properties" for index in range(len(specs))]
        for path, spec in zip(paths, specs, strict=True):
            path.write_bytes(serving_properties(spec).encode("ascii"))
        assert read_with_java(paths) == [properties(spec) for spec in specs]


@pytest.mark.parametrize("value", ["a=b", "a:b", "a#b", "a!b", "{a: b}", "a b", "s3://bucket/a/"])
def test_ordinary_signs_inside_a_value_are_not_flagged(value: str) -> None:
    assert not list(unreadable(with_options({"option.env": value})))
