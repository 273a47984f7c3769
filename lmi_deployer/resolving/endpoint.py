"""The SageMaker endpoint of a profile, with its timeouts and its disk."""

from __future__ import annotations

from typing import cast

from lmi_deployer import loading, rules
from lmi_deployer.catalog.rows import InstanceType
from lmi_deployer.findings import ProfileError
from lmi_deployer.hardware import MergedProfile
from lmi_deployer.profile import InstanceCounts
from lmi_deployer.resolving.deciding import Decisions
from lmi_deployer.spec import Endpoint, Weights


def make_endpoint(
    decisions: Decisions, weights: Weights, instance: InstanceType, *, copies: int, compiles: bool
) -> Endpoint:
    """The endpoint; `copies` of the model start on each instance."""
    merged = decisions.merged
    section = merged.settings.endpoint
    vpc = section.vpc if section else None
    loading_seconds = decisions.decide(
        "model_loading_timeout_seconds",
        lambda: rules.model_loading_timeout(weights, compiles=compiles),
    )
    return Endpoint(
        name=endpoint_name(merged),
        instance_count=_instance_count(decisions),
        packaging=(section and section.packaging) or "prefix",
        role=section.role if section else None,
        artifacts=section.artifacts if section else None,
        subnets=tuple(vpc.subnets) if vpc else (),
        security_groups=tuple(vpc.security_groups) if vpc else (),
        tags=dict((section and section.tags) or {}),
        model_loading_timeout_seconds=loading_seconds,
        startup_timeout_seconds=loading.startup_timeout_seconds(loading_seconds, copies=copies),
        download_timeout_seconds=loading.BUNDLE_DOWNLOAD_SECONDS,
        volume_gb=loading.volume_gb(weights, compiles=compiles)
        if instance.is_volume_size_settable
        else None,
    )


def endpoint_name(merged: MergedProfile) -> str:
    """What a hardware profile deploys as."""
    section = merged.settings.endpoint
    return (section and section.name) or f"{merged.name}-{merged.hardware}"


def _instance_count(decisions: Decisions) -> int:
    wanted = decisions.merged.get("endpoint.instances")
    if not isinstance(wanted, InstanceCounts):
        return cast("int | None", wanted) or 1
    if wanted.min != wanted.max:
        problem = "this version of lmi-deploy does not support autoscaling"
        fix, key = f"endpoint.instances: {wanted.min}", "endpoint.instances"
        raise ProfileError([decisions.problem("LMI005", problem, key=key, fix=fix)])
    return wanted.min
