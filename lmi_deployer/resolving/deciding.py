"""What the profile says, or else a rule: the one place where `auto` is answered and noted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from lmi_deployer.findings import Finding
from lmi_deployer.hardware import MergedProfile, Origin
from lmi_deployer.rules import Choice

T = TypeVar("T")


class Decisions:
    """The origin of every value, noted while it is decided."""

    def __init__(self, merged: MergedProfile) -> None:
        self.merged = merged
        self.origin = dict(merged.origins)

    def is_open(self, key: str) -> bool:
        """Whether the profile leaves a key out, or to `auto`."""
        return self.merged.get(key) in {None, "auto"}

    def decide(self, key: str, rule: Callable[[], Choice[T]]) -> T:
        """What the profile says for `key`, or what the rule says where it leaves that open."""
        if not self.is_open(key):
            return cast(T, self.merged.get(key))
        choice = rule()
        if choice.value is not None:
            self.note(key, choice)
        return choice.value

    def note(self, key: str, choice: Choice[T]) -> None:
        """Remember by which rule a value was decided."""
        place = self.merged.place(key)
        self.origin[key] = Origin(choice.reason, place, choice.rule, choice.runners_up)

    def problem(self, code: str, problem: str, *, key: str, fix: str | None) -> Finding:
        """An error about a key, at the place where it, or the section around it, was written."""
        return Finding.error(code, problem, place=self.merged.place(key), key=key, fix=fix)
