"""What every rule is asked and what it answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from lmi_deployer.catalog.rows import (
    Backend,
    BackendSupport,
    Container,
    Gpu,
    InstanceType,
    QuantizeMethod,
)
from lmi_deployer.hardware import RunnerUp
from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.spec import device_count

if TYPE_CHECKING:
    from lmi_deployer.sizing.published import Published

T = TypeVar("T")
PUBLISHED = "published-tuning-row"
CONTAINER_DEFAULT = "container-default"
LEFT_OUT = "none"
"""How a value that is not written is told."""


@dataclass(frozen=True)
class Choice(Generic[T]):
    """What a rule decided, and why."""

    value: T
    rule: str
    """Name of the rule, the same in every answer of it."""
    reason: str
    """For people; begins with what kind of reason it is: rule, published, container."""
    runners_up: tuple[RunnerUp, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One hardware profile as far as it is decided before degree and batch."""

    container: Container
    backend: Backend
    instance: InstanceType
    gpu: Gpu
    facts: ModelFacts | None
    """None for a model that neither lock nor catalog holds."""
    method: QuantizeMethod | None
    max_input_len: int
    max_output_len: int
    published: Sequence[Published] = ()
    """Rows about just this model, machine, backend, method and version; empty where lookups are
    switched off."""

    @property
    def support(self) -> BackendSupport:
        """How the container runs the backend."""
        return self.container.backends[self.backend]

    @property
    def devices(self) -> int:
        """GPUs, or NeuronCores."""
        return device_count(self.instance, self.gpu)

    @property
    def kind(self) -> str:
        """What the devices are called."""
        return "NeuronCores" if self.gpu.neuron_cores else "GPUs"

    def covering(self, degree: int | None = None) -> Iterator[Published]:
        """The published rows for requests this long, perhaps of one degree alone."""
        for item in self.published:
            is_degree = degree is None or item.row.tensor_parallel_degree == degree
            if is_degree and item.covers(self.max_input_len, self.max_output_len):
                yield item
