"""Reads the text of a setting as the container's own parsers do, and says what they refuse.

Sources: java.lang.Integer.parseInt and Boolean.parseBoolean; Python's int() and float(); pydantic
1.10 and 2 (docs, "conversion table"), compared with the installed pydantic in the tests.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lmi_deployer.server.choice import java_int

Check = Callable[[str], bool]
"""True for a text that a parser takes."""

LONGEST_LITERAL = 10_000
"""Characters. ast.literal_eval needs memory far beyond its input, and no setting is this long."""
_TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})
_FALSE = frozenset({"0", "off", "f", "false", "n", "no"})
_SIZE = re.compile(r"[+-]?\d+|\d+(?:\.\d+)?[kmgt]|\d+[KMGT]")
_PYDANTIC2_INT = re.compile(r"[+-]?[0-9]+(?:_[0-9]+)*(?:\.0+)?")


@dataclass(frozen=True, slots=True)
class Fault:
    """A value that the container does not take as it is written."""

    outcome: str
    """One of option_rows.Outcome, `empty` where it counts as left out, or `divided` where two
    readers take it differently."""
    problem: str
    """What is wrong with it, as the end of a sentence that begins with the key."""
    allowed: str
    """What may stand there."""
    replacement: str | None
    """What the server uses in its place."""


Checker = Callable[[str], Fault | None]


def checker(reading: Mapping[str, Any]) -> Checker:
    """The function that finds the fault of a value, for one compiled reading."""
    parses = _parser(reading)
    minimum, maximum = reading.get("minimum"), reading.get("maximum")
    allowed = describe(reading)
    outcome = reading.get("bad_value") or _natural_outcome(reading)
    replacement = _replacement(reading, outcome)
    out_of_range: str = reading.get("out_of_range", "unchecked")
    empty = Fault("empty", "is ''", allowed, None) if reading.get("skips_empty") else None
    if parses is None:
        return _accept if empty is None else lambda text: None if text else empty

    def find(text: str) -> Fault | None:
        if not text and empty is not None:
            return empty
        if not parses(text):
            return Fault(outcome, f"is {shown(text)}", allowed, replacement)
        number = None if minimum is None and maximum is None else as_number(text)
        if number is None:
            return None
        # Written so that "nan", which is neither below nor above, is in no range.
        is_inside = (minimum is None or number >= minimum) and (
            maximum is None or number <= maximum
        )
        if not is_inside:
            taken = _replacement(reading, out_of_range)
            return Fault(out_of_range, f"is {shown(text)}", allowed, taken)
        return None

    return find


def _accept(_text: str) -> None:
    return None


def _natural_outcome(reading: Mapping[str, Any]) -> str:
    """What a parser does by itself when the catalog says nothing more."""
    is_lenient = reading["type"] == "bool" and reading.get("parser") in {"java", "is_true"}
    return "fallback" if is_lenient else "unchecked"


def _replacement(reading: Mapping[str, Any], outcome: str) -> str | None:
    if outcome != "fallback":
        return None
    if "fallback" in reading:
        return str(reading["fallback"])
    if reading["type"] == "bool" and reading.get("parser") in {"java", "is_true"}:
        return "false"
    return str(reading["default"]) if "default" in reading else None


def _parser(reading: Mapping[str, Any]) -> Check | None:
    """What tells whether a text is taken; None where every text is."""
    kind, parser = reading["type"], reading.get("parser", "none")
    words = frozenset(reading.get("choices", ()))
    if kind == "choice":
        if reading.get("ignores_case"):
            lowered = frozenset(word.lower() for word in words)
            return lambda text: text.lower() in lowered
        return words.__contains__
    check = _PARSERS.get((kind, parser)) or _ANY_PARSER.get(kind)
    if check is None:
        return None
    if kind == "int_or_max":
        words |= {"max"}
    if not words:
        return check
    return lambda text: text in words or check(text)


def _fits(convert: Callable[[str], object]) -> Check:
    """True where `convert` raises none of the errors by which parsers refuse."""

    def check(text: str) -> bool:
        try:
            convert(text)
        except (ValueError, SyntaxError, TypeError, OverflowError, MemoryError, RecursionError):
            return False
        return True

    return check


def is_java_int(text: str) -> bool:
    """Whether Integer.parseInt takes a text."""
    return java_int(text) is not None


def _is_pydantic2_int(text: str) -> bool:
    return bool(_PYDANTIC2_INT.fullmatch(text.strip()))


def _is_pydantic2_float(text: str) -> bool:
    return text.strip().isascii() and _fits(float)(text)


def _is_pydantic_bool(text: str) -> bool:
    lowered = text.lower()
    return lowered in _TRUE or lowered in _FALSE


def _is_plain_bool(text: str) -> bool:
    """Whether `text == "true"` is what was meant: "no" is false either way, "yes" is not true."""
    lowered = text.lower()
    return lowered == "true" or lowered in _FALSE


def _int_list(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _int_mapping(text: str) -> dict[str, int]:
    """Source: validate_limit_mm_per_prompt of vllm_rb_properties.py, LMI 0.30.0."""
    pairs: dict[str, int] = {}
    for item in text.split(","):
        parts = [part.lower().strip() for part in item.split("=")]
        name, number = parts  # more or fewer parts are a ValueError
        if pairs.setdefault(name, int(number)) != int(number):
            raise ValueError(name)
    return pairs


def _literal(text: str) -> Any:
    if len(text) > LONGEST_LITERAL:
        raise ValueError(text[:20])
    return ast.literal_eval(text)


def _float_tuple(text: str) -> tuple[float, ...]:
    value = _literal(text)
    items = value if isinstance(value, list | tuple) else (value,)
    return tuple(float(item) for item in items)


def _python_dict(text: str) -> Any:
    value = _literal(text)
    if not isinstance(value, dict):
        raise TypeError(text[:20])
    return value


def _is_size(text: str) -> bool:
    """Source: human_readable_int of vllm/engine/arg_utils.py, vLLM 0.8.4."""
    return bool(_SIZE.fullmatch(text.strip()))


def _is_bracketed(text: str) -> bool:
    return text.startswith("[") and text.endswith("]")


_PARSERS: Mapping[tuple[str, str], Check] = {
    ("int", "java"): is_java_int,
    ("int_or_max", "java"): is_java_int,
    ("int", "pydantic2"): _is_pydantic2_int,
    ("int_or_max", "pydantic2"): _is_pydantic2_int,
    ("float", "pydantic2"): _is_pydantic2_float,
    ("bool", "pydantic1"): _is_pydantic_bool,
    ("bool", "pydantic2"): _is_pydantic_bool,
}
"""(type, parser): what tells whether a text is taken."""
_ANY_PARSER: Mapping[str, Check] = {
    "int": _fits(int),
    "int_or_max": _fits(int),
    "float": _fits(float),
    "bool": _is_plain_bool,
    "int_list": _fits(_int_list),
    "int_mapping": _fits(_int_mapping),
    "size": _is_size,
    "text_list": _is_bracketed,
    "float_tuple": _fits(_float_tuple),
    "json": _fits(json.loads),
    "literal": _fits(_python_dict),
}
"""Type: the same where the parser makes no difference. Text and paths are taken as they are."""


def as_number(text: str) -> float | None:
    """The number that a text stands for; None where it is none."""
    try:
        return float(text)
    except ValueError:
        return None


def canonical(reading: Mapping[str, Any] | None, text: str) -> str:
    """The value a text stands for, spelt in one way, so that texts can be compared."""
    if reading is None:
        return text
    kind = reading["type"]
    if kind == "bool":
        lowered = text.lower()
        if reading.get("parser") in {"java", "is_true"}:
            return "true" if lowered == "true" else "false"
        return "true" if lowered in _TRUE else "false" if lowered in _FALSE else lowered
    if kind == "choice" and reading.get("ignores_case"):
        return text.lower()
    return text.strip() if kind in {"int", "int_or_max", "float"} else text


SHOWN_AT_MOST = 60


def shown(text: str) -> str:
    """A value in a message: without secrets, quoted where it is odd, shortened where it is long."""
    from lmi_deployer.secrets import redacted

    text = redacted(text)
    if len(text) > SHOWN_AT_MOST:
        text = f"{text[:SHOWN_AT_MOST]}..."
    is_plain = text.isascii() and text.isprintable() and text.strip() == text != ""
    return text if is_plain else ascii(text)


_NAMES = {
    "int": "a whole number",
    "int_or_max": "a whole number or max",
    "float": "a number",
    "bool": "true or false",
    "text": "any text",
    "path": "a path",
    "int_list": "whole numbers with commas between them, such as 128,256",
    "int_mapping": "names with numbers, such as image=1,audio=2",
    "size": "a whole number, or one with a suffix, such as 16k or 16K",
    "text_list": 'a list such as ["a","b"]',
    "float_tuple": "a number or a list of numbers",
    "json": "a JSON value",
    "literal": "a Python dictionary",
}


def describe(reading: Mapping[str, Any]) -> str:
    """What a reading takes, in words: "a whole number from 1 to 999"."""
    choices = reading.get("choices", ())
    if reading["type"] == "choice":
        return f"one of {', '.join(choices)}" if choices else "nothing that can be written as text"
    name = _NAMES[reading["type"]]
    minimum, maximum = reading.get("minimum"), reading.get("maximum")
    if minimum is not None:
        name += f" from {minimum:g}"
    if maximum is not None:
        name += f" to {maximum:g}" if minimum is not None else f" up to {maximum:g}"
    return f"{name}, or {', '.join(choices)}" if choices else name
