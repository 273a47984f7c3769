from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from lmi_deployer.request_check import RequestProblem, check_request

ROLE = "arn:aws:iam::123456789012:role/lmi-execution"
REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com/djl-inference"
HF_TOKEN = "hf_" + "abcdefghij" * 4


def model_request(**container: Any) -> dict[str, Any]:
    image = f"{REGISTRY}:0.33.0-lmi15.0.0-cu128"
    return {
        "ModelName": "llama2-70b",
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {"Image": image, **container},
    }


def config_request(**variant: Any) -> dict[str, Any]:
    return {
        "EndpointConfigName": "llama2-70b-p4d",
        "ProductionVariants": [
            {
                "VariantName": "AllTraffic",
                "ModelName": "llama2-70b",
                "InstanceType": "ml.g5.12xlarge",
                "InitialInstanceCount": 1,
                "ModelDataDownloadTimeoutInSeconds": 3600,
                "ContainerStartupHealthCheckTimeoutInSeconds": 3600,
                **variant,
            }
        ],
    }


def s3_source(uri: str, data_type: str = "S3Prefix") -> dict[str, Any]:
    return {"S3DataSource": {"S3Uri": uri, "S3DataType": data_type, "CompressionType": "None"}}


def of_model(**container: Any) -> tuple[RequestProblem, ...]:
    return check_request("sagemaker", "CreateModel", model_request(**container))


def of_config(**variant: Any) -> tuple[RequestProblem, ...]:
    return check_request("sagemaker", "CreateEndpointConfig", config_request(**variant))


def the_only(problems: tuple[RequestProblem, ...]) -> RequestProblem:
    assert len(problems) == 1, [str(problem) for problem in problems]
    return problems[0]


def test_a_request_that_is_right_has_no_problems() -> None:
    source = s3_source("s3://acme-models/llama2-70b/")
    assert of_model(ModelDataSource=source, Environment={"HF_HOME": "/tmp/hf"}) == ()
    assert of_config(InferenceAmiVersion="al2-ami-sagemaker-inference-gpu-3-1") == ()


def test_an_unknown_instance_type_is_answered_with_the_nearest_one() -> None:
    problem = the_only(of_config(InstanceType="ml.g5.12xlage"))
    assert problem.path == "ProductionVariants[0].InstanceType"
    assert problem.fix == "did you mean 'ml.g5.12xlarge'?"
    assert the_only(of_config(InstanceType="ml.bogus")).fix is not None


def test_a_number_beyond_its_range_is_told_the_range() -> None:
    problem = the_only(of_config(ContainerStartupHealthCheckTimeoutInSeconds=99999))
    assert str(problem) == (
        "CreateEndpointConfig: ProductionVariants[0].ContainerStartupHealthCheckTimeoutInSeconds"
        " is 99999, more than 3600\n  fix: a whole number, 60 to 3600"
    )


def test_an_underscore_in_a_name_is_answered_with_a_name_that_may_be_used() -> None:
    request = {**config_request(), "EndpointConfigName": "llama2_70b"}
    problem = the_only(check_request("sagemaker", "CreateEndpointConfig", request))
    assert problem.path == "EndpointConfigName"
    assert problem.fix is not None
    assert problem.fix.endswith("such as 'llama2-70b'")


def test_a_name_that_is_only_too_long_is_not_also_called_malformed() -> None:
    request = {**config_request(), "EndpointConfigName": "a" * 64}
    problem = the_only(check_request("sagemaker", "CreateEndpointConfig", request))
    assert problem.problem == "has 64 characters, more than 63"


def test_an_unknown_member_is_answered_with_the_nearest_one() -> None:
    problem = the_only(of_config(InstanceTyp="ml.g5.12xlarge"))
    assert problem.path == "ProductionVariants[0].InstanceTyp"
    assert problem.fix == "did you mean 'InstanceType'?"


def test_the_environment_of_a_model_takes_100_entries() -> None:
    assert of_model(Environment={f"KEY_{n}": "value" for n in range(100)}) == ()
    problem = the_only(of_model(Environment={f"KEY_{n}": "value" for n in range(101)}))
    assert problem.path == "PrimaryContainer.Environment"
    assert problem.problem == "has 101 entries, more than 100"


