"""`lmi-deploy catalog`: the facts that everything else decides by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from lmi_deployer import catalog, report
from lmi_deployer.cli.options import output_option
from lmi_deployer.cli.output import print_document, print_json
from lmi_deployer.errors import InputError
from lmi_deployer.nearest import did_you_mean

Row = Mapping[str, Any]


def _price(row: Row) -> str:
    price = row["price"]
    return f"{price['usd_per_hour']:.2f}" if price else "-"


def _readers(row: Row) -> str:
    readers = dict.fromkeys(name for reading in row["readings"] for name in reading["readers"])
    return ", ".join(readers)


TABLES: Mapping[str, tuple[str, tuple[tuple[str, Callable[[Row], str]], ...]]] = {
    "containers": (
        "containers",
        (
            ("VERSION", lambda row: row["version"]),
            ("LMI", lambda row: row["lmi_generation"]),
            ("FLAVORS", lambda row: ", ".join(row["flavors"])),
            ("BACKENDS", lambda row: ", ".join(row["backends"])),
        ),
    ),
    "instances": (
        "instances",
        (
            ("INSTANCE TYPE", lambda row: row["name"]),
            ("GPUS", lambda row: f"{row['gpu_count']} x {row['gpu']}"),
            ("LINK", lambda row: row["gpu_link"]),
            ("MEMORY GIB", lambda row: f"{row['host_memory_gib']:.0f}"),
            ("USD/HOUR", _price),
        ),
    ),
    "options": (
        "options",
        (
            ("KEY", lambda row: row["key"]),
            ("SETTING", lambda row: row.get("setting") or "-"),
            ("MEANING", lambda row: row["meaning"]),
            ("READ BY", _readers),
        ),
    ),
    "gpus": (
        "gpus",
        (
            ("GPU", lambda row: row["name"]),
            ("ARCHITECTURE", lambda row: row["architecture"]),
            ("USABLE GIB", lambda row: f"{row['usable_memory_gib']:.1f}"),
            ("COMPUTE CAPABILITY", lambda row: str(row["compute_capability"] or "-")),
        ),
    ),
    "models": (
        "models",
        (
            ("MODEL", lambda row: row["id"]),
            ("FAMILY", lambda row: row["model_type"]),
            ("GIB", lambda row: f"{row['checkpoint_bytes'] / 1024**3:.1f}"),
            ("QUANTIZED", lambda row: row["quantization"] or "-"),
            ("GATED", lambda row: "yes" if row["is_gated"] else "-"),
        ),
    ),
    "regions": (
        "registries",
        (("REGION", lambda row: row["region"]), ("ACCOUNT", lambda row: row["account"])),
    ),
}
"""Kind: (the catalog's table, its columns)."""


@click.command("catalog")
@click.argument("kind", type=click.Choice(list(TABLES)))
@click.argument("name", required=False)
@output_option
@click.option("--json", "as_json", is_flag=True, help="The same as `-o json`.")
def command(kind: str, name: str | None, output: str, as_json: bool) -> int:
    """List facts of one KIND; with NAME, everything about one of them, and the source."""
    table, columns = TABLES[kind]
    rows = catalog.raw_rows(table)
    if name is not None:
        if name not in rows:
            raise InputError(f"the catalog has no {name!r}", fix=did_you_mean(name, rows))
        print_json(rows[name])
    elif output == "json" or as_json:
        print_document(**{kind: list(rows.values())})
    else:
        body = [[show(row) for _, show in columns] for row in rows.values()]
        click.echo(report.table([[heading for heading, _ in columns], *body]))
    return 0
