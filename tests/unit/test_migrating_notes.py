"""What is told besides the changes: behaviour, images, defaults, and what is compiled anew."""

from __future__ import annotations

import pytest

from tests.unit.migrating_profiles import moved, only_one, profile, told

LMI_DIST = ("backend: lmi-dist", "max_rolling_batch_size: 8")
VLLM = ("backend: vllm", "max_rolling_batch_size: 8")
TRTLLM = ("backend: trtllm", "max_rolling_batch_size: 8")


@pytest.mark.parametrize(("version", "to"), [("0.29.0", "0.30.0"), ("0.30.0", "0.29.0")])
def test_behaviour_that_differs_is_told_in_both_directions(version: str, to: str):
    there = told(moved(profile(version, *VLLM), to))
    assert "a worker that fails" in there


def test_behaviour_that_is_the_same_at_both_ends_is_not_told():
    """Between 0.24.0 and 0.31.0 the time went from 2 minutes to 60 seconds and back."""
    assert "60 seconds" not in told(moved(profile("0.24.0", *VLLM), "0.31.0"))
    assert "a worker that fails" not in told(moved(profile("0.25.0", *VLLM), "0.29.0"))


def test_a_setting_that_settles_it_silences_a_note():
    text = profile("0.29.0", *VLLM, "options: {retry_threshold: 10}")
    assert "a worker that fails" not in told(moved(text, "0.30.0"))


def test_the_form_of_json_lines_is_told_to_those_who_read_them():
    lines = profile("0.25.0", *VLLM, "output_formatter: jsonlines")
    assert "break output_formatter jsonlines" in told(moved(lines, "0.26.0"))
    assert "jsonlines" not in told(moved(profile("0.25.0", *VLLM), "0.26.0"))


def test_the_image_and_its_host_are_told():
    there = told(moved(profile("0.25.0", *LMI_DIST), "0.36.0-lmi27"))
    assert "CUDA of the image: 13.0 (before: 11.8)" in there
    assert "InferenceAmiVersion: al2023-ami-sagemaker-inference-gpu-4-1" in there
    assert "vllm 0.23" in there


def test_a_version_that_was_not_looked_into_says_so():
    there = told(moved(profile("0.36.0-lmi27", *VLLM), "0.36.0-lmi28"))
    assert "0.36.0-lmi28 was not looked into" in there


def test_defaults_that_changed_are_told_unless_they_are_written():
    assert "gpu_memory_utilization 0.9 -> 0.92" in told(
        moved(profile("0.36.0-lmi24", *VLLM), "0.36.0-lmi25")
    )
    assert "tokens_per_block 64 -> 128" in told(moved(profile("0.26.0", *TRTLLM), "0.27.0"))
    text = profile("0.26.0", *TRTLLM, "trtllm: {tokens_per_block: 64}")
    assert "tokens_per_block" not in told(moved(text, "0.27.0"))


def test_new_warnings_of_the_checks_are_told():
    text = profile("0.24.0", "backend: hf-accelerate", "options: {option.load_in_8bit: true}")
    assert "LMI311" in told(moved(text, "0.25.0"))


@pytest.mark.parametrize(
    ("version", "to", "reason"),
    [
        ("0.25.0", "0.26.0", "tensorrt_llm 0.5.0 -> 0.7.1"),
        ("0.30.0", "0.32.0", "tensorrt 10.3.0 -> 10.1.0"),
        ("0.30.0", "0.31.0", None),  # vLLM compiles nothing
    ],
)
def test_an_engine_is_compiled_anew_where_its_library_changes(
    version: str, to: str, reason: str | None
):
    carried = only_one(moved(profile(version, *TRTLLM), to))
    assert (reason in carried.recompile) if reason and carried.recompile else not reason


def test_neuron_graphs_are_compiled_anew_with_every_sdk():
    text = profile("0.25.0", "backend: neuronx").replace("ml.g5.12xlarge", "ml.inf2.24xlarge")
    carried = only_one(moved(text, "0.26.0"))
    assert carried.recompile is not None
    assert "neuron_sdk 2.15.0 -> 2.16.0" in carried.recompile


def test_the_rendered_lines_that_change_are_part_of_the_outcome():
    carried = only_one(moved(profile("0.32.0", *LMI_DIST), "0.33.0"))
    assert carried.removed["option.rolling_batch"] == "lmi-dist"
    assert carried.added["option.rolling_batch"] == "vllm"
    assert "option.tensor_parallel_degree" not in {**carried.removed, **carried.added}
