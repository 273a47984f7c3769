"""Models and endpoint configurations: what goes in comes out, and what SageMaker refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from .conftest import VARIANT

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Aws

ARN = "arn:aws:sagemaker:us-east-1:123456789012:"


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as refused:
        call()
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException"
    return error["Message"]


def filled(shape: Any, *, within: tuple[str, ...] = ()) -> Any:
    """A request with every member that the API model knows."""
    match shape.type_name:
        case "structure":
            within = (*within, shape.name)
            members = {name: m for name, m in shape.members.items() if m.name not in within}
            return {name: filled(member, within=within) for name, member in members.items()}
        case "list":
            return [filled(shape.member, within=within)]
        case "map":
            return {"key": filled(shape.value, within=within)}
        case "string":
            return shape.enum[0] if shape.enum else "a-text-of-20-letters"
        case scalar:
            return {"boolean": True, "float": 0.5}.get(scalar, 1024)


@pytest.mark.parametrize(
    ("create", "describe", "name"),
    [
        ("CreateModel", "DescribeModel", "ModelName"),
        ("CreateEndpointConfig", "DescribeEndpointConfig", "EndpointConfigName"),
    ],
)
def test_describe_shows_every_field_that_was_sent(
    aws: Aws, create: str, describe: str, name: str
) -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    asked = filled(model.operation_model(create).input_shape)
    for variants in ("ProductionVariants", "ShadowProductionVariants"):
        for variant in asked.get(variants, []):
            variant["ModelName"] = "chat"
    aws.make_model()
    aws.sagemaker._make_api_call(create, asked)  # type: ignore[attr-defined]
    shown = aws.sagemaker._make_api_call(describe, {name: asked[name]})  # type: ignore[attr-defined]
    expected = {key: value for key, value in asked.items() if key != "Tags"}
    assert {key: shown.get(key) for key in expected} == expected


def test_describe_shows_nothing_that_was_not_sent(aws: Aws) -> None:
    aws.make_model()
    aws.make_config()
    model = aws.sagemaker.describe_model(ModelName="chat")
    config = aws.sagemaker.describe_endpoint_config(EndpointConfigName="chat-1")
    assert not {"VpcConfig", "Containers", "Tags"} & set(model)
    assert model["EnableNetworkIsolation"] is False
    assert not {"DataCaptureConfig", "AsyncInferenceConfig", "VpcConfig", "Tags"} & set(config)


@pytest.mark.parametrize("instance_type", ["ml.p4d.24xlarge", "ml.g6e.48xlarge", "ml.inf2.xlarge"])
def test_every_instance_type_of_the_api_is_accepted(aws: Aws, instance_type: str) -> None:
    aws.make_model()
    aws.make_config(variant={"InstanceType": instance_type})


def test_an_unknown_instance_type_is_refused(aws: Aws) -> None:
    aws.make_model()
    said = refusal(lambda: aws.make_config(variant={"InstanceType": "ml.g5.13xlarge"}))
    assert "Value 'ml.g5.13xlarge' at 'productionVariants.1.member.instanceType'" in said


def test_a_second_create_of_the_same_name_is_refused(aws: Aws) -> None:
    aws.serve()
    assert refusal(aws.make_model) == f'Cannot create already existing model "{ARN}model/chat".'
    assert refusal(aws.make_config) == (
        f'Cannot create already existing endpoint configuration "{ARN}endpoint-config/chat-1".'
    )
    assert refusal(aws.make_endpoint) == (
        f'Cannot create already existing endpoint "{ARN}endpoint/chat".'
    )


def test_what_is_not_there_is_named_in_the_refusal(aws: Aws) -> None:
    sagemaker = aws.sagemaker
    no_model = f'Could not find model "{ARN}model/chat".'
    no_config = f'Could not find endpoint configuration "{ARN}endpoint-config/chat-1".'
    no_endpoint = f'Could not find endpoint "{ARN}endpoint/chat".'
    assert refusal(lambda: sagemaker.describe_model(ModelName="chat")) == no_model
    assert refusal(lambda: sagemaker.delete_model(ModelName="chat")) == no_model
    assert refusal(aws.make_config) == no_model
    name = "chat-1"
    describe, delete = sagemaker.describe_endpoint_config, sagemaker.delete_endpoint_config
    assert refusal(lambda: describe(EndpointConfigName=name)) == no_config
    assert refusal(lambda: delete(EndpointConfigName=name)) == no_config
    assert refusal(aws.make_endpoint) == no_config
    assert refusal(lambda: sagemaker.describe_endpoint(EndpointName="chat")) == no_endpoint
    assert refusal(lambda: sagemaker.delete_endpoint(EndpointName="chat")) == no_endpoint
    update = sagemaker.update_endpoint
    assert refusal(lambda: update(EndpointName="chat", EndpointConfigName=name)) == no_endpoint


def test_a_model_or_configuration_in_use_cannot_be_deleted(aws: Aws) -> None:
    aws.serve()
    sagemaker = aws.sagemaker
    said = refusal(lambda: sagemaker.delete_model(ModelName="chat"))
    assert said.endswith("it is used by endpoint configuration chat-1.")
    said = refusal(lambda: sagemaker.delete_endpoint_config(EndpointConfigName="chat-1"))
    assert said.endswith("it is used by endpoint chat.")
    sagemaker.delete_endpoint(EndpointName="chat")
    sagemaker.delete_endpoint_config(EndpointConfigName="chat-1")
    sagemaker.delete_model(ModelName="chat")


def test_a_variant_without_a_model_waits_for_inference_components(aws: Aws) -> None:
    variant = {key: value for key, value in VARIANT.items() if key != "ModelName"}
    aws.sagemaker.create_endpoint_config(
        EndpointConfigName="components",
        ProductionVariants=[variant],  # type: ignore[list-item]
        ExecutionRoleArn=aws.settings.role_arn,
    )


@pytest.mark.parametrize("kind", ["model", "endpoint-config", "endpoint"])
def test_tags_are_listed_changed_and_dropped_with_what_they_were_on(aws: Aws, kind: str) -> None:
    aws.serve()
    name = "chat-1" if kind == "endpoint-config" else "chat"
    arn = f"{ARN}{kind}/{name}"
    sagemaker = aws.sagemaker
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    sagemaker.add_tags(
        ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}]
    )
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["b"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "2"}]
    sagemaker.delete_endpoint(EndpointName="chat")
    sagemaker.describe_endpoint(EndpointName="chat")
    sagemaker.delete_endpoint_config(EndpointConfigName="chat-1")
    sagemaker.delete_model(ModelName="chat")
    assert "Could not find" in refusal(lambda: sagemaker.list_tags(ResourceArn=arn))
    aws.serve()
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == []


def test_tags_sent_with_a_create_are_there(aws: Aws) -> None:
    aws.make_model(Tags=[{"Key": "owner", "Value": "me"}])
    tags = aws.sagemaker.list_tags(ResourceArn=f"{ARN}model/chat")["Tags"]
    assert tags == [{"Key": "owner", "Value": "me"}]
    api = aws.client("resourcegroupstaggingapi")
    aws.make_config(Tags=[{"Key": "owner", "Value": "me"}])
    found = api.get_resources(ResourceTypeFilters=["sagemaker:endpoint-config"])
    assert [entry["ResourceARN"] for entry in found["ResourceTagMappingList"]] == [
        f"{ARN}endpoint-config/chat-1"
    ]


def test_models_are_listed_by_page_and_by_name(aws: Aws) -> None:
    for number in range(12):
        aws.make_model(f"chat-{number:02}")
    aws.make_model("other")
    listed = aws.sagemaker.list_models(NameContains="chat", SortBy="Name", SortOrder="Ascending")
    assert [model["ModelName"] for model in listed["Models"]] == [f"chat-{n:02}" for n in range(10)]
    pages = aws.sagemaker.get_paginator("list_models").paginate(
        NameContains="chat", PaginationConfig={"PageSize": 5}
    )
    assert [len(page["Models"]) for page in pages] == [5, 5, 2]
    assert set(listed["Models"][0]) == {"ModelName", "ModelArn", "CreationTime"}


def test_models_are_listed_by_time(aws: Aws) -> None:
    aws.make_model("first")
    aws.make_model("second")
    made = aws.sagemaker.describe_model(ModelName="first")["CreationTime"]
    newest_first = aws.sagemaker.list_models()["Models"]
    assert [model["ModelName"] for model in newest_first] == ["second", "first"]
    later = aws.sagemaker.list_models(CreationTimeAfter=made)["Models"]
    assert "second" in [model["ModelName"] for model in later]


@pytest.mark.parametrize("by_file", [True, False])
def test_weights_that_are_not_there_fail_the_creation_and_roll_an_update_back(
    aws: Aws, by_file: bool
) -> None:
    uri = f"s3://{aws.bucket}/engines/0123456789abcdef/artifact/"
    container: dict[str, Any] = {"Image": "an-image"}
    if by_file:
        aws.s3.put_object(
            Bucket=aws.bucket, Key="bundle/serving.properties", Body=f"option.model_id={uri}\n"
        )
        source = {"S3Uri": f"s3://{aws.bucket}/bundle/", "S3DataType": "S3Prefix"}
        container["ModelDataSource"] = {"S3DataSource": source | {"CompressionType": "None"}}
    else:
        container["Environment"] = {"HF_MODEL_ID": uri}
    aws.make_model("engine", PrimaryContainer=container)
    aws.make_config("engine-1", {"ModelName": "engine"})
    aws.make_endpoint("engine", "engine-1")
    assert aws.statuses("engine")[-1] == "Failed"
    reason = aws.sagemaker.describe_endpoint(EndpointName="engine")["FailureReason"]
    assert f"option.model_id is {uri}, and nothing lies there" in reason
    aws.serve()
    aws.sagemaker.update_endpoint(EndpointName="chat", EndpointConfigName="engine-1")
    assert aws.statuses(describes=5) == [*["Updating"] * 2, *["RollingBack"] * 2, "InService"]
    aws.s3.put_object(Bucket=aws.bucket, Key="engines/0123456789abcdef/artifact/x", Body=b"")
    aws.sagemaker.update_endpoint(EndpointName="chat", EndpointConfigName="engine-1")
    assert aws.statuses() == ["Updating", "Updating", "InService"]
