"""The shape of compile_times.yaml: how long it takes to compile weights, as far as is published."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lmi_deployer.catalog.rows import NonEmpty, Row, SourcedRow

Amount = Annotated[float, Field(ge=0)]


class Range(Row):
    """The least and the most."""

    low: Amount
    high: Amount

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


class MeasuredTime(Row):
    """A time that somebody has published."""

    what: NonEmpty
    weights_gib: Amount
    """Of the checkpoint, as it is stored."""
    minutes: Range
    """Of the work alone; equal for a single figure."""
    source: NonEmpty


class CompileTime(SourcedRow):
    """One kind of work. Minutes: base_minutes + weights in GiB x seconds_per_gib / 60."""

    name: Literal["trt_engine", "deepspeed_checkpoint", "neuron_graph", "calibration", "transfer"]
    base_minutes: Range
    seconds_per_gib: Range
    measured: tuple[MeasuredTime, ...] = ()
    """The published times that the two ranges enclose."""
