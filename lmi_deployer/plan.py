"""What has to happen, in order, to bring AWS from the state that was seen to the one wanted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from lmi_deployer.bundle import MANIFEST_FILE, Bundle
from lmi_deployer.deployment import Deployment
from lmi_deployer.errors import InputError
from lmi_deployer.state import IN_FLIGHT, ObservedEndpoint, ObservedState
from lmi_deployer.steps import (
    AwaitEndpoint,
    CreateEndpoint,
    CreateEndpointConfig,
    CreateModel,
    DeleteEndpoint,
    DeleteEndpointConfig,
    DeleteModel,
    DeleteObjects,
    SettleEndpoint,
    Step,
    TagEndpoint,
    UpdateEndpoint,
    UploadBundle,
    VerifyEndpoint,
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Steps in the order they must run; none when nothing has to change."""

    deployment: str
    folder: str
    bundle: Bundle
    steps: tuple[Step, ...]
    observed_digest: str
    """Hash of the state that the plan was made for."""


def make_plan(wanted: Deployment, observed: ObservedState, *, verify: bool = True) -> Plan:
    """The steps from what was seen to what is wanted.

    What an interrupted run left behind is used where it fits, and removed at the end where it does
    not. Raises InputError when something of the same name was not made by this tool.
    """
    _refuse_foreign(observed)
    moving = tuple(_moving(wanted, observed.endpoint))
    return Plan(
        deployment=wanted.name,
        folder=wanted.folder,
        bundle=wanted.bundle,
        steps=(
            *_making(wanted, observed),
            *moving,
            *_tagging(wanted, observed.endpoint),
            *((VerifyEndpoint(wanted.name),) if moving and verify else ()),
            *_tidying(wanted, observed),
        ),
        observed_digest=observed.digest,
    )


def make_down_plan(deployment: str, folder: str, observed: ObservedState) -> Plan:
    """The steps that remove everything of a deployment, the endpoint first."""
    _refuse_foreign(observed)
    steps: list[Step] = []
    if observed.endpoint is not None:
        if observed.endpoint.status in IN_FLIGHT:
            steps.append(SettleEndpoint(deployment, observed.endpoint.status))
        if observed.endpoint.status != "Deleting":
            steps.append(DeleteEndpoint(deployment, "removed"))
    steps += [DeleteEndpointConfig(name) for name in observed.endpoint_configs]
    steps += [DeleteModel(name) for name in observed.models]
    if observed.objects:
        steps.append(DeleteObjects(folder, tuple(observed.objects)))
    return Plan(
        deployment=deployment,
        folder=folder,
        bundle=Bundle({}),
        steps=tuple(steps),
        observed_digest=observed.digest,
    )


def _refuse_foreign(observed: ObservedState) -> None:
    if observed.foreign:
        listed = ", ".join(observed.foreign)
        raise InputError(
            f"these exist already, and were not made by lmi-deploy: {listed}",
            fix="endpoint.name with another name, or remove them yourself",
        )


def _making(wanted: Deployment, observed: ObservedState) -> Iterator[Step]:
    """What has to exist before the endpoint can use it."""
    expected = _expected_objects(wanted)
    if any(observed.objects.get(path) != sha256 for path, sha256 in expected.items()):
        yield UploadBundle(wanted.bundle_folder)
    # SageMaker gives the container everything below the folder, so nothing else may lie there.
    below = wanted.bundle_folder.removeprefix(wanted.folder)
    strays = [path for path in observed.objects if path.startswith(below) and path not in expected]
    if strays:
        yield DeleteObjects(wanted.folder, tuple(strays))
    if wanted.model_name not in observed.models:
        yield CreateModel(wanted.model)
    if wanted.endpoint_config_name not in observed.endpoint_configs:
        yield CreateEndpointConfig(wanted.endpoint_config)


def _expected_objects(wanted: Deployment) -> dict[str, str]:
    """Path below the deployment's folder: SHA-256 of every object of the wanted bundle."""
    below = wanted.bundle_folder.removeprefix(wanted.folder)
    files = {**wanted.bundle.files, MANIFEST_FILE: wanted.bundle.manifest}
    return {
        f"{below}{path}": hashlib.sha256(content).hexdigest() for path, content in files.items()
    }


def _moving(wanted: Deployment, endpoint: ObservedEndpoint | None) -> Iterator[Step]:
    """What brings the endpoint to the wanted configuration."""
    name, config = wanted.name, wanted.endpoint_config_name
    if endpoint is None:
        yield CreateEndpoint(wanted.endpoint)
    elif endpoint.status in {"Failed", "UpdateRollbackFailed"}:
        # SageMaker takes nothing but a deletion in these two statuses.
        yield DeleteEndpoint(name, endpoint.failure_reason or endpoint.status)
        yield CreateEndpoint(wanted.endpoint)
    elif endpoint.status == "Deleting":
        yield SettleEndpoint(name, endpoint.status)
        yield CreateEndpoint(wanted.endpoint)
    elif endpoint.status in IN_FLIGHT and endpoint.heading_for != config:
        yield SettleEndpoint(name, endpoint.status)
        yield UpdateEndpoint(name, config, endpoint.endpoint_config_name)
    elif endpoint.status not in IN_FLIGHT and endpoint.endpoint_config_name == config:
        return
    elif endpoint.status not in IN_FLIGHT:
        yield UpdateEndpoint(name, config, endpoint.endpoint_config_name)
    yield AwaitEndpoint(name, config)


def _tagging(wanted: Deployment, endpoint: ObservedEndpoint | None) -> Iterator[Step]:
    """A new endpoint gets its tags when it is created; a live one may carry older ones."""
    if endpoint is None or endpoint.status in {"Failed", "UpdateRollbackFailed", "Deleting"}:
        return
    tags = {tag["Key"]: tag["Value"] for tag in wanted.endpoint["Tags"]}
    add = {key: value for key, value in tags.items() if endpoint.tags.get(key) != value}
    if add:
        yield TagEndpoint(wanted.name, add)


def _tidying(wanted: Deployment, observed: ObservedState) -> Iterator[Step]:
    """What earlier versions and interrupted runs left, once nothing uses it any more."""
    for name in observed.endpoint_configs:
        if name != wanted.endpoint_config_name:
            yield DeleteEndpointConfig(name)
    for name in observed.models:
        if name != wanted.model_name:
            yield DeleteModel(name)
    below = wanted.bundle_folder.removeprefix(wanted.folder)
    stale = tuple(path for path in observed.objects if not path.startswith(below))
    if stale:
        yield DeleteObjects(wanted.folder, stale)
