"""How a problem of a request is told: places, values, types and what is allowed instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from lmi_deployer.nearest import did_you_mean
from lmi_deployer.secrets import redacted

SHOWN_AT_MOST = 80
"""Characters of a value from the request."""

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
"""Type in the model: what its limits count. The limits of any other type are numbers."""


class Violation(NamedTuple):
    """A RequestProblem of an operation that is still to be named."""

    path: str
    problem: str
    fix: str | None


def below(path: str, name: object) -> str:
    """Extend a path by a member or key; one that would not read well as a path is quoted.

    >>> below("Environment", "HF_HOME"), below("Environment", "two words")
    ('Environment.HF_HOME', "Environment['two words']")
    """
    text = str(name)
    if re.fullmatch(r"[\w.-]{1,128}", text) and redacted(text) == text:
        return f"{path}.{text}" if path else text
    return f"{path}[{shown(text)}]"


def shown(value: object) -> str:
    """Write a value as a problem prints it: cut short, and only its length if it holds a secret."""
    if not isinstance(value, str):
        return str(value)[:SHOWN_AT_MOST]
    if redacted(value) != value:
        return f"a secret of {len(value)} characters"
    return repr(value if len(value) <= SHOWN_AT_MOST else value[:SHOWN_AT_MOST] + "...")


def type_name(value: object) -> str:
    """Name the type of a value in the API's words: "a whole number"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    named = [words for words, types in KINDS.values() if isinstance(value, types)]
    return named[0] if named else f"a {type(value).__name__}"


def allowed(shape: Mapping[str, Any]) -> str:
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
