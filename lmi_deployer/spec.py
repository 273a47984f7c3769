"""What a hardware profile comes to once everything is decided; every later stage reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from lmi_deployer.catalog.rows import (
    Backend,
    BackendSupport,
    Container,
    FlavorImage,
    Gpu,
    InstanceType,
    QuantizeMethod,
)
from lmi_deployer.findings import Place

if TYPE_CHECKING:
    from lmi_deployer.hardware import Origin
    from lmi_deployer.model_facts import ModelFacts
    from lmi_deployer.sizing.memory import Memory
    from lmi_deployer.sizing.published import Published
    from lmi_deployer.sizing.setup import Setup

GIB = 1024**3
Value = str | int | float | bool


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The checkpoint that is served, and its size on disk and on the GPUs."""

    model_id: str
    revision: str | None
    source: str | None
    """S3 folder with a copy; None when the container downloads from the hub."""
    dtype: str
    quantize: QuantizeMethod | None
    download_bytes: int
    gpu_bytes: int
    """Weights of one copy as loaded, over all of its GPUs."""
    facts: ModelFacts | None
    """None where neither the lock nor the catalog holds the checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The SageMaker endpoint that serves it."""

    name: str
    instance_count: int
    packaging: str
    role: str | None
    artifacts: str | None
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    tags: Mapping[str, str]
    model_loading_timeout_seconds: int
    startup_timeout_seconds: int
    download_timeout_seconds: int
    volume_gb: int | None
    """None on instance types with local disks, which refuse a volume size."""


def device_count(instance: InstanceType, gpu: Gpu) -> int:
    """How many GPUs, or NeuronCores, an instance has: what a tensor parallel degree counts."""
    return instance.gpu_count * (gpu.neuron_cores or 1)


@dataclass(frozen=True, kw_only=True)
class ResolvedSpec:
    """One hardware profile, decided: no "auto" is left, and `origin` says why each value is so."""

    name: str
    hardware: str
    file: str
    weights: Weights
    container: Container
    backend: Backend
    support: BackendSupport
    image: FlavorImage
    instance: InstanceType
    gpu: Gpu
    tensor_parallel_degree: int
    max_rolling_batch_size: int | None
    """None for backends without rolling batch."""
    max_input_len: int
    max_output_len: int
    concurrency: int | None
    settings: Mapping[str, Value]
    """What goes into serving.properties, under our names."""
    options: Mapping[str, Value | None]
    """Raw properties that the profile lays over the rest; None leaves a line out."""
    endpoint: Endpoint
    origin: Mapping[str, Origin]

    @property
    def title(self) -> str:
        """`llama2-70b / p4d`."""
        return f"{self.name} / {self.hardware}"

    @property
    def device_count(self) -> int:
        """What a tensor parallel degree counts: the instance's GPUs, or its NeuronCores."""
        return device_count(self.instance, self.gpu)

    @property
    def copies(self) -> int:
        """Copies of the model on one instance: as many as there are groups of devices."""
        return self.device_count // self.tensor_parallel_degree

    @property
    def weights_gib_per_gpu(self) -> float:
        """GiB of weights on each GPU of a copy."""
        return self.weights.gpu_bytes / self.tensor_parallel_degree / GIB

    @property
    def usable_gib_per_gpu(self) -> float:
        """GiB that one device can allocate; a NeuronCore has its share of the accelerator."""
        return self.gpu.usable_memory_gib / (self.gpu.neuron_cores or 1)

    @cached_property
    def setup(self) -> Setup | None:
        """The question that sizing answers; None where the model's shape is not known."""
        from lmi_deployer.sizing.deployed import setup_of

        return setup_of(self)

    @cached_property
    def memory(self) -> Memory | None:
        """Where the memory of one device goes; None where the model's shape is not known."""
        from lmi_deployer.sizing import measure

        return None if self.setup is None else measure(self.setup)

    @cached_property
    def published(self) -> tuple[Published, ...]:
        """Rows of published guides about this model, machine, backend, method and version."""
        from lmi_deployer.sizing.published import find

        return find(
            self.weights.model_id,
            self.instance.name,
            self.backend,
            facts=self.weights.facts,
            quantize=self.weights.quantize,
            version=self.container.version,
        )

    @property
    def evidence(self) -> Published | None:
        """A published row that ran the model so, with as large a batch and as long requests."""
        for item in self.published:
            row = item.row
            if (
                row.tensor_parallel_degree == self.tensor_parallel_degree
                and row.max_rolling_batch_size >= (self.max_rolling_batch_size or 1)
                and item.covers(self.max_input_len, self.max_output_len)
            ):
                return item
        return None

    @property
    def usd_per_hour(self) -> float | None:
        """On-demand price of all instances, in the region of the price table; None if unknown."""
        price = self.instance.price
        return None if price is None else price.usd_per_hour * self.endpoint.instance_count

    def place(self, key: str) -> Place:
        """Where the user wrote `key`; the file alone when it was derived."""
        origin = self.origin.get(key)
        return Place(self.file) if origin is None else origin.place
