"""The kinds of step a plan is made of. A new kind has to be handled wherever steps are matched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lmi_deployer.deployment import Request

Kind = Literal["model", "endpoint-config", "endpoint"]
"""What can be tagged, as it is called in an ARN."""


@dataclass(frozen=True, kw_only=True)
class CompileEngine:
    """Compile an engine ahead of time, and commit it to the cache; it costs money on SageMaker."""

    key: str
    cache: str
    """S3 folder of all engines; `artifact.manifest.folder_of` gives this one's."""
    runner: Literal["sagemaker", "optimization", "docker", "native"]
    image_uri: str
    job: Mapping[str, Any]
    """What the entry point is told: `entry_point.job.Job` as plain data."""
    properties: str
    """serving.properties for the compile script."""
    request: Request | None = None
    """CreateTrainingJob or CreateOptimizationJob, without the name; None for local runners."""
    note: str = ""
    """Where, how long and at what price, for people."""


@dataclass(frozen=True)
class UploadBundle:
    """Upload every file of the bundle, and its manifest last."""

    folder: str


@dataclass(frozen=True)
class CreateModel:
    """Create the SageMaker model."""

    request: Request


@dataclass(frozen=True)
class CreateEndpointConfig:
    """Create the endpoint configuration."""

    request: Request


@dataclass(frozen=True)
class CreateEndpoint:
    """Create the endpoint; it costs money from here on."""

    request: Request


@dataclass(frozen=True)
class UpdateEndpoint:
    """Move the endpoint to another configuration, without downtime."""

    endpoint: str
    endpoint_config: str
    previous_config: str


@dataclass(frozen=True)
class AddTags:
    """Give something that exists the tags that a changed profile asks for; others stay."""

    kind: Kind
    name: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class SettleEndpoint:
    """Wait until what the endpoint is doing by itself has ended, either way."""

    endpoint: str
    status: str


@dataclass(frozen=True)
class AwaitEndpoint:
    """Wait until the endpoint is InService with the wanted configuration."""

    endpoint: str
    endpoint_config: str


@dataclass(frozen=True)
class VerifyEndpoint:
    """Send one small request, and note in a tag that the model answered it.

    What the endpoint replaces is deleted only after that.
    """

    endpoint: str
    endpoint_config: str


@dataclass(frozen=True)
class DeleteEndpoint:
    """Delete the endpoint, and wait until it is gone; it stops costing money."""

    endpoint: str
    reason: str


@dataclass(frozen=True)
class DeleteEndpointConfig:
    """Delete an endpoint configuration."""

    endpoint_config: str


@dataclass(frozen=True)
class DeleteModel:
    """Delete a SageMaker model."""

    model: str


@dataclass(frozen=True)
class DeleteObjects:
    """Delete objects of this deployment."""

    uris: tuple[str, ...]


AwsStep = (
    UploadBundle
    | CreateModel
    | CreateEndpointConfig
    | CreateEndpoint
    | UpdateEndpoint
    | AddTags
    | SettleEndpoint
    | AwaitEndpoint
    | VerifyEndpoint
    | DeleteEndpoint
    | DeleteEndpointConfig
    | DeleteModel
    | DeleteObjects
)
"""A step that one call or one wait on AWS comes to."""
Step = CompileEngine | AwsStep
