"""Combinations of settings: each is about keys that are read, and says one clear thing."""

from __future__ import annotations

from collections.abc import Sequence

from lmi_deployer.catalog.option_rows import Combination, Reader
from lmi_deployer.findings import CODES
from lmi_deployer.settings.view import FACTS
from tests.unit.catalog.looping import for_each
from tests.unit.catalog.option_files import (
    COMBINATIONS,
    KEYS,
    readings_of,
    versions,
    versions_with,
)

BOOL_WORDS = {"true", "false"}

BY_NAME = {row.name: row for row in COMBINATIONS}


def test_combinations_have_unique_names_in_one_spelling() -> None:
    names = [combination.name for combination in COMBINATIONS]
    assert sorted(set(names)) == sorted(names)
    assert [name for name in names if not name.replace("-", "").isalnum()] == []
    assert [name for name in names if name != name.lower()] == []


@for_each(BY_NAME)
def test_a_combination_is_about_keys_that_the_catalog_knows(combination: Combination) -> None:
    assert combination.key in combination.when
    assert "." not in combination.key or combination.key not in FACTS
    assert set(combination.when) <= KEYS | set(FACTS)
    assert combination.code in CODES
    assert versions(combination.versions)


@for_each(BY_NAME)
def test_each_condition_of_a_combination_says_one_thing(combination: Combination) -> None:
    for condition in combination.when.values():
        assert len(condition.model_dump(exclude_none=True)) == 1


@for_each(BY_NAME)
def test_a_combination_s_key_is_read_wherever_it_holds(combination: Combination) -> None:
    """Else the finding that nothing reads the key would say it already."""
    handlers: Sequence[Reader] = combination.handlers or ("server",)
    for handler in handlers:
        read = {
            version
            for reading in readings_of(combination.key)
            if {handler, "server", "any"} & set(reading.readers)
            for version in versions(reading.versions)
        }
        span = versions(combination.versions) & versions_with(handler)
        assert span
        assert span <= read, (handler, sorted(span - read))


@for_each(BY_NAME)
def test_what_stops_the_load_or_the_requests_is_an_error(combination: Combination) -> None:
    stops = combination.outcome in {"load_error", "request_error"}
    assert not stops or combination.severity == "error"
    assert combination.fix


@for_each(BY_NAME)
def test_words_of_a_condition_are_values_that_the_key_takes(combination: Combination) -> None:
    for key, condition in combination.when.items():
        words = {*(condition.any_of or ()), *(condition.none_of or ())}
        if key in FACTS or not words:
            continue
        taken: set[str] = set()
        for reading in readings_of(key):
            taken |= {*reading.choices, *(BOOL_WORDS if reading.type == "bool" else ())}
        is_free = any(reading.type == "text" for reading in readings_of(key))
        assert is_free or words <= taken, words - taken
