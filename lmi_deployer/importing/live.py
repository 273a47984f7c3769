"""Reads what an endpoint serves with, and says what of the endpoint a profile does not hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lmi_deployer import catalog
from lmi_deployer.deployment import (
    DEPLOYMENT_TAG,
    FOLDER_TAG,
    HARDWARE_TAG,
    PROFILE_TAG,
    Target,
    make_deployment,
)
from lmi_deployer.errors import InputError
from lmi_deployer.profile import RESERVED_TAGS
from lmi_deployer.render import PROPERTIES_FILE
from lmi_deployer.server.facts import Facts
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.written import Written, make_written

if TYPE_CHECKING:
    from lmi_deployer.edges.aws import Aws
    from lmi_deployer.importing import Wish

NO_ARCHIVE = "unpack it, and give the serving.properties in it as FILE, beside --endpoint"
_NOT_COMPARED = frozenset(
    {
        "VariantName", "ModelName", "InitialVariantWeight", "EndpointConfigName", "CreationTime",
        "EndpointConfigArn", "ModelArn", "ResponseMetadata", "ExecutionRoleArn", "Containers",
        "PrimaryContainer", "ProductionVariants", "DeploymentRecommendation",
    }
)  # fmt: skip
"""Names, times, and what is compared part by part."""


@dataclass(frozen=True, kw_only=True)
class Live:
    """What SageMaker says of one endpoint with one model."""

    name: str
    region: str
    config: Mapping[str, Any]
    variant: Mapping[str, Any]
    model: Mapping[str, Any]
    container: Mapping[str, Any]
    tags: Mapping[str, str]
    properties: bytes | None
    """Its serving.properties; None where it has none, or where nobody has read it."""
    properties_name: str
    """Where that file is from."""
    artifacts: str
    """The S3 folder that deployments go to unless a profile says otherwise."""

    @property
    def is_ours(self) -> bool:
        """True for an endpoint that `up` made, whose tags name its profile."""
        return self.tags.get(DEPLOYMENT_TAG) == self.name

    @property
    def profile(self) -> str | None:
        """Name of the profile that it was made from."""
        return self.tags.get(PROFILE_TAG) if self.is_ours else None

    @property
    def hardware(self) -> str | None:
        """Name of the hardware profile that it was made from."""
        return self.tags.get(HARDWARE_TAG) if self.is_ours else None

    @property
    def is_archive(self) -> bool:
        """True where serving.properties is inside an archive."""
        source = self.container.get("ModelDataSource", {}).get("S3DataSource", {})
        return "ModelDataUrl" in self.container or source.get("CompressionType") == "Gzip"

    def written(self, facts: Facts) -> Written:
        """Its settings: the file on S3, and the environment of its container."""
        environment = self.container.get("Environment") or {}
        return make_written(
            f"endpoint {self.name}",
            facts,
            properties=self.properties,
            environment=json.dumps(environment).encode() if environment else None,
            properties_name=self.properties_name,
            environment_name=f"the environment of {self.name}",
        )

    def section(self, title: str) -> dict[str, Any]:
        """The endpoint section of a profile; `title` is what it names endpoints without one."""
        section: dict[str, Any] = {} if title == self.name else {"name": self.name}
        count = self.variant["InitialInstanceCount"]
        if count != 1:
            section["instances"] = count
        section["role"] = self.model["ExecutionRoleArn"]
        folder = self.tags.get(FOLDER_TAG, "") if self.is_ours else ""
        artifacts = folder.removesuffix(f"{self.name}/")
        if artifacts not in {"", folder, self.artifacts}:
            section["artifacts"] = artifacts
        if self.is_archive:
            section["packaging"] = "tar.gz"
        vpc = self.model.get("VpcConfig")
        if vpc:
            section["vpc"] = {
                "subnets": list(vpc["Subnets"]),
                "security_groups": list(vpc["SecurityGroupIds"]),
            }
        tags = {
            key: value
            for key, value in sorted(self.tags.items())
            if not key.lower().startswith(RESERVED_TAGS)
        }
        if tags:
            section["tags"] = tags
        return section


def prefix_of(container: Mapping[str, Any]) -> str | None:
    """The S3 prefix whose objects the container gets as loose files, or None."""
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    if source.get("S3DataType") != "S3Prefix" or source.get("CompressionType") != "None":
        return None
    uri = str(source["S3Uri"])
    return uri if uri.endswith("/") else f"{uri}/"


def describe(name: str, aws: Aws) -> Live:
    """What SageMaker and S3 say of an endpoint.

    Raises InputError for an endpoint that is not there, or that is not of the kind that profiles
    deploy: one variant with one model, answering at once.
    """
    endpoint = aws.endpoint(name)
    if endpoint is None:
        raise InputError(
            f"there is no endpoint {name} in {aws.region}", fix="--region, or its name"
        )
    config = aws.endpoint_config(endpoint.endpoint_config_name)
    if config is None:
        raise InputError(f"the configuration of endpoint {name} is gone; SageMaker says no more")
    variant = only_variant(name, config)
    model = aws.model(variant["ModelName"])
    if model is None:
        raise InputError(f"the model of endpoint {name}, {variant['ModelName']}, is gone")
    container = only_container(name, model)
    prefix = prefix_of(container)
    file = "" if prefix is None else f"{prefix}{PROPERTIES_FILE}"
    return Live(
        name=name,
        region=aws.region,
        config=config,
        variant=variant,
        model=model,
        container=container,
        tags=aws.endpoint_tags(name),
        properties=aws.content(file) if file else None,
        properties_name=file,
        artifacts=aws.artifacts(),
    )


def only_variant(name: str, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The variant of a configuration. Raises InputError where profiles do not describe it."""
    variants = config.get("ProductionVariants", ())
    problem = None
    if len(variants) != 1 or config.get("ShadowProductionVariants"):
        problem = "has several variants"
    elif "ServerlessConfig" in variants[0]:
        problem = "is serverless"
    elif "AsyncInferenceConfig" in config:
        problem = "answers asynchronously"
    elif "ModelName" not in variants[0]:
        problem = "runs inference components"
    if problem is not None:
        raise InputError(f"endpoint {name} {problem}, which profiles do not describe")
    variant: Mapping[str, Any] = variants[0]
    return variant


