"""What a spec should look like on AWS: names, tags and the exact requests, worked out beforehand.

SageMaker's models and endpoint configurations cannot be changed, so their names carry a hash of
their content: the same name is the same thing, and anything new gets a new name. The endpoint's
name is stable, since clients call it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmi_deployer import catalog
from lmi_deployer.bundle import ARCHIVE_FILE, Bundle, make_bundle
from lmi_deployer.checks import check_region
from lmi_deployer.errors import InputError
from lmi_deployer.spec import ResolvedSpec

Request = Mapping[str, Any]

TAG_PREFIX = "lmi-deploy:"
DEPLOYMENT_TAG = f"{TAG_PREFIX}deployment"
VARIANT = "AllTraffic"
NAME_HASH_CHARACTERS = 8
FOLDER_HASH_CHARACTERS = 16


@dataclass(frozen=True, kw_only=True)
class Target:
    """The account, region and role a deployment goes to."""

    region: str
    partition: str
    account: str
    role_arn: str
    artifacts: str
    """S3 folder, ending in "/", under which each deployment has a folder of its own."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Everything that `up` makes for one spec."""

    name: str
    """Name of the endpoint, and the first part of every other name."""
    bundle: Bundle
    folder: str
    """S3 folder of this deployment; every version of its bundle has a folder below it."""
    model: Request
    endpoint_config: Request
    endpoint: Request

    @property
    def bundle_folder(self) -> str:
        """S3 folder of this version of the bundle."""
        return f"{self.folder}{self.bundle.digest[:FOLDER_HASH_CHARACTERS]}/"

    @property
    def model_name(self) -> str:
        """Name of the SageMaker model."""
        return str(self.model["ModelName"])

    @property
    def endpoint_config_name(self) -> str:
        """Name of the endpoint configuration."""
        return str(self.endpoint_config["EndpointConfigName"])


def image_uri(spec: ResolvedSpec, region: str) -> str:
    """Full ECR address of the spec's image. Raises InputError where it is not published."""
    reason = check_region(spec, region)
    if reason is not None:
        raise InputError(reason, fix="--region with another region")
    row = catalog.registry(region)
    host = f"{row.account}.dkr.ecr.{region}.{row.dns_suffix}"
    return f"{host}/{catalog.DOCKER_REPOSITORY}:{spec.image.tag}"


def make_deployment(spec: ResolvedSpec, target: Target) -> Deployment:
    """The requests that deploy a spec to a target."""
    name = spec.endpoint.name
    bundle = make_bundle(spec)
    folder = f"{target.artifacts}{name}/"
    tags = _tags(spec)
    bundle_folder = f"{folder}{bundle.digest[:FOLDER_HASH_CHARACTERS]}/"
    model = _named("ModelName", name, _model(spec, target, bundle_folder), tags)
    config = _named("EndpointConfigName", name, _endpoint_config(spec, model["ModelName"]), tags)
    endpoint = {
        "EndpointName": name,
        "EndpointConfigName": config["EndpointConfigName"],
        "Tags": tags,
    }
    return Deployment(
        name=name,
        bundle=bundle,
        folder=folder,
        model=model,
        endpoint_config=config,
        endpoint=endpoint,
    )


def _tags(spec: ResolvedSpec) -> list[dict[str, str]]:
    ours = {
        DEPLOYMENT_TAG: spec.endpoint.name,
        f"{TAG_PREFIX}profile": spec.name,
        f"{TAG_PREFIX}hardware": spec.hardware,
    }
    tags = {**spec.endpoint.tags, **ours}
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def _named(
    key: str, deployment: str, content: dict[str, Any], tags: list[dict[str, str]]
) -> dict[str, Any]:
    """A request whose name ends in a hash of all the rest of it."""
    complete = {**content, "Tags": tags}
    text = json.dumps(complete, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()[:NAME_HASH_CHARACTERS]
    return {key: f"{deployment}-{digest}", **complete}


def _model(spec: ResolvedSpec, target: Target, bundle_folder: str) -> dict[str, Any]:
    container: dict[str, Any] = {"Image": image_uri(spec, target.region)}
    if spec.endpoint.packaging == "tar.gz":
        container["ModelDataUrl"] = f"{bundle_folder}{ARCHIVE_FILE}"
    else:
        container["ModelDataSource"] = {
            "S3DataSource": {
                "S3Uri": f"{bundle_folder}model/",
                "S3DataType": "S3Prefix",
                "CompressionType": "None",
            }
        }
    request: dict[str, Any] = {"PrimaryContainer": container, "ExecutionRoleArn": target.role_arn}
    if spec.endpoint.subnets:
        request["VpcConfig"] = {
            "SecurityGroupIds": list(spec.endpoint.security_groups),
            "Subnets": list(spec.endpoint.subnets),
        }
    return request


def _endpoint_config(spec: ResolvedSpec, model_name: str) -> dict[str, Any]:
    endpoint = spec.endpoint
    variant: dict[str, Any] = {
        "VariantName": VARIANT,
        "ModelName": model_name,
        "InstanceType": spec.instance.name,
        "InitialInstanceCount": endpoint.instance_count,
        # Without these two SageMaker gives up after minutes, long before a large model is loaded.
        "ContainerStartupHealthCheckTimeoutInSeconds": endpoint.startup_timeout_seconds,
        "ModelDataDownloadTimeoutInSeconds": endpoint.download_timeout_seconds,
        # Requests differ a hundredfold in length, so the shortest queue beats a random one.
        "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
    }
    if endpoint.volume_gb is not None:
        variant["VolumeSizeInGB"] = endpoint.volume_gb
    if spec.image.inference_ami is not None:
        variant["InferenceAmiVersion"] = spec.image.inference_ami
    return {"ProductionVariants": [variant]}
