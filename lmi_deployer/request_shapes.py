"""What a request says that the service's own model does not allow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from lmi_deployer.nearest import did_you_mean
from lmi_deployer.request_patterns import agrees, way_out
from lmi_deployer.request_service_model import Shape, Shapes, shape_of
from lmi_deployer.request_words import (
    KINDS,
    SHOWN_AT_MOST,
    UNITS,
    Violation,
    allowed,
    below,
    shown,
    type_name,
)
from lmi_deployer.secrets import redacted


def walk(
    shapes: Shapes, shape: Shape, value: Any, path: str = "", *, is_hidden: bool = False
) -> Iterator[Violation]:
    """Find all that is wrong with a value and with what it holds; a hidden text is never shown."""
    kind = shape["type"]
    is_hidden = is_hidden or bool(shape.get("sensitive"))
    if shape.get("document") or shape.get("jsonvalue"):
        yield from _json(value, path)
    elif shape.get("eventstream"):
        return
    elif not _is_of_kind(kind, value):
        yield Violation(path, f"is {type_name(value)}, not {KINDS[kind][0]}", allowed(shape))
    elif kind == "structure":
        yield from _structure(shapes, shape, value, path)
    else:
        yield from _size(shape, value, path)
        if kind == "string":
            yield from _text(shape, value, path, is_hidden=is_hidden)
        elif kind == "list":
            member = shape_of(shapes, shape["member"])
            for index, item in enumerate(value):
                yield from walk(shapes, member, item, f"{path}[{index}]", is_hidden=is_hidden)
        elif kind == "map":
            yield from _map(shapes, shape, value, path)


def _json(value: Any, path: str) -> Iterator[Violation]:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        problem = f"is {type_name(value)} that JSON cannot hold"
        yield Violation(path, problem, "strings, numbers, booleans, lists and objects only")


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


def _structure(
    shapes: Shapes, shape: Shape, value: Mapping[str, Any], path: str
) -> Iterator[Violation]:
    members = shape.get("members", {})
    for name in shape.get("required", ()):
        # botocore fills an idempotency token in by itself.
        if name not in value and not members[name].get("idempotencyToken"):
            fix = allowed(shape_of(shapes, members[name]))
            yield Violation(below(path, name), "is required and missing", fix)
    if shape.get("union") and len(value) != 1:
        given = ", ".join(shown(name) for name in value) or "none"
        fix = f"exactly one of {', '.join(sorted(members))}"
        yield Violation(path, f"takes one member and has {given}", fix)
    for name, item in value.items():
        if name in members:
            yield from walk(shapes, shape_of(shapes, members[name]), item, below(path, name))
        else:
            fix = did_you_mean(str(name)[:SHOWN_AT_MOST], members) if members else "leave it out"
            yield Violation(below(path, name), "is not a member that the API knows", fix)


def _map(shapes: Shapes, shape: Shape, value: Mapping[Any, Any], path: str) -> Iterator[Violation]:
    """Check keys and values. No value is shown: these maps are environments and the like."""
    key_shape, value_shape = shape_of(shapes, shape["key"]), shape_of(shapes, shape["value"])
    for key, item in value.items():
        place = below(path, key)
        for violation in walk(shapes, key_shape, key, place):
            yield violation._replace(problem=f"has a key that {violation.problem}")
        yield from walk(shapes, value_shape, item, place, is_hidden=True)


def _size(shape: Shape, value: Any, path: str) -> Iterator[Violation]:
    """Check how large a number is, or how long anything else; an open file is not read here."""
    if hasattr(value, "read"):
        return
    unit = UNITS.get(shape["type"])
    size = value if unit is None else len(value)
    told = f"is {shown(size)}" if unit is None else f"has {size} {unit}"
    if size > shape.get("max", size):
        yield Violation(path, f"{told}, more than {shape['max']}", allowed(shape))
    if size < shape.get("min", size):
        yield Violation(path, f"{told}, less than {shape['min']}", allowed(shape))


def _text(shape: Shape, value: str, path: str, *, is_hidden: bool) -> Iterator[Violation]:
    """Check a text against its enumeration or pattern."""
    is_hidden = is_hidden or redacted(value) != value
    told = f"a text of {len(value)} characters" if is_hidden else shown(value)
    if "enum" in shape and value not in shape["enum"]:
        fix = did_you_mean(value[:SHOWN_AT_MOST], shape["enum"])
        yield Violation(path, f"is {told}, which is none of the allowed values", fix)
    if "pattern" in shape and not agrees(shape["pattern"], value, shape.get("max")):
        fix = way_out(shape["pattern"], "" if is_hidden else value)
        yield Violation(path, f"is {told}, which does not have the required form", fix)
