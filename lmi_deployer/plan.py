"""What has to happen, in order, to bring AWS from the state that was seen to the one wanted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lmi_deployer.bundle import MANIFEST_FILE, Bundle
from lmi_deployer.deployment import VERIFIED_TAG, Deployment, Identity
from lmi_deployer.errors import InputError
from lmi_deployer.state import IN_FLIGHT, ObservedEndpoint, ObservedEngine, ObservedState
from lmi_deployer.steps import (
    AddTags,
    AwaitEndpoint,
    CompileEngine,
    CreateEndpoint,
    CreateEndpointConfig,
    CreateModel,
    DeleteEndpoint,
    DeleteEndpointConfig,
    DeleteModel,
    DeleteObjects,
    Kind,
    SettleEndpoint,
    Step,
    UpdateEndpoint,
    UploadBundle,
    VerifyEndpoint,
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Steps in the order they must run; none when nothing has to change."""

    identity: Identity
    bundle: Bundle
    steps: tuple[Step, ...]
    observed_digest: str
    """Hash of the state that the plan was made for."""
    engine: ObservedEngine | None = None
    """The compiled engine in that state; None where the plan does not depend on it."""


def make_plan(
    wanted: Deployment,
    observed: ObservedState,
    *,
    verify: bool = True,
    compiling: CompileEngine | None = None,
) -> Plan:
    """The steps from what was seen to what is wanted; `compiling` comes before all others.

    What an interrupted run left behind is used where it fits, and removed at the end where it does
    not. Raises InputError when something of the same name was not made for this profile.
    """
    _refuse_foreign(observed)
    moving = tuple(_moving(wanted, observed.endpoint))
    must_verify = bool(moving) or not _is_verified(wanted, observed.endpoint)
    verification = VerifyEndpoint(wanted.name, wanted.endpoint_config_name)
    return Plan(
        identity=wanted.identity,
        bundle=wanted.bundle,
        steps=(
            *((compiling,) if compiling else ()),
            *_making(wanted, observed),
            *moving,
            *_tagging(wanted, observed),
            *((verification,) if verify and must_verify else ()),
            *_tidying(wanted, observed),
        ),
        observed_digest=observed.digest,
        engine=observed.engine,
    )


def make_down_plan(identity: Identity, observed: ObservedState) -> Plan:
    """The steps that remove everything of a deployment, the endpoint first."""
    _refuse_foreign(observed)
    steps: list[Step] = []
    endpoint = observed.endpoint
    if endpoint is not None and endpoint.status in IN_FLIGHT:
        steps.append(SettleEndpoint(identity.deployment, endpoint.status))
    if endpoint is not None and endpoint.status != "Deleting":
        steps.append(DeleteEndpoint(identity.deployment, "removed"))
    steps += [DeleteEndpointConfig(name) for name in observed.endpoint_configs]
    steps += [DeleteModel(name) for name in observed.models]
    if observed.objects:
        steps.append(DeleteObjects(tuple(observed.objects)))
    return Plan(
        identity=identity,
        bundle=Bundle({}),
        steps=tuple(steps),
        observed_digest=observed.digest,
    )


def _refuse_foreign(observed: ObservedState) -> None:
    if observed.foreign:
        listed = ", ".join(observed.foreign)
        raise InputError(
            f"these exist already, and were not made for this hardware profile: {listed}",
            fix="endpoint.name with another name, or remove them yourself",
        )


def _making(wanted: Deployment, observed: ObservedState) -> Iterator[Step]:
    """What has to exist before the endpoint can use it."""
    expected = expected_objects(wanted)
    if any(observed.objects.get(uri) != sha256 for uri, sha256 in expected.items()):
        yield UploadBundle(wanted.bundle_folder)
    # SageMaker gives the container everything below the folder, so nothing else may lie there.
    strays = [uri for uri in observed.objects if uri.startswith(wanted.bundle_folder)]
    strays = [uri for uri in strays if uri not in expected]
    if strays:
        yield DeleteObjects(tuple(strays))
    if wanted.model_name not in observed.models:
        yield CreateModel(wanted.model)
    if wanted.endpoint_config_name not in observed.endpoint_configs:
        yield CreateEndpointConfig(wanted.endpoint_config)


def expected_objects(wanted: Deployment) -> dict[str, str]:
    """S3 address: SHA-256 of every object of the wanted bundle."""
    files = {**wanted.bundle.files, MANIFEST_FILE: wanted.bundle.manifest}
    return {
        f"{wanted.bundle_folder}{path}": hashlib.sha256(content).hexdigest()
        for path, content in files.items()
    }


def _moving(wanted: Deployment, endpoint: ObservedEndpoint | None) -> Iterator[Step]:
    """What brings the endpoint to the wanted configuration."""
    name, config = wanted.name, wanted.endpoint_config_name
    if endpoint is None:
        yield CreateEndpoint(wanted.endpoint)
    elif endpoint.status == "Failed":
        # SageMaker takes nothing but a deletion in this status.
        yield DeleteEndpoint(name, endpoint.failure_reason or endpoint.status)
        yield CreateEndpoint(wanted.endpoint)
    elif endpoint.status == "Deleting":
        yield SettleEndpoint(name, endpoint.status)
        yield CreateEndpoint(wanted.endpoint)
    elif endpoint.status in IN_FLIGHT:
        if endpoint.heading_for != config:
            yield SettleEndpoint(name, endpoint.status)
            yield UpdateEndpoint(name, config, endpoint.endpoint_config_name)
    elif endpoint.status == "InService" and endpoint.endpoint_config_name == config:
        return
    else:
        yield UpdateEndpoint(name, config, endpoint.endpoint_config_name)
    yield AwaitEndpoint(name, config)


def _is_made_anew(endpoint: ObservedEndpoint | None) -> bool:
    return endpoint is None or endpoint.status in {"Failed", "Deleting"}


def _tagging(wanted: Deployment, observed: ObservedState) -> Iterator[Step]:
    """What is made anew gets its tags then; what exists may carry those of an earlier profile."""
    models, configs = observed.models, observed.endpoint_configs
    if wanted.model_name in models:
        yield from _tags("model", wanted.model_name, wanted, models[wanted.model_name])
    config = wanted.endpoint_config_name
    if config in configs:
        yield from _tags("endpoint-config", config, wanted, configs[config])
    if observed.endpoint is not None and not _is_made_anew(observed.endpoint):
        yield from _tags("endpoint", wanted.name, wanted, observed.endpoint.tags)


def _tags(kind: Kind, name: str, wanted: Deployment, seen: Mapping[str, str]) -> Iterator[Step]:
    changed = {key: value for key, value in wanted.tags.items() if seen.get(key) != value}
    if changed:
        yield AddTags(kind, name, changed)


def _is_verified(wanted: Deployment, endpoint: ObservedEndpoint | None) -> bool:
    """True once the model has answered under this configuration; until then it is asked again."""
    return endpoint is not None and endpoint.tags.get(VERIFIED_TAG) == wanted.endpoint_config_name


def _tidying(wanted: Deployment, observed: ObservedState) -> Iterator[Step]:
    """What earlier versions and interrupted runs left, once nothing uses it any more."""
    for name in observed.endpoint_configs:
        if name != wanted.endpoint_config_name:
            yield DeleteEndpointConfig(name)
    for name in observed.models:
        if name != wanted.model_name:
            yield DeleteModel(name)
    stale = [uri for uri in observed.objects if not uri.startswith(wanted.bundle_folder)]
    if stale:
        yield DeleteObjects(tuple(stale))
