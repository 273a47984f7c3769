"""What a hardware profile comes to once everything is decided; every later stage reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

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
    from lmi_deployer.catalog.compiler_rows import Compiler
    from lmi_deployer.hardware import Origin
    from lmi_deployer.model_facts import ModelFacts
    from lmi_deployer.sizing.memory import Memory
    from lmi_deployer.sizing.published import Published
    from lmi_deployer.sizing.setup import Setup

GIB = 1024**3
PIPELINE_PARALLEL_DEGREE = "option.pipeline_parallel_degree"
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


Runner = Literal["sagemaker", "optimization", "docker", "native"]
CompileMode = Literal["auto", "aot", "jit"]


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What the answers of a compiled model have to agree with."""

    prompts: tuple[str, ...]
    reference: tuple[str, ...] | None
    """One answer for each prompt; None asks the weights as they are stored, in the same job."""
    max_new_tokens: int
    minimum_agreement: float
    """0 to 1: the mean share of the reference's tokens before the first difference."""


@dataclass(frozen=True, kw_only=True)
class Compilation:
    """How the weights of a spec are compiled ahead of time."""

    mode: CompileMode
    """`aot` compiles before deploying; `auto` takes a compiled artifact where there is one, and
    leaves it to the container where not; `jit` always leaves it to the container."""
    runner: Runner
    compiler: Compiler
    cache: str | None
    """S3 folder; None for `engines/` below the artifacts."""
    instance: InstanceType
    """The machine that compiles; its GPUs are of the architecture that serves."""
    is_spot: bool
    max_seconds: int
    """When a job is stopped."""
    volume_gb: int | None
    """Of the job's machine; None on instance types with local disks."""
    quality: Quality | None

    @property
    def is_local(self) -> bool:
        """True where the machine that the command runs on compiles, with its own token."""
        return self.runner in {"docker", "native"}


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
    compilation: Compilation | None = None
    """None where the backend loads weights as they are."""

    @property
    def title(self) -> str:
        """`llama2-70b / p4d`."""
        return f"{self.name} / {self.hardware}"

    @property
    def device_count(self) -> int:
        """What a tensor parallel degree counts: the instance's GPUs, or its NeuronCores."""
        return device_count(self.instance, self.gpu)

    @property
    def pipeline_parallel_degree(self) -> int:
        """Stages that the layers are split into: a raw option where one is written, else 1."""
        written = str(self.options.get(PIPELINE_PARALLEL_DEGREE, ""))
        return max(1, int(written)) if written.isdecimal() else 1

    @property
    def ranks(self) -> int:
        """Devices of one copy, each with its own part of what is compiled."""
        return self.tensor_parallel_degree * self.pipeline_parallel_degree

    @property
    def compiles_at_start(self) -> bool:
        """True where the container is left to compile the weights each time it starts."""
        is_ahead = self.compilation is not None and self.compilation.mode == "aot"
        return self.support.compiles_at_load and not is_ahead

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
