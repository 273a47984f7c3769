"""Raw options on another version: renamed, made settings, dropped with a reason, or refused."""

from __future__ import annotations

from tests.unit.migrating_profiles import changed, moved, profile, refusal, rendered

VLLM = ("backend: vllm", "max_rolling_batch_size: 8")
TRTLLM = ("backend: trtllm", "max_rolling_batch_size: 8")


def test_a_key_that_is_read_under_both_versions_stays():
    text = profile("0.25.0", *VLLM, "options: {job_queue_size: 50}")
    migration = moved(text, "0.36.0-lmi27")
    assert "options: {job_queue_size: 50}" in migration.after


def test_a_renamed_key_keeps_its_place_its_value_and_its_comment():
    text = profile("0.26.0", *VLLM, "options:", "  # for the dashboard", "  log_model_metric: true")
    there = moved(text, "0.27.0")
    assert there.after == text.replace("0.26.0", "0.27.0").replace("_model_", "_request_")
    assert changed(there) == {"options.log_model_metric": "move"}
    assert moved(there.after, "0.26.0").after == text


def test_a_key_without_a_counterpart_needs_consent_unless_it_only_tuned_the_engine():
    lines = (*TRTLLM, "options: {option.use_fused_mlp: true, option.rotary_base: 10000}")
    text = profile("0.26.0", *lines)
    why = refusal(text, "0.31.0")
    assert "options.option.rotary_base" in why
    assert "use_fused_mlp" not in why
    migration = moved(text, "0.31.0", drops=["options.option.rotary_base"])
    assert "option.rotary_base" not in rendered(migration.after)


def test_a_key_whose_successor_means_something_else_is_left_to_people():
    text = profile("0.34.0", *VLLM, "options: {option.guided_decoding_backend: outlines}")
    why = refusal(text, "0.36.0-lmi27")
    assert "write option.structured_outputs_config" in why
    assert "--drop options.option.guided_decoding_backend" in why


def test_a_value_that_the_new_version_does_not_take_is_refused():
    lines = ("backend: neuronx", "options: {option.context_length_estimate: '[256,512]'}")
    text = profile("0.24.0", *lines).replace("ml.g5.12xlarge", "ml.inf2.24xlarge")
    why = refusal(text, "0.25.0")
    assert "options.option.context_length_estimate" in why


def test_options_that_several_hardware_profiles_share_stay_for_those_that_need_them():
    text = profile(
        "0.30.0",
        *TRTLLM,
        top=["options:", "  option.use_fused_mlp: true", "  job_queue_size: 50"],
        more=["b:", "  instance_type: ml.g5.12xlarge", "  backend: trtllm"],
    )
    migration = moved(text, "0.31.0", only=["a"])
    assert rendered(migration.after, "b") == rendered(text, "b")
    assert "option.use_fused_mlp" not in rendered(migration.after, "a")
    assert rendered(migration.after, "a")["job_queue_size"] == "50"


def test_a_raw_key_that_has_become_a_setting_is_written_as_one():
    text = profile("0.24.0", "backend: hf-accelerate", "options: {option.data_type: fp16}")
    migration = moved(text.replace(", dtype: fp16", ""), "0.26.0")
    assert "option.data_type" not in migration.after
    assert "dtype: fp16" in migration.after
    assert rendered(migration.after)["option.dtype"] == "fp16"


def test_a_line_that_is_left_out_stays_left_out():
    text = profile("0.30.0", *TRTLLM, "options: {option.max_input_len: null}")
    assert "option.max_input_len" not in rendered(moved(text, "0.32.0").after)


def test_how_the_backend_was_chosen_goes_with_the_backend():
    lines = ("backend: lmi-dist", "max_rolling_batch_size: 8", "options: {engine: MPI}")
    text = profile("0.32.0", *lines)
    assert "options" not in moved(text, "0.33.0").after
    assert "options: {engine: MPI}" in moved(text, "0.31.0").after
