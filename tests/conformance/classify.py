"""What the server made of each key of a case: kept, replaced by another value, or ignored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.cases import Case
from tests.conformance.server_table import Table

IGNORED = None
"""What stands for a value that the server drops without using it."""

TRUE_WORDS = frozenset({"1", "on", "t", "true", "y", "yes"})
OTHER_NAME = {
    "fp16": "float16",
    "bf16": "bfloat16",
    "fp32": "float32",
    "bitsandbytes8": "bitsandbytes",  # as lmi-dist calls it
    "text-generation": "generate",  # as vLLM calls it
}
"""Words that a library has another word for, so that nothing is replaced."""
OPEN_WORDS = frozenset({"auto", "max"})
"""Values that ask the server to choose, so that its choice replaces nothing."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the child process says of one case; see inside/child.py."""

    outcome: str
    message: str
    blamed: list[str]
    values: Mapping[str, Any]
    reads: list[str]
    passed: list[str]
    warnings: list[str]
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The server's verdict on one case."""

    is_rejected: bool
    message: str = ""
    """Why it is rejected."""
    blamed: tuple[str, ...] = ()
    """Fields that a rejection names."""
    changed: dict[str, str | None] = field(default_factory=dict)
    """Key as written -> the value that takes its place; None when it is ignored."""
    handed_on: tuple[str, ...] = ()
    """Keys, as written, whose texts LMI hands to a library, which may refuse them."""
    warnings: tuple[str, ...] = ()

    @classmethod
    def rejection(cls, message: str, blamed: tuple[str, ...] = ()) -> Verdict:
        return cls(is_rejected=True, message=message, blamed=blamed)


def classify(table: Table, case: Case, answer: Answer) -> Verdict | None:
    """The verdict that an answer amounts to; None when the server came to no end."""
    if answer.outcome == "undecided":
        return None
    if answer.outcome == "rejected":
        return Verdict.rejection(answer.message, tuple(answer.blamed))
    reader = _Reader(table, case, answer)
    changed = {}
    for key, text in case.properties.items():
        is_kept, value = reader.fate(key, text)
        if not is_kept:
            changed[key] = value
    return Verdict(
        is_rejected=False,
        changed=changed,
        handed_on=tuple(k for k in case.changes if k in case.properties and reader.is_open(k)),
        warnings=tuple(answer.warnings),
    )


class _Reader:
    def __init__(self, table: Table, case: Case, answer: Answer) -> None:
        self.table, self.case, self.answer = table, case, answer
        self.handed_on = table.handed_on_by(case.backend)
        self.overwritten = frozenset(table.overwritten)
        self.server_keys = table.server_keys_of(case.version)
        row = table.backend(case.version, case.backend)
        self.is_passed_on, self.raw = row.hands_over_everything, row.reads_raw

    def fate(self, key: str, text: str) -> tuple[bool, str | None]:
        """Whether a key is kept as it is and, when not, the value in its place."""
        name = key.removeprefix("option.")
        if key == name and key in self.server_keys:
            return True, IGNORED
        if key == name and f"option.{name}" in self.case.properties:
            return False, IGNORED  # an option wins over a top-level key of its name
        flag_fate = self._flag_fate(name, text)
        if flag_fate is not None:
            return flag_fate
        if name in self.answer.values and name not in self.raw:
            return self._value_fate(key, name, text)
        is_read = name in self.answer.reads or key in self.server_keys
        return is_read or self._goes_on(name), IGNORED

    def _value_fate(self, key: str, name: str, text: str) -> tuple[bool, str | None]:
        """What became of a setting that a class declares."""
        value = self.answer.values[name]
        is_open = name in self.overwritten and text in OPEN_WORDS  # not taken up, then
        if is_same(text, value) and (not is_open or text == value):
            return True, text
        is_dropped = value is None or not text.strip() or key == name
        return False, IGNORED if is_dropped or name in self.overwritten else text_of(value)

    def is_open(self, key: str) -> bool:
        """Whether the library behind LMI has the last word on a key."""
        name = key.removeprefix("option.")
        if self.is_passed_on:
            return key not in self.server_keys
        if name in self.answer.values or key in self.server_keys:
            return name in self.handed_on
        return self._goes_on(name)

    def _goes_on(self, name: str) -> bool:
        return self.is_passed_on or name in self.answer.passed

    def _flag_fate(self, name: str, text: str) -> tuple[bool, str | None] | None:
        """What became of a setting that turns into a flag; None when it is not one, or did not."""
        if name not in self.table.flags:
            return None
        flag = self.table.flags[name].format(value=text.strip())
        if flag not in self.answer.environment.get("NEURON_CC_FLAGS", ""):
            return None
        is_switch = flag == self.table.flags[name]
        return not is_switch or text.strip().lower() in TRUE_WORDS, "true"


def is_same(text: str, value: Any) -> bool:
    """True when `value` is what `text` says, however it is spelt.

    >>> is_same("FP16", "torch.float16"), is_same("yes", True), is_same("2.0", 2)
    (True, True, True)
    >>> is_same("bitsandbytes8", "bitsandbytes"), is_same("awq", "gptq")
    (True, False)
    """
    word = text.strip().lower()
    if word in OPEN_WORDS:
        return value is not None
    if value is None:
        return False
    if isinstance(value, bool):
        return (word in TRUE_WORDS) == value
    if isinstance(value, int | float):
        return _is_same_number(word, value)
    if isinstance(value, str):
        named = value.removeprefix("torch.").strip().lower()
        return word == named or OTHER_NAME.get(word) == named
    return True  # a list or a mapping is parsed from the text, or refused


def _is_same_number(word: str, value: float) -> bool:
    try:
        number = float(word)
    except ValueError:
        return False
    return number == value or (math.isnan(number) and math.isnan(value))


def text_of(value: Any) -> str:
    """A value as serving.properties would spell it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).removeprefix("torch.")
