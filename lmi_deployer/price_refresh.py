"""`catalog refresh`: today's prices beside those that are known, and the file that keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmi_deployer import catalog, prices
from lmi_deployer.catalog.rows import PriceList
from lmi_deployer.errors import InputError

if TYPE_CHECKING:
    from lmi_deployer.edges.aws_calls import AwsSettings
    from lmi_deployer.edges.price_list import Fetched

Change = Mapping[str, Any]
YAML_ENDINGS = (".yaml", ".yml")


def known_regions() -> list[str]:
    """The regions that have prices already."""
    return sorted({price.region for _, price in prices.known().all()})


def fetch(regions: Sequence[str], settings: AwsSettings) -> list[Fetched]:
    """Today's hosting prices, of every instance type of the catalog that the regions offer."""
    from lmi_deployer.edges import price_list

    unknown = [name for name in regions if name not in catalog.names("registries")]
    for name in unknown:
        catalog.registry(name)  # raises the error with the nearest name
    types = catalog.names("instances")
    today = datetime.now(tz=UTC).date()
    return price_list.fetch(regions, types, settings=settings, today=today)


def changes(lists: Sequence[PriceList]) -> list[Change]:
    """Each fetched price beside the one known before, where it is new or another."""
    found: list[Change] = []
    for row in lists:
        for name, usd in row.usd_per_hour.items():
            before = prices.known().quote(name, row.region).price
            found.append(
                {
                    "instance_type": name,
                    "region": row.region,
                    "usd_per_hour": usd,
                    "as_of": row.as_of.isoformat(),
                    "before_usd_per_hour": before and before.usd_per_hour,
                    "before_as_of": before and before.as_of.isoformat(),
                }
            )
    return found


def as_rows(found: Sequence[Change]) -> list[list[str]]:
    """A table of changes; prices that stayed are counted in the last line."""
    rows = [["INSTANCE TYPE", "REGION", "BEFORE", "NOW"]]
    kept = 0
    for item in found:
        before = item["before_usd_per_hour"]
        if before == item["usd_per_hour"]:
            kept += 1
            continue
        was = "-" if before is None else f"{before} ({item['before_as_of']})"
        now = f"{item['usd_per_hour']} ({item['as_of']})"
        rows.append([item["instance_type"], item["region"], was, now])
    return [*rows, [f"{kept} as before", "", "", ""]] if kept else rows


def keep(lists: Sequence[PriceList], path: Path) -> None:
    """Write the lists into a price file, in the place of older ones of their regions.

    To YAML, whose comments are somebody's, they are only added. Raises InputError for a file that
    holds something else.
    """
    from lmi_deployer.edges.files import read_text, write_text

    old = prices.read_file(path) if path.exists() else ()
    if path.suffix in YAML_ENDINGS:
        same = {row.name for row in old} & {row.name for row in lists}
        if same:
            problem = f"{path} holds {', '.join(sorted(same))} already"
            raise InputError(problem, fix="remove it there, or another file with --out")
        text = read_text(path) if path.exists() else ""
        write_text(path, text + "".join(_block(row) for row in lists))
        return
    regions = {row.region for row in lists}
    write_text(path, prices.as_json([*(row for row in old if row.region not in regions), *lists]))


def _block(row: PriceList) -> str:
    """A list as prices.yaml writes it, with a blank line above."""
    lines = [
        f"- name: {row.name}",
        f"  region: {row.region}",
        f"  as_of: {row.as_of}",
        "  usd_per_hour:",
        *(f"    {name}: {usd}" for name, usd in row.usd_per_hour.items()),
        f"  source: {row.source}",
        f"  checked: {row.checked}",
    ]
    return "\n" + "\n".join(lines) + "\n"
