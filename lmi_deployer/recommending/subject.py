"""The model that a recommendation is for: named by a profile, or by its id alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from lmi_deployer import catalog, known_models, lockfile, rules
from lmi_deployer.catalog.rows import QuantizeMethod
from lmi_deployer.edges.files import read_text
from lmi_deployer.errors import InputError
from lmi_deployer.hardware import LoadedProfile, MergedProfile, load_profile, merge
from lmi_deployer.lockfile import Lock, LockedModel
from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.model_shape import ModelShape
from lmi_deployer.nearest import nearest
from lmi_deployer.profile import API_VERSION, QuantizeSection
from lmi_deployer.resources import find_profile, profile_names
from lmi_deployer.s3 import FOLDER_FORM, is_folder
from lmi_deployer.spec import GIB

PROBE = "recommended"
"""Name of the hardware profile under which candidates are tried."""
FOLDER = Path("profiles")
"""Where a profile that is made for a model goes."""
_LONGEST_SHOWN = 120


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model, and the sections of a profile that every candidate is tried with."""

    title: str
    model_id: str
    facts: ModelFacts
    shape: ModelShape
    file: str
    """The profile's path, or that of the one that would be made."""
    text: str | None
    """The profile as it stands; None for a model by its id."""
    sections: Mapping[str, Any]
    """Of the profile, without its hardware profiles."""
    merged: MergedProfile
    """What a hardware profile without a word of its own comes to."""
    lock: Lock | None
    """The facts that are kept beside the profile."""

    @property
    def max_input_len(self) -> int:
        """Tokens of the longest prompt."""
        written = self._number("traffic.max_input_len")
        answer = self._number("traffic.max_output_len")
        return written or rules.max_input_len(self.facts, answer).value

    @property
    def max_output_len(self) -> int:
        """Tokens of the longest answer."""
        written = self._number("traffic.max_output_len")
        return written or rules.max_output_len(self.facts, self.max_input_len).value

    @property
    def concurrency(self) -> int | None:
        """Requests in flight, as the profile states them."""
        return self._number("traffic.concurrency")

    @property
    def container_version(self) -> str | None:
        """What the profile names."""
        version = self.merged.get("container.version")
        return None if version is None else str(version)

    @property
    def dtype(self) -> str | None:
        """What the profile fixes; None where that is open."""
        dtype = self.merged.get("model.dtype")
        return None if dtype in {None, "auto"} else str(dtype)

    @property
    def method(self) -> QuantizeMethod | None:
        """The method that the profile quantizes with."""
        section = self.merged.get("quantize")
        return section.method if isinstance(section, QuantizeSection) else None

    def tried(self, section: Mapping[str, Any]) -> LoadedProfile:
        """The profile with one hardware profile, PROBE, of this content."""
        content = {**self.sections, "profiles": {PROBE: dict(section)}}
        return _profile(content, self.file, self.lock)

    @property
    def needs_a_copy(self) -> bool:
        """True for gated weights, which no container downloads, without a copy on S3."""
        return bool(self.facts.is_gated) and self.merged.get("model.source") is None

    def _number(self, key: str) -> int | None:
        return cast("int | None", self.merged.get(key))


def find(
    model: str, source: str | None = None, look_up: Callable[[str], LockedModel] | None = None
) -> Subject:
    """The model that somebody names: a profile by name or path, or a model by its id.

    `look_up` asks the hub about an id. Raises InputError where it is neither.
    """
    if source is not None and not is_folder(source):
        raise InputError(f"--source: {source!r} {FOLDER_FORM}", fix="a folder on S3")
    if model.endswith((".yaml", ".yml")) or model in profile_names():
        return of_profile(find_profile(model))
    return of_model(model, source, None if look_up is None else look_up(model))


def of_profile(path: Path) -> Subject:
    """The model of a profile file; what its `defaults` say holds for every candidate.

    Raises InputError for a model that nothing is known of, and ProfileError for a faulty file.
    """
    text = read_text(path)
    loaded = load_profile(text, str(path))
    sections = {key: value for key, value in loaded.source.data.items() if key != "profiles"}
    return _subject(loaded.profile.name, sections, file=str(path), text=text)


def of_model(
    model_id: str, source: str | None = None, looked_up: LockedModel | None = None
) -> Subject:
    """A model by its id alone, on the traffic that `init` supposes.

    What was `looked_up` stands for the lock. Raises InputError for a model that nothing is known
    of.
    """
    file = FOLDER / "recommended.yaml"
    lock = lockfile.read_beside(file)
    if looked_up is not None:
        lock = Lock(file=str(FOLDER / lockfile.LOCK_NAME), models=(looked_up,))
    facts = known_models.find(model_id, lock, source=source) or known_models.find(model_id, lock)
    shape = _shape(facts, model_id)
    model_id = (facts and facts.model_id) or model_id  # as it is published
    model: dict[str, Any] = {"id": model_id}
    if source:
        model["source"] = source
    if facts and facts.needs_remote_code:
        model["trust_remote_code"] = True
    if shape.stored_bytes and known_models.find(model_id, lock, source=source) is None:
        model["weights_gib"] = round(shape.stored_bytes / GIB, 3)  # the lock has another copy
    longest_input = rules.max_input_len(facts, None).value
    longest_output = rules.max_output_len(facts, longest_input).value
    sections = {
        "apiVersion": API_VERSION,
        "kind": "ModelProfile",
        "name": PROBE,
        "model": model,
        "container": {},
        "traffic": {"max_input_len": longest_input, "max_output_len": longest_output},
    }
    return _subject(model_id, sections, file=str(file), text=None, facts=facts, lock=lock)


def _subject(
    title: str,
    sections: Mapping[str, Any],
    *,
    file: str,
    text: str | None,
    facts: ModelFacts | None = None,
    lock: Lock | None = None,
) -> Subject:
    lock = lock or lockfile.read_beside(file)
    merged = merge(_profile({**sections, "profiles": {PROBE: {}}}, file, lock), PROBE)
    model_id = str(merged.get("model.id"))
    facts = facts or known_models.find(
        model_id,
        lock,
        revision=cast("str | None", merged.get("model.revision")),
        source=cast("str | None", merged.get("model.source")),
    )
    return Subject(
        title=title,
        model_id=model_id,
        facts=_known(facts, model_id),
        shape=_shape(facts, model_id),
        file=file,
        text=text,
        sections=sections,
        merged=merged,
        lock=lock,
    )


def _profile(content: Mapping[str, Any], file: str, lock: Lock | None) -> LoadedProfile:
    return replace(load_profile(json.dumps(content), file), lock=lock)  # JSON is YAML


def _known(facts: ModelFacts | None, model_id: str) -> ModelFacts:
    if facts is not None:
        return facts
    known = [*profile_names(), *catalog.names("models")]
    fix = "--refresh looks it up on the hub; `lmi-deploy lock` keeps what that knows of a profile's"
    near = nearest(model_id, known) if len(model_id) <= _LONGEST_SHOWN else None
    fix = f"did you mean {near!r}? Else {fix}" if near else fix
    problem = f"neither a profile nor the catalog nor a lock knows {model_id[:_LONGEST_SHOWN]!r}"
    raise InputError(problem, fix=fix)


def _shape(facts: ModelFacts | None, model_id: str) -> ModelShape:
    known = _known(facts, model_id)
    if known.shape is None:
        problem = f"what is known of {model_id} does not tell the size of its matrices"
        raise InputError(problem, fix="--refresh asks the hub for its config.json")
    return known.shape
