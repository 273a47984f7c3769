"""Rows that are right by themselves can still contradict each other in some version."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from lmi_deployer.catalog.backend_rows import BackendRow, HandlerRow
from lmi_deployer.catalog.by_version import AtVersion
from lmi_deployer.catalog.compiling import Compiler
from lmi_deployer.catalog.option_rows import Option
from lmi_deployer.catalog.rows import ContainerRow
from lmi_deployer.catalog.sources import Sources

SOURCE = {"source": "somewhere", "checked": date(2026, 11, 21)}
IMAGE = {
    "tag": "tag",
    "accelerator": "gpu",
    "cuda": "12.4",
    "region_set": "lmi",
    "max_compute_capability": 9.0,
    "inference_ami": None,
}


def container(version: str, *flavors: str) -> ContainerRow:
    return ContainerRow.model_validate(
        {
            "version": version,
            "lmi_generation": "v1",
            "model_loading_timeout_seconds": 1200,
            "predict_timeout_seconds": 240,
            "engine_environment": ("OPTION_ENGINE={engine}",),
            "flavors": dict.fromkeys(flavors, IMAGE),
            **SOURCE,
        }
    )


def backend(name: str = "vllm", versions: str = "all", **more: Any) -> BackendRow:
    row = {
        "backend": name,
        "versions": versions,
        "flavor": "lmi",
        "engine": "Python",
        "rolling_batch": name,
        "parser": "pydantic2",
        "model_types": None,
        "dtypes": ("fp16",),
    }
    return BackendRow.model_validate({**row, **SOURCE, **more})


def option(key: str, *readings: dict[str, Any], **more: Any) -> Option:
    rows = [{"versions": "all", "readers": ("vllm",), "type": "int", **row} for row in readings]
    return Option.model_validate({"key": key, "meaning": "x", "readings": rows, **SOURCE, **more})


def sources(
    *options: Option,
    backends: tuple[BackendRow, ...] = (backend(),),
    handlers: tuple[HandlerRow, ...] = (),
) -> Sources:
    versions = (container("1", "lmi"), container("2", "lmi"), container("3", "lmi"))
    return Sources(
        containers={row.version: row for row in versions},
        backends=backends,
        handlers=handlers,
        options={row.key: row for row in options},
        variables=(),
        combinations=(),
        servers=(),
    )


def test_a_backend_is_what_the_row_of_its_version_says() -> None:
    rows = (backend(versions="1"), backend(versions=">=2", rolling_batch=None))
    compiler = Compiler(sources(backends=rows))
    found = [compiler.container(version)["backends"]["vllm"] for version in ("1", "2", "3")]
    assert [row["rolling_batch"] for row in found] == ["vllm", None, None]


def test_a_backend_that_no_row_has_in_a_version_is_not_in_it() -> None:
    rows = (backend(), backend("lmi-dist", "1, 3"))
    compiler = Compiler(sources(backends=rows))
    assert list(compiler.container("1")["backends"]) == ["vllm", "lmi-dist"]
    assert list(compiler.container("2")["backends"]) == ["vllm"]


def test_two_rows_for_one_backend_and_version_are_refused() -> None:
    rows = (backend(versions="<=2"), backend(versions=">=2"))
    with pytest.raises(ValueError, match=r"LMI 2: backends\.yaml has vllm twice"):
        _ = AtVersion(sources(backends=rows), "2").backends
    assert AtVersion(sources(backends=rows), "1").backends


def test_a_backend_whose_image_a_version_lacks_is_refused() -> None:
    compiler = Compiler(sources(backends=(backend(flavor="neuronx"),)))
    with pytest.raises(ValueError, match="LMI 1: vllm needs an image neuronx"):
        compiler.container("1")


def test_an_unknown_version_in_a_range_is_refused() -> None:
    with pytest.raises(ValueError, match="'4' is no version"):
        Compiler(sources(option("a", {"versions": ">=4"}))).container("1")


def test_two_readings_for_one_reader_and_version_are_refused() -> None:
    twice = option("option.a", {"versions": "<=2"}, {"versions": "2", "readers": ("any",)})
    with pytest.raises(ValueError, match=r"LMI 2: two readings of option\.a are for vllm"):
        _ = AtVersion(sources(twice), "2").readings
    assert AtVersion(sources(twice), "1").readings["vllm"].keys() == {"option.a"}


def test_a_reading_of_a_handler_that_a_version_lacks_counts_for_nothing() -> None:
    found = option("option.a", {"readers": ("trtllm", "vllm")})
    assert Compiler(sources(found)).container("1")["options"] == {"option.a": ["vllm"]}


def test_a_reading_for_any_handler_counts_for_those_of_hand_written_files_too() -> None:
    handler = HandlerRow.model_validate(
        {
            "handler": "stable-diffusion",
            "versions": "1",
            "flavor": "lmi",
            "parser": "python",
            **SOURCE,
        }
    )
    rows = sources(option("option.a", {"readers": ("any",)}), handlers=(handler,))
    assert "option.a" in AtVersion(rows, "1").readings["stable-diffusion"]
    assert set(AtVersion(rows, "2").readings) == {"server", "vllm"}


@pytest.mark.parametrize("reader", ["vllm", "any", "server"])
def test_a_setting_has_the_name_that_its_backend_or_the_server_reads(reader: str) -> None:
    found = option("option.a", {"readers": (reader,)}, setting="a")
    row = Compiler(sources(found)).container("1")["backends"]["vllm"]
    assert row["property_names"] == {"a": "option.a"}


def test_a_setting_follows_its_key_from_version_to_version() -> None:
    old = option("option.old", {"versions": "<=2"}, setting="a")
    new = option("option.new", {"versions": "3"}, setting="a")
    compiler = Compiler(sources(old, new))
    names = [
        compiler.container(version)["backends"]["vllm"]["property_names"] for version in ("2", "3")
    ]
    assert names == [{"a": "option.old"}, {"a": "option.new"}]


def test_a_setting_with_two_keys_in_one_version_is_refused() -> None:
    rows = sources(option("option.a", {}, setting="a"), option("option.b", {}, setting="a"))
    with pytest.raises(ValueError, match=r"vllm reads a from option\.a and from option\.b"):
        Compiler(rows).container("1")


def test_a_key_that_is_read_and_not_acted_on_is_no_option_and_gives_no_name() -> None:
    found = option("option.a", {"effect": "ignored", "why": "x"}, setting="a")
    row = Compiler(sources(found)).container("1")
    assert row["options"] == {}
    assert row["backends"]["vllm"]["property_names"] == {}


def test_a_key_of_which_no_value_is_right_is_read_and_still_no_option() -> None:
    found = option("option.a", {"type": "choice", "bad_value": "load_error"})
    assert Compiler(sources(found)).container("1")["options"] == {}
    assert AtVersion(sources(found), "1").readings["vllm"].keys() == {"option.a"}


def test_facts_that_are_left_out_are_left_out_of_the_documents() -> None:
    row = Compiler(sources()).container("1")["backends"]["vllm"]
    assert row["rolling_batch"] == "vllm"
    assert not {"entry_point", "quantize", "compiles_at_load"} & row.keys()
