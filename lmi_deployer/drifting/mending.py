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
    verdict: Verdict,
    seen: Seen,
    subject: Subject,
    *,
    suffix: str,
    region: str,
    arn: str | None,
    is_refused: bool,
) -> Iterator[str]:
    """Shell commands; `suffix` is what lmi-deploy needs to reach the same account.

    With `is_refused` the profile has errors, and `up` would do nothing before they are mended.
    """
    name = shlex.quote(seen.name)
    if verdict.drift is Drift.UNKNOWN or (verdict.drift is Drift.MISSING and seen.unknown):
        yield from _of_unknown(seen, subject, suffix)
        return
    if verdict.drift is Drift.MISSING and seen.status is not None:
        return  # the name is another's, and may well stay so
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
    if verdict.drift is Drift.MISSING and seen.observed and seen.observed.foreign:
        yield f"lmi-deploy down {name}{suffix}  # removes what was made for another profile"
    if verdict.needs_up and not is_refused:
        yield _up(subject, suffix)
    is_moved = wanted is not None and seen.config != wanted.endpoint_config_name
    if verdict.is_scaled and not is_moved and seen.counts is not None:
        yield (
            f"aws sagemaker update-endpoint-weights-and-capacities --region {region} "
            f"--endpoint-name {name} --desired-weights-and-capacities "
            f"VariantName={VARIANT},DesiredInstanceCount={seen.counts.configured}"
        )


def _of_unknown(seen: Seen, subject: Subject, suffix: str) -> Iterator[str]:
    """The same of what no profile describes: it is kept, or taken away."""
    down = f"lmi-deploy down {shlex.quote(seen.name)}{suffix}"
    if subject.is_broken:
        return  # what is to be mended is the file
    if subject.moved_to is not None:
        yield f"{_up(subject, suffix)}  # makes {subject.moved_to}"
        yield f"{down}  # removes this one, once nobody calls it"
    elif subject.heir is not None:
        yield f"{down}  # removes it: `up` moves no endpoint of another profile"
        yield _up(subject.heir, suffix)
    else:
        if seen.status is not None:
            keep = f"lmi-deploy import --endpoint {shlex.quote(seen.name)}{suffix}"
            yield f"{keep}  # a profile that says what runs"
        yield f"{down}  # removes it"


def _up(subject: Subject, suffix: str) -> str:
    return f"lmi-deploy up {_argument(subject)} -p {shlex.quote(subject.hardware)}{suffix}"


def _argument(subject: Subject) -> str:
    """What a command line names the profile as: its name, where that finds the same file."""
    file = subject.file
    found = {str(OWN / f"{subject.profile}.yaml"), str(shipped_profiles().get(subject.profile))}
    is_found = file is None or file in found
    return shlex.quote(subject.profile if is_found else Path(str(file)).as_posix())
