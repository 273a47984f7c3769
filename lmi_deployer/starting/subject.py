"""The model that a starting profile is for, and what is known of it without a network."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, get_args

from lmi_deployer import catalog, known_models
from lmi_deployer.catalog.rows import QuantizeMethod
from lmi_deployer.errors import InputError
from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.nearest import nearest
from lmi_deployer.s3 import FOLDER_FORM, is_folder
from lmi_deployer.spec import GIB

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
_BILLIONS = re.compile(r"(?<![a-z0-9.])(?:(\d{1,2})x)?(\d{1,4}(?:\.\d+)?)b(?![a-z0-9])")
_QUANTIZED = re.compile(r"awq|gptq|gguf|fp8|nf4|[48]-?bit|int[48]|w[48]a|bnb")
_BYTES_PER_PARAMETER = 2
"""Of weights that are published in fp16 or bf16, as most are."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model to serve."""

    id: str
    source: str | None
    """Folder on S3 that the container loads the weights from; None for the hub."""
    facts: ModelFacts | None
    """None where nothing is known of the model."""
    is_id_guessed: bool
    """True when the id comes from the name of the folder."""
    weights_gib: float | None
    """Size of the weight files; None where the catalog knows it."""
    size_in_name: str | None
    """What the size was worked out from, such as `7b`; None where somebody stated it."""

    @property
    def near(self) -> str | None:
        """A model of the catalog of nearly that id, for one that it does not hold."""
        if self.facts is not None:
            return None
        known = {name.lower(): name for name in catalog.names("models")}
        return known.get(nearest(self.id.lower(), known, cutoff=0.9) or "")

    @property
    def settings(self) -> dict[str, Any]:
        """The sections of a profile that are about the model."""
        model: dict[str, Any] = {"id": self.id}
        if self.source is not None:
            model["source"] = self.source
        if self.weights_gib is not None:
            model["weights_gib"] = self.weights_gib
        if self.facts is not None and self.facts.needs_remote_code:
            model["trust_remote_code"] = True
        method = self.facts.quantization if self.facts else None
        is_known = method in get_args(QuantizeMethod)  # others are for the container to find out
        return {"model": model, "quantize": {"method": method} if is_known else "none"}


def make_subject(model: str, source: str | None, weights_gib: float | None) -> Subject:
    """What `init` was given as its model.

    Raises InputError for what is no model, for a gated model without a copy on S3, and for an
    unknown one whose size nobody knows.
    """
    is_folder_given = model.startswith("s3://")
    if is_folder_given:
        source = _folder(model)
        hub_id = _id_of_folder(source)
    else:
        source = _folder(source) if source else None
        hub_id = model
        if not _HUB_ID.fullmatch(hub_id):
            fix = "organization/name as on the hub, or s3://bucket/folder/"
            raise InputError(f"{model!r} is no model id", fix=fix)
    facts = known_models.find(hub_id)
    if facts is not None and facts.is_gated and source is None:
        problem = f"{hub_id} is gated; the container cannot download it without a token"
        raise InputError(problem, fix="copy the weights to S3 and add --source s3://bucket/folder/")
    size = None
    if facts is None and weights_gib is None:
        size, weights_gib = _estimate(hub_id)
    return Subject(
        id=hub_id,
        source=source,
        facts=facts,
        is_id_guessed=is_folder_given,
        weights_gib=weights_gib,
        size_in_name=size,
    )


def _folder(uri: str) -> str:
    folder = uri if uri.endswith("/") else f"{uri}/"
    if not is_folder(folder):
        raise InputError(f"{uri}: {FOLDER_FORM}")
    return folder


def _id_of_folder(folder: str) -> str:
    """The catalog's model of the folder's name, or the name itself where there is none."""
    name = folder.removeprefix("s3://").strip("/").rpartition("/")[2]
    same = [known for known in catalog.names("models") if _last(known).lower() == name.lower()]
    return same[0] if same else name


def _last(model_id: str) -> str:
    return model_id.rpartition("/")[2]


def _estimate(model_id: str) -> tuple[str, float]:
    """The number of parameters in a name, as written, and the GiB that their weights take.

    `8x7b` counts as 56 billion, which is more than such models have: they share some layers.
    Raises InputError for a name that says nothing, or that promises quantized weights.
    """
    name = _last(model_id).lower()
    found = _BILLIONS.search(name)
    if found is None or _QUANTIZED.search(name):
        fix = "--weights-gib with the size of the weight files, such as 13.5"
        near = nearest(model_id, catalog.names("models"), cutoff=0.8)
        fix += f"; or did you mean {near!r}?" if near else ""
        raise InputError(f"the catalog does not hold {model_id}", fix=fix)
    experts, billions = found.groups()
    parameters = float(billions) * 1e9 * int(experts or 1)
    gib = parameters * _BYTES_PER_PARAMETER / GIB
    return found.group(), math.ceil(gib * 10) / 10
