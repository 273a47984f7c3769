"""The parts of a deployment: of a spec, of a live endpoint, and of each key of a profile.

Both sides are worked out in the same way, so that what differs between them is what a plan changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lmi_deployer import catalog
from lmi_deployer.aot.commands import served_from
from lmi_deployer.aot.engine import Engine
from lmi_deployer.aot.inputs import engine_inputs
from lmi_deployer.artifact.manifest import KEY_CHARACTERS, key_of
from lmi_deployer.bundle import ARCHIVE_FILE
from lmi_deployer.deployment import (
    ENGINES_FOLDER,
    FOLDER_HASH_CHARACTERS,
    Target,
    endpoint_config_of,
    identity_of,
)
from lmi_deployer.errors import InputError
from lmi_deployer.impact import ARTIFACTS_FROM, MODEL_LINE, UNKNOWN, Deployed
from lmi_deployer.profile import RESERVED_TAGS
from lmi_deployer.reaching import compiled_lines, reaches
from lmi_deployer.render import properties
from lmi_deployer.secrets import is_secret, redacted
from lmi_deployer.serving import ENGINE_LINE

if TYPE_CHECKING:
    from lmi_deployer.aot.outlook import Outlook
    from lmi_deployer.catalog.rows import Backend, Gpu
    from lmi_deployer.importing.live import Live
    from lmi_deployer.spec import Quality, ResolvedSpec

__all__ = ["deployed_of", "live_deployed", "reaches"]

UNSEEN_WEIGHTS = "0" * 64
"""Stands for the content of weights on S3 that nobody has looked at."""
UNSEEN_CACHE = f"s3://<artifacts>/{ENGINES_FOLDER}"
"""Stands for the account's own cache of engines."""
_BUNDLE = re.compile(
    rf"(?P<folder>s3://.+/)[0-9a-f]{{{FOLDER_HASH_CHARACTERS}}}/(model/|{re.escape(ARCHIVE_FILE)})"
)
"""Where a version of a bundle lies, below the folder of its deployment."""
_NO_FIELDS = frozenset({"VariantName", "ModelName", "InitialVariantWeight"})
"""Of a variant: names, and its share of requests where there is no other."""
_TOLD_APART = frozenset(
    {
        "EndpointConfigName", "EndpointConfigArn", "CreationTime", "ProductionVariants",
        "ResponseMetadata",
    }
)  # fmt: skip
"""Of a configuration: names, times, and the variant, which is told field by field."""


def deployed_of(
    spec: ResolvedSpec, target: Target | None = None, *, outlook: Outlook | None = None
) -> Deployed:
    """The parts of what deploying a spec makes.

    Without a `target`, what only the account says is left out. `outlook` says what was found out
    about the engine; without it, one that the spec asks for is taken to be made, and one that
    merely may be there is not.
    """
    served, cache = _served(spec, target, outlook)
    lines, compilation = properties(served), spec.compilation
    folder, container = _engine_folder(lines), None
    if folder is None and served.support.compiles_at_load:
        version, image = spec.container.version, spec.image.tag
        container = _compiled_from(version, spec.backend, image, spec.gpu, lines)
    gate = compilation.quality if compilation and folder else None
    fate = outlook and outlook.fate
    return Deployed(
        endpoint=spec.endpoint.name,
        properties=lines,
        model=_model_of(spec, target),
        endpoint_config=_fields(endpoint_config_of(served, "")["ProductionVariants"][0]),
        tags=dict(spec.endpoint.tags),
        engine=_key_of(folder) if folder else container,
        is_compiled_ahead=folder is not None,
        engine_cache=cache if folder else None,
        is_engine_ready={"cached": True, "compiled first": False}.get(fate or ""),
        gate=None if gate is None else _asked(gate),
        minimum_agreement=0.0 if gate is None else gate.minimum_agreement,
    )


def _served(
    spec: ResolvedSpec, target: Target | None, outlook: Outlook | None
) -> tuple[ResolvedSpec, str | None]:
    """The spec with the engine that it is served from, and that engine's cache where known."""
    if outlook is not None:
        from lmi_deployer.compiling.choosing import served

        spec = served(outlook)
    folder = _engine_folder(properties(spec))
    if folder is not None:
        return spec, _cache_of(folder)
    compilation = spec.compilation
    if compilation is None or compilation.mode != "aot" or outlook is not None:
        return spec, None
    digest = None if spec.weights.source is None else UNSEEN_WEIGHTS
    artifacts = target.artifacts if target else spec.endpoint.artifacts
    cache = compilation.cache or (artifacts and f"{artifacts}{ENGINES_FOLDER}")
    engine = Engine(inputs=engine_inputs(spec, digest), cache=cache or UNSEEN_CACHE)
    return served_from(spec, engine.uri), cache


def _engine_folder(lines: Mapping[str, str]) -> str | None:
    """Folder of the compiled engine that serving.properties names; None where it names none."""
    found = ENGINE_LINE.search(f"{MODEL_LINE}={lines.get(MODEL_LINE, '')}")
    return found and found[1]


