"""Reads a profile file and lays its sections over one another: one hardware profile, merged.

Order, weakest first: the file's own `model`, `container`, `traffic` and `options`; `defaults`; the
chain of `extends`; the hardware profile; `--set`. Mappings merge key by key, everything else
(lists, `quantize`) is replaced whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from lmi_deployer import secrets
from lmi_deployer.findings import Finding, Place, ProfileError
from lmi_deployer.nearest import did_you_mean
from lmi_deployer.profile import API_VERSION, LATER, ModelProfile, Settings
from lmi_deployer.yaml_source import Path, YamlSource, parse_yaml, scalar

REPLACED_WHOLE = frozenset({"quantize", "instances"})
OVERRIDE_FILE = "--set"


@dataclass(frozen=True)
class Origin:
    """Where a value was decided: a sentence for people, and the place when a user wrote it."""

    reason: str
    place: Place

    def __str__(self) -> str:
        return f"{self.reason} ({self.place})" if self.place.line else self.reason


@dataclass(frozen=True, kw_only=True)
class LoadedProfile:
    """A profile file that has been read and is valid by itself."""

    profile: ModelProfile
    source: YamlSource

    @property
    def hardware_names(self) -> tuple[str, ...]:
        """The hardware profiles, in the order of the file."""
        return tuple(self.profile.profiles)


@dataclass(frozen=True, kw_only=True)
class MergedProfile:
    """One hardware profile with everything it inherits, and where each setting was written."""

    name: str
    hardware: str
    file: str
    settings: Settings
    origins: Mapping[str, Origin]
    """Dotted path of each written setting: where it was written."""

    def place(self, key: str) -> Place:
        """Where `key`, or the nearest section around it, was written."""
        while key:
            if key in self.origins:
                return self.origins[key].place
            inside = [origin for path, origin in self.origins.items() if path.startswith(key + ".")]
            if inside:
                return inside[0].place
            key = key.rpartition(".")[0]
        return Place(self.file)


def load_profile(text: str, file: str) -> LoadedProfile:
    """The profile in `text`. Raises ProfileError with everything that is wrong with it."""
    source = parse_yaml(text, file)
    findings = [*_version_findings(source), *secrets.findings(source)]
    try:
        profile = ModelProfile.model_validate(source.data)
    except ValidationError as error:
        findings += schema_findings(error, source, ModelProfile)
    else:
        findings += _inheritance_findings(profile, source)
    if findings:
        raise ProfileError(sorted(set(findings), key=lambda finding: finding.place))
    return LoadedProfile(profile=profile, source=source)


def merge(loaded: LoadedProfile, hardware: str, overrides: Sequence[str] = ()) -> MergedProfile:
    """One hardware profile of a file with all that it inherits.

    `overrides` are the `key=value` texts of `--set`. Raises ProfileError for an unknown hardware
    profile or an override that the schema refuses.
    """
    profile, source = loaded.profile, loaded.source
    if hardware not in profile.profiles:
        fix = did_you_mean(hardware, profile.profiles)
        problem = f"{profile.name} has no hardware profile {hardware!r}"
        place = source.key_place(("profiles",))
        raise ProfileError([Finding.error("LMI007", problem, place=place, fix=fix)])
    merged: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for key in ("model", "container", "traffic", "options"):
        if key in source.data:
            _lay_over(merged, {key: source.data[key]}, origins, source, (), "the profile")
    if source.data.get("defaults"):
        data = source.data["defaults"]
        _lay_over(merged, data, origins, source, ("defaults",), "defaults")
    for name in _lineage(profile, hardware):
        section = source.data["profiles"][name] or {}
        data = {key: value for key, value in section.items() if key != "extends"}
        _lay_over(merged, data, origins, source, ("profiles", name), f"profiles.{name}")
    for override in overrides:
        data, written = _parse_override(override)
        _lay_over(merged, data, origins, written, (), f"--set {override}")
    return MergedProfile(
        name=profile.name,
        hardware=hardware,
        file=source.name,
        settings=_validated(merged, origins, source),
        origins=origins,
    )


def schema_findings(
    error: ValidationError, source: YamlSource, root: type[BaseModel], prefix: Path = ()
) -> list[Finding]:
    """What pydantic found, in the file's own terms."""
    found: dict[tuple[Path, str], list[Mapping[str, Any]]] = {}
    for detail in error.errors(include_url=False, include_context=True):
        path, data = _real_path(detail["loc"], source.data)
        kind = detail["type"]
        group = kind if kind in {"extra_forbidden", "missing"} else "value"
        found.setdefault(((*prefix, *path), group), []).append(detail)
        del data
    return [_finding(path, details, source, root) for (path, _), details in found.items()]


