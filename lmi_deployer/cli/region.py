"""The region that prices and offline plans are for, where nobody names one."""

from __future__ import annotations

import os


def configured_region() -> str:
    """The region of the environment, or the one that most examples use."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def region_of_prices(named: str | None) -> str:
    """The region whose prices are told. Raises InputError for one that somebody mistyped."""
    from lmi_deployer import catalog

    region = named or configured_region()
    if named is not None:
        catalog.registry(named)
    return region
