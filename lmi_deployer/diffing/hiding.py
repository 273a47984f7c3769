"""Takes secrets out of what is compared, so that no output has to be trusted with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lmi_deployer.diffing.comparison import Unread
from lmi_deployer.diffing.snapshot import Item, Snapshot
from lmi_deployer.findings import Finding, Place
from lmi_deployer.impact import Deployed
from lmi_deployer.secrets import is_secret, may_hold, redacted

HIDDEN = "***"
"""Stands for a value that is a secret."""


def hidden_item(key: str, item: Item | None) -> Item | None:
    """A value, its place and its reason without secrets."""
    if item is None:
        return None
    value = HIDDEN if is_secret(key, item.value) else item.value
    reason, place = redacted(item.reason), hidden_place(item.place)
    if value is item.value and reason == item.reason and place is item.place:
        return item
    return replace(item, value=value, reason=reason, place=place)


def hidden_place(place: Place | None) -> Place | None:
    """A place in a file whose name may hold anything."""
    if place is None or redacted(place.file) == place.file:
        return place
    return replace(place, file=redacted(place.file))


def hidden_finding(finding: Finding) -> Finding:
    """A finding whose words hold no secret."""
    return replace(
        finding,
        problem=redacted(finding.problem),
        fix=finding.fix and redacted(finding.fix),
        key=finding.key and redacted(finding.key),
        place=hidden_place(finding.place) or finding.place,
    )


def hidden_unread(unread: Unread) -> Unread:
    """What could not be read, without the secrets that may be why."""
    return replace(
        unread,
        name=redacted(unread.name),
        findings=tuple(map(hidden_finding, unread.findings)),
        text_diff=tuple(map(redacted, unread.text_diff)),
    )


def hidden(side: Snapshot | None) -> Snapshot | None:
    """A snapshot without secrets."""
    if side is None:
        return None
    return replace(
        side,
        profile=redacted(side.profile),
        hardware=redacted(side.hardware),
        file=redacted(side.file),
        values=_hidden_values(side.values),
        deployed=None if side.deployed is None else _hidden_deployed(side.deployed),
        findings=tuple(map(hidden_finding, side.findings)),
    )


def _hidden_values(values: Mapping[str, Item]) -> Mapping[str, Item]:
    if not may_hold({key: f"{item.value}\n{item.reason}" for key, item in values.items()}):
        return values
    items = ((key, hidden_item(key, item)) for key, item in values.items())
    return {redacted(key): item for key, item in items if item is not None}


def _hidden_deployed(deployed: Deployed) -> Deployed:
    return replace(
        deployed,
        endpoint=redacted(deployed.endpoint),
        properties=deployed.properties and _hidden_pairs(deployed.properties),
        model=_hidden_pairs(deployed.model),
        endpoint_config=deployed.endpoint_config and _hidden_pairs(deployed.endpoint_config),
        tags=_hidden_pairs(deployed.tags),
        engine_cache=deployed.engine_cache and redacted(deployed.engine_cache),
    )


def _hidden_pairs(pairs: Mapping[str, str]) -> Mapping[str, str]:
    if not may_hold(pairs):
        return pairs
    return {
        redacted(name): HIDDEN if is_secret(name, text) else text for name, text in pairs.items()
    }
