"""What a recommendation is asked for: a model, its traffic, a goal, and limits to the search."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from lmi_deployer.catalog.rows import Backend, Container, QuantizeMethod
from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.model_shape import ModelShape
from lmi_deployer.prices import PriceTable

Goal = Literal["cost", "throughput", "latency"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What narrows the search; empty and None limit nothing."""

    instances: tuple[str, ...] = ()
    backends: tuple[Backend, ...] = ()
    gpus: tuple[str, ...] = ()
    """Keys of gpus.yaml."""
    region: str | None = None
    """The region to deploy to: whose images and prices count."""
    max_usd_per_hour: float | None = None
    """Of one instance."""
    concurrency: int | None = None
    """Requests in flight at once that one instance has to hold at full length."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """Everything that the search goes by; nothing in it is asked of a network."""

    model_id: str
    facts: ModelFacts
    shape: ModelShape
    containers: tuple[Container, ...]
    max_input_len: int
    max_output_len: int
    prices: PriceTable
    goal: Goal = "cost"
    methods: tuple[QuantizeMethod, ...] = ()
    """Methods that may quantize plain weights while they are loaded; none unless asked for."""
    dtype: str | None = None
    """What a profile says; None for what suits weights, backend and GPU."""
    limits: Limits = field(default_factory=Limits)
