"""Which engine of a cache a profile would use, and why it would use none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from lmi_deployer.aot.engine import EngineInputs, Mismatch
from lmi_deployer.aot.matching import mismatches, nearest
from lmi_deployer.artifact.manifest import KEY_CHARACTERS
from lmi_deployer.caching.entries import Entry
from lmi_deployer.spec import Quality, ResolvedSpec


@dataclass(frozen=True, kw_only=True)
class Match:
    """A profile beside a cache."""

    title: str
    key: str
    """Of the engine that it needs."""
    entry: Entry | None
    """The engine of this key, or the nearest one; None where there is nothing like it."""
    differences: tuple[Mismatch, ...]
    """Why the profile cannot use it."""
    problem: str | None = None

    @property
    def is_usable(self) -> bool:
        """True where the profile would use the entry."""
        return self.entry is not None and not self.differences and self.problem is None

    def document(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "profile": self.title,
            "key": self.key,
            "engine": self.entry.name if self.entry else None,
            "is_usable": self.is_usable,
            "differences": [asdict(difference) for difference in self.differences],
            "problem": self.problem,
        }

    def lines(self) -> Iterable[str]:
        """What to tell people."""
        wanted = f"{self.title} needs {self.key[:KEY_CHARACTERS]}"
        if self.entry is None:
            yield f"{wanted}, and nothing here is of its model"
        elif self.is_usable:
            yield f"{wanted}, which is here (>)"
        elif self.key.startswith(self.entry.name):
            yield f"{wanted}, which is here but of no use"
        else:
            yield f"{wanted}, which is not here; the nearest is {self.entry.name}"
        yield from (f"  {difference}" for difference in self.differences)
        if self.problem is not None:
            yield f"  {self.problem}"


def match(spec: ResolvedSpec, inputs: EngineInputs, entries: Sequence[Entry]) -> Match:
    """What a cache holds for a spec that needs an engine of these inputs."""
    quality: Quality | None = spec.compilation.quality if spec.compilation else None
    title, key = spec.title, inputs.key
    for entry in entries:
        if not key.startswith(entry.name):
            continue
        problem = entry.problem or (None if entry.manifest else "it is half-written")
        differences = () if entry.manifest is None else mismatches(inputs, quality, entry.manifest)
        return Match(title=title, key=key, entry=entry, differences=differences, problem=problem)
    whole = {
        entry.manifest.key: entry
        for entry in entries
        if entry.manifest is not None and entry.state == "complete"
    }
    near = nearest(inputs, [entry.manifest for entry in whole.values() if entry.manifest])
    if near is None:
        return Match(title=title, key=key, entry=None, differences=())
    entry = whole[near.manifest.key]
    return Match(title=title, key=key, entry=entry, differences=near.differences)
