"""The shape of published.yaml: settings that LMI's own guides measured and recommend."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lmi_deployer.catalog.rows import (
    Backend,
    InstanceName,
    NonEmpty,
    QuantizeMethod,
    Row,
    SourcedRow,
)

PositiveInt = Annotated[int, Field(ge=1)]


class TuningRow(Row):
    """One model on one instance type, as a guide's table has it."""

    model: NonEmpty
    """The guide's own name of the model, quantization included."""
    model_id: NonEmpty
    """A published checkpoint of that model; others of the same shape count as well."""
    quantize: QuantizeMethod | None = None
    instance_type: InstanceName
    tensor_parallel_degree: PositiveInt
    """On Neuron, NeuronCores."""
    max_rolling_batch_size: PositiveInt
    max_seq_len: PositiveInt | None = None
    """Tokens that a sequence has room for, where that differs from the guide's other rows."""
    remark: str | None = None
    """What else the guide says about the row, or contradicts itself in."""

    @property
    def title(self) -> str:
        """`Llama2 70B on g5.48xlarge`, as the guide's table names the row."""
        return f"{self.model} on {self.instance_type.removeprefix('ml.')}"


class TuningGuide(SourcedRow):
    """One guide: a backend, the lengths it was measured with, and its rows."""

    name: NonEmpty
    release: NonEmpty
    """LMI version that the guide came with."""
    backend: Backend
    versions: NonEmpty
    """LMI versions that the figures are about (catalog.versions)."""
    max_input_len: PositiveInt
    max_output_len: PositiveInt
    """Tokens of prompt and answer with which the rows were measured."""
    max_seq_len: PositiveInt
    """Tokens that every sequence had room for; more than was measured where the backend's own
    default is longer."""
    has_fixed_lengths: bool
    """True where an engine is built for just these lengths, and longer prompts or answers need
    another."""
    rows: Annotated[tuple[TuningRow, ...], Field(min_length=1)]
