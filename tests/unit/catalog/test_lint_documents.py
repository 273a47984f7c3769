"""What checking settings loads: everything that one version knows of keys, in one document."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from lmi_deployer import catalog
from lmi_deployer.catalog.build import HERE
from lmi_deployer.catalog.option_rows import Reading
from lmi_deployer.catalog.sources import read_sources
from lmi_deployer.catalog.versions import versions_in

SOURCES = read_sources(HERE)
VERSIONS = catalog.names("containers")


@cache
def document(version: str) -> dict[str, Any]:
    path = HERE / "compiled" / "lint" / f"{version}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def reading(version: str, reader: str, key: str) -> dict[str, Any] | None:
    found = document(version)
    index = found["handlers"][reader].get(key)
    return None if index is None else found["readings"][index]


def is_acted_on(row: dict[str, Any] | None) -> bool:
    """False where a key does nothing, and where no value of it is right."""
    if row is None or row.get("effect") == "ignored":
        return False
    return bool(row["type"] != "choice" or row.get("choices"))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_knows_every_key_of_the_catalog(version: str) -> None:
    keys = document(version)["keys"]
    assert keys.keys() == SOURCES.options.keys()
    assert [key for key, row in keys.items() if "meaning" not in row] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_has_a_table_for_each_handler_of_its_images_and_for_the_server(
    version: str,
) -> None:
    found = document(version)
    assert found["handlers"].keys() == {"server", *found["parsers"]}
    assert catalog.container(version).backends.keys() <= found["parsers"].keys()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_reading_is_used_valid_and_says_who_parses_it(version: str) -> None:
    found = document(version)
    used = {index for table in found["handlers"].values() for index in table.values()}
    assert used == set(range(len(found["readings"])))
    for row in found["readings"]:
        assert Reading.model_validate({**row, "versions": "all", "readers": ["any"]}).parser


@pytest.mark.parametrize("version", VERSIONS)
def test_the_versions_of_a_reader_are_those_in_which_it_acts_on_the_key(version: str) -> None:
    for key, row in document(version)["keys"].items():
        here = {
            reader
            for reader, expression in row["readers"].items()
            if version in versions_in(expression, VERSIONS)
        }
        found = {
            reader
            for reader in document(version)["handlers"]
            if is_acted_on(reading(version, reader, key))
        }
        assert here == found, key


@pytest.mark.parametrize("version", VERSIONS)
def test_what_replaces_a_key_is_read_in_that_version(version: str) -> None:
    read = {key for table in document(version)["handlers"].values() for key in table}
    for row in document(version)["keys"].values():
        for item in row.get("replacements", ()):
            assert item["key"] is None or item["key"] in read


def test_no_replacement_is_a_key_that_none_of_its_versions_reads() -> None:
    lost = [
        (key, item.key, item.versions)
        for key, option in SOURCES.options.items()
        for item in option.replacements
        if item.key is not None
        and not any(
            item.key in table
            for version in versions_in(item.versions, VERSIONS)
            for table in document(version)["handlers"].values()
        )
    ]
    assert lost == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_variable_stands_for_a_key_that_somebody_reads(version: str) -> None:
    known = {*document(version)["keys"], *document(version)["server"]["config_keys"]}
    rows = [row for rows in document(version)["variables"].values() for row in rows]
    assert {row["key"] for row in rows if "key" in row} - known == set()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_combination_is_about_keys_of_the_catalog_and_about_facts(version: str) -> None:
    keys = document(version)["keys"].keys()
    for row in document(version)["combinations"]:
        settings = {key for key in row["when"] if not key.startswith(FACTS)}
        assert settings <= keys, row["name"]
        assert row["key"] in row["when"], row["name"]


FACTS = ("model.", "gpu.", "instance.", "serving.")


def test_no_combination_has_the_name_of_another() -> None:
    names = [row.name for row in SOURCES.combinations]
    assert len(names) == len(set(names))


def test_an_ignored_reading_says_why() -> None:
    silent = [
        (key, reading.versions)
        for key, option in SOURCES.options.items()
        for reading in option.readings
        if reading.effect == "ignored" and reading.why is None
    ]
    assert silent == []


@pytest.mark.parametrize(
    ("version", "reader", "parser"),
    [
        ("0.24.0", "vllm", "python"),
        ("0.25.0", "hf-accelerate", "pydantic1"),
        ("0.27.0", "hf-accelerate", "pydantic1"),
        ("0.28.0", "hf-accelerate", "pydantic2"),
        ("0.25.0", "server", "java"),
    ],
)
def test_a_reading_without_a_parser_has_that_of_its_reader(
    version: str, reader: str, parser: str
) -> None:
    key = "job_queue_size" if reader == "server" else "option.trust_remote_code"
    found = reading(version, reader, key)
    assert found is not None
    assert found["parser"] in {parser, "is_true"}
    assert document(version)["parsers"].get(reader, "java") == parser