@pytest.mark.parametrize(
    ("operation", "longest"),
    [("CreateModel", 1024), ("CreateTrainingJob", 512), ("CreateTransformJob", 10240)],
)
def test_an_environment_value_has_the_limit_of_its_own_call(operation: str, longest: int) -> None:
    def paths(length: int) -> set[str]:
        environment = {"OPTION": "x" * length}
        in_model = {"PrimaryContainer": {"Environment": environment}}
        request = in_model if operation == "CreateModel" else {"Environment": environment}
        return {problem.path for problem in check_request("sagemaker", operation, request)}

    (added,) = paths(longest + 1) - paths(longest)
    assert added.endswith("Environment.OPTION")


def test_every_problem_is_reported_not_only_the_first() -> None:
    request = {
        "EndpointConfigName": "under_score",
        "ProductionVariants": [
            {"InstanceType": "ml.bogus", "InitialInstanceCount": 0, "Name": "x"},
            None,
        ],
        "Tags": [{"Key": "team"}],
    }
    problems = check_request("sagemaker", "CreateEndpointConfig", request)
    assert {problem.path for problem in problems} == {
        "EndpointConfigName",
        "ProductionVariants[0].VariantName",
        "ProductionVariants[0].InstanceType",
        "ProductionVariants[0].InitialInstanceCount",
        "ProductionVariants[0].Name",
        "ProductionVariants[1]",
        "Tags[0].Value",
    }


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, "null"), ("2", "a string"), (1.5, "a number"), (True, "true"), ([1], "a list")],
)
def test_a_value_of_the_wrong_type_is_named_by_its_type(value: Any, told: str) -> None:
    problem = the_only(of_config(InitialInstanceCount=value))
    assert problem.problem == f"is {told}, not a whole number"
    assert problem.fix == "a whole number, at least 1"


def test_a_union_takes_exactly_one_member() -> None:
    def problems_of(configs: list[dict[str, Any]]) -> dict[str, str]:
        request = {"OptimizationConfigs": configs}
        problems = check_request("sagemaker", "CreateOptimizationJob", request)
        return {problem.path: problem.problem for problem in problems}

    found = problems_of([{}, {"ModelQuantizationConfig": {}, "ModelCompilationConfig": {}}])
    assert found["OptimizationConfigs[0]"] == "takes one member and has none"
    assert "OptimizationConfigs[1]" in found
    assert "OptimizationConfigs[0]" not in problems_of([{"ModelCompilationConfig": {}}])


def test_a_body_may_be_bytes_text_or_an_open_file_and_is_never_shown() -> None:
    def problems_of(body: object) -> tuple[RequestProblem, ...]:
        request = {"EndpointName": "chat", "Body": body}
        return check_request("sagemaker-runtime", "InvokeEndpoint", request)

    for body in (b"{}", bytearray(b"{}"), "{}", io.BytesIO(b"{}")):
        assert problems_of(body) == ()
    assert the_only(problems_of(7)).problem == "is a whole number, not bytes"
    assert the_only(problems_of(b"x" * 26_214_401)).problem == (
        "has 26214401 bytes, more than 26214400"
    )


def test_a_time_may_be_a_datetime_a_number_or_iso_text() -> None:
    def problems_of(value: object) -> tuple[RequestProblem, ...]:
        request = {"CreationTimeAfter": value}
        return check_request("sagemaker", "ListEndpoints", request)

    for value in (datetime.now(UTC), 1700000000, "2025-01-31T12:00:00Z"):
        assert problems_of(value) == ()
    assert the_only(problems_of("yesterday")).path == "CreationTimeAfter"


@pytest.mark.parametrize(
    "request_with_secret",
    [
        model_request(Environment={"HUGGING_FACE_HUB_TOKEN": HF_TOKEN + "x" * 2000}),
        model_request(Environment={"PASSWORD": ["correct horse"]}),
        model_request(Environment={HF_TOKEN + "!": "x"}),
        model_request(Image=f"{HF_TOKEN} {HF_TOKEN}"),
        model_request(**{HF_TOKEN: 1}),
        model_request(Mode=HF_TOKEN),
        {**model_request(), "ModelName": HF_TOKEN},
        {**model_request(), "ExecutionRoleArn": HF_TOKEN * 60},
    ],
)
def test_a_problem_never_holds_a_secret(request_with_secret: dict[str, Any]) -> None:
    problems = check_request("sagemaker", "CreateModel", request_with_secret)
    text = "\n".join(str(problem) for problem in problems)
    assert problems
    assert not re.search(r"hf[_-]abc|correct horse", text), text


def test_a_service_or_operation_that_does_not_exist_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="did you mean 'CreateModel'"):
        check_request("sagemaker", "CreateModl", {})
    with pytest.raises(ValueError, match="no service 'sagemakr'"):
        check_request("sagemakr", "CreateModel", {})
