"""Caches of engines on this machine, as old as a test wants them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmi_deployer.artifact.committing import commit
from lmi_deployer.artifact.folder_store import FolderStore
from lmi_deployer.artifact.manifest import KEY_CHARACTERS, key_of
from tests.unit.artifact.artifacts import FILES, MADE, make_source

DAY = 86_400.0


class Cache:
    """A folder of engines, and the store over it."""

    def __init__(self, folder: Path, files: Mapping[str, bytes] = FILES) -> None:
        self.folder = folder / "engines"
        self.folder.mkdir()
        self.store = FolderStore(self.folder)
        self._source = make_source(folder / "source", dict(files))

    def add(self, inputs: dict[str, Any], **changed: Any) -> str:
        """Commit an engine of these inputs; the name of its folder."""
        name = key_of(inputs)[:KEY_CHARACTERS]
        values: dict[str, Any] = {"layout": "triton_repository", "made": MADE, "quality": None}
        commit(
            self.store,
            f"{name}/",
            self._source,
            inputs=inputs,
            say=lambda _line: None,
            **{**values, **changed},
        )
        return name

    def half_written(self, inputs: dict[str, Any]) -> str:
        """The same, before its manifest is written."""
        name = self.add(inputs)
        self.store.delete([f"{name}/manifest.json"])
        return name

    def age(self, name: str, seconds: float, now: float) -> None:
        """Let everything of an engine have been written that long ago."""
        for path in (self.folder / name).rglob("*"):
            os.utime(path, (now - seconds, now - seconds))
