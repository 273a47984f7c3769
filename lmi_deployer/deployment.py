"""What a spec should look like on AWS: names, tags and the exact requests, worked out beforehand.

SageMaker's models and endpoint configurations cannot be changed, so their names carry a hash of
their content: the same name is the same thing, and anything new gets a new name. The endpoint's
name is stable, since clients call it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmi_deployer import catalog
from lmi_deployer.artifact.manifest import KEY_CHARACTERS
from lmi_deployer.bundle import ARCHIVE_FILE, Bundle, make_bundle
from lmi_deployer.checks import check_region
from lmi_deployer.errors import InputError
from lmi_deployer.spec import ResolvedSpec

Request = Mapping[str, Any]

DEPLOYMENT_TAG = "lmi-deploy:deployment"
PROFILE_TAG = "lmi-deploy:profile"
HARDWARE_TAG = "lmi-deploy:hardware"
FOLDER_TAG = "lmi-deploy:folder"
VERIFIED_TAG = "lmi-deploy:verified"
"""On the endpoint: the configuration under which the model last gave an answer."""
ENGINES_FOLDER = "engines/"
"""Below the artifacts: the cache of compiled engines, where a profile names no other."""
KEY_FOLDER = rf"[0-9a-f]{{{KEY_CHARACTERS}}}/"
"""Name of the folder of one engine in a cache."""
VARIANT = "AllTraffic"
NAME_HASH_CHARACTERS = 8
FOLDER_HASH_CHARACTERS = 16


@dataclass(frozen=True, kw_only=True)
class Target:
    """The region, role and S3 folder a deployment goes to."""

    region: str
    role_arn: str
    artifacts: str
    """S3 folder, ending in "/", under which each deployment has a folder of its own."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Whose something is: what the tags on everything that `up` makes say."""

    deployment: str
    """Name of the endpoint, and the first part of every other name."""
    profile: str
    hardware: str
    folder: str
    """S3 folder of this deployment; every version of its bundle has a folder below it."""

    def owns(self, tags: Mapping[str, str]) -> bool:
        """True for the tags of something that was made for this hardware profile."""
        ours = (self.deployment, self.profile, self.hardware)
        return (tags.get(DEPLOYMENT_TAG), tags.get(PROFILE_TAG), tags.get(HARDWARE_TAG)) == ours


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Everything that `up` makes for one spec."""

    identity: Identity
    bundle: Bundle
    bundle_folder: str
    """S3 folder of this version of the bundle."""
    tags: Mapping[str, str]
    """On everything: the identity, and the profile's own."""
    model: Request
    endpoint_config: Request
    endpoint: Request

    @property
    def name(self) -> str:
        """Name of the endpoint."""
        return self.identity.deployment

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


def identity_of(spec: ResolvedSpec, artifacts: str) -> Identity:
    """Whose everything made for a spec is. `artifacts` is the S3 folder of all deployments."""
    return Identity(
        deployment=spec.endpoint.name,
        profile=spec.name,
        hardware=spec.hardware,
        folder=f"{artifacts}{spec.endpoint.name}/",
    )


def make_deployment(spec: ResolvedSpec, target: Target) -> Deployment:
    """The requests that deploy a spec to a target.

    Raises InputError where its folder would hold compiled engines, or lie among them.
    """
    identity = identity_of(spec, target.artifacts)
    _refuse_engines_folder(spec, target.artifacts, identity)
    bundle = make_bundle(spec)
    bundle_folder = f"{identity.folder}{bundle.digest[:FOLDER_HASH_CHARACTERS]}/"
    tags = {
        **spec.endpoint.tags,
        DEPLOYMENT_TAG: identity.deployment,
        PROFILE_TAG: identity.profile,
        HARDWARE_TAG: identity.hardware,
        FOLDER_TAG: identity.folder,
    }
    listed = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
    model = _named("ModelName", identity, _model(spec, target, bundle_folder))
    config = _named("EndpointConfigName", identity, endpoint_config_of(spec, model["ModelName"]))
    endpoint = {
        "EndpointName": identity.deployment,
        "EndpointConfigName": config["EndpointConfigName"],
    }
    return Deployment(
        identity=identity,
        bundle=bundle,
        bundle_folder=bundle_folder,
        tags=tags,
        model={**model, "Tags": listed},
        endpoint_config={**config, "Tags": listed},
        endpoint={**endpoint, "Tags": listed},
    )


def _refuse_engines_folder(spec: ResolvedSpec, artifacts: str, identity: Identity) -> None:
    """What lies in a deployment's folder goes with it, and engines are shared by all."""
    own = spec.compilation.cache if spec.compilation else None
    for cache in (f"{artifacts}{ENGINES_FOLDER}", own):
        if cache is None:
            continue
        is_engine = re.match(KEY_FOLDER, identity.folder.removeprefix(cache))
        if cache.startswith(identity.folder) or (identity.folder.startswith(cache) and is_engine):
            raise InputError(
                f"{identity.folder} is for compiled engines, so no deployment can have it",
                fix="another endpoint.name, or another compile.cache",
            )


def _named(key: str, identity: Identity, content: dict[str, Any]) -> dict[str, Any]:
    """A request whose name ends in a hash of the rest; tags, which can be changed, stay out."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()[:NAME_HASH_CHARACTERS]
    return {key: f"{identity.deployment}-{digest}", **content}


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
        # Sorted, since the name is a hash of this, and another order is no other network.
        request["VpcConfig"] = {
            "SecurityGroupIds": sorted(spec.endpoint.security_groups),
            "Subnets": sorted(spec.endpoint.subnets),
        }
    return request


def endpoint_config_of(spec: ResolvedSpec, model_name: str) -> dict[str, Any]:
    """CreateEndpointConfig for a spec, without the name and tags of the configuration."""
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
