"""The shape of performance.yaml: constants of the roofline, and how far its answers were off.

`benchmarks/accuracy/calibrate_performance.py` writes the file; nobody edits the numbers by hand.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lmi_deployer.catalog.rows import NonEmpty, SourcedRow

Fraction = Annotated[float, Field(gt=0, le=2)]
"""Of a peak rate. It may pass 1 where the peak is a nominal figure of a slower path."""
Microseconds = Annotated[float, Field(ge=0)]
Ratio = Annotated[float, Field(gt=0)]


class HardwareConstants(SourcedRow):
    """What share of the datasheet's rates kernels reach; the same for every engine and model."""

    kind: Literal["hardware"] = "hardware"
    name: NonEmpty
    weight_bandwidth: Fraction
    """Of memory bandwidth, while the weights of dense layers are read."""
    cache_bandwidth: Fraction
    """Of memory bandwidth, while keys and values are read."""
    expert_bandwidth: Fraction
    """Of memory bandwidth, while the weights of experts are read."""
    unpacking: Fraction
    """Factor on both where weights are stored in fewer bits than the card multiplies."""
    decode_compute: Fraction
    """Of the peak rate, for the products of one token per sequence."""
    prefill_compute: Fraction
    """Of the peak rate, for the products of whole prompts."""
    expert_compute: Fraction
    """Of the peak rate, for the products of experts, whose batches are small."""
    nvlink_latency_us: Microseconds
    """One all-reduce between two GPUs, without any data."""
    nvlink_bandwidth: Fraction
    """Of the card's NVLink rate, one way."""
    pcie_latency_us: Microseconds
    pcie_gb_per_second: Ratio
    """Between GPUs without NVLink, one way and per GPU; no datasheet gives it."""


class EnginePace(SourcedRow):
    """What one generation of an engine spends beside the kernels that move weights and cache."""

    kind: Literal["engine"] = "engine"
    name: NonEmpty
    per_step_us: Microseconds
    """Each pass: scheduling, sampling, launch."""
    per_layer_us: Microseconds
    """Each layer of a pass that only decodes: small kernels and the gaps between them."""
    per_prefill_layer_us: Microseconds
    """Each layer of a pass with prompts in it, which runs without CUDA graphs."""
    per_expert_layer_us: Microseconds
    """More for each layer with experts: routing and moving tokens."""
    per_sequence_us: Microseconds
    """Each sequence of a pass: sampling, stop conditions, turning tokens into text."""
    link_factor: Ratio = 1.0
    """Factor on the time of every all-reduce."""
    rereads: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How often each further query head of a group reads the keys and values again."""
    first_token_factor: Ratio | None = None
    """Measured time to the first token, over that of one prompt alone; null without any rows."""
    first_token_queue: float = 0.0
    """Share of the other prompts in flight that a prompt waits for."""


class BandFactors(SourcedRow):
    """Measured over estimated, among points whose model or card the constants had not seen."""

    kind: Literal["band"] = "band"
    name: NonEmpty
    measure: Literal["throughput", "itl", "ttft"]
    low: Ratio
    high: Ratio
    """Between the two lie at least 80 of 100 points, counting every model and card alike."""
    rows: Annotated[int, Field(ge=1)]
    models: Annotated[int, Field(ge=1)]
    cards: Annotated[int, Field(ge=1)]


PerformanceRow = Annotated[
    HardwareConstants | EnginePace | BandFactors, Field(discriminator="kind")
]
