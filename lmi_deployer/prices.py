"""What instances cost: the catalog's dated price lists, and newer ones of the user's own.

A price holds for one region and one day. Where a region has none, the newest of another region is
there to be named as such; nothing here passes it off as the region's own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmi_deployer import catalog
from lmi_deployer.catalog.rows import Price, PriceList
from lmi_deployer.errors import InputError
from lmi_deployer.nearest import did_you_mean

if TYPE_CHECKING:
    from lmi_deployer.performance.estimate import Band

FILE_VARIABLE = "LMI_DEPLOY_PRICES"
"""Names the user's price file; an empty value stands for none."""
HOME_REGION = "us-east-1"
"""Comes first among regions whose prices are equally new."""
SECONDS_PER_HOUR = 3600
MILLION = 1_000_000
MOST_PROBLEMS, MOST_SHOWN = 10, 40
"""Of a faulty file: problems that are named, and characters of a value."""
_REFRESH = "`lmi-deploy catalog refresh`"


@dataclass(frozen=True, kw_only=True)
class Quote:
    """What is known of the price of an instance type in the region that was asked for."""

    price: Price | None
    """The newest of that region, or of any where none was asked for."""
    elsewhere: Price | None = None
    """The newest of another region, where the asked one has none."""

    @property
    def nearest(self) -> Price | None:
        """The best figure there is to compare with: of the region, or else of another."""
        return self.price or self.elsewhere

    @property
    def dated(self) -> str | None:
        """Region and day of that figure."""
        nearest = self.nearest
        return None if nearest is None else f"{nearest.region} {nearest.as_of}"


def usd_per_million_tokens(usd_per_hour: float, tokens_per_second: Band) -> Band:
    """What a million tokens cost at an hourly price; the band of the speed, turned over."""
    usd = usd_per_hour / SECONDS_PER_HOUR * MILLION
    rate = tokens_per_second
    return type(rate)(low=usd / rate.high, middle=usd / rate.middle, high=usd / rate.low)


class PriceTable:
    """Price lists, ready to be asked.

    Of several prices of one type in one region the newest holds; of equally new ones the last.
    `chosen` are lists that hold whatever their date.
    """

    def __init__(self, lists: Iterable[PriceList], chosen: Iterable[PriceList] = ()) -> None:
        self._prices: dict[str, dict[str, Price]] = {}
        for row in lists:
            self._take(row, is_chosen=False)
        for row in chosen:
            self._take(row, is_chosen=True)

    def quote(self, instance_type: str, region: str | None = None) -> Quote:
        """The price in a region; without one, the newest of any."""
        by_region = self._prices.get(instance_type, {})
        newest = max(by_region.values(), key=_newness, default=None)
        if region is None:
            return Quote(price=newest)
        here = by_region.get(region)
        return Quote(price=here, elsewhere=newest if here is None else None)

    def all(self) -> list[tuple[str, Price]]:
        """Every price that holds, with its instance type."""
        return [
            (name, price)
            for name in sorted(self._prices)
            for price in sorted(self._prices[name].values(), key=lambda item: item.region)
        ]

    def _take(self, row: PriceList, *, is_chosen: bool) -> None:
        for name, usd_per_hour in row.usd_per_hour.items():
            by_region = self._prices.setdefault(name, {})
            other = by_region.get(row.region)
            if other is None or is_chosen or row.as_of >= other.as_of:
                by_region[row.region] = Price.model_construct(
                    usd_per_hour=usd_per_hour,
                    region=row.region,
                    as_of=row.as_of,
                    source=row.source,
                )


def _newness(price: Price) -> tuple[Any, ...]:
    return (price.as_of, price.region == HOME_REGION, price.region)


def price(instance_type: str, region: str | None = None) -> Price | None:
    """On-demand price of one instance for an hour, or None where that region has none.

    Without a region, the newest of any.
    """
    return known().quote(instance_type, region).price


@cache
def known() -> PriceTable:
    """The catalog's lists and, where there is one, the user's file."""
    return PriceTable([*_shipped(), *_own()])


