"""What is wrong with an AWS request, known before it is sent.

botocore checks required and unknown members, types and minimums, and lets the rest through:
enumerations, maximums and patterns are checked by AWS alone, sometimes minutes later. The service
model that botocore ships names them all, so this module walks it. Rules that stand in no model are
the small functions under RULES, each with its source.

The model is read as plain JSON from botocore's data folder. Importing `botocore.loaders` would take
three times as long as reading the model does, because it brings the HTTP stack with it.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from lmi_deployer import catalog
from lmi_deployer.errors import InputError, MissingExtraError
from lmi_deployer.nearest import did_you_mean
from lmi_deployer.secrets import redacted

SHOWN_AT_MOST = 80
PATTERN_TRIED_UP_TO = 1024
"""Characters. The model's worst patterns (`.*[a-z]+.*`) take seconds on a text not much longer."""


@dataclass(frozen=True)
class RequestProblem:
    """One thing about a request that AWS would refuse, or that would fail after it was taken."""

    operation: str
    """As the API calls it: "CreateEndpointConfig"."""
    path: str
    """"ProductionVariants[0].InstanceType"; empty for the request itself."""
    problem: str
    """What is true of the place: "is 99999, more than 3600". Holds no secret."""
    fix: str | None

    def __str__(self) -> str:
        text = f"{self.operation}: {self.path or 'the request'} {self.problem}"
        return text if self.fix is None else f"{text}\n  fix: {self.fix}"


def check_request(
    service: str, operation: str, request: Mapping[str, Any]
) -> tuple[RequestProblem, ...]:
    """Find everything that is wrong with a request, by the service's own model and by RULES.

    `service` and `operation` are named as botocore's data folder and the API name them
    ("sagemaker", "CreateModel"). Raises MissingExtraError when botocore is not installed, and
    ValueError when there is no such service or operation.
    """
    model = _service_model(service)
    if operation not in model["operations"]:
        fix = did_you_mean(operation, model["operations"])
        raise ValueError(f"{service} has no operation {operation!r}; {fix}")
    reference = model["operations"][operation].get("input")
    shape = _shape(model["shapes"], reference) if reference else {"type": "structure"}
    violations = list(_walk(model["shapes"], shape, dict(request), "", is_hidden=False))
    for rule in RULES.get((service, operation), ()):
        violations += rule(request)
    return _problems(operation, violations)


def check_endpoint_requests(
    model: Mapping[str, Any], endpoint_config: Mapping[str, Any]
) -> tuple[RequestProblem, ...]:
    """Find what is wrong between a CreateModel and the CreateEndpointConfig that names its model.

    Each is still to be checked by itself with `check_request`.
    """
    return _problems("CreateEndpointConfig", _host_fits_image(model, endpoint_config))


class _Violation(NamedTuple):
    path: str
    problem: str
    fix: str | None


def _problems(operation: str, violations: Iterable[_Violation]) -> tuple[RequestProblem, ...]:
    return tuple(RequestProblem(operation, *violation) for violation in violations)


# The service's own model


@cache
def _service_model(service: str) -> Mapping[str, Any]:
    botocore = find_spec("botocore")
    if botocore is None or botocore.origin is None:
        raise MissingExtraError(
            "requests are checked against botocore's service models, and botocore is not installed",
            fix="pip install 'lmi-deploy[aws]'",
        )
    folder = Path(botocore.origin).parent / "data" / service
    newest = max(folder.glob("*/service-2.json.gz"), default=None)
    if newest is None:
        raise ValueError(f"botocore has no service {service!r}")
    model: Mapping[str, Any] = json.loads(gzip.decompress(newest.read_bytes()))
    return model


LIMITS_NEWER_THAN_THE_MODEL: Mapping[str, Mapping[str, int]] = {
    # "Body" of InvokeEndpoint: 25 MB in SageMaker's hosting FAQ, still 6 MiB in the model.
    "BodyBlob": {"max": 25 * 1024**2},
}


def _shape(shapes: Mapping[str, Any], reference: Mapping[str, Any]) -> Mapping[str, Any]:
    """Look up the shape that a member refers to, with the traits that stand on the member."""
    name = reference["shape"]
    return {**shapes[name], **reference, **LIMITS_NEWER_THAN_THE_MODEL.get(name, {})}


