"""What a live endpoint comes to, as far as it could be read: the other side of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lmi_deployer import prices
from lmi_deployer.diffing.snapshot import (
    RUNNING_INSTANCES,
    CompiledArtifact,
    Cost,
    Image,
    Item,
    Snapshot,
)
from lmi_deployer.impact import UNKNOWN, Deployed
from lmi_deployer.profile import RESERVED_TAGS

if TYPE_CHECKING:
    from lmi_deployer.importing.looking import Looked


def live_snapshot(looked: Looked, wanted: Snapshot, region: str) -> Snapshot | None:
    """What is live of a hardware profile; None for an endpoint that no profile could describe.

    What could not be read is not compared. `wanted` is what would be deployed.
    """
    if looked.is_strange:
        return None
    deployed = deployed_as(looked, wanted.deployed)
    return Snapshot(
        profile=wanted.profile,
        hardware=wanted.hardware,
        file=looked.name,
        values=_scaled(looked),
        deployed=deployed,
        artifact=_artifact(deployed, wanted),
        cost=cost_of(looked, region, instances=_deployed_instances(looked)),
        image=image_of(looked),
        is_decided=False,
    )


def _scaled(looked: Looked) -> dict[str, Item]:
    """The instances that run, where somebody has scaled the endpoint since it was deployed."""
    running = instances_of(looked)
    said = looked.live.variant.get("InitialInstanceCount") if looked.live else None
    if running is None or said is None or running == said:
        return {}
    reason = "scaled since it was deployed"
    return {RUNNING_INSTANCES: Item(value=running, source="deployed", reason=reason)}


def deployed_as(looked: Looked, wanted: Deployed | None) -> Deployed:
    """The parts of an endpoint; those that could not be read are left out."""
    from lmi_deployer.deployed import live_deployed

    image = image_of(looked)
    if looked.live is not None:
        deployed = live_deployed(looked.live)
    else:
        deployed = Deployed(
            endpoint=looked.name,
            properties=None,
            endpoint_config=None,
            tags=own_tags(looked.tags),
            engine=UNKNOWN,
        )
    if not deployed.model and image is not None:
        deployed = replace(deployed, model={"image": image.tag})
    if wanted is None:
        return deployed
    if "tags" in looked.problems:
        return replace(deployed, tags=wanted.tags)
    # `up` takes no tag away, so one that others gave the endpoint is no difference.
    tags = {key: value for key, value in deployed.tags.items() if key in wanted.tags}
    return replace(deployed, tags=tags)


def own_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags without those that lmi-deploy and AWS keep for themselves."""
    return {key: value for key, value in tags.items() if not key.lower().startswith(RESERVED_TAGS)}


def _artifact(deployed: Deployed, wanted: Snapshot) -> CompiledArtifact | None:
    """What is served from, or compiled at each start; as wanted where that cannot be told."""
    engine, artifact = deployed.engine, wanted.artifact
    if engine is None:
        return None
    is_same = wanted.deployed is not None and wanted.deployed.engine == engine
    if engine == UNKNOWN or (artifact is not None and is_same):
        return artifact and replace(artifact, is_ahead=deployed.is_compiled_ahead)
    return CompiledArtifact(
        name=artifact.name if artifact else "engine",
        key=engine if deployed.is_compiled_ahead else None,
        identity=engine,
        is_ahead=deployed.is_compiled_ahead,
    )


def image_of(looked: Looked) -> Image | None:
    """The image that runs, and the digest that its tag stood for when it was deployed."""
    said: Mapping[str, Any] = next(iter(looked.variant.get("DeployedImages") or ()), {})
    live = looked.live
    uri = (live.container.get("Image") if live else None) or said.get("SpecifiedImage")
    if uri is None:
        return None
    digest = str(said.get("ResolvedImage", "")).partition("@")[2] or None
    tag = str(uri).partition("@")[0].rpartition("/")[2].partition(":")[2]
    return Image(tag=tag, digest=digest)


def instances_of(looked: Looked) -> int | None:
    """Instances that run now; None for an endpoint that does not say."""
    count = looked.variant.get("CurrentInstanceCount")
    if count is None and looked.live is not None:
        count = looked.live.variant.get("InitialInstanceCount")
    return None if count is None else int(count)


def _deployed_instances(looked: Looked) -> int | None:
    """Instances that its configuration asks for, which is what deploying compares with."""
    count = looked.live.variant.get("InitialInstanceCount") if looked.live else None
    return None if count is None else int(count)


def cost_of(looked: Looked, region: str, *, instances: int | None = None) -> Cost | None:
    """What so many instances cost; None where their type or its price is not known.

    Without a number, those that run.
    """
    count = instances_of(looked) if instances is None else instances
    instance_type = looked.live.variant.get("InstanceType") if looked.live else None
    if count is None or instance_type is None:
        return None
    price = prices.known().quote(instance_type, region).nearest
    if price is None:
        return None
    return Cost(
        usd_per_hour=count * price.usd_per_hour, region=price.region, as_of=str(price.as_of)
    )
