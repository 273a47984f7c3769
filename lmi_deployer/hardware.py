"""Reads a profile file and lays its sections over one another: one hardware profile, merged.

Order, weakest first: the file's own `model`, `container`, `traffic` and `options`; `defaults`; the
chain of `extends`; the hardware profile; `--set`. Mappings merge key by key, everything else
(lists, `quantize`) is replaced whole. A null takes back what weaker layers say; in `options`, where
lines come from elsewhere too, it stays, and leaves the line out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from lmi_deployer import secrets
from lmi_deployer.findings import Finding, Place, ProfileError
from lmi_deployer.nearest import did_you_mean
from lmi_deployer.profile import API_VERSION, ModelProfile, Settings
from lmi_deployer.yaml_source import MAX_DEPTH, Path, YamlSource, parse_yaml, scalar

if TYPE_CHECKING:
    from lmi_deployer.lockfile import Lock

REPLACED_WHOLE = frozenset({"quantize", "instances"})
OVERRIDE_FILE = "--set"
ALL_PROFILES = "all"
SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """A value that a rule considered and did not take."""

    value: str
    """As people would write it; "none" for leaving the setting out."""
    why_not: str


@dataclass(frozen=True)
class Origin:
    """Where a value was decided: a sentence for people, and the place when a user wrote it."""

    reason: str
    place: Place
    rule: str | None = None
    """Name of the rule that decided; None for what somebody wrote."""
    runners_up: tuple[RunnerUp, ...] = ()

    def __str__(self) -> str:
        return f"{self.reason} ({self.place})" if self.place.line else self.reason


@dataclass(frozen=True, kw_only=True)
class LoadedProfile:
    """A profile file that has been read and is valid by itself."""

    profile: ModelProfile
    source: YamlSource
    lock: Lock | None = None
    """The facts that are locked beside the file; None where there is no lock."""

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
    lock: Lock | None = None

    def get(self, key: str) -> object:
        """The setting at a dotted path, or None where it was not written."""
        value: object = self.settings
        for part in key.split("."):
            value = getattr(value, part, None)
        return value

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
    _require_our_version(source)
    findings = secrets.findings(source)
    try:
        profile = ModelProfile.model_validate(source.data)
    except ValidationError as error:
        from lmi_deployer.schema_errors import schema_findings

        findings += schema_findings(error, source, ModelProfile)
    else:
        findings += [*_reserved_findings(profile, source), *_inheritance_findings(profile, source)]
    if findings:
        raise ProfileError(in_order(findings))
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
    for override, written in _parse_overrides(overrides):
        _lay_over(merged, written.data, origins, written, (), f"--set {override}")
    return MergedProfile(
        name=profile.name,
        hardware=hardware,
        file=source.name,
        settings=_validated(merged, origins, source),
        origins=origins,
        lock=loaded.lock,
    )


def _require_our_version(source: YamlSource) -> None:
    """Refuse what is no profile, or one of another version, before its keys look unknown."""
    data = source.data
    if not isinstance(data, Mapping):
        problem = "is not a mapping of keys to values, which a profile is"
        fix = f"start it with apiVersion: {API_VERSION}"
        raise ProfileError([Finding.error("LMI003", problem, place=source.place(()), fix=fix)])
    version = data.get("apiVersion")
    if not isinstance(version, str) or version == API_VERSION:
        return  # the schema asks for it
    problem = f"is {secrets.redacted(version)!r}; this lmi-deploy reads {API_VERSION!r}"
    place = source.place(("apiVersion",))
    fix = "another version of lmi-deploy"
    raise ProfileError([Finding.error("LMI008", problem, place=place, key="apiVersion", fix=fix)])


def _reserved_findings(profile: ModelProfile, source: YamlSource) -> list[Finding]:
    if ALL_PROFILES not in profile.profiles:
        return []
    place = source.key_place(("profiles", ALL_PROFILES))
    problem = "is not a name: it stands for all hardware profiles on the command line"
    key = f"profiles.{ALL_PROFILES}"
    return [Finding.error("LMI003", problem, place=place, key=key, fix="another name")]


def _inheritance_findings(profile: ModelProfile, source: YamlSource) -> list[Finding]:
    findings = []
    for name, section in profile.profiles.items():
        place = source.place(("profiles", name, "extends"))
        key = f"profiles.{name}.extends"
        if section.extends is not None and section.extends not in profile.profiles:
            problem = f"there is no hardware profile {section.extends!r}"
            others = set(profile.profiles) - {name}
            fix = did_you_mean(section.extends, others) if others else "remove it"
            findings.append(Finding.error("LMI007", problem, place=place, key=key, fix=fix))
        elif _is_cycle(profile, name):
            chain = " -> ".join([*_chain(profile, name), name])
            problem = f"the inheritance is a cycle: {chain}"
            fix = "let one of them stand by itself"
            findings.append(Finding.error("LMI007", problem, place=place, key=key, fix=fix))
    return findings


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The findings in the order of the file, each once."""
    return sorted(set(findings), key=lambda item: (item.place, item.code, str(item)))


def _chain(profile: ModelProfile, name: str) -> list[str]:
    """The hardware profile and what it extends, as far as it goes without repeating."""
    chain = [name]
    parent = profile.profiles[name].extends
    while parent in profile.profiles and parent not in chain:
        chain.append(parent)
        parent = profile.profiles[parent].extends
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
            origins.pop(".".join(here), None)
            base[key] = dict(below) if isinstance(below, Mapping) else {}
            _lay_over(base[key], value, origins, source, prefix, reason, here)
        else:
            base[key] = value
            dotted = ".".join(here)
            for old in [path for path in origins if path.startswith(dotted + ".")]:
                del origins[old]
            origins[dotted] = Origin(reason, source.place((*prefix, *here)))


def _parse_overrides(overrides: Sequence[str]) -> list[tuple[str, YamlSource]]:
    """Each override and what it writes. Raises ProfileError with all that is wrong with them."""
    parsed: list[tuple[str, YamlSource]] = []
    findings: list[Finding] = []
    for override in overrides:
        try:
            written = _parse_override(override)
        except ProfileError as error:
            findings += error.findings
            continue
        findings += secrets.findings(written)
        parsed.append((override, written))
    if findings:
        raise ProfileError(findings)
    return parsed


def _parse_override(override: str) -> YamlSource:
    """`trtllm.use_custom_all_reduce=true` as nested data; the value is read like YAML."""
    key, equals, text = override.partition("=")
    parts = _override_path(key.strip())
    place = Place(OVERRIDE_FILE)
    if not equals or not all(parts) or len(parts) > MAX_DEPTH:
        problem = f"{secrets.redacted(override)[:SHOWN_CHARACTERS]!r} is not of the form key=value"
        fix = "for example --set tensor_parallel_degree=4"
        raise ProfileError([Finding.error("LMI003", problem, place=place, fix=fix)])
    text = text.strip()
    is_plain = not text.startswith(("{", "[", '"', "'"))
    value = scalar(text) if is_plain else parse_yaml(text, OVERRIDE_FILE).data
    for part in reversed(parts):
        value = {part: value}
    return YamlSource(OVERRIDE_FILE, value, {(): place})


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
        from lmi_deployer.schema_errors import schema_findings

        places: dict[Path, Place] = {
            tuple(path.split(".")): origin.place for path, origin in origins.items()
        }
        anywhere: dict[Path, Place] = {(): Place(OVERRIDE_FILE)}
        written = YamlSource(source.name, merged, anywhere | places, places)
        raise ProfileError(schema_findings(error, written, Settings)) from error
