"""Every way to load a model that the containers really take; what they refuse is tallied.

A candidate is an instance type, a container version, a backend, a degree and a method. What is
refused at an outer level counts for all the candidates inside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lmi_deployer import catalog, rules
from lmi_deployer.catalog.rows import (
    Backend,
    BackendSupport,
    Container,
    FlavorImage,
    InstanceType,
    QuantizeMethod,
)
from lmi_deployer.model_shape import ModelShape
from lmi_deployer.recommending.question import Question
from lmi_deployer.recommending.reasons import Kind, Tally
from lmi_deployer.settings.rules.hardware import FIRST_DRIVER_WITHOUT_BRIDGE
from lmi_deployer.sizing import allowed
from lmi_deployer.sizing.asked import Machine, machine_of_instance

Method = QuantizeMethod | None
Key = tuple[str, str, str, int, str | None]
"""Container version, instance type, backend, degree and method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to load the model, before it is known whether it fits."""

    machine: Machine
    instance: InstanceType
    container: Container
    backend: Backend
    tensor_parallel_degree: int
    method: Method
    """The checkpoint's own as well; None for plain weights."""
    dtype: str

    @property
    def copies(self) -> int:
        """Copies of the model on one instance."""
        return self.machine.devices // self.tensor_parallel_degree

    @property
    def support(self) -> BackendSupport:
        """The catalog's facts of the backend."""
        return self.container.backends[self.backend]

    @property
    def written_method(self) -> Method:
        """What a profile says; None as well where the checkpoint alone says it all."""
        return self.method if self.method in self.support.quantize else None

    @property
    def key(self) -> Key:
        """What a guide's row is found by."""
        version, degree = self.container.version, self.tensor_parallel_degree
        return (version, self.instance.name, self.backend, degree, self.method)

    @property
    def label(self) -> str:
        """`ml.g5.12xlarge, vllm, degree 4`."""
        method = f", {self.method}" if self.method else ""
        return f"{self.instance.name}, {self.backend}, degree {self.tensor_parallel_degree}{method}"


def candidates(question: Question, tally: Tally) -> Iterator[Candidate]:
    """The candidates that nothing but memory, traffic and price can still rule out."""
    for machine in machines(question):
        for container in question.containers:
            for backend in container.backends:
                wanted = question.limits.backends
                if not wanted or backend in wanted:
                    yield from _of_backend(question, tally, machine, container, backend)


def machines(question: Question) -> Iterator[Machine]:
    """The machines that the limits leave.

    Neuron is left to those who ask for it: what runs there is compiled for its shapes first.
    """
    limits = question.limits
    asks_for_neuron = "neuronx" in limits.backends
    for name in limits.instances or catalog.names("instances"):
        machine = machine_of_instance(catalog.instance_type(name))
        if limits.gpus and machine.gpu.name not in limits.gpus:
            continue
        is_named = bool(limits.instances or limits.gpus or asks_for_neuron)
        if machine.gpu.vendor == "nvidia" or is_named:
            yield machine


def methods_of(shape: ModelShape, asked: Iterable[QuantizeMethod]) -> list[Method]:
    """How the weights may be loaded: as they are, or by a method that was asked for."""
    own: list[Method] = [None]
    if shape.stored is not None:
        own = [shape.stored.method]  # type: ignore[list-item]  # backends say which they take
    return list(dict.fromkeys([*own, *asked]))


def _of_backend(
    question: Question, tally: Tally, machine: Machine, container: Container, backend: Backend
) -> Iterator[Candidate]:
    image = container.flavors[container.backends[backend].flavor]
    if (image.accelerator == "neuron") != (machine.gpu.vendor == "aws"):
        return  # an image that is not for such machines makes no candidates
    methods = methods_of(question.shape, question.methods)
    degrees = [item for item in range(1, machine.devices + 1) if machine.devices % item == 0]
    count = len(methods) * len(degrees)
    tally.seen += count
    refusal = _refusal(question, machine, container, backend, image)
    if refusal is not None:
        tally.discard(*refusal, count=count)
        return
    for method in methods:
        refusal = _weights_refusal(question, machine, container, backend, method)
        if refusal is not None:
            tally.discard(*refusal, count=len(degrees))
            continue
        dtype = _dtype(question, container.backends[backend], machine, method)
        fails = allowed.family_starts_in(container, backend, question.shape, dtype)
        if fails is not None:
            tally.discard("dtype", fails.problem, count=len(degrees))
            continue
        for degree in degrees:
            problem = allowed.degree_starts(backend, question.shape, machine, degree, 1)
            if problem is not None:
                tally.discard("degree", problem.problem)
                continue
            assert machine.instance is not None  # it was made of one
            yield Candidate(
                machine=machine,
                instance=machine.instance,
                container=container,
                backend=backend,
                tensor_parallel_degree=degree,
                method=method,
                dtype=dtype,
            )


def _refusal(
    question: Question,
    machine: Machine,
    container: Container,
    backend: Backend,
    image: FlavorImage,
) -> tuple[Kind, str] | None:
    """Why a backend cannot run on a machine at all, whatever the degree and the weights."""
    instance, region = machine.instance, question.limits.region
    assert instance is not None
    if not instance.hosting:
        return "hosting", f"SageMaker does not offer {instance.name} for hosting"
    if region is not None and region in catalog.region_set(image.region_set).missing:
        return "region", f"{image.tag} is not published in {region}"
    there = allowed.container_runs_there(container, backend, machine)
    if there is not None:
        return "devices", there.problem
    old = _too_old(machine, container, backend, image)
    if old is not None:
        return "devices", old
    family = allowed.family_is_served(container, backend, question.shape)
    return None if family is None else ("family", family.problem)


def _too_old(
    machine: Machine, container: Container, backend: Backend, image: FlavorImage
) -> str | None:
    """Whether the GPU is older than the backend's kernels, or the driver than the image's CUDA.

    Images of CUDA 12 bring libraries that bridge an older driver; those of CUDA 13 do not start.
    """
    oldest, has = container.backends[backend].min_compute_capability, machine.gpu.compute_capability
    if oldest is not None and has is not None and has < oldest:
        return f"{backend} is for compute capability {oldest}; {machine.gpu.name} has {has}"
    needed = image.min_driver
    if needed is None or needed < FIRST_DRIVER_WITHOUT_BRIDGE or machine.instance is None:
        return None
    host = catalog.host(machine.instance.family, image.inference_ami)
    if host is None or host.driver is None or host.driver >= needed:
        return None
    return f"{image.tag} needs driver {needed}; {machine.instance.name} starts with {host.driver}"


def _weights_refusal(
    question: Question, machine: Machine, container: Container, backend: Backend, method: Method
) -> tuple[Kind, str] | None:
    """Why a backend does not load the weights by a method, or in the profile's dtype."""
    if method is not None:
        taken = allowed.method_is_taken(container, backend, question.shape, machine, method)
        return None if taken is None else ("quantize", taken.problem)
    if question.dtype is None or question.dtype == "int8":
        return None
    dtype = allowed.dtype_is_taken(container, backend, question.shape, machine, question.dtype)
    return None if dtype is None else ("dtype", dtype.problem)


def _dtype(question: Question, support: BackendSupport, machine: Machine, method: Method) -> str:
    """What the weights are loaded in: as the profile says where that may be, else by the rule."""
    row = support.quantize.get(method) if method else None
    dtypes = support.dtypes if row is None else row.dtypes
    if question.dtype in dtypes:
        return str(question.dtype)
    return rules.dtype(support, machine.gpu, question.facts, method).value
