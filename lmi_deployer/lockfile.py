"""`lmi.lock`: the facts of every model that the profiles beside it name, as a run looks them up.

The file is JSON, because every command reads it and a C parser reads JSON at once. `locking/` holds
what reads, checks and writes its text, and what asks for the facts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from lmi_deployer.edges.files import read_text
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Place

LOCK_NAME = "lmi.lock"
LOCK_VERSION = 1
LATEST = "main"
"""The branch that an open revision means."""
SHOWN_DIGITS = 12
"""Of a commit, for people."""
Origin = Literal["hub", "s3", "folder", "catalog"]
Gate = Literal["auto", "manual"] | bool | None
GATES: tuple[Gate, ...] = ("auto", "manual", True, False, None)
WeightFormat = Literal["safetensors", "pytorch", "gguf", "other"]
Key = tuple[str, str, str]
"""A model id, the copy on S3 or "", and the revision that is asked for."""
MOST = 2**60
"""Of bytes and of numbers: no checkpoint comes near."""
PREFERRED: tuple[WeightFormat, ...] = ("safetensors", "pytorch", "gguf", "other")
"""The order in which the containers' libraries choose among the formats of one checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFiles:
    """The weight files of one format, without those that no loader reads."""

    bytes: int
    files: int


@dataclass(frozen=True, kw_only=True)
class Named:
    """One model as a profile names it."""

    model_id: str
    source: str | None = None
    """The copy on S3 that the profile names, where it names one."""
    requested: str = LATEST
    """The commit that the profile pins, or the branch that an open revision means."""

    @property
    def key(self) -> Key:
        """What tells it from the others of a lock."""
        return (self.model_id, self.source or "", self.requested)

    @property
    def title(self) -> str:
        """The model in words."""
        pinned = "" if self.requested == LATEST else f" at {self.requested[:SHOWN_DIGITS]}"
        return f"{self.model_id}{pinned}{f' in {self.source}' if self.source else ''}"


@dataclass(frozen=True, kw_only=True)
class LockedModel(Named):
    """What is known of one model, as of one commit or one listing of its files."""

    commit: str | None = None
    """What it came to; None where nobody asked the hub, and for copies, which have none."""
    facts_from: Origin
    checked: str
    """The day, as YYYY-MM-DD."""
    renamed_to: str | None = None
    """The name that the hub sent us on to."""
    gated: Gate = None
    """As the hub says it; None where nobody asked. The catalog says only true."""
    is_private: bool | None = None
    content: str | None = None
    """Hash over names, sizes and ETags of a copy's files."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """The part of config.json that says something about memory, speed or loading."""
    parameters: Mapping[str, int] = field(default_factory=dict)
    """Stored numbers by safetensors dtype, counted; empty where no header could be read."""
    weights: Mapping[WeightFormat, WeightFiles] = field(default_factory=dict)
    tokenizer: Mapping[str, Any] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()

    @property
    def stored_bytes(self) -> int | None:
        """Bytes of the weight files that a container loads."""
        found = next((self.weights[name] for name in PREFERRED if name in self.weights), None)
        return None if found is None else found.bytes

    @property
    def is_gated(self) -> bool | None:
        """Whether the hub gives the weights only to accounts that accepted its terms."""
        return None if self.gated is None else bool(self.gated)


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The facts of one folder of profiles."""

    file: str
    models: tuple[LockedModel, ...] = ()
    text: str = field(default="", repr=False, compare=False)

    @cached_property
    def _by_key(self) -> dict[Key, LockedModel]:
        return {entry.key: entry for entry in self.models}

    def entry(self, key: Key) -> LockedModel | None:
        """The entry for just this: its own, or an open one that was locked at the pinned commit."""
        model_id, source, requested = key
        own = self._by_key.get(key)
        if own is not None or requested == LATEST:
            return own
        latest = self._by_key.get((model_id, source, LATEST))
        return latest if latest is not None and latest.commit == requested else None

    def find(
        self, model_id: str, *, revision: str | None = None, source: str | None = None
    ) -> LockedModel | None:
        """The entry that tells most of what a profile names, or None.

        A copy that was not looked at finds the entry of the repository that it is a copy of.
        """
        places = dict.fromkeys((source or "", ""))
        found = (self.entry((model_id, place, revision or LATEST)) for place in places)
        return next((entry for entry in found if entry is not None), None)

    def of_model(self, model_id: str) -> Iterator[LockedModel]:
        """Every entry of a model, whatever its revision or copy."""
        return (entry for entry in self.models if entry.model_id == model_id)

    def place(self, entry: LockedModel) -> Place:
        """Where an entry stands in the file."""
        from lmi_deployer.locking.lines import entry_place

        return entry_place(self, entry)


def read_beside(profile: Path | str) -> Lock | None:
    """The lock in the folder of a profile, or None where there is none.

    Raises ProfileError, with the place, for one that cannot be used.
    """
    return read(Path(profile).parent / LOCK_NAME)


def read(path: Path) -> Lock | None:
    """The lock in a file, or None where there is no such file. Raises ProfileError."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return _read(path, (stat.st_ino, stat.st_mtime_ns, stat.st_size))


def read_anew(path: Path) -> Lock | None:
    """The same, whatever was read before: two writings may share a tick of the file's clock."""
    return _parsed(path) if path.exists() else None


@lru_cache(maxsize=16)
def _read(path: Path, _state: tuple[int, int, int]) -> Lock:
    return _parsed(path)


def _parsed(path: Path) -> Lock:
    from lmi_deployer.locking.parsing import parse, refused

    try:
        text = read_text(path)
    except InputError as error:  # binary, a folder, a pipe
        problem = error.problem.removeprefix(str(path))  # the place names it already
        raise refused(Place(str(path)), problem.lstrip(":0123456789 ")) from error
    return parse(text, str(path))
