"""The YAML is what people edit, the JSON what the program loads: they must not drift apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pydantic import ValidationError

from lmi_deployer.catalog import build

if TYPE_CHECKING:
    from pathlib import Path

GPU: dict[str, Any] = {
    "name": "H100",
    "vendor": "nvidia",
    "architecture": "Hopper",
    "compute_capability": 9.0,
    "memory_gib": 80,
    "usable_memory_gib": 79.1,
    "memory_bandwidth_gb_per_second": 3350,
    "source": "https://developer.nvidia.com/cuda-gpus",
    "checked": "2026-11-21",
}


def compile_gpus(folder: Path, *rows: dict[str, Any]) -> str:
    (folder / "gpus.yaml").write_text(yaml.safe_dump(list(rows)), encoding="utf-8")
    return build.compile_table("gpus", folder)


STORED = build.HERE / "compiled"
WANTED = build.compile_all()


@pytest.mark.parametrize("name", WANTED)
def test_the_compiled_file_is_what_the_yaml_compiles_to(name: str) -> None:
    stored = (STORED / name).read_text(encoding="utf-8")
    assert stored == WANTED[name], "a row was edited: run `python -m lmi_deployer.catalog.build`"


def test_nothing_else_is_compiled() -> None:
    stored = {path.relative_to(STORED).as_posix() for path in STORED.rglob("*") if path.is_file()}
    assert stored == set(WANTED)


def test_the_compiled_files_are_small_enough_to_load_and_to_carry_around() -> None:
    sizes = {name: len(text) for name, text in WANTED.items()}
    assert max(size for name, size in sizes.items() if name.startswith("lint/")) < 150_000
    assert max(size for name, size in sizes.items() if name.startswith("containers/")) < 30_000
    assert sum(sizes.values()) < 6_000_000


def test_a_complete_row_compiles_under_its_name(tmp_path: Path) -> None:
    assert compile_gpus(tmp_path, GPU).startswith('{"H100":{"source":')


@pytest.mark.parametrize("column", ["source", "checked", "usable_memory_gib"])
def test_a_row_that_lacks_a_column_is_refused(tmp_path: Path, column: str) -> None:
    row = {key: value for key, value in GPU.items() if key != column}
    with pytest.raises(ValidationError, match=column):
        compile_gpus(tmp_path, row)


def test_an_empty_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="source"):
        compile_gpus(tmp_path, GPU | {"source": " "})


def test_an_unknown_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="memory_gb"):
        compile_gpus(tmp_path, GPU | {"memory_gb": 80})


def test_a_name_without_quotes_that_yaml_reads_as_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="name"):
        compile_gpus(tmp_path, GPU | {"name": 0.25})


def test_two_rows_of_one_name_are_refused_by_that_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gpus\.yaml names these rows twice: H100"):
        compile_gpus(tmp_path, GPU, GPU)
