"""What moto does without the sandbox. A failure here means that moto has changed or caught up.

Then look whether the extension that the test names is still needed, and as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import moto
import pytest
from botocore.exceptions import ClientError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sagemaker.models import sagemaker_backends

from .conftest import VARIANT

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_sandbox_is_written_for_this_moto() -> None:
    assert moto.__version__ == "5.2.5"


@pytest.fixture
def sagemaker(plain_moto: Callable[[str], Any]) -> Any:
    client = plain_moto("sagemaker")
    client.create_model(ModelName="chat", ExecutionRoleArn="r" * 20, EnableNetworkIsolation=True)
    return client


def make_config(sagemaker: Any, **more: Any) -> None:
    variants = [VARIANT | {"InstanceType": "ml.g4dn.12xlarge"}]
    sagemaker.create_endpoint_config(
        EndpointConfigName="chat-1", ProductionVariants=variants, **more
    )


def make_endpoint(sagemaker: Any) -> None:
    make_config(sagemaker)
    sagemaker.create_endpoint(EndpointName="chat", EndpointConfigName="chat-1")


def test_moto_refuses_recent_instance_types(sagemaker: Any) -> None:
    with pytest.raises(ClientError, match=r"ml\.g5\.12xlarge"):
        sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[VARIANT])


def test_moto_replaces_what_is_created_twice(sagemaker: Any) -> None:
    sagemaker.create_model(ModelName="chat", ExecutionRoleArn="s" * 20)
    make_endpoint(sagemaker)
    make_endpoint(sagemaker)


def test_moto_deletes_what_is_in_use(sagemaker: Any) -> None:
    make_endpoint(sagemaker)
    sagemaker.delete_endpoint_config(EndpointConfigName="chat-1")
    sagemaker.delete_model(ModelName="chat")


def test_moto_puts_single_quotes_around_what_it_cannot_find(sagemaker: Any) -> None:
    with pytest.raises(ClientError, match="Could not find endpoint 'arn:"):
        sagemaker.describe_endpoint(EndpointName="chat")


def test_moto_has_an_endpoint_in_service_at_once_and_deletes_it_at_once(sagemaker: Any) -> None:
    make_endpoint(sagemaker)
    assert sagemaker.describe_endpoint(EndpointName="chat")["EndpointStatus"] == "InService"
    sagemaker.delete_endpoint(EndpointName="chat")
    assert sagemaker.list_endpoints()["Endpoints"] == []


def test_moto_cannot_update_an_endpoint(sagemaker: Any) -> None:
    make_endpoint(sagemaker)
    with pytest.raises(NotImplementedError):
        sagemaker.update_endpoint(EndpointName="chat", EndpointConfigName="chat-1")


def test_moto_wipes_the_weight_when_the_count_changes(sagemaker: Any) -> None:
    make_endpoint(sagemaker)
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="chat",
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}],
    )
    shown = sagemaker.describe_endpoint(EndpointName="chat")["ProductionVariants"][0]
    assert "CurrentWeight" not in shown


def test_moto_cannot_stop_a_training_job(sagemaker: Any) -> None:
    with pytest.raises(NotImplementedError):
        sagemaker.stop_training_job(TrainingJobName="compile")


def test_moto_completes_a_training_job_at_once_and_changes_it(sagemaker: Any) -> None:
    metric = {"Name": "seconds", "Regex": "took (.*)"}
    for _ in range(2):  # and replaces it
        sagemaker.create_training_job(
            TrainingJobName="compile",
            AlgorithmSpecification={"TrainingInputMode": "File", "MetricDefinitions": [metric]},
            RoleArn="r" * 20,
            OutputDataConfig={"S3OutputPath": "s3://bucket/"},
            ResourceConfig={"InstanceType": "ml.g5.xlarge", "VolumeSizeInGB": 1},
            StoppingCondition={},
            Environment={"A": "b"},
        )
    shown = sagemaker.describe_training_job(TrainingJobName="compile")
    assert shown["TrainingJobStatus"] == "Completed"
    assert metric not in shown["AlgorithmSpecification"]["MetricDefinitions"]
    assert "Environment" not in shown


def test_moto_has_no_optimization_jobs(sagemaker: Any) -> None:
    with pytest.raises(NotImplementedError):
        sagemaker.list_optimization_jobs()


def test_moto_filters_each_page_of_training_jobs_by_itself(sagemaker: Any) -> None:
    for name in ("a", "b"):
        sagemaker.create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={"TrainingInputMode": "File"},
            RoleArn="r" * 20,
            OutputDataConfig={"S3OutputPath": "s3://bucket/"},
            ResourceConfig={"InstanceType": "ml.bogus", "VolumeSizeInGB": 1},
            StoppingCondition={},
        )
    found = sagemaker.list_training_jobs(NameContains="b", MaxResults=1)
    assert found["TrainingJobSummaries"] == []


def test_moto_lists_no_quotas(plain_moto: Callable[[str], Any]) -> None:
    with pytest.raises(NotImplementedError):
        plain_moto("service-quotas").list_service_quotas(ServiceCode="sagemaker")


def test_moto_shows_an_endpoint_without_its_images_and_async_settings(sagemaker: Any) -> None:
    output = {"S3OutputPath": "s3://bucket/"}
    make_config(sagemaker, AsyncInferenceConfig={"OutputConfig": output})
    sagemaker.create_endpoint(EndpointName="chat", EndpointConfigName="chat-1")
    shown = sagemaker.describe_endpoint(EndpointName="chat")
    assert "AsyncInferenceConfig" not in shown
    assert "DeployedImages" not in shown["ProductionVariants"][0]


def test_moto_keeps_the_arn_of_an_endpoint_configuration_in_a_tuple(sagemaker: Any) -> None:
    make_config(sagemaker)
    backend: Any = sagemaker_backends[DEFAULT_ACCOUNT_ID]["us-east-1"]
    assert isinstance(backend.endpoint_configs["chat-1"].arn, tuple)


def test_moto_forgets_what_it_does_not_know_and_shows_what_was_not_sent(sagemaker: Any) -> None:
    make_config(sagemaker, EnableNetworkIsolation=True)
    model = sagemaker.describe_model(ModelName="chat")
    assert (model["EnableNetworkIsolation"], model["VpcConfig"]) == (False, {})
    config = sagemaker.describe_endpoint_config(EndpointConfigName="chat-1")
    assert "EnableNetworkIsolation" not in config
    assert config["DataCaptureConfig"] == {}


def test_moto_lists_every_model_whatever_was_asked(sagemaker: Any) -> None:
    sagemaker.create_model(ModelName="other", ExecutionRoleArn="r" * 20)
    assert len(sagemaker.list_models(NameContains="chat", MaxResults=1)["Models"]) == 2


def test_moto_keeps_a_tag_twice(sagemaker: Any) -> None:
    arn = sagemaker.describe_model(ModelName="chat")["ModelArn"]
    for value in "12":
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": value}])
    assert len(sagemaker.list_tags(ResourceArn=arn)["Tags"]) == 2
    with pytest.raises(AttributeError):
        sagemaker.list_tags(ResourceArn=arn + "-not-there")


def test_moto_answers_for_endpoints_that_are_not_there(plain_moto: Callable[[str], Any]) -> None:
    runtime = plain_moto("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName="not-there", Body=b"{}")
    assert answer["Body"].read() == b"body"
    location = runtime.invoke_endpoint_async(EndpointName="a", InputLocation="s3://a/b")
    assert location["OutputLocation"].startswith("s3://sagemaker-output-")
    with pytest.raises(ClientError, match="404"):
        runtime.invoke_endpoint_with_response_stream(EndpointName="a", Body=b"{}")
