"""The production variants of an endpoint: what DescribeEndpoint says of each fleet."""

from __future__ import annotations

import hashlib
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from moto.core.utils import utcnow
from moto.sagemaker.exceptions import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lmi_deployer.sandbox.records import SandboxEndpoint, SandboxEndpointConfig, SandboxModel

Variant = dict[str, Any]

# DesiredWeightsAndCapacities and ExcludeRetainedVariantProperties name the same two things
# differently.
COUNTS = ("CurrentInstanceCount", "DesiredInstanceCount")
WEIGHTS = ("CurrentWeight", "DesiredWeight")


def deployed_variants(
    config: SandboxEndpointConfig, models: Mapping[str, SandboxModel]
) -> list[Variant]:
    """Fleets that a configuration asks for, all instances up."""
    return [_deployed(variant, models) for variant in config.sent["ProductionVariants"]]


def _deployed(variant: Variant, models: Mapping[str, SandboxModel]) -> Variant:
    weight = variant.get("InitialVariantWeight", 1.0)  # the API's own default
    shown = {"VariantName": variant["VariantName"], **dict.fromkeys(WEIGHTS, weight)}
    if "InitialInstanceCount" in variant:
        shown |= dict.fromkeys(COUNTS, variant["InitialInstanceCount"])
    if "ServerlessConfig" in variant:
        keys = ("CurrentServerlessConfig", "DesiredServerlessConfig")
        shown |= dict.fromkeys(keys, variant["ServerlessConfig"])
    if "ManagedInstanceScaling" in variant:
        shown["ManagedInstanceScaling"] = variant["ManagedInstanceScaling"]
    if "RoutingConfig" in variant:
        shown["RoutingConfig"] = variant["RoutingConfig"]
    if (model := models.get(variant.get("ModelName", ""))) is not None:
        shown["DeployedImages"] = [_deployed_image(image) for image in model.images()]
    return shown


def _deployed_image(image: str) -> dict[str, Any]:
    """An image with what its tag stood for when it was deployed.

    SageMaker asks ECR for the digest. Here it is a hash of the address, since there is no registry.
    """
    repository, _, digest = image.partition("@")
    if not digest:
        repository = image.rpartition(":")[0] if ":" in image.rpartition("/")[2] else image
        digest = f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"
    return {
        "SpecifiedImage": image,
        "ResolvedImage": f"{repository}@{digest}",
        "ResolutionTime": utcnow(),
    }


def retained(
    variants: list[Variant], *, before: list[Variant], sent: Mapping[str, Any]
) -> list[Variant]:
    """Variants of an update, with the counts and weights it asked to keep."""
    if not sent.get("RetainAllVariantProperties"):
        return variants
    excluded = {p["VariantPropertyType"] for p in sent.get("ExcludeRetainedVariantProperties", [])}
    kept = (() if "DesiredInstanceCount" in excluded else COUNTS) + (
        () if "DesiredWeight" in excluded else WEIGHTS
    )
    earlier = {variant["VariantName"]: variant for variant in before}
    return [
        variant
        | {
            key: value
            for key, value in earlier.get(variant["VariantName"], {}).items()
            if key in kept
        }
        for variant in variants
    ]


def rescaled(endpoint: SandboxEndpoint, wanted: list[dict[str, Any]]) -> list[Variant]:
    """Endpoint's variants with the wanted counts and weights; what is not named stays."""
    variants = {v["VariantName"]: v for v in deepcopy(endpoint.production_variants)}
    for change in wanted:
        variant = variants.get(change["VariantName"])
        if variant is None:
            raise ValidationError(
                f'The variant name(s) "{change["VariantName"]}" is/are not present within endpoint '
                f'configuration "{endpoint.endpoint_config_name}".'
            )
        if "DesiredInstanceCount" in change:
            variant |= dict.fromkeys(COUNTS, change["DesiredInstanceCount"])
        if "DesiredWeight" in change:
            variant |= dict.fromkeys(WEIGHTS, change["DesiredWeight"])
    return list(variants.values())
