"""The parts of a deployment: of a spec, and of a live endpoint.

Both sides are worked out in the same way, so that what differs between them is what a plan changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lmi_deployer import catalog
from lmi_deployer.aot.commands import served_from
from lmi_deployer.bundle import ARCHIVE_FILE
from lmi_deployer.deployment import (
    FOLDER_HASH_CHARACTERS,
    Target,
    endpoint_config_of,
    identity_of,
)
from lmi_deployer.engine_identity import (
    UNSEEN_CACHE,
    asked_by,
    cache_of,
    compiled_from,
    engine_folder,
    name_of,
    unseen_engine,
)
from lmi_deployer.errors import InputError
from lmi_deployer.impact import ARTIFACTS_FROM, UNKNOWN, Deployed
from lmi_deployer.profile import RESERVED_TAGS
from lmi_deployer.render import properties
from lmi_deployer.secrets import is_secret, redacted

if TYPE_CHECKING:
    from lmi_deployer.aot.engine import Engine
    from lmi_deployer.aot.outlook import Outlook
    from lmi_deployer.importing.live import Live
    from lmi_deployer.spec import ResolvedSpec

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
    spec: ResolvedSpec,
    target: Target | None = None,
    *,
    outlook: Outlook | None = None,
    unseen: Engine | None = None,
) -> Deployed:
    """The parts of what deploying a spec makes.

    Without a `target`, what only the account says is left out. `outlook` says what was found out
    about the engine; without it, one that the spec insists on is taken to be made, and one that
    merely may be there is told beside what the container does without it. `unseen` is its
    `unseen_engine`, where the caller has worked that out.
    """
    if outlook is None and unseen is None:
        unseen = unseen_engine(spec, target.artifacts if target else None)
    served = _served(spec, outlook, unseen)
    lines, compilation = properties(served), spec.compilation
    folder, container = engine_folder(lines), None
    if folder is None and served.support.compiles_at_load:
        version, image = spec.container.version, spec.image.tag
        container = compiled_from(version, spec.backend, image, spec.gpu, lines)
    cached = unseen.folder if unseen and folder is None else None
    engine = folder or cached
    cache = engine and cache_of(engine)
    gate = compilation.quality if compilation and engine else None
    fate = outlook and outlook.fate
    return Deployed(
        endpoint=spec.endpoint.name,
        properties=lines,
        model=_model_of(spec, target),
        endpoint_config=_fields(endpoint_config_of(served, "")["ProductionVariants"][0]),
        tags=dict(spec.endpoint.tags),
        engine=name_of(folder) if folder else container,
        is_compiled_ahead=folder is not None,
        cached_engine=cached and name_of(cached),
        engine_cache=None if cache in {None, UNSEEN_CACHE} else cache,
        is_engine_ready={"cached": True, "compiled first": False}.get(fate or ""),
        gate=None if gate is None else asked_by(gate),
        minimum_agreement=0.0 if gate is None else gate.minimum_agreement,
    )


def _served(spec: ResolvedSpec, outlook: Outlook | None, unseen: Engine | None) -> ResolvedSpec:
    """The spec with the engine that it is surely served from."""
    if outlook is not None:
        from lmi_deployer.compiling.choosing import served

        return served(outlook)
    is_required = spec.compilation is not None and spec.compilation.mode == "aot"
    if unseen is None or not is_required or engine_folder(properties(spec)) is not None:
        return spec
    return served_from(spec, unseen.uri)


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
    folder = None if lines is None else engine_folder(lines)
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
        engine=name_of(folder) if folder else _live_engine(live, lines),
        is_compiled_ahead=folder is not None,
        engine_cache=folder and cache_of(folder),
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
    return compiled_from(version, compiling[0], _tag(str(live.container["Image"])), gpu, lines)
