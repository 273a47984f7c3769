"""What differs between two deployments as SageMaker has them, where no profile key says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lmi_deployer.diffing.snapshot import Item, Snapshot
from lmi_deployer.impact import CACHED_ENGINE, UNKNOWN, Deployed, Part, changed_names
from lmi_deployer.render import PROPERTIES_FILE, as_text

Sides = tuple[Item | None, Item | None]

SHOWN_CHARACTERS = 16
"""Of the identity of an engine."""
PREFIXES: Mapping[Part, str] = {
    Part.FILES: f"{PROPERTIES_FILE}:",
    Part.MODEL: "model.",
    Part.ENDPOINT_CONFIG: "endpoint_config.",
    Part.TAGS: "tags.",
}
PROFILE_KEYS: Mapping[str, tuple[str, ...]] = {
    "endpoint_config.InstanceType": ("instance_type",),
    "endpoint_config.InitialInstanceCount": ("endpoint.instances",),
    "endpoint_config.VolumeSizeInGB": ("endpoint.volume_gb",),
    "endpoint_config.ContainerStartupHealthCheckTimeoutInSeconds": (
        "endpoint.startup_timeout_seconds",
    ),
    "endpoint_config.ModelDataDownloadTimeoutInSeconds": ("endpoint.download_timeout_seconds",),
    "model.image": ("container.image",),
    "model.role": ("endpoint.role",),
    "model.packaging": ("endpoint.packaging",),
    "endpoint": ("endpoint.name",),
}
"""What SageMaker has: the keys of a profile that it may follow from."""


def differing(before: Deployed, after: Deployed) -> dict[Part, tuple[str, ...]]:
    """The parts and names that differ, whichever side would be deployed over the other."""
    forth, back = changed_names(before, after), changed_names(after, before)
    return {
        part: tuple(sorted({*forth.get(part, ()), *back.get(part, ())}))
        for part in Part
        if part in forth or part in back
    }


def sides_of(
    part: Part, names: tuple[str, ...], before: Snapshot, after: Snapshot
) -> Iterator[tuple[str, Sides]]:
    """(key, both values) of what differs in one part."""
    assert before.deployed is not None
    assert after.deployed is not None
    for name in names:
        key = f"{PREFIXES[part]}{name}" if part in PREFIXES else part.value
        texts = _texts(before.deployed, after.deployed, part, name)
        yield key, (_item(before, part, key, texts[0]), _item(after, part, key, texts[1]))


def _texts(
    before: Deployed, after: Deployed, part: Part, name: str
) -> tuple[str | None, str | None]:
    match part:
        case Part.FILES if name == CACHED_ENGINE:
            return before.cached_engine, after.cached_engine
        case Part.ENGINE:
            return _engines(before, after)
        case Part.ENDPOINT:
            return before.endpoint, after.endpoint
        case _:
            return _pairs(before, part).get(name), _pairs(after, part).get(name)


def _pairs(deployed: Deployed, part: Part) -> Mapping[str, str]:
    match part:
        case Part.FILES:
            return deployed.properties or {}
        case Part.MODEL:
            return deployed.model
        case Part.ENDPOINT_CONFIG:
            return deployed.endpoint_config or {}
        case Part.TAGS:
            return deployed.tags
        case _:
            return {}


def _engines(before: Deployed, after: Deployed) -> tuple[str | None, str | None]:
    """What tells one compilation from another: its key, and what else is not as it was."""
    told = _engine(before), _engine(after)
    differs = [len(set(texts)) > 1 for texts in zip(*told, strict=True)]
    shown = [
        ", ".join(
            text for index, text in enumerate(texts) if text and (differs[index] or not index)
        )
        for texts in told
    ]
    return shown[0] or None, shown[1] or None


def _engine(deployed: Deployed) -> tuple[str, ...]:
    """The key, where it is compiled, what may be served instead, its cache, its quality gate."""
    if deployed.engine is None:
        return ("", "", "", "", "", "")
    ready = {True: "in the cache", False: "not in the cache", None: ""}
    gate = "" if deployed.gate in {None, UNKNOWN} else str(deployed.gate)
    cached = "" if deployed.cached_engine is None else deployed.cached_engine[:SHOWN_CHARACTERS]
    return (
        deployed.engine[:SHOWN_CHARACTERS],
        "compiled ahead of time" if deployed.is_compiled_ahead else "compiled in the container",
        f"unless the cache holds {cached}" if cached else "",
        f"cache {deployed.engine_cache}" if deployed.engine_cache else "",
        ready[deployed.is_engine_ready],
        f"quality gate {gate[:SHOWN_CHARACTERS]}" if gate else "",
    )


def _item(side: Snapshot, part: Part, key: str, text: str | None) -> Item | None:
    """A value as deployed; with the line of the profile where that says the very same."""
    if text is None:
        return None
    said = _said(side, key, text)
    if said is not None:
        return Item(
            value=text,
            source=said.source,
            reason=said.reason,
            place=said.place,
            reaches=frozenset({part}),
        )
    return Item(
        value=text,
        source="rule" if side.is_decided else "deployed",
        reason="as rendered" if side.is_decided else "as deployed",
        reaches=frozenset({part}),
    )


def _said(side: Snapshot, key: str, text: str) -> Item | None:
    """The value of the profile that has both the name and the text; None where none has."""
    kind, _, name = key.partition(":")
    if kind == PROPERTIES_FILE:
        keys: tuple[str, ...] = (f"options.{name}", name.removeprefix("option."))
    elif key.startswith(PREFIXES[Part.TAGS]):
        keys = (f"endpoint.{key}",)
    else:
        keys = PROFILE_KEYS.get(key, ())
    items = (side.values.get(candidate) for candidate in keys)
    return next((item for item in items if item is not None and as_text(item.value) == text), None)
