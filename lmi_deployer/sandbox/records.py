"""What the sandbox keeps of a model, an endpoint configuration and an endpoint.

moto's own records copy the fields they know, so whatever AWS added later is lost on describe, and
they show empty objects where nothing was sent. These keep the request and show exactly that. They
derive from moto's classes because its list and tag calls, which serve well, read their attributes.
"""

from __future__ import annotations

from typing import Any

from moto.core.utils import utcnow
from moto.sagemaker.models import FakeEndpoint, FakeEndpointConfig, Model

from lmi_deployer.sandbox.lifecycle import Stages, described

Request = dict[str, Any]


def without_tags(sent: Request) -> Request:
    """Request as a describe call shows it: SageMaker lists tags separately."""
    return {key: value for key, value in sent.items() if key != "Tags"}


class _Created:
    """A record that exists from the start; CloudFormation, which moto asks for, plays no part."""

    def is_created(self) -> bool:
        """Whether it exists."""
        return True


class SandboxModel(_Created, Model):
    """A model, shown as it was sent."""

    def __init__(self, account_id: str, region_name: str, sent: Request) -> None:
        super().__init__(
            account_id=account_id,
            region_name=region_name,
            model_name=sent["ModelName"],
            execution_role_arn=sent.get("ExecutionRoleArn", ""),
            primary_container=sent.get("PrimaryContainer", {}),
            vpc_config=sent.get("VpcConfig", {}),
            tags=sent.get("Tags"),
        )
        self.sent = without_tags(sent)

    def summary(self) -> dict[str, Any]:
        """One entry of ListModels."""
        return {
            "ModelName": self.model_name,
            "ModelArn": self.arn,
            "CreationTime": self.creation_time,
        }

    @property
    def response_object(self) -> dict[str, Any]:
        """What DescribeModel answers; EnableNetworkIsolation is always there, as in AWS."""
        return {"EnableNetworkIsolation": False, **self.sent, **self.summary()}

    def images(self) -> list[str]:
        """Container images, in the order in which they run."""
        return [container["Image"] for container in self.sent_containers() if "Image" in container]

    def sent_containers(self) -> list[dict[str, Any]]:
        """What was sent of each container, in the order in which they run."""
        return self.sent.get("Containers") or [self.sent.get("PrimaryContainer", {})]


class SandboxEndpointConfig(_Created, FakeEndpointConfig):
    """An endpoint configuration, shown as it was sent."""

    def __init__(self, account_id: str, region_name: str, sent: Request) -> None:
        super().__init__(
            account_id=account_id,
            region_name=region_name,
            endpoint_config_name=sent["EndpointConfigName"],
            production_variants=sent["ProductionVariants"],
            async_inference_config=sent.get("AsyncInferenceConfig", {}),
            data_capture_config=sent.get("DataCaptureConfig", {}),
            tags=sent.get("Tags", []),
            kms_key_id=sent.get("KmsKeyId", ""),
        )
        self.arn: Any = self.endpoint_config_arn  # moto's is a tuple by mistake
        self.sent = without_tags(sent)

    def validate_production_variants(self, production_variants: list[dict[str, Any]]) -> None:
        """Nothing: moto knows 66 old instance types; `checks` knows those of the API."""

    @property
    def response_object(self) -> dict[str, Any]:
        """What DescribeEndpointConfig answers."""
        return {**self.sent, **self.summary()}

    def model_names(self) -> set[str]:
        """Models that the variants run, as far as they name one."""
        return {v["ModelName"] for v in self.sent["ProductionVariants"] if "ModelName" in v}


class SandboxEndpoint(_Created, FakeEndpoint):
    """An endpoint, the stage it is in and those still to come."""

    def __init__(
        self, account_id: str, region_name: str, sent: Request, config: SandboxEndpointConfig
    ) -> None:
        super().__init__(
            account_id=account_id,
            region_name=region_name,
            endpoint_name=sent["EndpointName"],
            endpoint_config_name=sent["EndpointConfigName"],
            production_variants=[],
            data_capture_config={},
            tags=sent.get("Tags", []),
        )
        self.config = config
        self.next_config: SandboxEndpointConfig | None = None
        self.next_variants: list[dict[str, Any]] = []
        self.last_deployment: dict[str, Any] | None = None
        self.stages: Stages = ()

    @property
    def is_async(self) -> bool:
        """Whether the running configuration makes it answer only asynchronous invocations."""
        return "AsyncInferenceConfig" in self.config.sent

    def enter(self, stages: Stages) -> None:
        """Go through these stages from now on, starting with the first."""
        arrived = stages[0]
        self.stages = stages
        self.endpoint_status = arrived.status
        self.failure_reason = arrived.failure_reason  # type: ignore[assignment]  # moto: None only
        self.last_modified_time = utcnow()
        if arrived.takes_new_config and self.next_config:
            self.config = self.next_config
            self.endpoint_config_name = self.config.endpoint_config_name
            self.production_variants = self.next_variants
        if len(stages) == 1:
            self.next_config = None

    def describe_once(self) -> None:
        """Count one describe call, and move on if it was the last of its stage."""
        left = described(self.stages)
        if len(left) < len(self.stages):
            self.enter(left)
        self.stages = left

    @property
    def response_object(self) -> dict[str, Any]:
        """What DescribeEndpoint answers."""
        pending = self.next_config and {
            "EndpointConfigName": self.next_config.endpoint_config_name,
            "ProductionVariants": self.next_variants,
            "StartTime": self.last_modified_time,
        }
        shown = {
            **self.summary(),
            "EndpointConfigName": self.endpoint_config_name,
            "ProductionVariants": self.production_variants,
            "FailureReason": self.failure_reason,
            "LastDeploymentConfig": self.last_deployment,
            "PendingDeploymentSummary": pending,
            "AsyncInferenceConfig": self.config.sent.get("AsyncInferenceConfig"),
            "DataCaptureConfig": _data_capture_summary(self.config.sent.get("DataCaptureConfig")),
        }
        return {key: value for key, value in shown.items() if value is not None}


def _data_capture_summary(config: dict[str, Any] | None) -> dict[str, Any] | None:
    """Summary that DescribeEndpoint gives of a DataCaptureConfig."""
    if not config:
        return None
    return {
        "EnableCapture": config.get("EnableCapture", False),
        "CaptureStatus": "Started" if config.get("EnableCapture") else "Stopped",
        "CurrentSamplingPercentage": config.get("InitialSamplingPercentage"),
        "DestinationS3Uri": config.get("DestinationS3Uri"),
        "KmsKeyId": config.get("KmsKeyId", ""),
    }