KINDS: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "structure": ("an object", (dict,)),
    "map": ("an object", (dict,)),
    "list": ("a list", (list, tuple)),
    "string": ("a string", (str,)),
    "boolean": ("true or false", (bool,)),
    "integer": ("a whole number", (int,)),
    "long": ("a whole number", (int,)),
    "float": ("a number", (int, float, Decimal)),
    "double": ("a number", (int, float, Decimal)),
    "blob": ("bytes", (bytes, bytearray, str)),
    "timestamp": ("a time such as 2025-01-31T12:00:00Z", (datetime, int, float, str)),
}
"""Type in the model: what a problem calls it, and the Python types that botocore takes for it."""
UNITS: Mapping[str, str] = {
    "map": "entries",
    "list": "entries",
    "string": "characters",
    "blob": "bytes",
}


def _walk(
    shapes: Mapping[str, Any], shape: Mapping[str, Any], value: Any, path: str, *, is_hidden: bool
) -> Iterator[_Violation]:
    kind = shape["type"]
    if shape.get("document") or shape.get("jsonvalue"):
        yield from _json(value, path)
    elif shape.get("eventstream"):
        return
    elif not _is_of_kind(kind, value):
        yield _Violation(path, f"is {_type_name(value)}, not {KINDS[kind][0]}", _allowed(shape))
    elif kind == "structure":
        yield from _structure(shapes, shape, value, path)
    else:
        is_hidden = is_hidden or bool(shape.get("sensitive"))
        yield from _scalar(shape, value, path, is_hidden=is_hidden)
        if kind == "list":
            member = _shape(shapes, shape["member"])
            for index, item in enumerate(value):
                yield from _walk(shapes, member, item, f"{path}[{index}]", is_hidden=is_hidden)
        elif kind == "map":
            yield from _map(shapes, shape, value, path)


def _structure(
    shapes: Mapping[str, Any], shape: Mapping[str, Any], value: Mapping[str, Any], path: str
) -> Iterator[_Violation]:
    members = shape.get("members", {})
    for name in shape.get("required", ()):
        # botocore fills an idempotency token in by itself.
        if name not in value and not members[name].get("idempotencyToken"):
            fix = _allowed(_shape(shapes, members[name]))
            yield _Violation(_below(path, name), "is required and missing", fix)
    if shape.get("union") and len(value) != 1:
        given = ", ".join(_shown(name) for name in value) or "none"
        fix = f"exactly one of {', '.join(sorted(members))}"
        yield _Violation(path, f"takes one member and has {given}", fix)
    for name, item in value.items():
        if name in members:
            member = _shape(shapes, members[name])
            yield from _walk(shapes, member, item, _below(path, name), is_hidden=False)
        else:
            fix = did_you_mean(str(name)[:SHOWN_AT_MOST], members) if members else "leave it out"
            yield _Violation(_below(path, name), "is not a member that the API knows", fix)


def _map(
    shapes: Mapping[str, Any], shape: Mapping[str, Any], value: Mapping[Any, Any], path: str
) -> Iterator[_Violation]:
    """Check keys and values. No value is shown: these maps are environments and the like."""
    key_shape, value_shape = _shape(shapes, shape["key"]), _shape(shapes, shape["value"])
    for key, item in value.items():
        place = _below(path, key)
        for violation in _walk(shapes, key_shape, key, place, is_hidden=False):
            yield violation._replace(problem=f"has a key that {violation.problem}")
        yield from _walk(shapes, value_shape, item, place, is_hidden=True)


def _scalar(
    shape: Mapping[str, Any], value: Any, path: str, *, is_hidden: bool
) -> Iterator[_Violation]:
    """Check a value by itself: its size, then its enumeration or pattern."""
    unit = UNITS.get(shape["type"])
    size = value if unit is None else _length(value)
    if size is not None and shape["type"] not in ("boolean", "timestamp"):
        told = f"is {_shown(size)}" if unit is None else f"has {size} {unit}"
        if size > shape.get("max", size):
            yield _Violation(path, f"{told}, more than {shape['max']}", _allowed(shape))
        if size < shape.get("min", size):
            yield _Violation(path, f"{told}, less than {shape['min']}", _allowed(shape))
    if not isinstance(value, str) or shape["type"] != "string":
        return
    is_hidden = is_hidden or redacted(value) != value
    told = f"a text of {len(value)} characters" if is_hidden else _shown(value)
    if "enum" in shape and value not in shape["enum"]:
        fix = did_you_mean(value[:SHOWN_AT_MOST], shape["enum"])
        yield _Violation(path, f"is {told}, which is none of the allowed values", fix)
    if "pattern" in shape and not _agrees(shape["pattern"], value, shape.get("max")):
        fix = _way_out(shape["pattern"], "" if is_hidden else value)
        yield _Violation(path, f"is {told}, which does not have the required form", fix)


