"""What DescribeEndpoint says of the image and the instances that run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Aws

ADDRESS = "763104351884.dkr.ecr.us-east-1.amazonaws.com/djl-inference"
DIGEST = f"sha256:{'0a' * 32}"


def variant(aws: Aws) -> dict[str, Any]:
    (only,) = aws.sagemaker.describe_endpoint(EndpointName="chat")["ProductionVariants"]
    return dict(only)


@pytest.mark.parametrize("image", [f"{ADDRESS}:0.25.0", ADDRESS, "127.0.0.1:5000/lmi:1"])
def test_a_tag_is_shown_with_the_digest_that_it_stood_for(aws: Aws, image: str):
    aws.make_model(PrimaryContainer={"Image": image})
    aws.make_config()
    aws.make_endpoint()
    aws.statuses()
    (deployed,) = variant(aws)["DeployedImages"]
    assert deployed["SpecifiedImage"] == image
    repository, _, digest = deployed["ResolvedImage"].partition("@")
    assert image in {repository, f"{repository}:{image.rpartition(':')[2]}"}
    assert re.fullmatch("sha256:[0-9a-f]{64}", digest)
    assert deployed["ResolutionTime"].year >= 2024


def test_an_image_that_is_named_by_its_digest_resolves_to_itself(aws: Aws):
    aws.make_model(PrimaryContainer={"Image": f"{ADDRESS}@{DIGEST}"})
    aws.make_config()
    aws.make_endpoint()
    aws.statuses()
    (deployed,) = variant(aws)["DeployedImages"]
    assert deployed["SpecifiedImage"] == deployed["ResolvedImage"] == f"{ADDRESS}@{DIGEST}"


def test_an_update_that_is_rolled_back_keeps_instances_image_and_reason(aws: Aws):
    aws.serve()
    before = variant(aws)
    other = {"Image": f"{ADDRESS}:0.26.0"}
    aws.make_model("other", PrimaryContainer=other)
    aws.make_config("chat-2", variant={"ModelName": "other", "InitialInstanceCount": 4})
    aws.fault(endpoint="chat", outcome="roll_back", reason="no ping")
    aws.sagemaker.update_endpoint(EndpointName="chat", EndpointConfigName="chat-2")
    assert aws.statuses(describes=5)[-1] == "InService"
    shown = aws.sagemaker.describe_endpoint(EndpointName="chat")
    assert (shown["EndpointConfigName"], shown["FailureReason"]) == ("chat-1", "no ping")
    after = variant(aws)
    assert after["CurrentInstanceCount"] == before["CurrentInstanceCount"] == 1
    assert after["DeployedImages"] == before["DeployedImages"]
