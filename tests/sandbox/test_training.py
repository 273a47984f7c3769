"""Training jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from .conftest import Aws


def train(aws: Aws) -> dict[str, Any]:
    asked = {
        "TrainingJobName": "compile",
        "AlgorithmSpecification": {"TrainingImage": "an-image", "TrainingInputMode": "File"},
        "RoleArn": aws.settings.role_arn,
        "OutputDataConfig": {"S3OutputPath": aws.settings.artifacts, "CompressionType": "NONE"},
        "ResourceConfig": {
            "InstanceType": "ml.g5.12xlarge",
            "InstanceCount": 1,
            "VolumeSizeInGB": 30,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "Environment": {"HF_MODEL_ID": "a/model"},
    }
    aws.sagemaker.create_training_job(**asked)  # type: ignore[arg-type]
    return asked


def statuses(aws: Aws, describes: int) -> list[str]:
    describe = aws.sagemaker.describe_training_job
    return [describe(TrainingJobName="compile")["TrainingJobStatus"] for _ in range(describes)]


def test_a_job_runs_for_a_while_and_is_shown_as_it_was_sent(aws: Aws) -> None:
    asked = train(aws)
    assert statuses(aws, 3) == ["InProgress", "InProgress", "Completed"]
    shown: dict[str, Any] = {**aws.sagemaker.describe_training_job(TrainingJobName="compile")}
    assert {key: shown[key] for key in asked} == asked


def test_a_running_job_can_be_stopped(aws: Aws) -> None:
    train(aws)
    aws.sagemaker.stop_training_job(TrainingJobName="compile")
    assert statuses(aws, 2) == ["Stopping", "Stopped"]
    with pytest.raises(ClientError, match="in status Stopped"):
        aws.sagemaker.stop_training_job(TrainingJobName="compile")


def test_a_name_is_taken_once(aws: Aws) -> None:
    train(aws)
    with pytest.raises(aws.sagemaker.exceptions.ResourceInUse, match="must be unique"):
        train(aws)
