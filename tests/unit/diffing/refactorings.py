"""Other ways to write a profile that mean the same, as people come to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from lmi_deployer.hardware import REPLACED_WHOLE

Data = dict[str, Any]
SHARED = ("model", "container", "traffic", "options")
"""Keys of the profile itself that any layer may say as well."""


def laid_over(base: Data, layer: Data) -> Data:
    """The settings of a layer over those below it."""
    merged = deepcopy(base)
    for key, value in layer.items():
        below = merged.get(key)
        if isinstance(value, dict) and key not in REPLACED_WHOLE:
            merged[key] = laid_over(below if isinstance(below, dict) else {}, value)
        else:
            merged[key] = deepcopy(value)
    return merged


def undone(base: Data, wanted: Data) -> Data:
    """The layer that makes the wanted settings of the base; null takes back what it says more."""
    layer: Data = {}
    for key in [*wanted, *(key for key in base if key not in wanted)]:
        value, below = wanted.get(key), base.get(key)
        if isinstance(value, dict) and isinstance(below, dict) and key not in REPLACED_WHOLE:
            inner = undone(below, value)
            if inner:
                layer[key] = inner
        elif value != below:
            layer[key] = value
    return layer


def written_out(document: Data, name: str) -> Data:
    """The settings of a hardware profile with what it extends, without the file's own."""
    section = dict(document["profiles"][name] or {})
    parent = section.pop("extends", None)
    return section if parent is None else laid_over(written_out(document, parent), section)


def said_for_all(document: Data) -> Data:
    """What holds for every hardware profile that says nothing else."""
    own = {key: document[key] for key in SHARED if document.get(key)}
    return laid_over(own, document.get("defaults") or {})


def extends_none(document: Data, _draw: Callable[..., Any]) -> Data:
    """Every hardware profile stands by itself."""
    profiles = {name: written_out(document, name) for name in document["profiles"]}
    return {**document, "profiles": profiles}


def extends_another(document: Data, draw: Callable[..., Any]) -> Data:
    """One hardware profile starts from another one, and takes back what it does not want."""
    flat, shared = extends_none(document, draw), said_for_all(document)
    names = st.sampled_from(list(flat["profiles"]))
    child, parent = draw(names), draw(names)
    wanted, base = (laid_over(shared, flat["profiles"][name]) for name in (child, parent))
    unwanted = (base.get("options") or {}).keys() - (wanted.get("options") or {}).keys()
    if child == parent or unwanted:  # null does not take back an option: it leaves the line out
        return document
    profiles = {**flat["profiles"], child: {"extends": parent, **undone(base, wanted)}}
    return {**flat, "profiles": profiles}


def without_defaults(document: Data, draw: Callable[..., Any]) -> Data:
    """What `defaults` said is repeated in every hardware profile."""
    flat = extends_none(document, draw)
    defaults = flat.pop("defaults", None) or {}
    profiles = {name: laid_over(defaults, part) for name, part in flat["profiles"].items()}
    return {**flat, "profiles": profiles}


def with_defaults(document: Data, draw: Callable[..., Any]) -> Data:
    """What all hardware profiles say alike moves into `defaults`."""
    flat = without_defaults(document, draw)
    first, *others = flat["profiles"].values()
    alike = {
        key: value
        for key, value in first.items()
        if all(other.get(key) == value for other in others)
    }
    profiles = {
        name: {key: value for key, value in part.items() if key not in alike}
        for name, part in flat["profiles"].items()
    }
    return {**flat, "defaults": alike, "profiles": profiles}


def with_all_below(document: Data, draw: Callable[..., Any]) -> Data:
    """What the profile says for all is said by each hardware profile once more."""
    flat = without_defaults(document, draw)
    base = {key: flat[key] for key in SHARED if flat.get(key)}
    profiles = {name: laid_over(base, part) for name, part in flat["profiles"].items()}
    return {**flat, "profiles": profiles}


def in_another_order(document: Data, draw: Callable[..., Any]) -> Data:
    """The same keys in another order, at every level."""
    keys = draw(st.permutations(list(document)))
    return {
        key: in_another_order(value, draw) if isinstance(value, dict) else value
        for key, value in ((key, document[key]) for key in keys)
    }


REFACTORINGS = (
    extends_none,
    extends_another,
    without_defaults,
    with_defaults,
    with_all_below,
    in_another_order,
)


@st.composite
def refactored(draw: Callable[..., Any], document: Data) -> str:
    """The text of the document after some refactorings, with comments in it. JSON is YAML too."""
    for change in draw(st.lists(st.sampled_from(REFACTORINGS), min_size=1, max_size=4)):
        document = change(document, draw)
    lines = json.dumps(document, indent=draw(st.sampled_from([1, 2, 4]))).split("\n")
    for at in draw(st.lists(st.integers(0, len(lines) - 1), max_size=4)):
        lines[at] += "  # a comment: {with: a mapping}"
    return "\n".join(lines) + "\n"
