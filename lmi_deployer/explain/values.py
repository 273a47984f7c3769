"""Every decided value of a hardware profile: what it renders to, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lmi_deployer import columns, report
from lmi_deployer.checks.about import profile_key
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, Place
from lmi_deployer.hardware import Origin
from lmi_deployer.nearest import did_you_mean
from lmi_deployer.paint import Paint, plain
from lmi_deployer.render import DERIVED_PROPERTIES, as_text, properties
from lmi_deployer.spec import GIB, ResolvedSpec, Value

UNWRITTEN: Mapping[str, str] = {
    "endpoint.name": "default: the names of profile and hardware profile",
    "endpoint.instances": "default: one instance",
    "endpoint.packaging": "default: loose files under a prefix",
    "endpoint.volume_gb": "rule: the disk that loading takes",
    "endpoint.startup_timeout_seconds": "rule: the loading time of every copy, and a reserve",
    "endpoint.download_timeout_seconds": "rule: SageMaker itself downloads the rendered files only",
    "quantize": "default: the weights as they are stored",
    "neuronx.n_positions": "rule: prompt and answer together",
    "container.image": "catalog: the image of this version that has the backend",
    "compile.cache": "default: beside what else is stored for the account",
    "compile.volume_gb": "rule: the disk that compiling takes",
}
"""Key that a profile may leave out, or cannot say: where its value comes from then."""


@dataclass(frozen=True, kw_only=True)
class DecidedValue:
    """One value, under the key of the profile that decides it."""

    key: str
    value: Value
    properties: Mapping[str, str]
    """The lines of serving.properties that follow from it."""
    origin: Origin


def decided_values(spec: ResolvedSpec) -> tuple[DecidedValue, ...]:
    """Every value of a spec that is not left out, in the order of the keys."""
    rendered = dict(_rendered(spec))
    pairs: dict[str, Value | None] = {
        **{profile_key(spec, name): value for name, value in spec.settings.items()},
        **{f"options.{name}": value for name, value in spec.options.items()},
        **_facts(spec),
    }
    return tuple(
        DecidedValue(
            key=key, value=value, properties=rendered.get(key, {}), origin=_origin(spec, key)
        )
        for key, value in sorted(pairs.items())
        if value is not None
    )


def _facts(spec: ResolvedSpec) -> dict[str, Value | None]:
    """What a spec holds outside its settings, under the keys of the profile."""
    weights, endpoint = spec.weights, spec.endpoint
    return {
        **_left_to_the_container(spec),
        "model.id": weights.model_id,
        "model.revision": weights.revision,
        "model.source": weights.source,
        "model.dtype": weights.dtype,
        "model.weights_gib": round(weights.download_bytes / GIB, 2),
        "quantize": weights.quantize or "none",
        "container.version": spec.container.version,
        "container.image": spec.image.tag,
        "instance_type": spec.instance.name,
        "backend": spec.backend,
        "max_rolling_batch_size": spec.max_rolling_batch_size,
        "traffic.max_input_len": spec.max_input_len,
        "traffic.max_output_len": spec.max_output_len,
        "traffic.concurrency": spec.concurrency,
        "endpoint.name": endpoint.name,
        "endpoint.instances": endpoint.instance_count,
        "endpoint.packaging": endpoint.packaging,
        "endpoint.role": endpoint.role,
        "endpoint.artifacts": endpoint.artifacts,
        "endpoint.volume_gb": endpoint.volume_gb,
        "endpoint.startup_timeout_seconds": endpoint.startup_timeout_seconds,
        "endpoint.download_timeout_seconds": endpoint.download_timeout_seconds,
        "model_loading_timeout_seconds": endpoint.model_loading_timeout_seconds,
        **_compiling(spec),
    }


def _compiling(spec: ResolvedSpec) -> dict[str, Value | None]:
    """How the weights are compiled ahead of time, and what their answers have to agree with."""
    compilation = spec.compilation
    if compilation is None:
        return {}
    values: dict[str, Value | None] = {
        "compile.mode": compilation.mode,
        "compile.runner": compilation.runner,
        "compile.cache": compilation.cache or "engines/ below the artifacts",
        "compile.instance_type": compilation.instance.name,
        "compile.spot": compilation.is_spot or None,
        "compile.max_seconds": compilation.max_seconds,
        "compile.volume_gb": compilation.volume_gb,
    }
    quality = compilation.quality
    if quality is not None:
        values["quality.prompts"] = len(quality.prompts)
        values["quality.max_new_tokens"] = quality.max_new_tokens
        values["quality.minimum_agreement"] = quality.minimum_agreement
        if quality.reference is not None:
            values["quality.reference"] = len(quality.reference)
    return values


def _left_to_the_container(spec: ResolvedSpec) -> dict[str, Value | None]:
    """The timeout of a request, where a rule came to the container's own and no line says it."""
    key = "predict_timeout_seconds"
    is_open = key in spec.origin and "predict_timeout" not in spec.settings
    return {key: spec.container.predict_timeout_seconds} if is_open else {}


