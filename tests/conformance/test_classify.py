"""From the server's answer to a verdict on each key."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.cases import Changes, make_case
from tests.conformance.classify import Answer, Verdict, classify, is_same
from tests.conformance.server_table import load_table


def ask(
    changes: Changes, *, backend: str = "vllm", version: str = "0.30.0", **answer: Any
) -> Verdict | None:
    row = load_table().backend(version, backend)
    given: dict[str, Any] = {
        "outcome": "accepted",
        "message": "",
        "blamed": [],
        "values": {},
        "reads": ["model_id", "tensor_parallel_degree"],
        "passed": [],
        "warnings": [],
        "environment": {},
    }
    return classify(load_table(), make_case(version, row, changes), Answer(**(given | answer)))


def verdict(
    changes: Changes, *, backend: str = "vllm", version: str = "0.30.0", **answer: Any
) -> Verdict:
    found = ask(changes, backend=backend, version=version, **answer)
    assert found is not None
    return found


def test_a_key_that_nobody_reads_is_ignored():
    assert verdict({"option.no_such": "1"}).changed == {"option.no_such": None}


def test_a_key_that_a_handler_asks_for_is_kept():
    assert verdict({"option.paged_attention": "1"}, reads=["paged_attention"]).changed == {}


def test_another_value_in_the_end_is_a_replacement():
    changed = verdict({"option.dtype": "fp16"}, values={"dtype": "bf16"}).changed
    assert changed == {"option.dtype": "bf16"}


def test_no_value_in_the_end_means_ignored():
    assert verdict({"option.quantize": "x"}, values={"quantize": None}).changed == {
        "option.quantize": None
    }


def test_a_setting_that_the_server_overwrites_is_ignored():
    assert verdict({"option.device_id": "3"}, values={"device_id": 0}).changed == {
        "option.device_id": None
    }


def test_a_key_that_java_alone_reads_is_kept():
    assert verdict({"job_queue_size": "10", "option.predict_timeout": "9"}).changed == {}


def test_a_server_key_with_the_option_prefix_is_ignored():
    assert verdict({"option.job_queue_size": "10"}).changed == {"option.job_queue_size": None}


def test_what_goes_on_to_vllm_is_kept_and_open():
    found = verdict({"option.seed": "1"}, version="0.35.0", passed=["seed"])
    assert (found.changed, found.handed_on) == ({}, ("option.seed",))


def test_every_key_goes_on_to_the_toolkit():
    found = verdict({"option.anything": "1"}, backend="trtllm")
    assert (found.changed, found.handed_on) == ({}, ("option.anything",))


def test_a_switch_that_any_value_turns_on_is_replaced_when_it_says_off():
    environment = {"NEURON_CC_FLAGS": "x --enable-saturate-infinity"}
    key = "option.enable_saturate_infinity"
    off = verdict({key: "false"}, backend="neuronx", environment=environment)
    on = verdict({key: "true"}, backend="neuronx", environment=environment)
    assert (off.changed, on.changed) == ({key: "true"}, {})


def test_a_case_without_an_end_has_no_verdict():
    assert ask({}, outcome="undecided") is None


def test_a_rejection_keeps_its_reason():
    found = verdict({}, outcome="rejected", message="ValueError: no", blamed=["dtype"])
    assert (found.is_rejected, found.message, found.blamed) == (True, "ValueError: no", ("dtype",))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("auto", "vllm"),
        ("max", 8),
        ("TRUE", True),
        ("off", False),
        (" 8 ", 8),
        ("1_000", 1000),
        ("nan", float("nan")),
        ("fp16", "float16"),
        ("VLLM", "vllm"),
        ("128,256", [128, 256]),
    ],
)
def test_the_same_value_may_be_spelt_in_many_ways(text, value):
    assert is_same(text, value)


@pytest.mark.parametrize(
    ("text", "value"), [("false", True), ("8", 4), ("abc", 1), ("awq", "gptq"), ("x", None)]
)
def test_other_values_are_not_the_same(text, value):
    assert not is_same(text, value)
