"""What stands in the folder of an engine: a whole artifact, a damaged one, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmi_deployer.aot.jobs import satisfies
from lmi_deployer.artifact.committing import find
from lmi_deployer.artifact.manifest import Manifest, ManifestError, folder_of
from lmi_deployer.artifact.store import Store

if TYPE_CHECKING:
    from lmi_deployer.steps import CompileEngine


@dataclass(frozen=True)
class Standing:
    """A manifest, and why what it is about may not be used."""

    manifest: Manifest | None
    problems: tuple[str, ...] = ()

    @property
    def whole(self) -> Manifest | None:
        """The manifest of an artifact that can be used; None where there is none."""
        return None if self.problems else self.manifest


def prefix_of(step: CompileEngine) -> str:
    """The engine's folder below the root of its cache, ending in "/"."""
    return folder_of("", step.key)


def standing(step: CompileEngine, store: Store) -> Standing:
    """What stands there for a step, looked at without reading every byte."""
    from lmi_deployer.artifact.verifying import verify

    prefix = prefix_of(step)
    try:
        manifest = find(store, prefix)
    except ManifestError as error:
        return Standing(None, (str(error),))
    if manifest is None:
        return Standing(None)
    if manifest.key != step.key:
        return Standing(manifest, (f"it was made for key {manifest.key}, not {step.key}",))
    problems = verify(store, prefix, manifest, deep=False)
    if not problems and not satisfies(step, manifest):
        problems = ["it was not measured as the quality gate asks"]
    return Standing(manifest, tuple(problems))
