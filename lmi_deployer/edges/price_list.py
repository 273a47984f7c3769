"""Reads today's hosting prices from the AWS Price List API.

A product is known by its usage type, as it stands on a bill: `USE1-Host:ml.g5.xlarge` is an hour
of hosting in us-east-1; us-east-1 may also leave the prefix out. Source:
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from lmi_deployer.catalog.rows import PriceList
from lmi_deployer.edges.aws_calls import AwsSettings, Calls
from lmi_deployer.errors import AwsError, InputError

API_REGION = "us-east-1"
"""The API answers for all regions of the partition from here, eu-central-1 and ap-south-1."""
PAGE = 100
_HOSTING = re.compile(r"(?:[A-Z0-9]+-)?Host:(ml\.[a-z0-9-]+\.[a-z0-9]+)")
_HOUR = frozenset({"hrs", "hr", "hour", "hours"})


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """One region's prices, and the instance types whose price could not be told."""

    prices: PriceList
    unclear: tuple[str, ...]


def fetch(
    regions: Collection[str], types: Collection[str], *, settings: AwsSettings, today: date
) -> list[Fetched]:
    """Hosting prices of the named instance types, a list for each region.

    Raises AwsError for a region in which AWS lists none of them, CredentialsError without
    credentials, and InputError for a region that the API does not answer for.
    """
    apart = [region for region in regions if region.startswith(("cn-", "us-iso", "eu-iso", "eusc"))]
    if apart:
        problem = f"the price list API of AWS does not hold {', '.join(apart)}"
        raise InputError(problem, fix="--region with a region of the aws partition")
    calls = Calls(replace(settings, region=API_REGION))
    return [_region(calls, region, frozenset(types), today) for region in regions]


def _region(calls: Calls, region: str, types: Collection[str], today: date) -> Fetched:
    found: dict[str, set[float]] = {}
    for product in _products(calls, region):
        name = _instance_type(product)
        if name is not None and name in types:
            found.setdefault(name, set()).update(_hourly(product))
    usd = {name: prices.pop() for name, prices in sorted(found.items()) if len(prices) == 1}
    if not usd:
        fix = "the name of a region in which SageMaker hosts, such as eu-west-1"
        raise AwsError(f"AWS lists no hosting price for {region}", fix=fix)
    row = PriceList.model_construct(
        name=f"{region}-{today}",
        region=region,
        as_of=today,
        usd_per_hour=usd,
        source=f"AWS Price List API, AmazonSageMaker {region}, hosting usage",
        checked=today,
    )
    return Fetched(prices=row, unclear=tuple(sorted(set(found) - set(usd))))


def _products(calls: Calls, region: str) -> Iterator[Mapping[str, Any]]:
    """Every product of hosting in a region."""
    wanted = {
        "regionCode": region,
        "productFamily": "ML Instance",
        "platoinstancetype": "Hosting",
    }
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": wanted[name]} for name in wanted]
    pages = calls.pages(
        "pricing",
        "GetProducts",
        "PriceList",
        ServiceCode="AmazonSageMaker",
        Filters=filters,
        MaxResults=PAGE,
    )
    for text in pages:
        try:
            product = json.loads(text)
        except ValueError as error:
            raise AwsError(f"GetProducts: AWS sent a product that is no JSON: {error}") from error
        if isinstance(product, dict):
            yield product


def _instance_type(product: Mapping[str, Any]) -> str | None:
    attributes = product.get("product", {}).get("attributes", {})
    match = _HOSTING.fullmatch(str(attributes.get("usagetype", "")))
    return match[1] if match else None


def _hourly(product: Mapping[str, Any]) -> Iterator[float]:
    """What an hour on demand costs; products of no charge, such as free tiers, have none."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term.get("priceDimensions", {}).values():
            usd = float(dimension.get("pricePerUnit", {}).get("USD", 0))
            if usd > 0 and str(dimension.get("unit", "")).lower() in _HOUR:
                yield usd
