"""`lmi-deploy catalog`: the facts that everything else decides by, and today's prices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lmi_deployer import catalog, prices
from lmi_deployer.cli import completing
from lmi_deployer.cli.options import output_option
from lmi_deployer.cli.output import print_document, print_json, say
from lmi_deployer.columns import table as in_columns
from lmi_deployer.errors import InputError
from lmi_deployer.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lmi_deployer.catalog.rows import PriceList

Row = Mapping[str, Any]


def _price(row: Row) -> str:
    price = row["price"]
    return f"{price['usd_per_hour']:.2f}" if price else "-"


def _price_date(row: Row) -> str:
    price = row["price"]
    return f"{price['region']}, {price['as_of']}" if price else "-"


def _readers(row: Row) -> str:
    readers = dict.fromkeys(name for reading in row["readings"] for name in reading["readers"])
    return ", ".join(readers)


def _script(row: Row) -> str:
    return "refused" if row.get("refused") else str(row["script"].rpartition("/")[2])


def _runners(row: Row) -> str:
    if row.get("refused"):
        return "-"
    more = ["native"] if row.get("builds_natively") else []
    more += ["optimization"] if row.get("has_optimization_jobs") else []
    return ", ".join(["sagemaker", "docker", *more])


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
            ("PRICE OF", _price_date),
        ),
    ),
    "prices": (
        "prices",
        (
            ("LIST", lambda row: row["name"]),
            ("REGION", lambda row: row["region"]),
            ("AS OF", lambda row: row["as_of"]),
            ("TYPES", lambda row: str(len(row["usd_per_hour"]))),
            ("SOURCE", lambda row: row["source"]),
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
    "compilers": (
        "compilers",
        (
            ("VERSION", lambda row: row["version"]),
            ("BACKEND", lambda row: row["backend"]),
            ("MAKES", lambda row: row["kind"]),
            ("SCRIPT", _script),
            ("RUNNERS", _runners),
        ),
    ),
    "gpus": (
        "gpus",
        (
            ("GPU", lambda row: row["name"]),
            ("ARCHITECTURE", lambda row: row["architecture"]),
            ("USABLE GIB", lambda row: f"{row['usable_memory_gib']:.1f}"),
            ("COMPUTE CAPABILITY", lambda row: str(row["compute_capability"] or "-")),
            ("SAGEMAKER", lambda row: "yes" if row["is_on_sagemaker"] else "-"),
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


class Kinds(click.Group):
    """A command for each kind of fact, and what else there is to do with the catalog."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a kind, which lists its facts."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in TABLES:
            return own
        return _listing(cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The kinds first."""
        return [*TABLES, *super().list_commands(ctx)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of the first word. Raises UsageError, with what there is, for another."""
        known = self.list_commands(ctx)
        if args[0] not in known:
            raise click.UsageError(f"{args[0]!r} is not one of {', '.join(known)}.", ctx)
        return super().resolve_command(ctx, args)


@click.group("catalog", cls=Kinds, subcommand_metavar="KIND [NAME]")
def command() -> None:
    """List facts of one KIND; with NAME, everything about one of them, and the source.

    `refresh` reads today's prices from AWS.
    """


def _listing(kind: str) -> click.Command:
    @click.command(kind, help=f"List {kind}; with NAME, everything about one of them.")
    @click.argument("name", required=False, shell_complete=completing.names_of(TABLES[kind][0]))
    @output_option
    @click.option("--json", "as_json", is_flag=True, help="The same as `-o json`.")
    def listing(name: str | None, output: str, as_json: bool) -> int:
        _show(kind, name, is_json=as_json or output == "json")
        return 0

    return listing


def _show(kind: str, name: str | None, *, is_json: bool) -> None:
    table, columns = TABLES[kind]
    rows = catalog.raw_rows(table)
    if kind == "instances":
        rows = {key: {**row, "price": _price_of(key)} for key, row in rows.items()}
    below = {key: row for key, row in rows.items() if key.startswith(f"{name}/")}
    if below and kind == "compilers":
        print_json(below)  # a version without a backend names all of its rows
    elif name is not None:
        if name not in rows:
            begun = [key for key in rows if key.startswith(name)]
            fix = f"one of {', '.join(begun)}" if len(begun) > 1 else did_you_mean(name, rows)
            raise InputError(f"the catalog has no {name!r}", fix=fix)
        print_json(rows[name])
    elif is_json:
        print_document(**{kind: list(rows.values())})
    else:
        body = [[show(row) for _, show in columns] for row in rows.values()]
        click.echo(in_columns([[heading for heading, _ in columns], *body]))


def _price_of(instance_type: str) -> Row | None:
    """The newest price, of the catalog or the user's own file, as plain data."""
    price = prices.price(instance_type)
    return None if price is None else price.model_dump(mode="json")


@command.command("refresh")
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="REGION",
    shell_complete=completing.names_of("registries"),
    help="Region to read prices of; repeatable. Those with prices already, if none.",
)
@click.option(
    "--aws-profile",
    metavar="NAME",
    envvar="LMI_DEPLOY_AWS_PROFILE",
    help="Credentials of ~/.aws to use.",
)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to keep them in: JSON, or YAML such as the catalog's prices.yaml.",
)
@click.option("--dry-run", is_flag=True, help="Show the prices and write nothing.")
@output_option
def refresh(
    regions: tuple[str, ...],
    aws_profile: str | None,
    out: Path | None,
    dry_run: bool,
    output: str,
) -> int:
    """Read today's hosting prices from the AWS price list, and keep them for later commands.

    Needs the permission pricing:GetProducts. The file is the user's own, which every command
    reads beside the catalog; the newest price of a region holds.
    """
    from lmi_deployer import price_refresh
    from lmi_deployer.edges.aws_calls import AwsSettings

    path = out or prices.own_file()
    if path is None and not dry_run:
        problem = f"{prices.FILE_VARIABLE} is empty, so there is no file to keep prices in"
        raise InputError(problem, fix="--out FILE")
    wanted = list(dict.fromkeys(regions)) or price_refresh.known_regions()
    fetched = price_refresh.fetch(wanted, AwsSettings(aws_profile=aws_profile))
    lists = [item.prices for item in fetched]
    changes = price_refresh.changes(lists)
    if path is not None and not dry_run:
        price_refresh.keep(lists, path)
    written = None if dry_run else str(path)
    if output == "json":
        print_document(written=written, changes=changes, lists=_plain(lists))
        return 0
    click.echo(in_columns(price_refresh.as_rows(changes)))
    for item in fetched:
        if item.unclear:
            say(f"{item.prices.region}: AWS gives several prices for {', '.join(item.unclear)}")
    say(f"Wrote {written}." if written else "Nothing was written.")
    return 0


def _plain(lists: Sequence[PriceList]) -> list[Row]:
    return [row.model_dump(mode="json") for row in lists]