def with_file(path: Path) -> PriceTable:
    """What is known, with a file over it that holds whatever its dates.

    Raises InputError for a file that is none, or that prices what the catalog does not hold.
    """
    lists = read_file(path)
    _require_known(path, lists)
    return PriceTable([*_shipped(), *_own()], chosen=lists)


def _own() -> tuple[PriceList, ...]:
    """The lists of the user's file; none where `catalog refresh` has not yet written it."""
    path = own_file()
    return read_file(path) if path is not None and path.exists() else ()


def _require_known(path: Path, lists: Iterable[PriceList]) -> None:
    """Raise InputError, with all of them, for instance types and regions that do not exist."""
    problems, fixes = [], []
    for row in lists:
        asked = {"region": [row.region], "instance type": list(row.usd_per_hour)}
        for kind, table in (("region", "registries"), ("instance type", "instances")):
            names = catalog.names(table)
            for name in asked[kind]:
                if name not in names:
                    problems.append(f"{row.name}: unknown {kind} {name!r}")
                    fixes.append(did_you_mean(name, names))
    if problems:
        fix = "; ".join(dict.fromkeys(fixes))
        raise InputError(f"{path}: {'; '.join(problems)}", fix=fix)


def own_file() -> Path | None:
    """Where `catalog refresh` keeps prices for this user; None where they want none."""
    named = os.environ.get(FILE_VARIABLE)
    if named is not None:
        return Path(named) if named else None
    config = os.environ.get("XDG_CONFIG_HOME") or os.environ.get("APPDATA")
    try:
        folder = Path(config) if config else Path.home() / ".config"
    except RuntimeError:  # no home
        return None
    return folder / "lmi-deploy" / "prices.json"


def read_file(path: Path) -> tuple[PriceList, ...]:
    """The lists of a price file: JSON, or YAML as prices.yaml of the catalog.

    Raises InputError for what is no such file.
    """
    from lmi_deployer.edges.files import read_text

    text = read_text(path)
    fix = f"{_REFRESH} writes one; {FILE_VARIABLE} names another, or none when it is empty"
    try:
        return parse(text, is_json=path.suffix == ".json")
    except ValueError as error:
        raise InputError(f"{path} holds no price lists: {error}", fix=fix) from error


def parse(text: str, *, is_json: bool) -> tuple[PriceList, ...]:
    """The lists in a text. Raises ValueError, with everything that is wrong."""
    from pydantic import TypeAdapter, ValidationError

    if is_json:
        document = json.loads(text)
        rows = document.get("lists") if isinstance(document, dict) else document
    else:
        import yaml

        try:
            rows = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ValueError(str(error).splitlines()[0]) from error
    try:
        return tuple(TypeAdapter(list[PriceList]).validate_python(rows))
    except ValidationError as error:
        problems = [_problem(text, dict(item)) for item in error.errors(include_url=False)]
        raise ValueError("; ".join(problems[:MOST_PROBLEMS])) from None


def _problem(text: str, item: Mapping[str, Any]) -> str:
    """One thing that pydantic found, with the line of a file: JSON is YAML as well."""
    import yaml

    place = tuple(item["loc"])
    said = str(item["msg"]).removeprefix("Input ").removeprefix("Value error, ")
    node: Any = yaml.compose(text, yaml.SafeLoader)
    line = 0
    for part in ("lists", *place) if isinstance(node, yaml.MappingNode) else place:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        elif isinstance(node, yaml.MappingNode):
            found = [value for key, value in node.value if key.value == str(part)]
            node = found[0] if found else node
        line = node.start_mark.line + 1
    value = node.value if isinstance(node, yaml.ScalarNode) else None
    shown = "" if value is None else f"{value[:MOST_SHOWN]!r} "
    named = ".".join(str(part) for part in place if not isinstance(part, int))
    return f"line {line}: {named or 'the file'}: {shown}{said}" if line else f"the file {said}"


def as_json(lists: Sequence[PriceList]) -> str:
    """The text of a price file."""
    rows = [row.model_dump(mode="json") for row in lists]
    return json.dumps({"schema_version": 1, "lists": rows}, indent=2) + "\n"


@cache
def _shipped() -> tuple[PriceList, ...]:
    from lmi_deployer.catalog.typed import typed

    return tuple(typed(PriceList, row) for row in catalog.raw_rows("prices").values())