def _json(value: Any, path: str) -> Iterator[_Violation]:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        problem = f"is {_type_name(value)} that JSON cannot hold"
        yield _Violation(path, problem, "strings, numbers, booleans, lists and objects only")


def _is_of_kind(kind: str, value: Any) -> bool:
    if kind == "blob" and hasattr(value, "read"):
        return True
    if kind == "timestamp" and isinstance(value, str):
        return _is_time(value)
    if isinstance(value, bool):  # an int to Python, not to the API
        return kind == "boolean"
    return isinstance(value, KINDS[kind][1])


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _length(value: Any) -> int | None:
    """Characters, bytes or entries; None for an open file, which is not read here."""
    return None if hasattr(value, "read") else len(value)


# Patterns


@cache
def _pattern(text: str) -> re.Pattern[str] | None:
    r"""`text` for Python's `re`; None when it cannot be tried, and so is not.

    One in thirteen of botocore's patterns is written for Java alone (`\p{L}`, `\z`, pairs of
    surrogates). `\d`, `\w` and `\s` mean ASCII there, hence the flag.
    """
    try:
        return None if _may_explode(text) else re.compile(text, re.ASCII)
    except re.error:
        return None


SAFE_REPEAT = re.compile(
    r"\((?:\?:)?(?:"
    r"(?:-|\[[-_]+\])\*\[(?:a-z|A-Z|0-9)+\]"  # (-*[a-z]): each round ends with its one letter
    r"|[- ]\[(?:a-z|A-Z|0-9)+\]\+"  # ( [a-z]+): each round starts with its one separator
    r"|-(?:\\w|\[\\w\])\+"
    r")\)"
)
"""A repeated group that matches a text in one way only, whatever it repeats."""


def _may_explode(pattern: str) -> bool:
    """Tell whether a repeated group holds a repeat, so that a failing match may take forever.

    >>> _may_explode("([a-z]?[a-z]+)*"), _may_explode("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
    (True, False)
    """
    pattern = SAFE_REPEAT.sub("x", pattern)
    pattern = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", "x", pattern)
    innermost = re.compile(r"\(([^()]*)\)([*+]|\{\d+,\d*\})?")
    while (group := innermost.search(pattern)) is not None:
        has_repeat = re.search(r"[*+]|,\d*\}", group[1]) is not None
        if has_repeat and group[2]:
            return True
        inside = "x+" if has_repeat or group[2] else "x"
        pattern = pattern[: group.start()] + inside + pattern[group.end() :]
    return False


def _agrees(pattern: str, value: str, longest: int | None) -> bool:
    """Tell whether `value` has the form, leaving aside that it may be longer than `longest`."""
    compiled = _pattern(pattern)
    if compiled is None or len(value) > PATTERN_TRIED_UP_TO:
        return True
    return any(compiled.fullmatch(text) for text in (value, value[:longest]))


NAME = "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
MODEL_NAME = "[a-zA-Z0-9]([\\-a-zA-Z0-9]*[a-zA-Z0-9])?"
NAME_FORM = "letters, digits and hyphens, with a letter or digit first and last"
FORMS: Mapping[str, str] = {
    NAME: NAME_FORM,
    MODEL_NAME: NAME_FORM,
    "[a-zA-Z_][a-zA-Z0-9_]*": "letters, digits and underscores, with no digit first",
    "(https|s3)://([^/]+)/?(.*)": "s3://BUCKET/PREFIX/",
    "(https|s3)://([^/])/?(.*)": "s3://BUCKET/PREFIX/",
    "arn:aws[a-z\\-]*:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+": "arn:aws:iam::ACCOUNT:role/NAME",
}
"""The patterns that a deployment meets most, in words."""


def _way_out(pattern: str, value: str) -> str:
    """Describe the required form, and for a name offer the nearest one that has it."""
    fix = FORMS.get(pattern, f"text that matches {pattern}")
    nearest = re.sub(r"[^a-zA-Z0-9]+", "-", value).strip("-")
    return f"{fix}, such as {_shown(nearest)}" if fix == NAME_FORM and nearest else fix


# Words


def _allowed(shape: Mapping[str, Any]) -> str:
    """Describe what a shape takes: "a whole number, 60 to 3600"."""
    name, unit = KINDS[shape["type"]][0], UNITS.get(shape["type"])
    lowest, highest = shape.get("min"), shape.get("max")
    if "enum" in shape:
        return did_you_mean("", shape["enum"])
    if highest is None:
        bounds = f"at least {lowest}" if lowest else ""
    else:
        bounds = f"at most {highest}" if unit and not lowest else f"{lowest or 0} to {highest}"
    return ", ".join(filter(None, (name, f"{bounds} {unit or ''}".strip() if bounds else "")))


