"""The real entry point, run as a training job of the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lmi_deployer.artifact.manifest import parse
from lmi_deployer.entry_point.job import QualityGate

from .jobs import document, ended, log_lines, manifest_key, submit_compilation

if TYPE_CHECKING:
    from .conftest import Aws

GATE = QualityGate(prompts=("What is deep learning?",), max_new_tokens=8, minimum_agreement=0.9)


def test_a_compilation_ends_with_an_artifact_of_the_images_own_layout(aws: Aws) -> None:
    submit_compilation(aws, quality=GATE)
    job = ended(aws)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    content = aws.s3.get_object(Bucket=aws.bucket, Key=manifest_key())["Body"].read()
    manifest = parse(content)
    assert sum(item.path.endswith(".engine") for item in manifest.files) == 4
    assert manifest.quality is not None
    assert manifest.quality["agreement"] == 1.0
    assert any("commit" in line for line in log_lines(aws))


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("gated", "the model is gated"),
        pytest.param(
            "poor_quality",
            "the quality gate failed: answers agree for 50.0%",
            marks=pytest.mark.exhaustive,
        ),
    ],
)
def test_the_stand_ins_can_be_told_to_misbehave(aws: Aws, mode: str, said: str) -> None:
    aws.fault(job="*", outcome="script", mode=mode)
    submit_compilation(aws, quality=GATE)
    job = ended(aws)
    assert job["TrainingJobStatus"] == "Failed"
    assert said in job["FailureReason"]
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert job["FailureReason"].endswith(", exit code: 1")
    listed = aws.s3.list_objects_v2(Bucket=aws.bucket, Prefix=manifest_key())
    assert listed["KeyCount"] == 0


@pytest.mark.exhaustive  # tests/cli/test_compile.py follows one from the command line
def test_a_compilation_that_was_interrupted_starts_over_and_ends_well(aws: Aws) -> None:
    aws.fault(job="*", outcome="spot_interruption")
    submit_compilation(aws)
    job = ended(aws)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    statuses = [item["Status"] for item in job["SecondaryStatusTransitions"]]
    assert statuses.count("Training") == 2
    assert statuses.count("Interrupted") == 1
    assert document(aws, manifest_key())["key"]