def _key_of(folder: str) -> str:
    return folder.rstrip("/").rpartition("/")[2]


def _cache_of(folder: str) -> str:
    return folder.removesuffix(f"{_key_of(folder)}/")


def _compiled_from(
    version: str, backend: Backend, image: str, gpu: Gpu, lines: Mapping[str, str]
) -> str:
    """A hash of everything from which a container compiles what it serves."""
    inputs = {
        "image": image,
        "gpu": [gpu.architecture, gpu.compute_capability, gpu.memory_gib],
        "lines": {name: lines[name] for name in compiled_lines(version, backend, lines)},
    }
    return key_of(inputs)[:KEY_CHARACTERS]


def _asked(quality: Quality) -> str:
    """A hash of what a gate asks, without what the answers have to come to."""
    reference = None if quality.reference is None else list(quality.reference)
    return key_of({"asked": [list(quality.prompts), reference, quality.max_new_tokens]})


def _model_of(spec: ResolvedSpec, target: Target | None) -> dict[str, str]:
    endpoint = spec.endpoint
    role = target.role_arn if target else endpoint.role
    artifacts = target.artifacts if target else endpoint.artifacts
    model = {
        "image": spec.image.tag,
        "packaging": endpoint.packaging,
        "subnets": _names(endpoint.subnets),
        "security_groups": _names(endpoint.security_groups),
        "environment": "",
        "network_isolation": "",
    }
    if role is not None:
        model["role"] = role
    if artifacts is not None:
        model["artifacts"] = identity_of(spec, artifacts).folder
    if target is None:
        model["role_from"] = "account" if role is None else "profile"
        model[ARTIFACTS_FROM] = "account" if artifacts is None else "profile"
    return model


def _names(items: Iterable[str]) -> str:
    return ", ".join(sorted(items))


def _fields(answer: Mapping[str, Any], ignored: frozenset[str] = _NO_FIELDS) -> dict[str, str]:
    """Fields as texts. Answers spell out what a request left out: empty lists, and False."""
    return {name: _text(value) for name, value in answer.items() if name not in ignored and value}


def _text(value: object) -> str:
    if isinstance(value, str | int | float):
        return redacted(str(value))
    return redacted(json.dumps(value, sort_keys=True, default=str))


def live_deployed(live: Live) -> Deployed:
    """The parts of an endpoint as SageMaker describes it, as far as that could be read."""
    lines = None
    if live.properties is not None:
        from lmi_deployer.server.reading_properties import read_properties

        lines = read_properties(live.properties).properties
    folder = None if lines is None else _engine_folder(lines)
    return Deployed(
        endpoint=live.name,
        properties=lines,
        model=_live_model(live) if live.model else {},
        endpoint_config={**_fields(live.config, _TOLD_APART), **_fields(live.variant)},
        tags={
            name: text
            for name, text in live.tags.items()
            if not name.lower().startswith(RESERVED_TAGS)
        },
        engine=_key_of(folder) if folder else _live_engine(live, lines),
        is_compiled_ahead=folder is not None,
        engine_cache=folder and _cache_of(folder),
        gate=UNKNOWN,
    )


def _live_model(live: Live) -> dict[str, str]:
    container, network = live.container, live.model.get("VpcConfig") or {}
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    uri = str(source.get("S3Uri") or container.get("ModelDataUrl") or "")
    bundle = _BUNDLE.fullmatch(uri)
    environment: Mapping[str, str] = container.get("Environment") or {}
    isolation = live.model.get("EnableNetworkIsolation")
    return {
        "image": _tag(str(container.get("Image", ""))),
        "role": str(live.model.get("ExecutionRoleArn", "")),
        "packaging": "tar.gz" if live.is_archive else "prefix",
        "artifacts": bundle["folder"] if bundle else uri,
        "subnets": _names(network.get("Subnets", ())),
        "security_groups": _names(network.get("SecurityGroupIds", ())),
        "environment": ", ".join(
            f"{name}={'***' if is_secret(name, text) else redacted(text)}"
            for name, text in sorted(environment.items())
        ),
        "network_isolation": "true" if isolation else "",
    }


def _tag(uri: str) -> str:
    """The tag of an image; its whole address where that has none."""
    return uri.partition("@")[0].rpartition("/")[2].partition(":")[2] or uri


def _live_engine(live: Live, lines: Mapping[str, str] | None) -> str | None:
    """What a live container compiles as it starts; UNKNOWN where that cannot be told."""
    from lmi_deployer.importing.live import image_of

    if not live.container:
        return UNKNOWN
    try:
        version, flavor = image_of(str(live.container["Image"]))
    except InputError:
        return UNKNOWN
    compiling = [
        name
        for name, support in catalog.container(version).backends.items()
        if support.flavor == flavor and support.compiles_at_load
    ]
    if not compiling:
        return None
    try:
        gpu = catalog.gpu(catalog.instance_type(str(live.variant.get("InstanceType"))).gpu)
    except InputError:
        return UNKNOWN
    if lines is None:
        return UNKNOWN
    return _compiled_from(version, compiling[0], _tag(str(live.container["Image"])), gpu, lines)