def _rendered(spec: ResolvedSpec) -> Iterator[tuple[str, dict[str, str]]]:
    """(key of the profile, the properties that follow from it)."""
    lines = properties(spec)
    support = spec.support
    keys = {name: f"options.{name}" for name in spec.options}
    for setting in spec.settings:
        for name in (support.property_names.get(setting), *support.same_value.get(setting, ())):
            if name is not None:
                keys.setdefault(name, profile_key(spec, setting))
    keys |= {name: key for name, key in DERIVED_PROPERTIES.items() if name not in keys}
    for key in dict.fromkeys(keys.values()):
        yield key, {name: text for name, text in lines.items() if keys.get(name) == key}


def _origin(spec: ResolvedSpec, key: str) -> Origin:
    """Where a value comes from: its own line, a rule, or the section that it stands in."""
    if key in spec.origin:
        return spec.origin[key]
    return Origin(UNWRITTEN.get(key, "default of lmi-deploy"), Place(spec.file))


def select(values: Sequence[DecidedValue], word: str) -> tuple[DecidedValue, ...]:
    """The values that a word names: a key, its last part, a section or a rendered property.

    Raises InputError, with the nearest name, when it names none.
    """
    found = tuple(item for item in values if word in _names(item))
    if not found:
        known = {name for item in values for name in _names(item)}
        raise InputError(
            f"this hardware profile decides no {word!r}", fix=did_you_mean(word, known)
        )
    return found


def _names(item: DecidedValue) -> set[str]:
    section, _, last = item.key.rpartition(".")
    names = {item.key, last or item.key, *item.properties}
    return names | {section} if section else names


def page(
    spec: ResolvedSpec,
    findings: Sequence[Finding],
    values: Iterable[DecidedValue],
    paint: Paint = plain,
    *,
    width: int | None = None,
) -> str:
    """What a hardware profile comes to: its checks with the memory, then the table of values."""
    blocks = (
        report.header(spec, None, None),
        report.checks_block(spec, findings, paint),
        table(values, spec.file, width=width),
    )
    return "\n\n".join(blocks)


def table(
    values: Iterable[DecidedValue], file: str | None = None, *, width: int | None = None
) -> str:
    """Key, value, property and origin as columns; below them what the rules did not take.

    Lines of `file`, the profile that is explained, are told without its name. Text is wrapped
    within `width` columns, where one is given.
    """
    values = tuple(values)
    rows = [("KEY", "VALUE", "PROPERTY", "FROM")]
    for item in values:
        shown = as_text(item.value)
        names = [
            name if text == shown else f"{name}={text}" for name, text in item.properties.items()
        ]
        rows.append((item.key, shown, ", ".join(names) or "-", _shown(item.origin, file)))
    told = columns.table(rows)
    if width is not None and max(map(len, told.splitlines())) > width:
        told = columns.wrapped([_stacked(row) for row in rows], width)
    return "\n\n".join(part for part in (told, choices(values, width)) if part)


def _stacked(row: tuple[str, str, str, str]) -> tuple[str, str, str]:
    """A row with its property below its value, since a page has no room for them side by side."""
    key, value, rendered, origin = row
    return key, value if rendered == "-" else f"{value}\n{rendered}", origin


def _shown(origin: Origin, file: str | None) -> str:
    """An origin; of a place in the profile, which the page has named, the line alone."""
    if origin.place.line and origin.place.file == file:
        return f"{origin.reason} (line {origin.place.line})"
    return str(origin)


def choices(values: Iterable[DecidedValue], width: int | None = None) -> str:
    """The rules that decided something, each with what it did not take, and why."""
    lines = []
    for item in values:
        if item.origin.rule is None or not item.origin.runners_up:
            continue
        lines.append(f"{item.key} = {as_text(item.value)}, by {item.origin.rule}")
        rows = [(f"  not {other.value}", other.why_not) for other in item.origin.runners_up]
        lines.append(columns.table(rows) if width is None else columns.wrapped(rows, width))
    return "\n".join(lines)


def as_json(values: Iterable[DecidedValue]) -> list[dict[str, Any]]:
    """The same as plain data."""
    return [
        {
            "key": item.key,
            "value": item.value,
            "properties": dict(item.properties),
            "reason": item.origin.reason,
            "rule": item.origin.rule,
            "runners_up": [
                {"value": other.value, "why_not": other.why_not} for other in item.origin.runners_up
            ],
            "file": item.origin.place.file if item.origin.place.line else None,
            "line": item.origin.place.line or None,
            "column": item.origin.place.column or None,
        }
        for item in values
    ]