def _real_path(loc: tuple[int | str, ...], data: Any) -> tuple[Path, Any]:
    """The part of pydantic's location that stands in the file: it also names union branches."""
    path: list[str | int] = []
    last = len(loc) - 1
    for index, part in enumerate(loc):
        if isinstance(data, Mapping) and part in data:
            data = data[str(part)]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        elif isinstance(data, Mapping) and index == last and isinstance(part, str):
            path.append(part)  # a missing key
            break
        else:
            continue
        path.append(part)
    return tuple(path), data


def _finding(
    path: Path, details: Sequence[Mapping[str, Any]], source: YamlSource, root: type[BaseModel]
) -> Finding:
    detail = details[0]
    key = ".".join(str(part) for part in path)
    if detail["type"] == "extra_forbidden":
        return _unknown_key(path, key, source, root)
    if detail["type"] == "missing":
        place = source.key_place(path[:-1])
        problem = f"is required in {_title(path[:-1])}"
        return Finding.error("LMI004", problem, place=place, key=key, fix=None)
    if key.endswith("endpoint.mode"):
        return _later(path, key, source, "an endpoint mode other than realtime")
    problem = "; ".join(dict.fromkeys(_explained(item) for item in details))
    place = source.place(path)
    return Finding.error("LMI003", problem, place=place, key=key or None, fix=_value_fix(path))


def _title(path: Path) -> str:
    return "the profile" if not path else ".".join(str(part) for part in path)


def _value_fix(path: Path) -> str | None:
    if path and path[-1] == "version":
        return 'quote it: a bare 0.30 is the number 0.3, "0.30" is a version'
    return None


def _explained(detail: Mapping[str, Any]) -> str:
    given, message = detail["input"], str(detail["msg"])
    message = message.removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if isinstance(given, str | int | float | bool) or given is None:
        shown = secrets.redacted(str(given)) if isinstance(given, str) else given
        return f"is {shown!r}, but {message}"
    return message


def _later(path: Path, key: str, source: YamlSource, what: str) -> Finding:
    problem = f"this version of lmi-deploy does not support {what}"
    place = source.key_place(path)
    return Finding.error("LMI005", problem, place=place, key=key, fix="remove it")


def _unknown_key(path: Path, key: str, source: YamlSource, root: type[BaseModel]) -> Finding:
    name = str(path[-1])
    if name in LATER:
        return _later(path, key, source, LATER[name])
    fields = _fields_at(root, path[:-1])
    fix = did_you_mean(name, fields) if fields else None
    place = source.key_place(path)
    return Finding.error("LMI002", "is not a known key", place=place, key=key, fix=fix)


def _fields_at(root: type[BaseModel], path: Path) -> tuple[str, ...]:
    """The keys that the schema knows at a path."""
    models: list[type[BaseModel]] = [root]
    for part in path:
        annotations = [
            model.model_fields[str(part)].annotation
            for model in models
            if str(part) in model.model_fields
        ]
        if annotations:
            models = [found for note in annotations for found in _models_in(note)]
        # A key of a mapping (a hardware profile's name) leads to the mapping's values, which
        # `_models_in` has already found.
    return tuple(name for model in models for name in model.model_fields)


