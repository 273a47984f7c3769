"""Quotas of SageMaker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from lmi_deployer import catalog

from .jobs import MACHINE, ended, request

if TYPE_CHECKING:
    from .conftest import Aws

TRAINING = f"{MACHINE} for training job usage"
SPOT = f"{MACHINE} for spot training job usage"


def train(aws: Aws, name: str, **more: Any) -> None:
    algorithm = {"TrainingImage": "an-image", "TrainingInputMode": "File"}
    aws.sagemaker.create_training_job(
        **request(aws, name, AlgorithmSpecification=algorithm, **more)
    )


def quotas(aws: Aws) -> dict[str, float]:
    pages = aws.client("service-quotas").get_paginator("list_service_quotas")
    found = pages.paginate(ServiceCode="sagemaker", PaginationConfig={"PageSize": 20})
    listed = [quota for page in found for quota in page["Quotas"]]
    assert len({quota["QuotaCode"] for quota in listed}) == len(listed)
    return {quota["QuotaName"]: quota["Value"] for quota in listed}


def test_every_instance_type_of_the_catalog_has_a_quota_for_each_use(aws: Aws) -> None:
    found = quotas(aws)
    assert len(found) == 3 * len(catalog.names("instances"))
    assert found["ml.p4d.24xlarge for endpoint usage"] == 1
    assert found[SPOT] == 1


def test_a_quota_can_be_changed(aws: Aws) -> None:
    status, values = aws.http("POST", "/lmi-sandbox/quotas", {"name": TRAINING, "value": 0})
    assert (status, values[TRAINING]) == (200, 0)
    assert quotas(aws)[TRAINING] == 0
    assert aws.http("GET", "/lmi-sandbox/quotas")[1][TRAINING] == 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"name": "ml.g5.12xlarge for training jobs usage", "value": 1},
            f"did you mean '{TRAINING}'",
        ),
        ({"name": TRAINING, "value": -1}, "greater than or equal to 0"),
        (b'{"name": "%s", "value": Infinity}' % TRAINING.encode(), "finite number"),
        ({"name": TRAINING}, "Field required"),
        (b"nothing", "Invalid JSON"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(aws: Aws, body: Any, said: str) -> None:
    status, answer = aws.http("POST", "/lmi-sandbox/quotas", body)
    assert status == 400
    assert said in answer["error"]


def test_jobs_beyond_the_quota_are_refused_until_one_has_ended(aws: Aws) -> None:
    train(aws, "first")
    with pytest.raises(aws.sagemaker.exceptions.ResourceLimitExceeded) as refused:
        train(aws, "second")
    assert (
        f"The account-level service limit '{TRAINING}' is 1 Instances, with current utilization "
        "of 1 Instances and a request delta of 1 Instances."
    ) in str(refused.value)
    train(aws, "spot", EnableManagedSpotTraining=True)
    ended(aws, "first")
    train(aws, "second")


def test_quotas_of_other_services_are_not_made_up(aws: Aws) -> None:
    with pytest.raises(ClientError, match="NoSuchResource"):
        aws.client("service-quotas").list_service_quotas(ServiceCode="ec2")
