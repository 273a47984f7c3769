"""Every decided value of a hardware profile: what it renders to, and where it comes from.

Whatever can change what is rendered, asked of SageMaker or compiled is one of them: of two specs
of one hardware profile, equal values are equal deployments.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmi_deployer.checks.about import profile_key
from lmi_deployer.decided_facts import shape_text
from lmi_deployer.hardware import Origin
from lmi_deployer.origins import LINE, OF_THE_LOCK, SHAPE, Locked, locked_by, origin_of
from lmi_deployer.render import DERIVED_PROPERTIES, as_text, properties
from lmi_deployer.spec import GIB, ResolvedSpec, Value

if TYPE_CHECKING:
    from lmi_deployer.lockfile import Lock, LockedModel

OWN_KEYS: Mapping[str, str] = {
    "smoothquant_alpha": "quantize.alpha",
    "smoothquant_per_token": "quantize.per_token",
    "smoothquant_per_channel": "quantize.per_channel",
    "max_tokens": "traffic.max_tokens",
    "max_seq_len": "traffic.max_seq_len",
}
"""Setting that shares the key of the profile which decides it with others: the key of its value."""
LEFT_OUT = "(left out)"
"""The value of a line of serving.properties that a profile keeps from being written."""
DIGEST_CHARACTERS = 8
_PLAIN_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True, kw_only=True)
class DecidedValue:
    """One value, under the key of the profile that decides it."""

    key: str
    value: Value
    properties: Mapping[str, str]
    """The lines of serving.properties that follow from it."""
    origin: Origin


def decided_values(spec: ResolvedSpec, lock: Lock | None = None) -> tuple[DecidedValue, ...]:
    """Every value of a spec that is not left out, in the order of the keys.

    `lock` is the one that the spec was decided with; without it, what only the lock holds is left
    out, and what it decided has no line.
    """
    rendered, locked = lines_by_key(spec), locked_by(spec, lock)
    return tuple(
        DecidedValue(
            key=key,
            value=value,
            properties=rendered.get(key, {}),
            origin=origin_of(spec, key, locked),
        )
        for key, value in sorted(values_of(spec, locked).items())
    )


def values_of(spec: ResolvedSpec, locked: Locked | None = None) -> dict[str, Value]:
    """The value under each key, in no order."""
    settings = spec.settings
    pairs: dict[str, Value | None] = {own_key(spec, name): settings[name] for name in settings}
    for name, value in spec.options.items():
        pairs[f"options.{name}"] = LEFT_OUT if value is None else _told(as_text(value))
    pairs |= _facts(spec)
    pairs |= _lines_of_their_own(spec)
    if locked is not None and locked.is_own:
        pairs |= _locked_facts(spec, locked.entry)
    return {key: value for key, value in pairs.items() if value is not None}


def _locked_facts(spec: ResolvedSpec, entry: LockedModel) -> dict[str, Value | None]:
    """What only the lock knows of the weights; a commit that is loaded is their revision."""
    commit = entry.commit if spec.weights.revision is None else None
    return dict(zip(OF_THE_LOCK, (commit, entry.content), strict=True))


def own_key(spec: ResolvedSpec, setting: str) -> str:
    """The key of a setting's value; no two settings of a spec have the same."""
    return OWN_KEYS.get(setting) or profile_key(spec, setting)


def _told(text: str) -> str:
    """A raw option as text, and in quotes where it would read like one that is left out."""
    return f'"{text}"' if text.strip('"') == LEFT_OUT else text


def _facts(spec: ResolvedSpec) -> dict[str, Value | None]:
    """What a spec holds outside its settings, under the keys of the profile."""
    weights, endpoint = spec.weights, spec.endpoint
    return {
        **_left_to_the_container(spec),
        "model.id": weights.model_id,
        "model.revision": weights.revision,
        "model.source": weights.source,
        "model.dtype": weights.dtype,
        "model.trust_remote_code": bool(spec.settings.get("trust_remote_code")),
        "model.weights_gib": round(weights.download_bytes / GIB, 2),
        SHAPE: shape_text(weights.facts),
        "quantize": weights.quantize or "none",
        "container.version": spec.container.version,
        "container.image": spec.image.tag,
        "container.inference_ami": spec.image.inference_ami,
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
        "endpoint.vpc.subnets": _listed(sorted(endpoint.subnets)),
        "endpoint.vpc.security_groups": _listed(sorted(endpoint.security_groups)),
        "endpoint.volume_gb": endpoint.volume_gb,
        "endpoint.startup_timeout_seconds": endpoint.startup_timeout_seconds,
        "endpoint.download_timeout_seconds": endpoint.download_timeout_seconds,
        "model_loading_timeout_seconds": endpoint.model_loading_timeout_seconds,
        **{f"endpoint.tags.{key}": value for key, value in endpoint.tags.items()},
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
        "compile.spot": compilation.is_spot,
        "compile.max_seconds": compilation.max_seconds,
        "compile.volume_gb": compilation.volume_gb,
    }
    quality = compilation.quality
    if quality is not None:
        values["quality.prompts"] = _counted(quality.prompts, "prompt")
        values["quality.max_new_tokens"] = quality.max_new_tokens
        values["quality.minimum_agreement"] = quality.minimum_agreement
        if quality.reference is not None:
            values["quality.reference"] = _counted(quality.reference, "answer")
    return values


def _counted(texts: Sequence[str], name: str) -> str:
    """How many texts there are, and a hash by which others are told from them."""
    digest = hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()[:DIGEST_CHARACTERS]
    return f"{len(texts)} {name}{'' if len(texts) == 1 else 's'} (sha256 {digest})"


def _listed(names: Iterable[str]) -> str | None:
    """Names with commas between them, in quotes where one is not plain; None for none."""
    shown = [name if _PLAIN_NAME.fullmatch(name) else json.dumps(name) for name in names]
    return ", ".join(shown) or None


def _left_to_the_container(spec: ResolvedSpec) -> dict[str, Value | None]:
    """The timeout of a request, where a rule came to the container's own and no line says it."""
    key = "predict_timeout_seconds"
    is_open = key in spec.origin and "predict_timeout" not in spec.settings
    return {key: spec.container.predict_timeout_seconds} if is_open else {}


def _lines_of_their_own(spec: ResolvedSpec) -> dict[str, Value | None]:
    """Lines that the values do not tell: left out though decided, or about a compiled engine."""
    names, settings = spec.support.property_names, spec.settings
    lines: dict[str, Value | None] = {}
    if "dtype" in names and "dtype" not in settings:
        lines[names["dtype"]] = LEFT_OUT
    if "predict_timeout_seconds" in spec.origin and "predict_timeout" not in settings:
        lines[names["predict_timeout"]] = LEFT_OUT
    served, weights = settings["model_id"], spec.weights
    if served != (weights.source or weights.model_id):
        lines[names["model_id"]] = served
    return {f"{LINE}{name}": text for name, text in lines.items() if name not in spec.options}


def lines_by_key(spec: ResolvedSpec) -> dict[str, dict[str, str]]:
    """Key of a value: the lines of serving.properties that follow from it; of most keys, none."""
    support = spec.support
    keys = {name: f"options.{name}" for name in spec.options}
    for setting in spec.settings:
        for name in (support.property_names.get(setting), *support.same_value.get(setting, ())):
            if name is not None:
                keys.setdefault(name, own_key(spec, setting))
    rendered: dict[str, dict[str, str]] = {}
    for name, text in properties(spec).items():
        key = keys.get(name) or DERIVED_PROPERTIES[name]
        rendered.setdefault(key, {})[name] = text
    return rendered