def _shown(value: object) -> str:
    """Write a value as a problem prints it: cut short, and only its length if it holds a secret."""
    if not isinstance(value, str):
        return str(value)[:SHOWN_AT_MOST]
    if redacted(value) != value:
        return f"a secret of {len(value)} characters"
    return repr(value if len(value) <= SHOWN_AT_MOST else value[:SHOWN_AT_MOST] + "...")


def _type_name(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    named = [words for words, types in KINDS.values() if isinstance(value, types)]
    return named[0] if named else f"a {type(value).__name__}"


def _below(path: str, name: object) -> str:
    """Extend a path by a member or key; one that would not read well as a path is quoted."""
    text = str(name)
    if re.fullmatch(r"[\w.-]{1,128}", text) and redacted(text) == text:
        return f"{path}.{text}" if path else text
    return f"{path}[{_shown(text)}]"


# Rules that stand in no model

Rule = Callable[[Mapping[str, Any]], Iterator[_Violation]]


def _no_volume_size_beside_local_disks(config: Mapping[str, Any]) -> Iterator[_Violation]:
    """Refuse VolumeSizeInGB, which sizes an EBS volume, on an instance type with local disks.

    Source: github.com/aws/sagemaker-python-sdk/pull/4828; per type: catalog/instances.yaml.
    """
    for path, variant in _variants(config):
        if "VolumeSizeInGB" not in variant:
            continue
        pools = [pool for _, pool in _objects(variant, "InstancePools")]
        types = [str(place.get("InstanceType")) for place in (variant, *pools)]
        refusing = [name for name in types if _has_local_disks(name)]
        if refusing:
            problem = f"is set, but {', '.join(refusing)} has local disks and takes no volume size"
            yield _Violation(f"{path}.VolumeSizeInGB", problem, "leave it out")


def _has_local_disks(instance_type: str) -> bool:
    """Look a type up in the catalog; False for one that it does not hold."""
    try:
        return not catalog.instance_type(instance_type).is_volume_size_settable
    except InputError:
        return False


START_UP_TIMEOUTS = {
    "ModelDataDownloadTimeoutInSeconds": "the model's download",
    "ContainerStartupHealthCheckTimeoutInSeconds": "the container's start",
}


def _both_start_up_timeouts(config: Mapping[str, Any]) -> Iterator[_Violation]:
    """Require a variant with a model and instances to say how long its start may take.

    What AWS allows by default is minutes, a large model takes longer, and the number has changed
    between editions of the guide. Source: docs.aws.amazon.com/sagemaker/latest/dg/
    your-algorithms-inference-code.html and large-model-inference-hosting.html.
    """
    for path, variant in _variants(config):
        pools = (pool for _, pool in _objects(variant, "InstancePools"))
        has_model = "ModelName" in variant or any("ModelNameOverride" in pool for pool in pools)
        if not has_model or "ServerlessConfig" in variant:
            continue
        for name, what in START_UP_TIMEOUTS.items():
            if name not in variant:
                problem = f"is missing, so AWS ends {what} after a few minutes"
                yield _Violation(f"{path}.{name}", problem, "60 to 3600 seconds")


ENVIRONMENT_BYTES = 32 * 1024


def _environment_fits_as_a_whole(model: Mapping[str, Any]) -> Iterator[_Violation]:
    """Limit all keys and values of a model's environments to 32 KB together.

    Source: Environment of ContainerDefinition in the API reference.
    """
    environments = [
        (f"{path}.Environment", container["Environment"])
        for path, container in _containers(model)
        if isinstance(container.get("Environment"), Mapping)
    ]
    texts = (text for _, values in environments for pair in values.items() for text in pair)
    total = sum(len(text.encode()) for text in texts if isinstance(text, str))
    if total > ENVIRONMENT_BYTES:
        problem = f"has {total} bytes of keys and values in all, more than {ENVIRONMENT_BYTES}"
        yield _Violation(environments[0][0], problem, "put long settings into serving.properties")


def _prefix_ends_with_a_slash(model: Mapping[str, Any]) -> Iterator[_Violation]:
    """Require S3Uri to end in "/" where S3DataType is S3Prefix.

    Source: S3DataType of S3ModelDataSource in the API reference.
    """
    for path, container in _containers(model):
        main = container.get("ModelDataSource")
        sources = [(f"{path}.ModelDataSource", main)] if isinstance(main, Mapping) else []
        sources += _objects(container, "AdditionalModelDataSources", path)
        for place, source in sources:
            data = source.get("S3DataSource")
            if not isinstance(data, Mapping) or data.get("S3DataType") != "S3Prefix":
                continue
            uri = data.get("S3Uri")
            if isinstance(uri, str) and not uri.endswith("/"):
                problem = f'is {_shown(uri)}, and a prefix ends in "/"'
                yield _Violation(f"{place}.S3DataSource.S3Uri", problem, _shown(uri + "/"))


RULES: Mapping[tuple[str, str], tuple[Rule, ...]] = {
    ("sagemaker", "CreateModel"): (_environment_fits_as_a_whole, _prefix_ends_with_a_slash),
    ("sagemaker", "CreateEndpointConfig"): (
        _no_volume_size_beside_local_disks,
        _both_start_up_timeouts,
    ),
}

CUDA_OF_HOST: Mapping[str, tuple[int, int]] = {
    "al2-ami-sagemaker-inference-gpu-2": (12, 2),
    "al2-ami-sagemaker-inference-gpu-2-1": (12, 2),
    "al2-ami-sagemaker-inference-gpu-3-1": (12, 4),
    "al2023-ami-sagemaker-inference-gpu-4-1": (13, 0),
}
"""InferenceAmiVersion: the CUDA of its driver. Source: ProductionVariant in the API reference."""
OLDEST_CUDA_MAJOR = 12
"""Its drivers run images of CUDA 11 as well."""
NEURON_HOST = "al2-ami-sagemaker-inference-neuron-2"


def _host_fits_image(model: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[_Violation]:
    """Require a host whose driver runs the CUDA, or the Neuron SDK, of the model's image.

    A wrong pair shows as an endpoint that stays in Creating, with no log to say why. Source: the
    hosts' CUDA versions in the API reference; github.com/aws/deep-learning-containers/pull/6187
    for a CUDA 12 image that does not start on the CUDA 13 host.
    """
    tags = [_tag(container.get("Image")) for _, container in _containers(model)]
    for path, variant in _variants(config):
        if variant.get("ModelName") != model.get("ModelName"):
            continue
        host = variant.get("InferenceAmiVersion")
        for tag in tags:
            fitting = _fitting_hosts(tag)
            if fitting and host not in fitting:
                told = (
                    "is missing, and the default host"
                    if host is None
                    else f"is {_shown(host)}, which"
                )
                problem = f"{told} does not run the image {tag}"
                fix = " or ".join(name for name in fitting if name is not None)
                yield _Violation(f"{path}.InferenceAmiVersion", problem, fix)


def _tag(image: object) -> str:
    """Cut the tag out of an image; "" for one that is named by its digest alone."""
    name = image.split("@")[0].rpartition("/")[2] if isinstance(image, str) else ""
    return name.partition(":")[2]


def _fitting_hosts(tag: str) -> tuple[str | None, ...]:
    """List the InferenceAmiVersions an image runs on, with None for leaving it out.

    Within a CUDA major a driver runs what is not newer than itself, and the newest driver of the
    major runs all of it. Without a version SageMaker picks a driver of CUDA 12 or older. Empty
    when the tag names no accelerator, or one newer than every host.

    >>> _fitting_hosts("0.36.0-lmi27.0.0-cu130")
    ('al2023-ami-sagemaker-inference-gpu-4-1',)
    """
    if "neuron" in tag:
        return (NEURON_HOST, None)
    named = re.search(r"-cu(\d\d)(\d)", tag)
    if named is None:
        return ()
    cuda = (int(named[1]), int(named[2]))
    major = max(cuda[0], OLDEST_CUDA_MAJOR)
    drivers = [driver for driver in CUDA_OF_HOST.values() if driver[0] == major]
    fitting = [
        host
        for host, driver in CUDA_OF_HOST.items()
        if driver in drivers and driver >= min(cuda, max(drivers))
    ]
    return (*fitting, None) if major == OLDEST_CUDA_MAJOR else tuple(fitting)


def _variants(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from _objects(config, "ProductionVariants")
    yield from _objects(config, "ShadowProductionVariants")


def _containers(model: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(model.get("PrimaryContainer"), Mapping):
        yield "PrimaryContainer", model["PrimaryContainer"]
    yield from _objects(model, "Containers")


def _objects(
    parent: Mapping[str, Any], key: str, path: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Walk the objects of a list with their paths; the model reports what is none."""
    items = parent.get(key)
    for index, item in enumerate(items if isinstance(items, list | tuple) else ()):
        if isinstance(item, Mapping):
            yield f"{_below(path, key)}[{index}]", item
