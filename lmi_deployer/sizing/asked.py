"""What a sizing question is made of: a machine, what is wanted of it, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lmi_deployer import catalog
from lmi_deployer.catalog.rows import Backend, Container, Gpu, InstanceType, QuantizeMethod
from lmi_deployer.sizing.setup import Setup
from lmi_deployer.spec import device_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The devices that a question is about."""

    gpu: Gpu
    devices: int
    """GPUs, or NeuronCores: what a tensor parallel degree counts."""
    link: str
    """As `InstanceType.gpu_link`."""
    instance: InstanceType | None = None
    """None for a GPU and a count."""

    @property
    def name(self) -> str:
        """What people call it: `ml.g5.12xlarge`, or `4 x A10G`."""
        return self.instance.name if self.instance else f"{self.cards} x {self.gpu.name}"

    @property
    def as_instance(self) -> InstanceType:
        """The instance type, or a row that stands for the cards where there is none."""
        construct: Any = InstanceType.model_construct
        row: InstanceType = self.instance or construct(
            name=self.name,
            family="",
            gpu=self.gpu.name,
            gpu_count=self.cards,
            gpu_link=self.link,
            hosting=False,
        )
        return row

    @property
    def cards(self) -> int:
        """Accelerators, each with all of its cores."""
        return self.devices // (self.gpu.neuron_cores or 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody says about how a model is loaded; None leaves a setting open."""

    container_version: str | None = None
    backend: Backend | None = None
    engine_version: str | None = None
    tensor_parallel_degree: int | Literal["auto", "max"] = "auto"
    pipeline_parallel_degree: int | None = None
    dtype: str | None = None
    quantize: QuantizeMethod | Literal["none"] | None = None
    kv_cache_dtype: str | None = None
    memory_fraction: float | None = None
    max_input_len: int | None = None
    max_output_len: int | None = None
    max_model_len: int | None = None
    max_rolling_batch_size: int | None = None
    max_num_tokens: int | None = None
    enable_chunked_prefill: bool | None = None
    enforce_eager: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """A question with nothing left open, and what was filled in."""

    setup: Setup
    machine: Machine
    container: Container
    backend: Backend
    assumed: Mapping[str, str] = field(default_factory=dict)
    """Setting that nobody gave: where its value comes from."""
    evidence: str | None = None
    """The published configuration that ran just so; None where there is none."""
    doubts: tuple[str, ...] = ()


def machine_of_instance(instance: InstanceType) -> Machine:
    """The devices of an instance type."""
    gpu = catalog.gpu(instance.gpu)
    devices = device_count(instance, gpu)
    return Machine(gpu=gpu, devices=devices, link=instance.gpu_link, instance=instance)


def machine_of_gpus(gpu: Gpu, count: int) -> Machine:
    """So many cards of a kind, joined as SageMaker joins them, or by their own link."""
    if count == 1 and not gpu.neuron_cores:
        return Machine(gpu=gpu, devices=1, link="none")
    own = "nvlink" if gpu.link_gb_per_second else "pcie"
    rows = (catalog.instance_type(name) for name in catalog.names("instances"))
    links = [row.gpu_link for row in rows if row.gpu == gpu.name and row.gpu_count > 1]
    devices = count * (gpu.neuron_cores or 1)
    return Machine(gpu=gpu, devices=devices, link=links[-1] if links else own)