def only_container(name: str, model: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container of a model. Raises InputError where there are several, or none."""
    containers = model.get("Containers") or [model.get("PrimaryContainer", {})]
    if len(containers) != 1 or "Image" not in containers[0]:
        raise InputError(f"endpoint {name} has no single container image")
    container: Mapping[str, Any] = containers[0]
    return container


def completed(live: Live, wish: Wish) -> Wish:
    """A wish with what the endpoint says in the places that it leaves open."""
    version, flavor = (
        (wish.container, wish.flavor) if wish.container else image_of(live.container["Image"])
    )
    return replace(
        wish,
        container=version,
        flavor=flavor,
        instance_type=wish.instance_type or live.variant["InstanceType"],
        name=wish.name or live.profile,
        hardware=wish.hardware or live.hardware,
        endpoint=live.section,
        startup_seconds=live.variant.get("ContainerStartupHealthCheckTimeoutInSeconds"),
    )


def image_of(uri: str) -> tuple[str, str]:
    """(version, flavor) of the LMI image at an ECR address. Raises InputError for another image."""
    tag = uri.partition("@")[0].rpartition("/")[2].partition(":")[2]
    for version in reversed(catalog.names("containers")):
        for flavor, image in catalog.container(version).flavors.items():
            if tag == image.tag or tag.startswith(f"{image.tag}-"):
                return version, flavor
    fix = "--container and --flavor with the LMI version and image that it is built from"
    raise InputError(f"the catalog holds no LMI image {uri}", fix=fix)


def differences(live: Live, spec: ResolvedSpec) -> Iterator[str]:
    """What deploying the profile would change about the endpoint besides names and tags."""
    target = Target(
        region=live.region,
        role_arn=live.model["ExecutionRoleArn"],
        artifacts=spec.endpoint.artifacts or live.artifacts,
    )
    try:
        wanted = make_deployment(spec, target)
    except InputError as error:
        yield error.problem
        return
    variant = wanted.endpoint_config["ProductionVariants"][0]
    pairs = (
        (live.container, wanted.model["PrimaryContainer"], ("Image",)),
        (live.variant, variant, (*live.variant, *variant)),
        (live.model, wanted.model, tuple(live.model)),
        (live.config, wanted.endpoint_config, tuple(live.config)),
    )
    for there, here, keys in pairs:
        for key in dict.fromkeys(keys):
            now, then = there.get(key), here.get(key)
            # Answers spell out what was left out of a request: empty lists, and False.
            if key not in _NOT_COMPARED and (now or then) and now != then:
                yield f"{key} is {_shown(now)}, and would be {_shown(then)}"


def _shown(value: object) -> str:
    if value is None:
        return "left out"
    return str(value) if isinstance(value, str | int | float) else json.dumps(value, default=str)
