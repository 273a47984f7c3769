"""What a profile has to say, since nothing can derive it, and the catalog rows that it names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from lmi_deployer import catalog
from lmi_deployer.catalog.rows import Container, InstanceType
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, ProfileError
from lmi_deployer.hardware import MergedProfile

T = TypeVar("T")
REQUIRED = (
    ("model.id", "the Hugging Face repository, such as tiiuae/falcon-7b"),
    ("container.version", 'an LMI version, such as "0.25.0"'),
    ("instance_type", "such as ml.g5.12xlarge"),
    ("traffic.max_input_len", "tokens of the longest prompt"),
    ("traffic.max_output_len", "tokens of the longest answer"),
)
"""What has to be written, and what to write there; the lengths may be `auto`."""


def require_what_nothing_can_derive(merged: MergedProfile) -> None:
    """Raise ProfileError for all that has to be written and is not."""
    missing = [
        Finding.error(
            "LMI004",
            f"is required for {merged.name} / {merged.hardware}",
            place=merged.place(key),
            key=key,
            fix=hint,
        )
        for key, hint in REQUIRED
        if merged.get(key) is None
    ]
    if missing:
        raise ProfileError(missing)


def known_names(merged: MergedProfile) -> tuple[Container, InstanceType]:
    """The catalog rows that the profile names. Raises ProfileError for all unknown ones."""
    findings: list[Finding] = []

    def look_up(key: str, find: Callable[[str], T]) -> T | None:
        try:
            return find(str(merged.get(key)))
        except InputError as error:
            place = merged.place(key)
            findings.append(
                Finding.error("LMI007", error.problem, place=place, key=key, fix=error.fix)
            )
            return None

    container = look_up("container.version", catalog.container)
    instance = look_up("instance_type", catalog.instance_type)
    if container is None or instance is None:
        raise ProfileError(findings)
    return container, instance
