"""Turns what hardware profiles want into changes of the file's text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmi_deployer.hardware import LoadedProfile
from lmi_deployer.migrating.draft import Draft
from lmi_deployer.migrating.flat import Path
from lmi_deployer.migrating.layers import ABSENT, ANY, Edit, Layers
from lmi_deployer.profile_text import Change, RemoveKey, RenameKey, SetValue, edit
from lmi_deployer.resolve import BACKEND_SECTIONS


class Rewriting:
    """What each hardware profile wants of every setting that changes, and the text that gives it.

    `drafts` are the hardware profiles that move; the others keep what they have. With `is_partial`,
    some of them are to stay as they are, and so are the sections that they share, if possible.
    """

    def __init__(
        self,
        loaded: LoadedProfile,
        layers: Layers,
        drafts: Mapping[str, Draft],
        *,
        is_partial: bool,
    ) -> None:
        self._name = loaded.source.name
        self._layers = layers
        self._drafts = drafts
        self._names = loaded.hardware_names
        self._is_partial = is_partial
        self._before = {name: self._layers.effective(name) for name in self._names}
        self._after = {
            name: drafts[name].wanted if name in drafts else self._before[name]
            for name in self._names
        }
        self._wishes = {
            path: {name: self._wish(path, name) for name in self._names} for path in self._changed()
        }

    def text(self, text: str) -> str:
        """The text after which everybody has what it wants.

        Raises EditError for a text that cannot be changed in place.
        """
        moves = {to: path for draft in self._drafts.values() for to, path in draft.moved.items()}
        edits = {
            path: self._layers.edits(
                path,
                wanted,
                homes=_homes(self._layers, moves.get(path)),
                spares_shared=self._is_partial,
            )
            for path, wanted in self._wishes.items()
        }
        return edit(text, _text_changes(self._layers, edits, moves), name=self._name)

    def is_done_by(self, loaded: LoadedProfile) -> bool:
        """Whether a text gives every hardware profile what it wants, and leaves the rest alone."""
        layers = Layers(loaded)
        for name in self._names:
            has, had = layers.effective(name), self._before[name]
            for path in {*has, *had, *self._wishes}:
                wish = self._wishes[path][name] if path in self._wishes else had.get(path, ABSENT)
                if wish is not ANY and _differs(has.get(path, ABSENT), wish):
                    return False
        return True

    def _changed(self) -> list[Path]:
        """The settings that are others afterwards for somebody, in the order of the file."""
        paths = {
            path: None
            for name in self._names
            for path in (*self._before[name], *self._after[name])
            if _differs(self._before[name].get(path, ABSENT), self._after[name].get(path, ABSENT))
        }
        return list(paths)

    def _wish(self, path: Path, name: str) -> Any:
        """What a hardware profile wants of a setting.

        It may inherit the section of a backend that it does not run, where others need that, or
        have not moved yet.
        """
        if path[0] not in BACKEND_SECTIONS.values() or not self._is_foreign(path, name):
            return self._after[name].get(path, ABSENT)
        is_needed = any(
            path in self._after[other] and not self._is_foreign(path, other)
            for other in self._names
        )
        return ANY if is_needed or self._is_partial else ABSENT

    def _is_foreign(self, path: Path, name: str) -> bool:
        """Whether a backend's section is not that of the backend that a hardware profile runs."""
        if name in self._drafts:
            return BACKEND_SECTIONS[self._drafts[name].backend] != path[0]
        section = BACKEND_SECTIONS.get(self._after[name].get(("backend",), "auto"))
        return section is not None and section != path[0]


def _differs(one: Any, other: Any) -> bool:
    return type(one) is not type(other) or bool(one != other)


def _homes(layers: Layers, old_path: Path | None) -> list[Path]:
    """The sections that have a setting under its old path, and may take it under the new one."""
    return [layer.at for layer in layers if old_path in layer.written]


def _text_changes(
    layers: Layers, edits: Mapping[Path, list[Edit]], moves: Mapping[Path, Path]
) -> list[Change]:
    """Changes of the text: a key that goes and comes back under another name is renamed."""
    written = {layer.at: layer.written for layer in layers}
    removed = {
        (item.layer, path)
        for path, items in edits.items()
        for item in items
        if item.action == "remove"
    }
    changes: list[Change] = []
    for path, items in edits.items():
        old = moves.get(path)
        for item in items:
            at = (*item.layer, *path)
            if item.action == "remove":
                continue
            if old is not None and old[:-1] == path[:-1] and (item.layer, old) in removed:
                removed.discard((item.layer, old))
                changes.append(RenameKey((*item.layer, *old), path[-1]))
                if not _differs(written[item.layer][old], item.value):
                    continue
            changes.append(SetValue(at, item.value))
    changes += [RemoveKey((*layer, *path)) for layer, path in sorted(removed)]
    return changes
