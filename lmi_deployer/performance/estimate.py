"""How fast a setup serves: a band for each figure, never a bare number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmi_deployer.performance import constants
from lmi_deployer.performance.constants import Hardware, Pace
from lmi_deployer.performance.roofline import Load, first_token, serve
from lmi_deployer.performance.scope import UNMEASURED, group, pace_name, reason_against
from lmi_deployer.performance.work import work

if TYPE_CHECKING:
    from lmi_deployer.sizing.memory import Memory
    from lmi_deployer.sizing.setup import Setup

DEFAULT_MAX_NUM_TOKENS = 8192
"""Prompt tokens of one pass where nothing is set. Source: max_num_tokens of TensorRT-LLM's builder
from 0.12 on, max_num_batched_tokens of vLLM's server on cards of 70 GiB and more."""
KINDS = {"dense": "dense models", "moe": "mixtures of experts", "no": "engines"}
PLACES = {
    "nvlink": "on NVLink cards",
    "pcie": "over PCIe",
    "l40s": "on one L40S",
    "single": "on one card without NVLink",
    "graphs": "without CUDA graphs on one card",
    "graphs-parallel": "without CUDA graphs on several cards",
    UNMEASURED: "with their engine or number format left out, as nothing like this was measured",
}
"""The two halves of a group's name, in words."""
MAX_FIRST_TOKEN_SHARE = 0.5
"""The first token cannot take more of a request's time than a server that keeps up would let it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The middle, and the range that held at least 80 of 100 left-out measurements."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Of one copy of the model, at a steady number of requests in flight."""

    ttft_seconds: Band | None
    itl_seconds: Band
    output_tokens_per_second: Band
    concurrency: int
    """Requests in flight that the figures are for: what was asked, bounded by batch and cache."""
    basis: str
    """Which measurements the bands come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoBasis:
    """Why there is no estimate."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Middle:
    """The estimate itself, before its error is put around it."""

    ttft_seconds: float | None
    itl_seconds: float
    output_tokens_per_second: float
    in_flight: float


def estimate(setup: Setup, memory: Memory, *, concurrency: int) -> Performance | NoBasis:
    """How fast one copy serves requests of the setup's lengths.

    Beyond what batch and cache hold, requests wait: the figures are then those of the requests
    that are being served, and waiting comes on top.
    """
    reason = reason_against(setup)
    if reason is None and memory.kv_cache_tokens <= 0:
        reason = "the model does not fit, or has no cache"
    name = pace_name(setup)
    if reason is not None or name is None:
        return NoBasis(reason=reason or f"nothing was measured with {setup.engine}")
    bands = group(setup)
    throughput = constants.factors(bands, "throughput")
    if throughput is None:
        return NoBasis(reason=f"nothing was measured of this kind: {described(bands)}")
    found = middle(
        setup,
        memory,
        concurrency=concurrency,
        hardware=constants.hardware(),
        pace=constants.pace(name),
    )
    tokens = found.output_tokens_per_second
    return Performance(
        ttft_seconds=_first_token_band(found.ttft_seconds, bands),
        itl_seconds=_itl_band(found.itl_seconds, bands, throughput),
        output_tokens_per_second=_band(tokens, throughput),
        concurrency=max(1, int(found.in_flight)),
        basis=f"{throughput.rows} measurements, {_counted(throughput.models, 'model')} and "
        f"{_counted(throughput.cards, 'card')}, each left out in turn: {described(bands)}",
    )


def middle(
    setup: Setup, memory: Memory, *, concurrency: int, hardware: Hardware, pace: Pace
) -> Middle:
    """The roofline's answer with given constants, for callers that calibrate them."""
    load = load_of(setup, memory, concurrency)
    timing = serve(work(setup, memory.kv_bytes_per_token), hardware, pace, load)
    first = first_token(timing, pace, load.in_flight)
    began = min(timing.prompt if first is None else first, timing.cycle * MAX_FIRST_TOKEN_SHARE)
    between = timing.decode  # answers of one token have no time between tokens of their own
    if load.output_len > 1:
        between = (timing.cycle - began) / (load.output_len - 1)
    return Middle(
        ttft_seconds=first,
        itl_seconds=between,
        output_tokens_per_second=load.in_flight * load.output_len / timing.cycle,
        in_flight=load.in_flight,
    )


def load_of(setup: Setup, memory: Memory, concurrency: int) -> Load:
    """Requests in flight of the setup's lengths: what is asked, bounded by batch and cache."""
    length = max(1, setup.max_input_len + setup.max_output_len)
    held = min(concurrency, setup.max_rolling_batch_size, memory.kv_cache_tokens / length)
    return Load(
        in_flight=max(1.0, held),
        input_len=max(1, setup.max_input_len),
        output_len=max(1, setup.max_output_len),
        max_num_tokens=setup.max_num_tokens or DEFAULT_MAX_NUM_TOKENS,
    )


def usd_per_million_tokens(
    performance: Performance, usd_per_hour: float, *, copies: int = 1
) -> Band:
    """Price of a million output tokens when `copies` share an instance and are kept busy."""
    speed = performance.output_tokens_per_second
    per_hour = 3600 * copies / 1e6
    return Band(
        low=usd_per_hour / (speed.high * per_hour),
        middle=usd_per_hour / (speed.middle * per_hour),
        high=usd_per_hour / (speed.low * per_hour),
    )


def described(bands: str) -> str:
    """A group of measurements in words."""
    kind, _, place = bands.partition("-")
    return f"{KINDS[kind]} {PLACES[place]}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _first_token_band(value: float | None, bands: str) -> Band | None:
    factors = constants.factors(bands, "ttft")
    return None if value is None or factors is None else _band(value, factors)


def _itl_band(value: float, bands: str, throughput: constants.Factors) -> Band:
    """As wide as throughput, upside down, where a group has no latencies of its own."""
    factors = constants.factors(bands, "itl")
    if factors is None:
        return Band(low=value / throughput.high, middle=value, high=value / throughput.low)
    return _band(value, factors)


def _band(value: float, factors: constants.Factors) -> Band:
    return Band(low=value * factors.low, middle=value, high=value * factors.high)
