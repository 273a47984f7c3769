"""The commands that make a deployment as its profile says, or take it away. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from lmi_deployer.deployment import VARIANT
from lmi_deployer.drifting.profiles import OWN, Subject
from lmi_deployer.drifting.states import Drift, Seen, Verdict
from lmi_deployer.resources import shipped_profiles

OWNERSHIP = "lmi-deploy:"
"""How the tags begin by which lmi-deploy finds a deployment again."""


def mending(
    verdict: Verdict, seen: Seen, subject: Subject, *, suffix: str, region: str, arn: str | None
) -> Iterator[str]:
    """Shell commands; `suffix` is what lmi-deploy needs to reach the same account."""
    name = shlex.quote(seen.name)
    if verdict.drift is Drift.UNKNOWN:
        yield f"lmi-deploy import --endpoint {name}{suffix}  # a profile that says what runs"
        yield f"lmi-deploy down {name}{suffix}  # removes it"
        return
    wanted = seen.wanted
    if wanted is not None and arn is not None:
        # Without these `up` takes the endpoint for somebody else's.
        edited = [
            shlex.quote(f"Key={key},Value={value}")
            for key, value in wanted.tags.items()
            if key.startswith(OWNERSHIP) and seen.tags.get(key) != value
        ]
        if edited:
            tags = " ".join(edited)
            yield f"aws sagemaker add-tags --region {region} --resource-arn {arn} --tags {tags}"
    if verdict.needs_up:
        hardware = shlex.quote(subject.hardware)
        yield f"lmi-deploy up {_argument(subject)} -p {hardware}{suffix}"
    is_moved = wanted is not None and seen.config != wanted.endpoint_config_name
    if verdict.is_scaled and not is_moved and seen.counts is not None:
        yield (
            f"aws sagemaker update-endpoint-weights-and-capacities --region {region} "
            f"--endpoint-name {name} --desired-weights-and-capacities "
            f"VariantName={VARIANT},DesiredInstanceCount={seen.counts.configured}"
        )


def _argument(subject: Subject) -> str:
    """What a command line names the profile as: its name, where that finds the same file."""
    file = subject.file
    found = {str(OWN / f"{subject.profile}.yaml"), str(shipped_profiles().get(subject.profile))}
    is_found = file is None or file in found
    return shlex.quote(subject.profile if is_found else Path(str(file)).as_posix())