def _models_in(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


def _version_findings(source: YamlSource) -> list[Finding]:
    """A schema version of another lmi-deploy, said before its keys look unknown."""
    data = source.data
    if not isinstance(data, Mapping):
        problem = "a profile is a mapping of keys to values"
        return [Finding.error("LMI003", problem, place=source.place(()), fix=None)]
    version = data.get("apiVersion")
    if version is None or version == API_VERSION:
        return []
    problem = f"is {version!r}; this lmi-deploy reads {API_VERSION!r}"
    place = source.place(("apiVersion",))
    raise ProfileError(
        [Finding.error("LMI008", problem, place=place, key="apiVersion", fix="upgrade lmi-deploy")]
    )


def _inheritance_findings(profile: ModelProfile, source: YamlSource) -> list[Finding]:
    findings = []
    for name, section in profile.profiles.items():
        place = source.place(("profiles", name, "extends"))
        key = f"profiles.{name}.extends"
        if section.extends is not None and section.extends not in profile.profiles:
            problem = f"there is no hardware profile {section.extends!r}"
            fix = did_you_mean(section.extends, set(profile.profiles) - {name})
            findings.append(Finding.error("LMI007", problem, place=place, key=key, fix=fix))
        elif _is_cycle(profile, name):
            chain = " -> ".join([*_chain(profile, name), name])
            problem = f"the inheritance is a cycle: {chain}"
            fix = "let one of them stand by itself"
            findings.append(Finding.error("LMI007", problem, place=place, key=key, fix=fix))
    return findings


def _chain(profile: ModelProfile, name: str) -> list[str]:
    """The hardware profile and what it extends, as far as it goes without repeating."""
    chain = [name]
    while (parent := profile.profiles[chain[-1]].extends) in profile.profiles:
        if parent is None or parent in chain:
            break
        chain.append(parent)
    return chain


def _is_cycle(profile: ModelProfile, name: str) -> bool:
    return profile.profiles[_chain(profile, name)[-1]].extends == name


def _lineage(profile: ModelProfile, name: str) -> list[str]:
    return _chain(profile, name)[::-1]


def _lay_over(
    base: dict[str, Any],
    layer: Mapping[str, Any],
    origins: dict[str, Origin],
    source: YamlSource,
    prefix: Path,
    reason: str,
    at: tuple[str, ...] = (),
) -> None:
    """Write `layer` over `base`, noting where each of its values was written."""
    for key, value in layer.items():
        here = (*at, key)
        merges = isinstance(value, Mapping) and key not in REPLACED_WHOLE
        if merges:
            below = base.get(key)
            base[key] = dict(below) if isinstance(below, Mapping) else {}
            _lay_over(base[key], value, origins, source, prefix, reason, here)
        else:
            base[key] = value
            dotted = ".".join(here)
            for old in [path for path in origins if path.startswith(dotted + ".")]:
                del origins[old]
            origins[dotted] = Origin(reason, source.place((*prefix, *here)))


def _parse_override(override: str) -> tuple[dict[str, Any], YamlSource]:
    """`trtllm.use_custom_all_reduce=true` as nested data; the value is read like YAML."""
    key, equals, text = override.partition("=")
    place = Place(OVERRIDE_FILE)
    if not equals or not key.strip():
        problem = f"{override!r} is not of the form key=value"
        fix = "for example --set tensor_parallel_degree=4"
        raise ProfileError([Finding.error("LMI003", problem, place=place, fix=fix)])
    flow = text.lstrip().startswith(("{", "["))
    value = parse_yaml(text, f"--set {key}").data if flow else scalar(text.strip())
    parts = _override_path(key.strip())
    for part in reversed(parts):
        value = {part: value}
    return value, YamlSource(OVERRIDE_FILE, value, {(): place})


def _override_path(key: str) -> list[str]:
    """The keys that a dotted override names; raw option names keep their own dots."""
    head, dot, rest = key.partition(".")
    return [head, rest] if head == "options" and dot else key.split(".")


def _validated(
    merged: Mapping[str, Any], origins: Mapping[str, Origin], source: YamlSource
) -> Settings:
    """The merged data as typed settings. Only an override can still be wrong here."""
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        places = {tuple(path.split(".")): origin.place for path, origin in origins.items()}
        written = YamlSource(source.name, merged, {(): Place(OVERRIDE_FILE), **places}, {**places})
        raise ProfileError(schema_findings(error, written, Settings)) from error
