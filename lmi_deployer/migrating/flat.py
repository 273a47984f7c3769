"""Settings by their paths, so that they can be compared and moved one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from lmi_deployer.catalog.rows import Backend
from lmi_deployer.checks.about import SETTING_KEYS
from lmi_deployer.hardware import REPLACED_WHOLE
from lmi_deployer.profile import Section, Settings
from lmi_deployer.resolve import BACKEND_SECTIONS

Path = tuple[str, ...]
"""The keys that lead to a setting, as in ("trtllm", "tokens_per_block")."""
Flat = dict[Path, Any]
OPTIONS = "options"


def flatten(data: Mapping[str, Any], at: Path = ()) -> Flat:
    """The settings of nested data by their paths; what merging replaces whole stays whole."""
    flat: Flat = {}
    for key, value in data.items():
        here = (*at, key)
        if isinstance(value, Mapping) and key not in REPLACED_WHOLE:
            flat |= flatten(value, here)
        else:
            flat[here] = value
    return flat


def nested(flat: Mapping[Path, Any]) -> dict[str, Any]:
    """The nested data of settings that have a value."""
    data: dict[str, Any] = {}
    for path, value in flat.items():
        below = data
        for key in path[:-1]:
            below = below.setdefault(key, {})
        below[path[-1]] = value
    return data


def dotted(path: Path) -> str:
    """`trtllm.tokens_per_block`; raw keys keep their own dots: `options.option.x`."""
    return ".".join(path)


def path_of(backend: Backend, setting: str) -> Path:
    """Where a profile writes one of our settings for a backend."""
    if setting in SETTING_KEYS:
        return tuple(SETTING_KEYS[setting].split("."))
    if setting in Settings.model_fields:
        return (setting,)
    return (BACKEND_SECTIONS[backend], setting)


def can_say(path: Path) -> bool:
    """Whether the schema of profiles has a key."""
    kind: Any = Settings
    for key in path:
        if kind is None or key not in kind.model_fields:
            return False
        annotation = kind.model_fields[key].annotation
        parts = get_args(annotation) or (annotation,)
        sections = [part for part in parts if isinstance(part, type) and issubclass(part, Section)]
        kind = sections[0] if sections else None
    return True
