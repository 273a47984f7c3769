"""Turns what pydantic found in a profile into findings in the file's own terms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from lmi_deployer.findings import Finding
from lmi_deployer.nearest import did_you_mean, nearest
from lmi_deployer.profile import LATER
from lmi_deployer.secrets import redacted
from lmi_deployer.yaml_source import Path, YamlSource

Details = Sequence[Mapping[str, Any]]

SHOWN_CHARACTERS = 60
VALUE_FIXES: Mapping[str, str] = {
    "version": 'quote it: a bare 0.30 is the number 0.3, "0.30" is a version',
    "revision": "the commit's 40 characters; branches and tags move",
    "role": "arn:aws:iam::<account>:role/<name>",
    "quantize": "a mapping, such as quantize: {method: awq}",
    "source": "a folder of safetensors files, such as s3://bucket/falcon-7b/",
    "artifacts": "such as s3://bucket/lmi-deploy/",
    "cache": "such as s3://bucket/engines/",
}
"""Last key of a path: what usually is wrong with a value there."""
_NAMES_ONLY = "a short one of lower-case letters, digits and hyphens"
_MAPPING_TYPES = frozenset({"model_type", "dict_type"})
_PREFIXES = ("Value error, ", "Input ", "String ", "List ", "Dictionary ")


def schema_findings(
    error: ValidationError, source: YamlSource, root: type[BaseModel]
) -> list[Finding]:
    """A finding for each place that pydantic complained about, once for all of its complaints."""
    groups: dict[tuple[Path, str], list[Mapping[str, Any]]] = {}
    for detail in error.errors(include_url=False):
        kind = str(detail["type"])
        path = _path_in_file(detail["loc"], source.data, is_missing=kind == "missing")
        is_name = bool(detail["loc"]) and detail["loc"][-1] == "[key]"
        group = "name" if is_name else kind if kind in {"extra_forbidden", "missing"} else "value"
        groups.setdefault((path, group), []).append(detail)
    return [
        _finding(path, group, details, source, root)
        for (path, group), details in groups.items()
        if not (group == "value" and _is_about_another_branch(path, details, groups))
    ]


def _path_in_file(loc: Sequence[int | str], data: Any, *, is_missing: bool) -> Path:
    """The part of pydantic's location that stands in the file: it also names union branches."""
    path: list[str | int] = []
    for index, part in enumerate(loc):
        if isinstance(data, Mapping) and part in data:
            data = data[str(part)]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        elif not (is_missing and index == len(loc) - 1):
            continue
        path.append(part)
    return tuple(path)


def _is_about_another_branch(
    path: Path, details: Details, groups: Iterable[tuple[Path, str]]
) -> bool:
    """True for "should be 'none'" about a mapping, when something inside the mapping is wrong."""
    if not isinstance(details[0]["input"], Mapping):
        return False
    return any(len(other) > len(path) and other[: len(path)] == path for other, _ in groups)


def _finding(
    path: Path, group: str, details: Details, source: YamlSource, root: type[BaseModel]
) -> Finding:
    key = redacted(".".join(str(part) for part in path))
    if group == "extra_forbidden":
        return _unknown_key(path, key, source, root)
    if group == "missing":
        section = redacted(".".join(str(part) for part in path[:-1])) or "the profile"
        place = source.key_place(path[:-1])
        problem = f"is required in {section}"
        return Finding.error("LMI004", problem, place=place, key=key, fix=None)
    if key.endswith("endpoint.mode"):
        return _later(path, key, source, "an endpoint mode other than realtime")
    place = source.key_place(path) if group == "name" else source.place(path)
    is_profile_name = group == "name" and path[:1] == ("profiles",)
    problem = "is not a name" if is_profile_name else _problem(details)
    fix = _NAMES_ONLY if is_profile_name or key == "name" else _value_fix(path, details)
    return Finding.error("LMI003", problem, place=place, key=key or None, fix=fix)


def _problem(details: Details) -> str:
    """What the value is, and everything it may be instead."""
    wanted = list(dict.fromkeys(_wanted(detail) for detail in details))
    head = "should be "
    if len(wanted) > 1 and all(item.startswith(head) for item in wanted):
        wanted = [head + " or ".join(item.removeprefix(head) for item in wanted)]
    given = details[0]["input"]
    if isinstance(given, Mapping | list):
        kind = "a mapping" if isinstance(given, Mapping) else "a list"
        return f"is {kind}, but {'; '.join(wanted)}"
    shown = redacted(given)[:SHOWN_CHARACTERS] if isinstance(given, str) else given
    text = "empty" if given is None else f"{shown!r}"
    return f"is {text}, but {'; '.join(wanted)}"


def _wanted(detail: Mapping[str, Any]) -> str:
    if detail["type"] in _MAPPING_TYPES:
        return "should be a mapping of keys to values"
    message = str(detail["msg"])
    for prefix in _PREFIXES:
        message = message.removeprefix(prefix)
    return message.partition(" after validation")[0].partition(", unable to")[0]


def _value_fix(path: Path, details: Details) -> str | None:
    given = details[0]["input"]
    if given is None:
        return "give it a value, or remove the key"
    if isinstance(given, str):
        expected = " ".join(str(detail.get("ctx", {}).get("expected", "")) for detail in details)
        near = nearest(given, re.findall(r"'([^']*)'", expected))
        if near is not None:
            return f"did you mean {near!r}?"
    return VALUE_FIXES.get(str(path[-1])) if path else None


def _later(path: Path, key: str, source: YamlSource, what: str) -> Finding:
    problem = f"this version of lmi-deploy does not support {what}"
    place = source.key_place(path)
    return Finding.error("LMI005", problem, place=place, key=key, fix="remove it")


def _unknown_key(path: Path, key: str, source: YamlSource, root: type[BaseModel]) -> Finding:
    name = str(path[-1])
    if name in LATER:
        return _later(path, key, source, LATER[name])
    fields = _fields_at(root, path[:-1])
    fix = did_you_mean(name[:SHOWN_CHARACTERS], fields) if fields else None
    place = source.key_place(path)
    return Finding.error("LMI002", "is not a known key", place=place, key=key, fix=fix)


def _fields_at(root: type[BaseModel], path: Path) -> tuple[str, ...]:
    """The keys that the schema knows at a path."""
    annotations: list[Any] = [root]
    for part in path:
        annotations = [found for note in annotations for found in _inside(note, str(part))]
    return tuple(name for model in annotations if _is_model(model) for name in model.model_fields)


def _inside(annotation: Any, key: str) -> Iterable[Any]:
    """What the value under `key` may be, of a value annotated like this."""
    if _is_model(annotation):
        field = annotation.model_fields.get(key)
        yield from () if field is None else _alternatives(field.annotation)
    elif get_origin(annotation) is dict:
        yield from _alternatives(get_args(annotation)[1])


def _alternatives(annotation: Any) -> Iterable[Any]:
    """The members of a union, or the annotation itself, without `Annotated` around them."""
    if _is_model(annotation) or get_origin(annotation) is dict:
        yield annotation
        return
    for argument in get_args(annotation):
        yield from _alternatives(argument)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
