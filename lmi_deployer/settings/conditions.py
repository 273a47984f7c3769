"""Finds settings that do not go together, as catalog/combinations.yaml lists them.

A condition can hold, fail, or be open because a fact about the model or the machine is missing.
Where everything else holds, an open one is reported, so that no rule passes for lack of a fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lmi_deployer.settings.table import Entry
    from lmi_deployer.settings.view import View

Row = Mapping[str, Any]
"""A compiled option_rows.Combination."""
FACT_PREFIXES = ("model.", "gpu.", "instance.", "serving.")


@dataclass(frozen=True, slots=True)
class Match:
    """A combination that is there, or would be if the missing facts say so."""

    row: Row
    missing: tuple[str, ...]
    """Facts that would have to be known; empty when it is certain."""


class CombinationIndex:
    """The combinations of one handler, found by a key that must be written for them to hold."""

    def __init__(self, rows: Iterable[Row], entries: Mapping[str, Entry]) -> None:
        self._entries = entries
        self._always: list[Row] = []
        self._by_key: dict[str, list[Row]] = {}
        for row in rows:
            trigger = self._trigger(row)
            if trigger is None:
                self._always.append(row)
            else:
                self._by_key.setdefault(trigger, []).append(row)

    def matches(self, view: View) -> Iterator[Match]:
        """Every combination that a view's settings make."""
        for row in self._candidates(view.settings):
            missing: list[str] = []
            for name, condition in row["when"].items():
                holds = self._holds(view, name, condition)
                if holds is False:
                    break
                if holds is None:
                    missing.append(name)
            else:
                yield Match(row, tuple(missing))

    def _candidates(self, settings: Mapping[str, str]) -> Iterator[Row]:
        yield from self._always
        by_key = self._by_key
        for key in settings:
            if key in by_key:
                yield from by_key[key]

    @staticmethod
    def _trigger(row: Row) -> str | None:
        """A key without which the combination is not looked for; None for those without one."""
        key, when = row["key"], row["when"]
        if when.get(key, {}).get("present") is not False:
            return str(key)
        return next((name for name in when if when[name].get("present") is True), None)

    def _holds(self, view: View, name: str, condition: Row) -> bool | None:
        if name.startswith(FACT_PREFIXES):
            fact = view.fact(name)
            return None if fact is None else self._compare(condition, str(fact))
        entry, text = self._entries.get(name), view.settings.get(name)
        if entry is None:
            return self._compare(condition, text)
        if text is not None and (text or not entry.skips_empty):
            text = entry.canonical(text)
        else:
            text = None if "present" in condition else entry.default
        return self._compare(condition, text)

    @staticmethod
    def _compare(condition: Row, text: str | None) -> bool:
        if "present" in condition:
            return (text is not None) is condition["present"]
        if text is None:
            return "none_of" in condition
        if "any_of" in condition:
            return _is_among(text, condition["any_of"])
        if "none_of" in condition:
            return not _is_among(text, condition["none_of"])
        try:
            number = float(text)
        except ValueError:
            return False
        return bool(
            number > condition["above"] if "above" in condition else number < condition["below"]
        )


def _is_among(text: str, values: Sequence[str]) -> bool:
    return text in values or text.lower() in {value.lower() for value in values}
