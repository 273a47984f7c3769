"""What is known of a model without asking anybody: the lock first, then the catalog."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lmi_deployer import catalog, model_facts
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, ProfileError

if TYPE_CHECKING:
    from lmi_deployer.catalog.rows import Model
    from lmi_deployer.lockfile import Lock, LockedModel
    from lmi_deployer.model_facts import ModelFacts

_NOT_OF_THE_MODEL = frozenset({"id", "source", "checked", "is_gated"})
"""Columns of a catalog row that an entry has elsewhere, or that say where the row is from."""


def find(
    model_id: str,
    lock: Lock | None = None,
    *,
    revision: str | None = None,
    source: str | None = None,
) -> ModelFacts | None:
    """Facts of a model, or None where neither the lock nor the catalog holds it.

    `revision` and `source` are what the profile says; `lock` is `lockfile.read_beside(profile)`.
    Raises ProfileError for an entry of the lock that cannot be used.
    """
    entry = None if lock is None else lock.find(model_id, revision=revision, source=source)
    if lock is not None and entry is not None:
        try:
            return from_lock(entry)
        except InputError as error:
            place = lock.place(entry)
            found = Finding.error("LMI414", error.problem, place=place, fix=error.fix)
            raise ProfileError([found]) from error
    row = catalog.find_model(model_id)
    return None if row is None else model_facts.from_catalog(row)


def from_lock(entry: LockedModel) -> ModelFacts:
    """Facts of a model that a lock holds. Raises InputError where nobody can tell them."""
    if entry.facts_from == "catalog":
        return model_facts.from_catalog(_locked_row(entry))
    facts = model_facts.from_config(
        entry.config,
        model_id=entry.model_id,
        parameter_counts=entry.parameters or None,
        stored_bytes=entry.stored_bytes,
    )
    shape = facts.shape
    if shape is not None:  # contradictions that were noted when it was locked are found anew
        noted = (doubt for doubt in entry.doubts if doubt not in shape.contradictions)
        shape = replace(shape, doubts=tuple(dict.fromkeys((*shape.doubts, *noted))))
    return replace(facts, shape=shape, is_gated=entry.is_gated)


def _locked_row(entry: LockedModel) -> Model:
    """The catalog's row as it was locked, or as it is where it had other columns then.

    Raises InputError where it is neither.
    """
    row = catalog.find_model(entry.model_id)
    if row is not None and entry.config == facts_in(row):  # as it nearly always is
        return row
    from pydantic import ValidationError

    from lmi_deployer.catalog.rows import Model

    gated = {"is_gated": bool(entry.gated)}
    about = {"id": entry.model_id, "source": "lmi.lock", "checked": entry.checked}
    try:
        return Model.model_validate({**entry.config, **gated, **about})
    except ValidationError as error:
        if row is not None:
            return row
        problem = f"holds facts of {entry.model_id} that this lmi-deploy cannot read"
        raise InputError(problem, fix="`lmi-deploy lock --upgrade`") from error


def facts_in(row: Model) -> dict[str, object]:
    """The facts of a catalog row as a lock holds them, without what is its default.

    Out of the compiled row: pydantic would first have to build what writes one out.
    """
    fields = type(row).model_fields
    return {
        name: value
        for name, value in (catalog.raw_model(row.id) or {}).items()
        if name not in _NOT_OF_THE_MODEL and value is not None and value != fields[name].default
    }
