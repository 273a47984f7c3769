"""Answers about jobs, held against the shapes of the installed botocore's API models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.validate import ParamValidator

from .jobs import NAME, ended, request, submit, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Aws

PROGRAM = "print('one line')"


def problems(client: Any, operation: str, answer: Any) -> str:
    """What speaks against an answer: missing or mistyped members, values outside of an enum."""
    shape = client.meta.service_model.operation_model(operation).output_shape
    shown = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
    report: str = ParamValidator().validate(shown, shape).generate_report()
    return report + unknown(shown, shape)


def unknown(value: Any, shape: Any) -> str:
    """Texts that an enum of the model does not list."""
    if shape.type_name == "structure":
        return "".join(unknown(item, shape.members[key]) for key, item in value.items())
    if shape.type_name == "list":
        return "".join(unknown(item, shape.member) for item in value)
    allowed = getattr(shape, "enum", None)
    return f"{value} is no {shape.name}; " if allowed and value not in allowed else ""


def watched(client: Any, operation: str, call: Callable[[], Any]) -> Any:
    answer = call()
    assert problems(client, operation, answer) == ""
    return answer


@pytest.mark.parametrize("ending", ["Completed", "Failed", "Stopped", "never started"])
def test_a_training_job_has_the_shape_of_the_api_at_every_stage(aws: Aws, ending: str) -> None:
    client = aws.sagemaker
    if ending == "Failed":
        aws.fault(job="*", outcome="script", mode="fail")
        submit(aws, "import sys; sys.exit(1)")
    else:
        submit(aws, PROGRAM if ending == "Completed" else "import time; time.sleep(600)")
    if ending in {"Stopped", "never started"}:
        if ending == "Stopped":
            for _ in range(3):
                client.describe_training_job(TrainingJobName=NAME)
        client.stop_training_job(TrainingJobName=NAME)
    job = until(
        lambda: watched(
            client,
            "DescribeTrainingJob",
            lambda: client.describe_training_job(TrainingJobName=NAME),
        ),
        lambda job: job["TrainingJobStatus"] in {"Completed", "Failed", "Stopped"},
    )
    assert ("TrainingTimeInSeconds" in job) == (ending != "never started")
    assert all(job[key] >= 1 for key in job if key.endswith("TimeInSeconds"))
    listed = watched(client, "ListTrainingJobs", client.list_training_jobs)
    assert len(listed["TrainingJobSummaries"]) == 1


def test_a_job_that_names_no_algorithm_and_no_limit_is_shown_with_the_default(aws: Aws) -> None:
    asked = request(aws)
    del asked["AlgorithmSpecification"], asked["StoppingCondition"]
    aws.sagemaker.create_training_job(**asked)
    job = ended(aws)
    assert problems(aws.sagemaker, "DescribeTrainingJob", job) == ""
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}


def test_an_optimization_job_has_the_shape_of_the_api(aws: Aws) -> None:
    client: Any = aws.sagemaker
    compilation = {"Image": "an-image"}
    client.create_optimization_job(
        OptimizationJobName=NAME,
        RoleArn=aws.settings.role_arn,
        ModelSource={"S3": {"S3Uri": f"s3://{aws.bucket}/model/"}},
        DeploymentInstanceType="ml.g5.12xlarge",
        OptimizationConfigs=[{"ModelCompilationConfig": compilation}],
        OutputConfig={"S3OutputLocation": f"s3://{aws.bucket}/out/"},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
        Tags=[{"Key": "team", "Value": "a"}],
    )
    job = until(
        lambda: watched(
            client,
            "DescribeOptimizationJob",
            lambda: client.describe_optimization_job(OptimizationJobName=NAME),
        ),
        lambda job: job["OptimizationJobStatus"] == "FAILED",
    )
    watched(client, "ListOptimizationJobs", client.list_optimization_jobs)
    tags = client.list_tags(ResourceArn=job["OptimizationJobArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "a"}]


def test_quotas_have_the_shape_of_the_api(sandbox: Any) -> None:
    with sandbox(region="cn-north-1") as aws:
        client = aws.client("service-quotas")
        found = watched(
            client, "ListServiceQuotas", lambda: client.list_service_quotas(ServiceCode="sagemaker")
        )
        assert found["Quotas"][0]["QuotaArn"].startswith("arn:aws-cn:servicequotas:cn-north-1:")
