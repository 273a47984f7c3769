"""The models that profiles name, with the place where each is named first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lmi_deployer import catalog
from lmi_deployer.findings import Place
from lmi_deployer.hardware import LoadedProfile, merge
from lmi_deployer.known_models import facts_in
from lmi_deployer.lockfile import LATEST, Key, LockedModel, Named


@dataclass(frozen=True, kw_only=True)
class Wanted(Named):
    """One model that profiles name, and where."""

    place: Place
    written_as: str = "model.id"
    """The key that stands at `place`."""

    def from_catalog(self) -> LockedModel | None:
        """What the catalog knows of it, or None where it does not hold the model.

        A commit is stated only where the profile pins one: the catalog has none.
        """
        row = catalog.find_model(self.model_id)
        if row is None:
            return None
        return LockedModel(
            model_id=self.model_id,
            source=self.source,
            requested=self.requested,
            commit=None if self.requested == LATEST else self.requested,
            facts_from="catalog",
            checked=row.checked.isoformat(),
            gated=row.is_gated,
            config=facts_in(row),
        )


def wanted_by(profiles: Iterable[LoadedProfile]) -> dict[Key, Wanted]:
    """Every model that the hardware profiles name, each once, in the order of the files.

    A profile without a model is left out: the checks of profiles say that it needs one.
    """
    found: dict[Key, Wanted] = {}
    for loaded in profiles:
        for hardware in loaded.hardware_names:
            merged = merge(loaded, hardware)
            model = merged.settings.model
            if model is None or model.id is None:
                continue
            is_pinned = model.revision is not None
            written_as = "model.revision" if is_pinned else "model.id"
            item = Wanted(
                model_id=model.id,
                source=model.source,
                requested=model.revision or LATEST,
                place=merged.place(written_as),
                written_as=written_as,
            )
            found.setdefault(item.key, item)
    return found
