from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lmi_deployer.aot.engine import EngineInputs
from lmi_deployer.aot.matching import WORDS, mismatches, nearest
from lmi_deployer.artifact.manifest import Manifest
from lmi_deployer.entry_point.job import QualityGate
from lmi_deployer.entry_point.quality import verdict
from lmi_deployer.spec import Quality

INPUTS = EngineInputs(
    kind="trt_engine",
    image="0.25.0-tensorrtllm0.5.0-cu122",
    libraries={"tensorrt_llm": "0.5.0"},
    model_id="acme/chat",
    revision="a" * 40,
    weights_digest=None,
    dtype="fp16",
    quantize=None,
    tensor_parallel_degree=4,
    pipeline_parallel_degree=1,
    settings={"option.max_input_len": "1024", "option.max_output_len": "512"},
    gpu_architecture="Ampere",
    compute_capability=8.6,
    gpu_memory_gib=24.0,
)
QUALITY = Quality(prompts=("a", "b"), reference=None, max_new_tokens=32, minimum_agreement=0.9)


def manifest(inputs: EngineInputs = INPUTS, quality: dict[str, Any] | None = None) -> Manifest:
    return Manifest(inputs=inputs.document(), layout="triton_repository", files=(), quality=quality)


def measured(*shares: float, quality: Quality = QUALITY) -> dict[str, Any]:
    """What the entry point writes down of a gate."""
    gate = QualityGate(
        prompts=quality.prompts,
        max_new_tokens=quality.max_new_tokens,
        minimum_agreement=quality.minimum_agreement,
        reference=quality.reference,
    )
    return verdict(gate, shares)


def told(found: Manifest, quality: Quality | None = None) -> list[str]:
    return [str(item) for item in mismatches(INPUTS, quality, found)]


def test_an_artifact_of_the_same_inputs_matches() -> None:
    assert told(manifest()) == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"gpu_architecture": "Hopper"},
            "GPU architecture: the profile needs Ampere, the artifact is Hopper",
        ),
        (
            {"libraries": {"tensorrt_llm": "0.7.1"}},
            "TensorRT-LLM version: the profile needs 0.5.0, the artifact is 0.7.1",
        ),
        (
            {"tensor_parallel_degree": 8},
            "tensor parallel degree: the profile needs 4, the artifact is 8",
        ),
        (
            {"settings": {"option.max_input_len": "512", "option.max_output_len": "512"}},
            "option.max_input_len: the profile needs 1024, the artifact is 512",
        ),
        (
            {"settings": {"option.max_input_len": "1024"}},
            "option.max_output_len: the profile needs 512, the artifact is none",
        ),
        ({"revision": None}, f"model revision: the profile needs {'a' * 40}, the artifact is none"),
        ({"quantize": "awq"}, "quantization: the profile needs none, the artifact is awq"),
        (
            {"gpu_memory_gib": 48.0},
            "GiB of memory of each GPU: the profile needs 24.0, the artifact is 48.0",
        ),
    ],
    ids=str,
)
def test_a_difference_names_both_sides(change: dict[str, Any], line: str) -> None:
    assert told(manifest(replace(INPUTS, **change))) == [line]


def test_every_input_that_differs_is_told() -> None:
    for field in WORDS:
        if field != "inputs_version":
            change: dict[str, Any] = {field: "other"}
            other = manifest(replace(INPUTS, **change))
            assert [item.what for item in mismatches(INPUTS, None, other)] == [WORDS[field]]
    assert set(WORDS) | {"libraries", "settings"} == set(INPUTS.document())


def test_inputs_of_another_meaning_are_told_by_their_version_alone() -> None:
    old = Manifest(inputs={"inputs_version": 0}, layout="x", files=())
    assert told(old) == ["version of the key: the profile needs 1, the artifact is 0"]


def test_a_gate_that_nobody_ran_is_a_mismatch() -> None:
    assert told(manifest(), QUALITY) == [
        "quality gate: the profile needs an agreement of at least 0.9, the artifact is not measured"
    ]
    assert told(manifest(quality=measured(1.0, 0.0))) == []  # and none where none is asked for


def test_a_gate_that_was_passed_counts_for_a_lower_threshold_too() -> None:
    found = manifest(quality=measured(1.0, 0.9))
    assert told(found, QUALITY) == []
    assert told(found, replace(QUALITY, minimum_agreement=0.5)) == []
    assert told(found, replace(QUALITY, minimum_agreement=0.99)) == [
        "quality gate: the profile needs an agreement of at least 0.99, the artifact is 0.95"
    ]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"prompts": ("a", "c")}, "prompts of the quality gate"),
        ({"prompts": ("a",)}, "prompts of the quality gate"),
        ({"reference": ("x", "y")}, "reference of the quality gate"),
        ({"max_new_tokens": 64}, "max_new_tokens of the quality gate"),
    ],
    ids=str,
)
def test_a_gate_with_other_questions_does_not_count(change: dict[str, Any], what: str) -> None:
    found = manifest(quality=measured(1.0, 1.0))
    differences = mismatches(INPUTS, replace(QUALITY, **change), found)
    assert [item.what for item in differences] == [what]


def test_other_questions_are_told_by_their_number_with_whose_they_are() -> None:
    found = manifest(quality=measured(1.0, 1.0))
    assert told(found, replace(QUALITY, prompts=("a",))) == [
        "prompts of the quality gate: the profile needs 1 of its own, the artifact is 2 others"
    ]


def test_the_nearest_artifact_differs_in_settings_rather_than_in_the_machine() -> None:
    settings = {"option.max_input_len": "512", "option.max_output_len": "256", "option.x": "1"}
    by_settings = manifest(replace(INPUTS, settings=settings))
    by_machine = manifest(replace(INPUTS, gpu_architecture="Hopper"))
    of_another_model = manifest(replace(INPUTS, model_id="acme/other"))
    found = nearest(INPUTS, [by_machine, of_another_model, by_settings])
    assert found is not None
    assert found.manifest == by_settings
    assert [item.what for item in found.differences] == sorted(settings)


def test_where_nothing_of_the_model_lies_nothing_is_near() -> None:
    assert nearest(INPUTS, []) is None
    assert nearest(INPUTS, [manifest(replace(INPUTS, model_id="acme/other"))]) is None
