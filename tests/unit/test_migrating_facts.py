"""migrations.yaml: every row is about something that the rest of the catalog knows."""

from __future__ import annotations

from pathlib import Path

import pytest

import lmi_deployer.catalog
from lmi_deployer import catalog
from lmi_deployer.catalog.migration_rows import Migrations, compile_migrations
from lmi_deployer.catalog.typed import typed
from lmi_deployer.migrating import facts

FOLDER = Path(lmi_deployer.catalog.__file__).parent
ORDER = catalog.names("containers")
ROWS = facts.migrations()
BACKENDS = {name for version in ORDER for name in catalog.container(version).backends}
SETTINGS = {
    name
    for version in ORDER
    for support in catalog.container(version).backends.values()
    for name in support.property_names
}
KEYS = set(catalog.raw_rows("options"))


def test_the_program_reads_what_the_file_says():
    assert typed(Migrations, compile_migrations(FOLDER, ORDER)) == ROWS


@pytest.mark.parametrize("version", ORDER)
def test_every_backend_that_a_version_lacks_has_a_row_that_says_what_then(version: str):
    missing = BACKENDS - set(catalog.container(version).backends)
    for backend in missing:
        row = facts.successor(backend, version)
        assert row is not None, (backend, version)
        assert row.to or row.instead
        assert not row.to or set(row.to) & set(catalog.container(version).backends)


@pytest.mark.parametrize("version", ORDER)
def test_no_row_replaces_a_backend_that_a_version_has(version: str):
    for backend in catalog.container(version).backends:
        assert facts.successor(backend, version) is None


def test_every_setting_and_key_of_the_rows_is_one_of_the_catalog():
    named = {setting for row in ROWS.harmless for setting in row.settings}
    named |= {row.setting for row in ROWS.implied} | {row.setting for row in ROWS.ways_out}
    assert named <= SETTINGS
    keys = {key for row in ROWS.harmless for key in row.keys}
    keys |= {row.key for row in ROWS.pins} | {row.with_key for row in ROWS.pins if row.with_key}
    keys |= {key for topic in ROWS.topics for key in (*topic.when, *topic.unless)}
    assert keys <= KEYS


def test_every_topic_can_be_told():
    """A topic with one state that holds everywhere would never differ."""
    for topic in ROWS.topics:
        told = {
            facts.state(topic, backend, version)
            for version in ORDER
            for backend in catalog.container(version).backends
        }
        assert len(told) > 1, topic.name


def test_an_unknown_version_in_a_row_does_not_compile(tmp_path: Path):
    text = (FOLDER / "migrations.yaml").read_text(encoding="utf-8")
    (tmp_path / "migrations.yaml").write_text(text.replace('">=0.28.0"', '">=0.99.0"', 1))
    with pytest.raises(ValueError, match=r"0\.99\.0"):
        compile_migrations(tmp_path, ORDER)
