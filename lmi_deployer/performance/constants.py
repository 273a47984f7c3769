"""The calibrated constants, as plain numbers: catalog/performance.yaml, read once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from lmi_deployer import catalog

Measure = Literal["throughput", "itl", "ttft"]
MICROSECOND = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """`catalog.performance_rows.HardwareConstants`, in seconds and bytes."""

    weight_bandwidth: float
    cache_bandwidth: float
    expert_bandwidth: float
    unpacking: float
    decode_compute: float
    prefill_compute: float
    expert_compute: float
    nvlink_seconds: float
    nvlink_bandwidth: float
    pcie_seconds: float
    pcie_bytes_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """`catalog.performance_rows.EnginePace`, in seconds."""

    per_step: float
    per_layer: float
    per_prefill_layer: float
    per_expert_layer: float
    per_sequence: float
    link_factor: float
    rereads: float
    first_token_factor: float | None
    first_token_queue: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """`catalog.performance_rows.BandFactors`."""

    low: float
    high: float
    rows: int
    models: int
    cards: int


@cache
def hardware() -> Hardware:
    """What share of the datasheet's rates kernels reach."""
    return hardware_of(_rows()["hardware"])


@cache
def pace(name: str) -> Pace:
    """What a generation of an engine spends beside its kernels."""
    return pace_of(_rows()[name])


@cache
def factors(group: str, measure: Measure) -> Factors | None:
    """How far estimates of a group were off; None where nothing was measured."""
    row = _rows().get(f"{group}-{measure}")
    if row is None:
        return None
    return Factors(
        low=row["low"], high=row["high"], rows=row["rows"], models=row["models"], cards=row["cards"]
    )


def hardware_of(row: dict[str, Any]) -> Hardware:
    """Hardware constants out of a row of the table."""
    return Hardware(
        weight_bandwidth=row["weight_bandwidth"],
        cache_bandwidth=row["cache_bandwidth"],
        expert_bandwidth=row["expert_bandwidth"],
        unpacking=row["unpacking"],
        decode_compute=row["decode_compute"],
        prefill_compute=row["prefill_compute"],
        expert_compute=row["expert_compute"],
        nvlink_seconds=row["nvlink_latency_us"] * MICROSECOND,
        nvlink_bandwidth=row["nvlink_bandwidth"],
        pcie_seconds=row["pcie_latency_us"] * MICROSECOND,
        pcie_bytes_per_second=row["pcie_gb_per_second"] * 1e9,
    )


def pace_of(row: dict[str, Any]) -> Pace:
    """An engine's constants out of a row of the table."""
    return Pace(
        per_step=row["per_step_us"] * MICROSECOND,
        per_layer=row["per_layer_us"] * MICROSECOND,
        per_prefill_layer=row["per_prefill_layer_us"] * MICROSECOND,
        per_expert_layer=row["per_expert_layer_us"] * MICROSECOND,
        per_sequence=row["per_sequence_us"] * MICROSECOND,
        link_factor=row["link_factor"],
        rereads=row["rereads"],
        first_token_factor=row["first_token_factor"],
        first_token_queue=row["first_token_queue"],
    )


def _rows() -> dict[str, Any]:
    return catalog.raw_rows("performance")
