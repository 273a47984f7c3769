"""A starting profile for a model: what `lmi-deploy init` writes, worked out from the catalog.

Container and instance type are found by trying: each candidate is decided and checked like any
profile, and the first that the checks let through is taken. Nothing is asked of a network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from lmi_deployer import api
from lmi_deployer.catalog.rows import InstanceType
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, errors_among
from lmi_deployer.hardware import load_profile
from lmi_deployer.profile import Name
from lmi_deployer.starting.choosing import choose, refusal
from lmi_deployer.starting.subject import Subject, make_subject
from lmi_deployer.starting.wording import profile_text

__all__ = ["Start", "Wish", "start"]

_NAME = get_args(Name)[1]
"""The pattern and the length of a profile's name."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was asked for; what is left out is chosen."""

    model: str
    """Repository on the Hugging Face Hub, or a folder on S3."""
    source: str | None = None
    """Folder on S3 with a copy of the repository's weights."""
    instances: Sequence[str] = ()
    container: str | None = None
    name: str | None = None
    weights_gib: float | None = None
    """Size of the weight files, for a model that the catalog does not hold."""


@dataclass(frozen=True)
class Start:
    """A profile without errors."""

    name: str
    text: str
    hardware: tuple[str, ...]
    """The names of its hardware profiles."""
    warnings: tuple[Finding, ...]
    """What the checks say about it besides; places are in `<name>.yaml`."""
    near: str | None
    """A model of nearly that id which the catalog holds, where it does not hold this one."""


def start(wish: Wish) -> Start:
    """The profile to start from.

    Raises InputError, with the reasons, for a model that nothing serves as it was asked for.
    """
    subject = make_subject(wish.model, wish.source, wish.weights_gib)
    name = wish.name or _name(subject)
    if not re.fullmatch(_NAME.pattern, name) or len(name) > _NAME.max_length:
        problem = f"{name!r} is no name for a profile"
        fix = f"--name with at most {_NAME.max_length} of a-z, 0-9 and -"
        raise InputError(problem, fix=fix)
    specs = choose(subject, wish.instances, wish.container)
    hardware = _hardware_names([spec.instance for spec in specs])
    text = profile_text(
        subject,
        name,
        dict(zip(hardware, specs, strict=True)),
        is_container_given=wish.container is not None,
        are_instances_given=bool(wish.instances),
    )
    return Start(name, text, hardware, _warnings(text, f"{name}.yaml"), subject.near)


def _name(subject: Subject) -> str:
    """A profile's name out of a model's: `meta-llama/Llama-3.1-8B` gives `llama-3-1-8b`."""
    words = re.sub(r"[^a-z0-9]+", "-", subject.id.rpartition("/")[2].lower())
    return words.strip("-")[: _NAME.max_length].strip("-")


def _hardware_names(instances: Sequence[InstanceType]) -> tuple[str, ...]:
    """`g5` for the only type of its family, else `g5-12xlarge`."""
    families = [instance.family for instance in instances]
    return tuple(
        instance.family
        if families.count(instance.family) == 1
        else instance.name.removeprefix("ml.").replace(".", "-")
        for instance in instances
    )


def _warnings(text: str, file: str) -> tuple[Finding, ...]:
    """The warnings about the finished text. Raises InputError should it have errors."""
    loaded = load_profile(text, file)
    checked = [api.check(loaded, hardware) for hardware in loaded.hardware_names]
    findings = tuple(dict.fromkeys(item for entry in checked for item in entry.findings))
    if errors_among(findings):
        raise refusal(f"no profile for {loaded.profile.name}", findings)
    return tuple(item for item in findings if item.severity == "warning")
