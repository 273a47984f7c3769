"""Optimization jobs: the compilation of a model of S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from .jobs import IMAGE, TAG, until

if TYPE_CHECKING:
    from .conftest import Aws

NAME = "lmi-compile-0123456789abcdef-1"
SOURCE = "llama/"
OUTPUT = "lmi-deploy/engines/0123456789abcdef/artifact/"
PROPERTIES = b"# of the model\noption.model_id=/nowhere\noption.dtype=fp16\n"


def optimize(aws: Aws, name: str = NAME, **more: Any) -> dict[str, Any]:
    compilation = {"Image": f"{IMAGE}:{TAG}", "OverrideEnvironment": VARIABLES}
    asked: dict[str, Any] = {
        "OptimizationJobName": name,
        "RoleArn": aws.settings.role_arn,
        "ModelSource": {"S3": {"S3Uri": f"s3://{aws.bucket}/{SOURCE}"}},
        "DeploymentInstanceType": "ml.g5.12xlarge",
        "OptimizationConfigs": [{"ModelCompilationConfig": compilation}],
        "OutputConfig": {"S3OutputLocation": f"s3://{aws.bucket}/{OUTPUT}"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        **more,
    }
    aws.sagemaker.create_optimization_job(**asked)
    return asked


VARIABLES = {"OPTION_TENSOR_PARALLEL_DEGREE": "2", "OPTION_DTYPE": "bf16"}


def upload_model(aws: Aws) -> None:
    files = {
        "config.json": b'{"model_type": "llama"}',
        "tokenizer_config.json": b"{}",
        "tokenizer.json": b"{}",
        "model.safetensors": b"weights",
        "serving.properties": PROPERTIES,
    }
    for name, content in files.items():
        aws.s3.put_object(Bucket=aws.bucket, Key=SOURCE + name, Body=content)


def shown(aws: Aws, name: str = NAME) -> dict[str, Any]:
    return {**aws.sagemaker.describe_optimization_job(OptimizationJobName=name)}


def ended(aws: Aws) -> dict[str, Any]:
    last = {"COMPLETED", "FAILED", "STOPPED"}
    job: dict[str, Any] = until(
        lambda: shown(aws), lambda job: job["OptimizationJobStatus"] in last
    )
    return job


def test_a_job_leaves_the_layout_of_the_version_and_the_settings_to_serve_it(aws: Aws) -> None:
    upload_model(aws)
    asked = optimize(aws)
    assert [shown(aws)["OptimizationJobStatus"] for _ in range(2)] == ["STARTING"] * 2
    job = ended(aws)
    assert job["OptimizationJobStatus"] == "COMPLETED", job.get("FailureReason")
    assert {key: job[key] for key in asked} == asked
    assert job["OptimizationOutput"] == {"RecommendedInferenceImage": f"{IMAGE}:{TAG}"}
    listed = aws.s3.list_objects_v2(Bucket=aws.bucket, Prefix=OUTPUT)["Contents"]
    names = [item["Key"].removeprefix(OUTPUT) for item in listed]
    assert sum(name.endswith(".engine") for name in names) == 2
    settings = aws.s3.get_object(Bucket=aws.bucket, Key=OUTPUT + "serving.properties")
    lines = settings["Body"].read().decode().splitlines()
    assert lines == ["engine=MPI", "option.tensor_parallel_degree=2", "option.dtype=fp16"]


def test_a_script_that_fails_is_told_with_its_last_lines(aws: Aws) -> None:
    upload_model(aws)
    aws.fault(job="*", outcome="spot_interruption")  # is for training jobs, and stays
    aws.fault(job="*", outcome="script", mode="fail")
    optimize(aws)
    job = ended(aws)
    assert job["OptimizationJobStatus"] == "FAILED"
    assert "Unsupported layer in the network definition" in job["FailureReason"]
    assert len(aws.http("GET", "/lmi-sandbox/faults")[1]) == 1


@pytest.mark.parametrize(
    ("version", "said"),
    [("0.25.0-tensorrtllm0.5.0-cu122", "has no script for optimization jobs"), ("1.0", "no LMI")],
)
def test_an_image_that_cannot_do_it_fails_the_job(aws: Aws, version: str, said: str) -> None:
    config = {"ModelCompilationConfig": {"Image": f"{IMAGE}:{version}"}}
    upload_model(aws)
    optimize(aws, OptimizationConfigs=[config])
    assert said in ended(aws)["FailureReason"]


def test_a_job_is_stopped_and_then_deleted(sandbox: Any) -> None:
    with sandbox(describes=0) as aws:
        upload_model(aws)
        aws.fault(job="*", outcome="script", mode="hang")
        optimize(aws)
        assert shown(aws)["OptimizationJobStatus"] == "INPROGRESS"
        with pytest.raises(ClientError, match="in status INPROGRESS"):
            aws.sagemaker.delete_optimization_job(OptimizationJobName=NAME)
        aws.sagemaker.stop_optimization_job(OptimizationJobName=NAME)
        assert shown(aws)["OptimizationJobStatus"] == "STOPPING"
        assert ended(aws)["OptimizationJobStatus"] == "STOPPED"
        aws.sagemaker.delete_optimization_job(OptimizationJobName=NAME)
        with pytest.raises(aws.sagemaker.exceptions.ResourceNotFound):
            shown(aws)


def test_jobs_are_listed_and_a_name_is_taken_once(aws: Aws) -> None:
    for name in ("b", "a"):
        optimize(aws, name)
    with pytest.raises(aws.sagemaker.exceptions.ResourceInUse):
        optimize(aws, "a")
    found = aws.sagemaker.list_optimization_jobs(SortBy="Name", StatusEquals="STARTING")
    names = [job["OptimizationJobName"] for job in found["OptimizationJobSummaries"]]
    assert names == ["a", "b"]


@pytest.mark.parametrize(
    "more",
    [
        {"DeploymentInstanceType": "ml.p3.2xlarge"},
        {"ModelSource": {"SageMakerModel": {"ModelName": "chat"}}},
        {"OptimizationConfigs": [{"ModelQuantizationConfig": {"Image": "an-image"}}]},
    ],
)
def test_what_the_sandbox_or_the_api_does_not_take_is_refused(aws: Aws, more: Any) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        optimize(aws, **more)


def test_jobs_last_from_one_sandbox_to_the_next(sandbox: Any, tmp_path: Any) -> None:
    with sandbox(tmp_path / "state") as aws:
        upload_model(aws)
        optimize(aws)
        assert shown(aws)["OptimizationJobStatus"] == "STARTING"
    with sandbox(tmp_path / "state") as aws:
        assert ended(aws)["OptimizationJobStatus"] == "COMPLETED"
    with sandbox(tmp_path / "state") as aws:
        assert shown(aws)["OptimizationJobStatus"] == "COMPLETED"
