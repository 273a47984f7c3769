"""Facts about the server: each is there once per version, and says what the code says."""

from __future__ import annotations

import pytest

from lmi_deployer.catalog.option_rows import Variable
from lmi_deployer.catalog.rows import SourcedRow
from lmi_deployer.catalog.server_rows import FACTS, Server, compile_server, compile_variables
from tests.unit.server.images import ORDER, flavors_of, image, servers, variables

CHECKED = {"source": "somewhere", "checked": "2026-11-21"}
IMAGES = [(version, flavor) for version in ORDER for flavor in flavors_of(version)]


def variable(**columns: object) -> Variable:
    return Variable.model_validate({"name": "A", "meaning": "nothing", **CHECKED, **columns})


@pytest.mark.parametrize("version", ORDER)
def test_every_column_is_given_for_every_version(version):
    assert set(compile_server(version, ORDER, servers())) == set(FACTS)


def test_a_column_given_twice_for_a_version_is_refused():
    row = Server.model_validate({"versions": "all", "retry_threshold": 1, **CHECKED})
    with pytest.raises(ValueError, match=r"gives retry_threshold of LMI 0\.25\.0 twice"):
        compile_server("0.25.0", ORDER, [*servers(), row])


def test_a_column_that_no_row_gives_is_refused():
    with pytest.raises(ValueError, match="lacks"):
        compile_server("0.25.0", ORDER, servers()[1:2])


def test_a_variable_has_one_row_for_an_image_and_version():
    rows = [variable(versions="all"), variable(versions="0.25.0", flavors=["lmi"])]
    with pytest.raises(ValueError, match=r"has A of LMI 0\.25\.0 twice"):
        compile_variables("0.25.0", ORDER, rows)
    assert len(compile_variables("0.26.0", ORDER, rows)["A"]) == 1


def test_a_variable_may_mean_something_else_in_another_image():
    rows = [
        variable(versions="all", flavors=["lmi"]),
        variable(versions="all", flavors=["neuronx"]),
    ]
    assert len(compile_variables("0.28.0", ORDER, rows)["A"]) == 2


def test_a_variable_that_is_not_read_says_so_in_its_meaning():
    for row in variables():
        assert row.is_read is not row.meaning.startswith("nothing"), row.name


@pytest.mark.parametrize("row", [*servers(), *variables()])
def test_every_row_cites_the_servers_code(row: SourcedRow):
    assert row.source.startswith(("djl-serving@", "djl@", "container environment"))


@pytest.mark.parametrize(("version", "flavor"), IMAGES)
def test_every_default_handler_is_a_module_of_its_image(version, flavor):
    facts = image(version, flavor)
    default = facts.default_entry_point
    modules = [
        *default["by_rolling_batch"].values(),
        *(default[name] for name in ("default", "with_async_mode") if name in default),
    ]
    for module in modules:
        row = facts.entry_points[module]
        is_elsewhere = default["by_rolling_batch"] and module.endswith("tensorrt_llm")
        assert is_elsewhere or flavor in row.get("flavors", (flavor,)), module


@pytest.mark.parametrize(("version", "flavor"), IMAGES)
def test_every_spelling_leads_to_a_module_that_exists(version, flavor):
    facts = image(version, flavor)
    assert set(facts.entry_point_spellings.values()) <= set(facts.entry_points)
    assert set(facts.entry_point_spellings).isdisjoint(facts.entry_points)


@pytest.mark.parametrize(("version", "flavor"), IMAGES)
def test_every_handler_with_a_rolling_batch_says_what_it_takes(version, flavor):
    facts = image(version, flavor)
    kinds = {row["kind"] for row in facts.entry_points.values()} - {"custom"}
    assert kinds == set(facts.rolling_batches)


@pytest.mark.parametrize(
    ("version", "unit", "default"),
    [("0.24.0", "minutes", 2), ("0.25.0", "seconds", 60), ("0.31.0", "seconds", 120)],
)
def test_chunked_read_timeout_counts_minutes_up_to_0_24(version, unit, default):
    timeout = image(version, "neuronx" if version == "0.24.0" else "tensorrtllm")
    assert timeout.chunked_read_timeout == {"unit": unit, "default": default}


def test_no_worker_failure_is_tolerated_from_0_30_on():
    assert image("0.29.0", "lmi").retry_threshold == 10
    assert image("0.30.0", "lmi").retry_threshold == 0
