"""Check the catalog's YAML files and write the JSON that the program loads.

Run it after every edit: `python -m lmi_deployer.catalog.build`. YAML is for people (comments,
sources beside facts); JSON loads about fifty times faster, and start-up time matters here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import TypeAdapter

from lmi_deployer.catalog import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
TABLES: Mapping[str, tuple[str, TypeAdapter[Any]]] = {
    "containers": ("version", TypeAdapter(list[rows.Container])),
    "gpus": ("name", TypeAdapter(list[rows.Gpu])),
    "instances": ("name", TypeAdapter(list[rows.InstanceType])),
    "registries": ("region", TypeAdapter(list[rows.Registry])),
    "region_sets": ("name", TypeAdapter(list[rows.RegionSet])),
    "models": ("id", TypeAdapter(list[rows.Model])),
}
"""Table: (the column that names a row, what its rows are checked against)."""


def compile_table(table: str, folder: Path = HERE) -> str:
    """JSON text of one table: an object from each row's name to its row.

    Raises ValueError when a row is incomplete or two rows have one name.
    """
    key, row_list = TABLES[table]
    raw = yaml.safe_load((folder / f"{table}.yaml").read_text(encoding="utf-8"))
    checked: list[dict[str, Any]] = row_list.dump_python(row_list.validate_python(raw), mode="json")
    named = {row[key]: row for row in checked}
    if len(named) != len(checked):
        names = [row[key] for row in checked]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{table}.yaml names these rows twice: {', '.join(twice)}")
    return json.dumps(named, ensure_ascii=True, separators=(",", ":")) + "\n"


def main() -> None:
    """Write every table's JSON into `compiled/`."""
    target = HERE / "compiled"
    target.mkdir(exist_ok=True)
    for table in TABLES:
        (target / f"{table}.json").write_text(compile_table(table), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
