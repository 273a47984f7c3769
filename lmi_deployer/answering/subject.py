"""The model that a sizing question is about: a profile's, a known one, or one that lies at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from lmi_deployer import catalog, known_models, lockfile
from lmi_deployer.errors import InputError
from lmi_deployer.nearest import nearest
from lmi_deployer.resources import find_profile, profile_names
from lmi_deployer.shapes.believing import LOOK

if TYPE_CHECKING:
    from lmi_deployer.hardware import LoadedProfile
    from lmi_deployer.model_facts import ModelFacts

CONFIG = "config.json"
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf")
_LONGEST_SHOWN = 120
_LOOK_UP = "--refresh looks it up on the hub"
_NAME_IT = "--config names its config.json"
_LOOKED_UP = "--config names a config.json that says more"
_READ = "give the complete config.json of the model"
_COMPUTED = "config.json was read without weight files: the parameters are computed, not counted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model to size."""

    title: str
    facts: ModelFacts
    """With a shape."""
    profile: LoadedProfile | None = None
    """The profile that was named, where one was."""


@dataclass(frozen=True, kw_only=True)
class Online:
    """How to look a model up where it is published."""

    region: str | None = None
    aws_profile: str | None = None
    say: Callable[[str], None] = lambda _line: None

    def facts(self, model: str, place: str | None = None) -> ModelFacts:
        """Facts of a repository of the hub, or of the checkpoint that lies at a place."""
        from lmi_deployer.findings import Place
        from lmi_deployer.locking.asking import Asking
        from lmi_deployer.locking.wanted import Wanted

        asking = Asking(
            today=date.today().isoformat(),  # noqa: DTZ011 - the user's day
            places={model: place} if place else {},
            region=self.region,
            aws_profile=self.aws_profile,
            say=self.say,
        )
        wanted = Wanted(model_id=model, source=None, requested=lockfile.LATEST, place=Place(model))
        return known_models.from_lock(asking.ask(wanted))


def find_subject(model: str, config: Path | None = None, online: Online | None = None) -> Subject:
    """The model that a word names: a file or folder, a profile, an id, or an S3 prefix.

    `config` is a config.json that says what the model is, whatever it is called. Without `online`
    nothing is looked up. Raises InputError, with the ways to make an unknown model known.
    """
    if config is not None:
        return Subject(title=model, facts=_of_file(config))
    if model.startswith("s3://"):
        if online is None:
            raise InputError(f"{model} is looked up only when asked to", fix="add --refresh")
        place = model if model.endswith("/") else f"{model}/"
        return Subject(title=model, facts=_usable(model, online.facts(model, place), _LOOKED_UP))
    path = Path(model)
    if _is(path, Path.is_dir) and _is(path / CONFIG, Path.is_file):
        return Subject(title=model, facts=_of_folder(path))
    if path.suffix == ".json":
        return Subject(title=model, facts=_of_file(path))
    if path.suffix in {".yaml", ".yml"} or model in profile_names():
        return _of_profile(model, online)
    facts = _of_name(model, path, online)
    return Subject(title=facts.model_id or model, facts=facts)


def _of_name(model: str, path: Path, online: Online | None) -> ModelFacts:
    """Of an id, or of something of that name that lies here and is no profile."""
    if online is not None:
        return _usable(model, online.facts(model), _LOOKED_UP)
    facts = known_models.find(model, _lock_here())
    if facts is None and _is(path, Path.exists):
        return _of_path(path)
    return _known(model, facts)


def _of_profile(model: str, online: Online | None) -> Subject:
    from lmi_deployer import api

    path = find_profile(model)
    loaded = api.read_profile(path)
    section = loaded.profile.model
    model_id = str(section.id)
    if online is not None:
        facts = _usable(model_id, online.facts(model_id, section.source), _LOOKED_UP)
        return Subject(title=model_id, facts=facts, profile=loaded)
    lock = lockfile.read_beside(path)
    revision, source = section.revision, section.source
    found = known_models.find(model_id, lock, revision=revision, source=source)
    return Subject(title=model_id, facts=_known(model_id, found), profile=loaded)


def _lock_here() -> lockfile.Lock | None:
    """The lock of the profiles below this folder, or of those in it."""
    beside = (lockfile.read_beside(folder / CONFIG) for folder in (Path("profiles"), Path()))
    return next((lock for lock in beside if lock is not None), None)


def _is(path: Path, kind: Callable[[Path], bool]) -> bool:
    try:
        return kind(path)
    except (OSError, ValueError):  # a name that no file can have
        return False


def _of_folder(folder: Path) -> ModelFacts:
    """With the parameters counted where the weights are there too."""
    names = [path.name for path in folder.iterdir()]
    if not any(name.endswith(WEIGHTS) for name in names):
        return _of_file(folder / CONFIG)
    return _usable(str(folder), Online().facts(str(folder), str(folder)), _READ)


def _of_path(path: Path) -> ModelFacts:
    """Of something that lies here and has not the name of a model or a profile.

    Raises InputError for a folder without a config.json, and for what is no file at all.
    """
    if _is(path, Path.is_dir):
        fix = "the folder that holds the model's config.json, or the id of the model"
        raise InputError(f"the folder {path} has no {CONFIG}", fix=fix)
    return _of_file(path)


def _of_file(path: Path) -> ModelFacts:
    from lmi_deployer import model_facts
    from lmi_deployer.edges.config_files import read_config

    facts = _usable(str(path), model_facts.from_config(read_config(path)), _READ)
    assert facts.shape is not None
    return replace(facts, shape=replace(facts.shape, doubts=(*facts.shape.doubts, _COMPUTED)))


def _known(model: str, facts: ModelFacts | None) -> ModelFacts:
    """Facts that catalog or lock gave. Raises InputError for none, or not enough."""
    if facts is not None:
        return _usable(model, facts, f"{_LOOK_UP}; {_NAME_IT}")
    near = nearest(model, catalog.names("models")) if _shown(model) == model else None
    fixes = [f"did you mean {near!r}?"] if near else []
    fixes += [_LOOK_UP, _NAME_IT, "`lmi-deploy lock` keeps what the hub knows of a profile's model"]
    problem = f"neither the catalog nor a lock knows {_shown(model)!r}"
    raise InputError(problem, fix="; ".join(fixes))


def _usable(model: str, facts: ModelFacts, fix: str) -> ModelFacts:
    """Facts with a shape. Raises InputError, with what is missing, where they have none."""
    if facts.shape is not None:
        return facts
    why = facts.shape_problem or "its architecture is not known"
    raise InputError(
        f"{_shown(model)} cannot be sized: {why}", fix=LOOK if facts.impossible else fix
    )


def _shown(model: str) -> str:
    return model if len(model) <= _LONGEST_SHOWN else f"{model[:_LONGEST_SHOWN]}..."
