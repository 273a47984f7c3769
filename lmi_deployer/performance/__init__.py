"""Roofline estimates of latency and throughput, with their measured error."""

from lmi_deployer.performance.estimate import (
    Band,
    NoBasis,
    Performance,
    estimate,
    usd_per_million_tokens,
)

__all__ = ["Band", "NoBasis", "Performance", "estimate", "usd_per_million_tokens"]
