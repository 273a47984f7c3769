"""Takes the facts of one model from where they are: the hub, a copy, or the catalog."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lmi_deployer.errors import InputError
from lmi_deployer.lockfile import LATEST, LockedModel, Origin
from lmi_deployer.locking.checkpoint import CheckpointError, CheckpointFacts, facts_of
from lmi_deployer.locking.wanted import Wanted
from lmi_deployer.s3 import FOLDER_FORM, is_folder

if TYPE_CHECKING:
    from lmi_deployer.edges.checkpoints import Folder, Prefix
    from lmi_deployer.edges.hub import Hub


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How to reach the models of one run."""

    today: str
    """The day that new facts are marked with, as YYYY-MM-DD."""
    is_offline: bool = False
    places: Mapping[str, str] = field(default_factory=dict)
    """Model id: the folder or S3 prefix that the command line names for it."""
    region: str | None = None
    aws_profile: str | None = None
    say: Callable[[str], None] = field(default=lambda _line: None, repr=False)

    def ask(self, wanted: Wanted) -> LockedModel:
        """The facts of a model. Raises CheckpointError, or the error of the way to it."""
        place = self.places.get(wanted.model_id)
        if place is None and self.is_offline:
            return _from_catalog(wanted)
        if place is None and wanted.source is None:
            return self._from_hub(wanted)
        return self._from_copy(wanted, place or str(wanted.source))

    def _from_hub(self, wanted: Wanted) -> LockedModel:
        found = self._hub.repository(wanted.model_id, wanted.requested)
        return replace(
            self._entry(wanted, "hub", facts_of(found, self.say)),
            commit=found.commit,
            renamed_to=None if found.model_id == wanted.model_id else found.model_id,
            gated=found.gated,
            is_private=found.is_private,
        )

    def _from_copy(self, wanted: Wanted, place: str) -> LockedModel:
        copy = self._copy(place)
        origin: Origin = "s3" if place.startswith("s3://") else "folder"
        entry = self._entry(wanted, origin, facts_of(copy, self.say))
        commit = None if wanted.requested == LATEST else wanted.requested
        return replace(entry, content=copy.content(), commit=commit)

    def _copy(self, place: str) -> Folder | Prefix:
        from lmi_deployer.edges import checkpoints

        if not place.startswith("s3://"):
            return checkpoints.Folder(Path(place))
        if not is_folder(place):
            raise InputError(f"{place!r} {FOLDER_FORM}")
        from lmi_deployer.edges.aws_calls import AwsSettings

        settings = AwsSettings(region=self.region, aws_profile=self.aws_profile)
        return checkpoints.Prefix(place, settings, self.say)

    def _entry(self, wanted: Wanted, origin: Origin, facts: CheckpointFacts) -> LockedModel:
        return LockedModel(
            model_id=wanted.model_id,
            source=wanted.source,
            requested=wanted.requested,
            facts_from=origin,
            checked=self.today,
            config=facts.config,
            parameters=facts.parameters,
            weights=facts.weights,
            tokenizer=facts.tokenizer,
            doubts=facts.doubts,
        )

    @cached_property
    def _hub(self) -> Hub:
        from lmi_deployer.edges.hub import Hub

        return Hub(say=self.say)


def _from_catalog(wanted: Wanted) -> LockedModel:
    entry = wanted.from_catalog()
    if entry is None:
        raise CheckpointError(
            f"the catalog does not hold {wanted.model_id}",
            fix=f"without --offline; or --from {wanted.model_id}=FOLDER with a copy of it",
        )
    return entry
