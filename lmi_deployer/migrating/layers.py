"""The sections of a profile file that decide settings, and which of them to change.

A setting may stand in the file itself, in `defaults`, in a hardware profile or in one that it
extends. When hardware profiles want different things afterwards, the fewest changes that give each
what it wants are found by trying them from the outermost section inwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from lmi_deployer.hardware import LoadedProfile
from lmi_deployer.migrating.flat import OPTIONS, Flat, Path, flatten

SHARED = ("model", "container", "traffic", OPTIONS)
"""The settings that may stand in the file outside any section."""


class Wish(Enum):
    """What a hardware profile can want of a setting, beside a value."""

    ABSENT = "absent"
    """It must not have it."""
    ANY = "any"
    """Nothing of it reads the setting, which it may inherit but must not write itself."""


ABSENT, ANY = Wish.ABSENT, Wish.ANY
KEEP, SET, REMOVE, ADD, HIDE, SHARED_COST = 0.0, 1.0, 1.1, 1.2, 5.0, 100.0
"""What a change of a section costs: few changes are best, and those of keys that are there."""
NEVER_NULL = (OPTIONS, "endpoint")
"""Below these, null is a value or is refused; elsewhere it hides what is inherited."""


@dataclass
class Layer:
    """One section that decides settings."""

    at: Path
    hardware: str | None
    """The hardware profile that it is; None for the file itself and `defaults`."""
    written: Flat
    children: list[Layer] = field(default_factory=list)


@dataclass(frozen=True)
class Edit:
    """What becomes of one setting in one section."""

    layer: Path
    action: Literal["set", "add", "remove"]
    value: Any = None


class Layers:
    """The sections of a file as a tree: each inherits what the one above it decides."""

    def __init__(self, loaded: LoadedProfile) -> None:
        data: Mapping[str, Any] = loaded.source.data
        shared = {key: data[key] for key in SHARED if key in data}
        self.root = Layer((), None, flatten(shared))
        defaults = Layer(("defaults",), None, flatten(data.get("defaults") or {}))
        self.root.children.append(defaults)
        self._by_hardware: dict[str, Layer] = {}
        self._effective: dict[str, Flat] = {}
        for name, section in data["profiles"].items():
            own = {key: value for key, value in (section or {}).items() if key != "extends"}
            self._by_hardware[name] = Layer(("profiles", name), name, flatten(own))
        for name, layer in self._by_hardware.items():
            parent = loaded.profile.profiles[name].extends
            above = defaults if parent is None else self._by_hardware[parent]
            above.children.append(layer)

    def __iter__(self) -> Iterator[Layer]:
        pending = [self.root]
        while pending:
            layer = pending.pop()
            yield layer
            pending += layer.children

    def effective(self, hardware: str) -> Flat:
        """What a hardware profile has of each setting, by itself or inherited."""
        if hardware not in self._effective:
            self._effective[hardware] = self._laid_over(hardware)
        return self._effective[hardware]

    def _laid_over(self, hardware: str) -> Flat:
        flat: Flat = {}
        for layer in self._lineage(self.root, hardware) or ():
            for path, value in layer.written.items():
                for other in [item for item in flat if _is_within(item, path)]:
                    del flat[other]
                flat[path] = value
        return {path: value for path, value in flat.items() if not is_taken_back(path, value)}

    def _lineage(self, layer: Layer, hardware: str) -> list[Layer] | None:
        if layer.hardware == hardware:
            return [layer]
        for child in layer.children:
            below = self._lineage(child, hardware)
            if below is not None:
                return [layer, *below]
        return None

    def edits(
        self,
        path: Path,
        wanted: Mapping[str, Any],
        *,
        homes: Iterable[Path] = (),
        spares_shared: bool = False,
    ) -> list[Edit]:
        """The fewest changes after which each hardware profile has what it wants of a setting.

        `homes` are the sections beside hardware profiles to which it may be added. With
        `spares_shared`, only what cannot be had otherwise is changed outside hardware profiles.
        """
        search = _Search(path, wanted, frozenset(homes), SHARED_COST if spares_shared else 0.0)
        _, edits = search.best(self.root, ABSENT)
        return list(edits)


def is_taken_back(path: Path, value: Any) -> bool:
    """Whether a value is the null that takes back what is inherited; a raw option may be null."""
    return value is None and path[0] != OPTIONS


def _is_within(one: Path, other: Path) -> bool:
    """True when one path leads through the other."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


Found = tuple[float, tuple[Edit, ...]]
"""What changes cost together, and the changes."""


class _Search:
    """Tries what a section may do with one setting, and all sections below it."""

    def __init__(
        self, path: Path, wanted: Mapping[str, Any], homes: frozenset[Path], shared_cost: float
    ) -> None:
        self._path = path
        self._shared_cost = shared_cost
        self._wanted = wanted
        self._homes = homes
        values = [value for value in wanted.values() if not isinstance(value, Wish)]
        self._values = list({_token(value): value for value in values}.values())
        self._found: dict[tuple[Path, str], Found] = {}

    def best(self, layer: Layer, inherited: Any) -> Found:
        """The cheapest changes of a section and those below; infinitely dear where none will do.

        Each section is tried once for each value that it may inherit: sections above it come to the
        same few values in many ways.
        """
        asked = layer.at, _token(inherited)
        if asked not in self._found:
            self._found[asked] = self._tried(layer, inherited)
        return self._found[asked]

    def _tried(self, layer: Layer, inherited: Any) -> Found:
        best: Found = (float("inf"), ())
        for cost, value, edit in self._choices(layer, inherited):
            if not self._suits(layer, value, edit):
                continue
            total, edits = cost, (() if edit is None else (edit,))
            if edit is not None and layer.hardware is None:
                total += self._shared_cost
            for child in layer.children:
                below, more = self.best(child, value)
                total, edits = total + below, (*edits, *more)
            if total < best[0]:
                best = (total, edits)
        return best

    def _choices(self, layer: Layer, inherited: Any) -> Iterator[tuple[float, Any, Edit | None]]:
        """(cost, the value that holds below, the change) of all that a section may do."""
        own = layer.written.get(self._path, ABSENT)
        if layer.hardware is not None and self._path[0] not in NEVER_NULL:
            yield HIDE, ABSENT, Edit(layer.at, "add" if own is ABSENT else "set", None)
        if any(self._path[:length] in layer.written for length in range(1, len(self._path))):
            yield KEEP, ABSENT, None  # an empty section in its place hides what is inherited
            return
        if own is not ABSENT:
            yield KEEP, ABSENT if is_taken_back(self._path, own) else own, None
            for value in self._values:
                if _token(value) != _token(own):
                    yield SET, value, Edit(layer.at, "set", value)
            yield REMOVE, inherited, Edit(layer.at, "remove")
            return
        yield KEEP, inherited, None
        if layer.hardware is not None or layer.at in self._homes:
            for value in self._values:
                yield ADD, value, Edit(layer.at, "add", value)

    def _suits(self, layer: Layer, value: Any, edit: Edit | None) -> bool:
        if layer.hardware is None:
            return True
        wanted = self._wanted[layer.hardware]
        if wanted is ANY:
            is_own = edit.action != "remove" if edit else self._path in layer.written
            return not is_own
        return _token(value) == _token(wanted)


def _token(value: Any) -> str:
    """Text that is equal for equal values of equal types: 1 is not true."""
    return value.value if isinstance(value, Wish) else json.dumps(value, sort_keys=True)
