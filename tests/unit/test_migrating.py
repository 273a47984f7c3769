"""A profile on another version: which backend, which settings, what is told, what is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer import catalog
from lmi_deployer.errors import InputError
from lmi_deployer.migrating import migrate
from tests.unit.migrating_profiles import (
    REVISION,
    changed,
    moved,
    only_one,
    profile,
    refusal,
    rendered,
    told,
)

LMI_DIST = ("backend: lmi-dist", "max_rolling_batch_size: 8")
VLLM = ("backend: vllm", "max_rolling_batch_size: 8")
TRTLLM = ("backend: trtllm", "max_rolling_batch_size: 8")


def test_nothing_but_the_changed_keys_is_other():
    text = profile(
        "0.25.0",
        "# why this machine",
        "backend: lmi-dist   # the fastest then",
        "max_rolling_batch_size:   8",
        top=["defaults: {tensor_parallel_degree: 4}  # all of them"],
    )
    after = moved(text, "0.33.0").after
    assert after == text.replace("0.25.0", "0.33.0").replace("backend: lmi-dist", "backend: vllm")


def test_a_profile_on_that_version_is_left_alone():
    text = profile("0.25.0", *LMI_DIST)
    migration = moved(text, "0.25.0")
    assert migration.after == text
    assert migration.carried == ()


@given(to=st.sampled_from(catalog.names("containers")))
def test_migrating_twice_is_migrating_once(to: str):
    once = migrate(profile("0.25.0", *VLLM), "chat.yaml", to)
    if not once.refusals:
        assert moved(once.after, to).after == once.after


@pytest.mark.parametrize(
    ("version", "backend", "to", "successor"),
    [
        ("0.27.0", "deepspeed", "0.28.0", "lmi-dist"),
        ("0.27.0", "deepspeed", "0.33.0", "vllm"),
        ("0.32.0", "lmi-dist", "0.33.0", "vllm"),
        ("0.32.0", "scheduler", "0.33.0", "vllm"),
        ("0.30.0", "trtllm", "0.31.0", "vllm"),
        ("0.33.0", "trtllm", "0.34.0", "vllm"),
        ("0.25.0", "lmi-dist", "0.32.0", "lmi-dist"),
        ("0.36.0-lmi27", "vllm", "0.24.0", "vllm"),
    ],
)
def test_a_backend_stays_or_its_successor_serves(
    version: str, backend: str, to: str, successor: str
):
    text = profile(version, f"backend: {backend}", "max_rolling_batch_size: 8")
    migration = moved(text, to)
    assert only_one(migration).backend == successor
    reasons = [item.why for item in only_one(migration).changes if item.key == "backend"]
    assert bool(reasons) == (successor != backend)


def test_a_successor_that_does_not_serve_the_model_is_passed_over():
    text = profile("0.32.0", "backend: scheduler").replace(
        "TheBloke/Llama-2-13B-fp16, dtype: fp16", "acme/own, weights_gib: 13"
    )
    assert only_one(moved(text, "0.33.0")).backend in {"vllm", "hf-accelerate"}


@pytest.mark.parametrize(
    ("version", "lines", "to", "words"),
    [
        ("0.25.0", ["backend: trtllm"], "0.24.0", ["TensorRT-LLM came with 0.25.0", "fix:"]),
        ("0.25.0", ["backend: vllm"], "0.22.1", ["came with 0.23.0", "fix:"]),
        (
            "0.27.0",
            ["backend: deepspeed", "quantize: {method: smoothquant}"],
            "0.28.0",
            ["a: quantize", "does not take smoothquant", "AWQ", "stay on LMI 0.27.0"],
        ),
        (
            "0.26.0",
            ["backend: vllm", f"model: {{revision: {REVISION}}}"],
            "0.25.0",
            ["a: model.revision", "model.source", "--drop model.revision"],
        ),
        (
            "0.34.0",
            ["backend: vllm", "output_formatter: jsonlines"],
            "0.35.0",
            ["a: output_formatter", '"stream": true'],
        ),
        (
            "0.32.0",
            ["backend: trtllm", "quantize: {method: smoothquant, per_token: false}"],
            "0.33.0",
            ["a: quantize.per_token", "as if it were true"],
        ),
        (
            "0.27.0",
            ["backend: vllm", "vllm: {max_model_len: 2048}"],
            "0.25.0",
            ["a: vllm.max_model_len", "--drop vllm.max_model_len"],
        ),
    ],
)
def test_what_would_change_what_is_served_is_refused_with_a_way_out(
    version: str, lines: list[str], to: str, words: list[str]
):
    why = refusal(profile(version, *lines), to)
    for word in words:
        assert word in why


def test_everything_that_stands_in_the_way_is_told_at_once():
    why = refusal(
        profile(
            "0.27.0",
            "backend: vllm",
            f"model: {{revision: {REVISION}}}",
            "vllm: {max_model_len: 2048}",
        ),
        "0.25.0",
    )
    assert "model.revision" in why
    assert "vllm.max_model_len" in why


def test_a_loss_that_is_agreed_to_is_no_refusal():
    text = profile("0.26.0", *VLLM, f"model: {{revision: {REVISION}}}")
    migration = moved(text, "0.25.0", drops=["model.revision"])
    assert changed(migration) == {"model.revision": "drop"}
    assert "revision" not in migration.after


def test_a_quantization_whose_loss_is_agreed_to_goes():
    text = profile("0.27.0", "backend: deepspeed", "quantize: {method: smoothquant}")
    migration = moved(text, "0.28.0", drops=["quantize"])
    assert "quantize" not in migration.after


def test_a_profile_that_is_wrong_where_it_is_now_is_not_moved():
    why = refusal(profile("0.25.0", "backend: vllm", "quantize: {method: gptq}"), "0.27.0")
    assert "on LMI 0.25.0, where it is now" in why


def test_a_setting_moves_to_the_section_of_the_new_backend():
    text = profile("0.25.0", *LMI_DIST, "lmi_dist: {max_rolling_batch_prefill_tokens: 4096}")
    migration = moved(text, "0.33.0")
    assert changed(migration)["lmi_dist.max_rolling_batch_prefill_tokens"] == "move"
    assert rendered(migration.after)["option.max_rolling_batch_prefill_tokens"] == "4096"
    assert "lmi_dist" not in migration.after


def test_what_only_tuned_the_old_engine_is_dropped_with_the_reason():
    text = profile("0.26.0", *TRTLLM, "trtllm: {kv_cache_free_gpu_mem_fraction: 0.8}")
    migration = moved(text, "0.31.0")
    assert changed(migration)["trtllm.kv_cache_free_gpu_mem_fraction"] == "drop"
    assert "trtllm" not in migration.after


def test_a_section_that_nothing_read_before_is_told_when_it_holds():
    text = profile("0.30.0", *TRTLLM, top=["defaults:", "  vllm: {max_model_len: 2048}"])
    migration = moved(text, "0.31.0")
    assert "vllm.max_model_len: 2048 (before: nothing read it)" in told(migration)
    assert rendered(migration.after)["option.max_model_len"] == "2048"


def test_the_lengths_of_an_engine_stay_the_limit():
    migration = moved(profile("0.30.0", *TRTLLM), "0.31.0")
    assert rendered(migration.after)["option.max_model_len"] == "1536"


def test_a_limit_of_the_length_that_is_lost_is_told():
    text = profile("0.27.0", *VLLM, "vllm: {max_model_len: 2048}")
    there = moved(text, "0.25.0", drops=["vllm.max_model_len"])
    assert "the model's own 4096 (before: 2048 tokens" in told(there)


def test_a_length_that_the_model_does_not_exceed_needs_no_limit():
    text = profile("0.30.0", *TRTLLM).replace("max_input_len: 1024", "max_input_len: 3584")
    assert "max_model_len" not in moved(text, "0.31.0").after


def test_a_batch_that_is_left_out_stays_what_it_was():
    migration = moved(profile("0.26.0", "backend: vllm"), "0.27.0")
    assert rendered(migration.after)["option.max_rolling_batch_size"] == "32"


def test_a_batch_that_is_left_to_the_rules_is_told_alone():
    text = profile("0.26.0", "backend: vllm", "max_rolling_batch_size: auto")
    text = text.replace("ml.g5.12xlarge", "ml.p4d.24xlarge")
    migration = moved(text, "0.27.0")
    assert changed(migration) == {}
    assert re.search(r"auto comes to (128|256) \(before: 64\)", told(migration))


def test_a_backend_that_is_left_to_the_rules_stays_open():
    migration = moved(profile("0.33.0", "max_rolling_batch_size: 8"), "0.34.0")
    assert only_one(migration).from_backend == "trtllm"
    assert only_one(migration).backend == "vllm"
    assert "backend:" not in migration.after
    assert "the rules choose vllm (before: trtllm)" in told(migration)


def test_what_a_version_always_does_goes_and_comes_back():
    lines = (*TRTLLM, "quantize: {method: smoothquant, per_token: true, per_channel: true}")
    text = profile("0.32.0", *lines)
    there = moved(text, "0.33.0")
    assert "per_token" not in there.after
    assert lines[-1] in moved(there.after, "0.32.0").after


def test_a_size_that_the_server_chose_stays_the_size():
    text = profile("0.32.0", *TRTLLM)
    assert rendered(text)["option.max_num_tokens"] == "16384"
    assert rendered(moved(text, "0.33.0").after)["option.max_num_tokens"] == "16384"


def test_one_method_under_two_names_keeps_what_is_served():
    text = profile("0.25.0", "backend: neuronx", "quantize: {method: bitsandbytes8}").replace(
        "ml.g5.12xlarge", "ml.inf2.24xlarge"
    )
    there = moved(text, "0.26.0")
    assert "static_int8" in there.after
    assert "bitsandbytes8" in moved(there.after, "0.25.0").after


def test_a_default_worth_holding_on_to_is_written_down():
    text = profile("0.28.0", *TRTLLM, "quantize: {method: awq}")
    assert rendered(moved(text, "0.29.0").after)["option.calib_size"] == "32"
    without = profile("0.28.0", *TRTLLM)
    assert "calib_size" not in moved(without, "0.29.0").after


def test_an_unknown_version_or_hardware_profile_is_refused_by_name():
    with pytest.raises(InputError, match=r"0\.99"):
        migrate(profile("0.25.0", *VLLM), "chat.yaml", "0.99.0")
    with pytest.raises(InputError, match="no hardware profile 'b'"):
        migrate(profile("0.25.0", *VLLM), "chat.yaml", "0.26.0", only=["b"])


def test_one_that_extends_another_does_not_take_over_a_section_that_it_never_read():
    text = profile(
        "0.27.0",
        "backend: deepspeed",
        "deepspeed: {enable_cuda_graph: true}",
        more=["b:", "  extends: a", "  backend: scheduler"],
    )
    migration = moved(text, "0.33.0")
    assert {carried.backend for carried in migration.carried} == {"vllm"}
    assert "deepspeed" not in migration.after


def test_a_section_stays_for_those_that_still_read_it():
    text = profile(
        "0.30.0",
        "backend: trtllm",
        top=["defaults:", "  trtllm: {tokens_per_block: 32}"],
        more=["b: {instance_type: ml.g5.12xlarge, backend: trtllm}"],
    )
    migration = moved(text, "0.31.0", only=["a"])
    assert rendered(migration.after, "b") == rendered(text, "b")
    assert "defaults:\n  trtllm: {tokens_per_block: 32}\n" in migration.after


def test_one_that_is_there_already_does_not_keep_the_others_from_sharing():
    other = ["b:", '  container: {version: "0.26.0"}', "  extends: a"]
    text = profile("0.25.0", *LMI_DIST, more=other)
    assert moved(text, "0.26.0").after == text.replace("0.25.0", "0.26.0")
