"""What an endpoint goes through, when all is well and when it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from lmi_deployer.sandbox.lifecycle import creation, described

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import DescribeEndpointOutputTypeDef

    from .conftest import Aws


def describe(aws: Aws) -> DescribeEndpointOutputTypeDef:
    return aws.sagemaker.describe_endpoint(EndpointName="chat")


def update(aws: Aws, **more: Any) -> None:
    aws.make_config("chat-2")
    aws.sagemaker.update_endpoint(EndpointName="chat", EndpointConfigName="chat-2", **more)


def test_a_stage_lasts_as_many_describe_calls_as_it_says() -> None:
    stages = creation(None, None, describes=1)
    assert [stage.status for stage in stages] == ["Creating", "InService"]
    assert [stage.status for stage in described(stages)] == ["InService"]
    assert creation(None, None, describes=0)[0].status == "InService"


def test_an_endpoint_is_created_and_deleted_step_by_step(aws: Aws) -> None:
    aws.make_model()
    aws.make_config()
    aws.make_endpoint()
    assert aws.statuses(describes=4) == ["Creating", "Creating", "InService", "InService"]
    aws.sagemaker.delete_endpoint(EndpointName="chat")
    assert aws.statuses(describes=1) == ["Deleting"]
    with pytest.raises(ClientError, match="Could not find endpoint"):
        describe(aws)


def test_the_number_of_describe_calls_can_be_chosen(sandbox: Any) -> None:
    with sandbox(describes=0) as aws:
        aws.make_model()
        aws.make_config()
        aws.make_endpoint()
        assert aws.statuses(describes=1) == ["InService"]


def test_boto3_waits_for_it(aws: Aws) -> None:
    aws.serve()
    update(aws)
    once = {"Delay": 0, "MaxAttempts": 4}
    aws.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="chat", WaiterConfig=once)  # type: ignore[arg-type]
    aws.sagemaker.delete_endpoint(EndpointName="chat")
    aws.sagemaker.get_waiter("endpoint_deleted").wait(EndpointName="chat", WaiterConfig=once)  # type: ignore[arg-type]


def test_an_update_ends_with_the_new_configuration(aws: Aws) -> None:
    aws.serve()
    policy = {
        "RollingUpdatePolicy": {
            "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1},
            "WaitIntervalInSeconds": 0,
        }
    }
    update(aws, DeploymentConfig=policy)
    during = describe(aws)
    assert during["EndpointStatus"] == "Updating"
    assert during["EndpointConfigName"] == "chat-1"
    assert during["PendingDeploymentSummary"]["EndpointConfigName"] == "chat-2"
    assert aws.statuses(describes=2) == ["Updating", "InService"]
    after = describe(aws)
    assert after["EndpointConfigName"] == "chat-2"
    assert after["LastDeploymentConfig"] == policy
    assert "PendingDeploymentSummary" not in after
    assert "FailureReason" not in after


def test_an_update_can_keep_the_counts_that_scaling_had_reached(aws: Aws) -> None:
    aws.serve()
    aws.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="chat",
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 3}],
    )
    assert aws.statuses() == ["Updating", "Updating", "InService"]
    scaled = describe(aws)["ProductionVariants"][0]
    assert (scaled["CurrentInstanceCount"], scaled["CurrentWeight"]) == (3, 1.0)
    update(aws, RetainAllVariantProperties=True)
    aws.statuses()
    assert describe(aws)["ProductionVariants"][0]["DesiredInstanceCount"] == 3


def test_an_endpoint_in_progress_can_be_neither_updated_nor_deleted(aws: Aws) -> None:
    aws.make_model()
    aws.make_config()
    aws.make_endpoint()
    for call in (lambda: update(aws), lambda: aws.sagemaker.delete_endpoint(EndpointName="chat")):
        with pytest.raises(ClientError, match='Cannot update in-progress endpoint "arn:'):
            call()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"outcome": "fail"}, "did not pass the ping health check"),
        ({"outcome": "fail", "reason": "CUDA out of memory"}, "CUDA out of memory"),
        ({"outcome": "no_capacity"}, "InsufficientInstanceCapacity"),
    ],
)
def test_a_creation_fails_on_request(aws: Aws, fault: dict[str, Any], reason: str) -> None:
    aws.make_model()
    aws.make_config()
    aws.fault(endpoint="chat", **fault)
    aws.make_endpoint()
    assert aws.statuses() == ["Creating", "Creating", "Failed"]
    assert reason in describe(aws)["FailureReason"]
    with pytest.raises(ClientError, match="with status Failed"):
        update(aws)
    aws.sagemaker.delete_endpoint_config(EndpointConfigName="chat-1")
    aws.sagemaker.delete_endpoint(EndpointName="chat")


@pytest.mark.parametrize("outcome", ["roll_back", "no_capacity"])
def test_an_update_is_rolled_back_on_request(aws: Aws, outcome: str) -> None:
    aws.serve()
    aws.fault(endpoint="*", outcome=outcome, reason="the alarm rang")
    update(aws)
    rolling_back = ["Updating", "Updating", "RollingBack", "RollingBack", "InService"]
    assert aws.statuses(describes=5) == rolling_back
    after = describe(aws)
    assert (after["EndpointConfigName"], after["FailureReason"]) == ("chat-1", "the alarm rang")
    aws.sagemaker.delete_endpoint_config(EndpointConfigName="chat-2")


def test_an_update_fails_on_request(aws: Aws) -> None:
    aws.serve()
    aws.fault(endpoint="chat", outcome="fail")
    update(aws)
    assert aws.statuses() == ["Updating", "Updating", "Failed"]


def test_both_configurations_are_in_use_during_an_update(aws: Aws) -> None:
    aws.serve()
    update(aws)
    for name in ("chat-1", "chat-2"):
        with pytest.raises(ClientError, match="it is used by endpoint chat"):
            aws.sagemaker.delete_endpoint_config(EndpointConfigName=name)
    aws.statuses()
    aws.sagemaker.delete_endpoint_config(EndpointConfigName="chat-1")


def test_a_refused_create_leaves_the_fault_for_the_next_one(aws: Aws) -> None:
    aws.fault(endpoint="chat", outcome="fail")
    with pytest.raises(ClientError):
        aws.make_endpoint()
    aws.make_model()
    aws.make_config()
    aws.make_endpoint()
    assert aws.statuses()[-1] == "Failed"


def test_the_image_and_the_data_capture_of_an_endpoint_are_shown(aws: Aws) -> None:
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 10,
        "DestinationS3Uri": "s3://captured/",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    aws.serve(DataCaptureConfig=capture)
    shown = describe(aws)
    images = shown["ProductionVariants"][0]["DeployedImages"]
    assert [image["SpecifiedImage"] for image in images] == ["an-image"]
    assert shown["DataCaptureConfig"]["CurrentSamplingPercentage"] == 10
    assert shown["DataCaptureConfig"]["CaptureStatus"] == "Started"
