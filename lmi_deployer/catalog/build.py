"""Check the catalog's YAML files and write the JSON that the program loads.

Run it after every edit: `python -m lmi_deployer.catalog.build`. YAML is for people (comments,
sources beside facts); JSON loads about fifty times faster, and start-up time matters here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from lmi_deployer.catalog import organisation, rows
from lmi_deployer.catalog.code_rows import CodeRow
from lmi_deployer.catalog.compile_time_rows import CompileTime
from lmi_deployer.catalog.compiling import Compiler
from lmi_deployer.catalog.migration_rows import compile_migrations
from lmi_deployer.catalog.performance_rows import PerformanceRow
from lmi_deployer.catalog.published_rows import TuningGuide
from lmi_deployer.catalog.sizing_rows import EngineMemory
from lmi_deployer.catalog.sources import by_name, read_sources, read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
TABLES: Mapping[str, tuple[str, TypeAdapter[Any]]] = {
    "gpus": ("name", TypeAdapter(list[rows.Gpu])),
    "instances": ("name", TypeAdapter(list[rows.InstanceType])),
    "prices": ("name", TypeAdapter(list[rows.PriceList])),
    "registries": ("region", TypeAdapter(list[rows.Registry])),
    "region_sets": ("name", TypeAdapter(list[rows.RegionSet])),
    "drivers": ("name", TypeAdapter(list[rows.Host])),
    "models": ("id", TypeAdapter(list[rows.Model])),
    "published": ("name", TypeAdapter(list[TuningGuide])),
    "memory": ("name", TypeAdapter(list[EngineMemory])),
    "codes": ("code", TypeAdapter(list[CodeRow])),
    "performance": ("name", TypeAdapter(list[PerformanceRow])),
    "compile_times": ("name", TypeAdapter(list[CompileTime])),
}
"""Table that does not depend on LMI versions: (the column that names a row, its rows' class)."""


def compile_table(table: str, folder: Path = HERE) -> str:
    """JSON text of one table: an object from each row's name to its row.

    Raises ValueError when a row is incomplete or two rows have one name.
    """
    key, row_list = TABLES[table]
    raw = read_yaml(folder / f"{table}.yaml")
    checked: list[dict[str, Any]] = row_list.dump_python(row_list.validate_python(raw), mode="json")
    return as_json(by_name(f"{table}.yaml", ((row[key], row) for row in checked)))


def compile_versions(folder: Path = HERE) -> dict[str, str]:
    """JSON texts of everything about LMI versions, by path below `compiled/`.

    Raises ValueError when rows are incomplete, or contradict each other in some version.
    """
    compiler = Compiler(read_sources(folder))
    order = compiler.sources.order
    return {
        "containers/index.json": as_json(order),
        **{f"containers/{name}.json": as_json(compiler.container(name)) for name in order},
        **{f"lint/{name}.json": as_json(compiler.lint(name)) for name in order},
        "compilers.json": as_json(compiler.compilers()),
        "migrations.json": as_json(compile_migrations(folder, order)),
        "options.json": as_json(compiler.options()),
    }


def compile_all(folder: Path = HERE) -> dict[str, str]:
    """JSON texts of the whole catalog, by path below `compiled/`."""
    tables = {f"{table}.json": compile_table(table, folder) for table in TABLES}
    models = split_models(tables.pop("models.json"))
    return tables | models | compile_versions(folder)


def split_models(text: str) -> dict[str, str]:
    """The table of models in a file for each organisation of the Hub, and an index of their ids.

    A run asks for one model or two, and reading all of them would take longer than all else.
    """
    parts: dict[str, dict[str, Any]] = {}
    models = json.loads(text)
    for name, row in models.items():
        parts.setdefault(organisation(name), {})[name] = row
    files = {f"models/{part}.json": as_json(rows) for part, rows in parts.items()}
    return {"models.json": as_json(list(models)), **files}


def as_json(document: Any) -> str:
    """A document without spaces, on one line."""
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")) + "\n"


def main() -> None:
    """Write the whole catalog into `compiled/`, and remove what it no longer holds."""
    target = HERE / "compiled"
    texts = compile_all()
    for name, text in texts.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    for path in target.rglob("*.json"):
        if path.relative_to(target).as_posix() not in texts:
            path.unlink()


if __name__ == "__main__":
    main()
