"""Values and keys as YAML text that every reader takes alike: YAML 1.1, YAML 1.2 and this program.

Text is left plain only where nobody could take it for a number, a bool, a date or syntax.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from lmi_deployer.profile_text.lines import BREAKS
from lmi_deployer.yaml_source import scalar

MAX_COLUMNS = 100
"""Lists that would make a line longer are written with one item a line."""
PLAIN = ""
"""The style of text that stands without quotes."""

_PLAIN = re.compile(r"[A-Za-z_/](?:[\w/.+@%()=~^$;' -]|,(?= )|:(?=[^ ]))*", re.ASCII)
_PLAIN_LIKE_A_NUMBER = re.compile(r"[0-9][\w.-]*", re.ASCII)
_OTHER_WORDS = frozenset({"y", "n"})
"""Bools of YAML 1.1 that its readers in Python do not take."""
_OTHER_NUMBER = re.compile(r"0o[0-7]+")
_ESCAPED = re.compile(rf'["\\{BREAKS}\ufeff]|{yaml.reader.Reader.NON_PRINTABLE.pattern}|\t')
_FREE_IN_SINGLE_QUOTES = str.maketrans("", "", '"\\')
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_YAML_1_1: Any = yaml.SafeLoader("")


def inline(value: Any, *, style: str | None = None, in_flow: bool = False) -> str:
    """A value on one line. `style` is the quote of the text that it replaces, or PLAIN."""
    if isinstance(value, str):
        return text(value, style=style, in_flow=in_flow)
    if isinstance(value, dict):
        pairs = (f"{text(key)}: {inline(item, in_flow=True)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(inline(item, in_flow=True) for item in value)}]"
    return _word(value)


def block(value: Any, indent: int, step: int) -> list[str]:
    """The lines of a mapping or list, indented; without the key that they stand under."""
    if isinstance(value, list):
        return [f"{' ' * indent}- {inline(item)}" for item in value]
    return [line for key, item in value.items() for line in entry(key, item, indent, step)]


def entry(key: str, value: Any, indent: int, step: int) -> list[str]:
    """The lines of a key and its value."""
    head = f"{' ' * indent}{text(key)}:"
    if needs_block(value, len(head)):
        return [head, *block(value, indent + step, step)]
    return [f"{head} {inline(value)}"]


def needs_block(value: Any, column: int) -> bool:
    """True for what is written on lines of its own: mappings, and lists too long for a line."""
    if isinstance(value, list):
        return bool(value) and column + 1 + len(inline(value)) > MAX_COLUMNS
    return isinstance(value, dict) and bool(value)


def text(value: str, *, style: str | None = None, in_flow: bool = True) -> str:
    """Text as plain as it may be, or in the style of the text that it replaces.

    New text that begins like a number is quoted, though `0.28.0` would be read as text.

    >>> print(text("ml.g5.xlarge"), text("0.30"), text("on"), text("it's", style="'"))
    ml.g5.xlarge "0.30" "on" 'it''s'
    """
    if style == "'" and not _ESCAPED.search(value.translate(_FREE_IN_SINGLE_QUOTES)):
        return "'" + value.replace("'", "''") + "'"
    may_be_plain = style == PLAIN or style is None
    if may_be_plain and _is_plain(value, is_new=style is None, in_flow=in_flow):
        return value
    return f'"{_ESCAPED.sub(_escape, value)}"'


def _is_plain(value: str, *, is_new: bool, in_flow: bool) -> bool:
    """True for text that may stand without quotes."""
    has_form = _PLAIN.fullmatch(value) or (not is_new and _PLAIN_LIKE_A_NUMBER.fullmatch(value))
    return bool(
        has_form
        and not value.endswith(" ")
        and not (in_flow and "," in value)
        and value.lower() not in _OTHER_WORDS
        and not _OTHER_NUMBER.fullmatch(value)
        and isinstance(scalar(value), str)
        and _YAML_1_1.resolve(yaml.ScalarNode, value, (True, False)).endswith(":str")
    )


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    return f"\\u{ord(character):04x}"


def _word(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        mantissa, has_exponent, exponent = repr(value).partition("e")
        # YAML 1.1 takes a number with an exponent only when it has a point as well.
        point = ".0" if has_exponent and "." not in mantissa else ""
        return f"{mantissa}{point}{has_exponent}{exponent}"
    if isinstance(value, int):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a profile")
