"""One set of settings with everything that is known about it: what every rule looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lmi_deployer.catalog.rows import BackendSupport, Container, FlavorImage, Gpu, InstanceType
from lmi_deployer.findings import Severity
from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.settings.table import HandlerTable, Table
from lmi_deployer.spec import device_count

PLAIN_WEIGHTS = "none"


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong with a setting, before it is known where it was written."""

    code: str
    severity: Severity
    key: str
    problem: str
    fix: str | None = None


@dataclass(frozen=True, kw_only=True)
class View:
    """What a container is asked to serve with, as its server understands it."""

    table: Table
    container: Container
    image: FlavorImage
    handler: str | None
    """What serves the model; "custom" for the user's own code, None where it cannot be told."""
    engine: str | None
    is_mpi: bool
    rolling_batch: str | None
    """After the server's own decision; None or "disable" without rolling batch."""
    settings: Mapping[str, str]
    """Keys of serving.properties with their texts, environment variables included."""
    runs_python: bool = True
    """False for an engine without a Python handler: its options, and the arguments that its
    translator reads without a prefix, are its own."""
    written: Mapping[str, str] = field(default_factory=dict)
    """Keys that the server itself writes or replaces, with their values."""
    model: ModelFacts | None = None
    instance: InstanceType | None = None
    gpu: Gpu | None = None
    inference_ami: str | None = None
    """The `InferenceAmiVersion` that is asked for; None for SageMaker's default."""
    weight_bytes: int | None = None
    """Weights of one copy as loaded, over all of its devices; None where it is unknown."""
    has_hub_token: bool = False
    """Whether the container's environment brings a token for gated models."""

    entries: HandlerTable = field(init=False, repr=False, compare=False)
    """What the handler reads; the server's part alone where it is not one of LMI's."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "entries", self.table.handler(self.handler or "server"))

    @property
    def support(self) -> BackendSupport | None:
        """The catalog's facts of the backend; None for handlers that profiles cannot choose."""
        backends: Mapping[Any, BackendSupport] = self.container.backends
        return backends.get(self.handler)

    @property
    def has_rolling_batch(self) -> bool:
        """True when requests join and leave a running batch."""
        return self.rolling_batch not in {None, "disable"}

    @property
    def devices(self) -> int | None:
        """GPUs, or NeuronCores, of the instance; None where no instance type is given."""
        if self.instance is None or self.gpu is None:
            return None
        return device_count(self.instance, self.gpu)

    @property
    def checkpoint_quantization(self) -> str | None:
        """Method by which the weights are quantized already, `none`, or None where unknown."""
        if self.model is None or not self.model.has_quantization_known:
            return None
        return self.model.quantization or PLAIN_WEIGHTS

    def effective(self, key: str) -> str | None:
        """A key's value, or what holds without it."""
        text = self.settings.get(key)
        if text is None:
            text = self.written.get(key)
        if text is None:
            entry = self.entries.entries.get(key)
            return None if entry is None else entry.default
        return text

    def is_on(self, key: str) -> bool:
        """Whether a switch is on, in whatever spelling its reader takes for true."""
        text = self.effective(key)
        entry = self.entries.entries.get(key)
        if text is None or entry is None:
            return text == "true"
        return entry.canonical(text) == "true"

    def number(self, key: str) -> int | None:
        """A key's value as a whole number; None where it is absent or no such number."""
        text = self.effective(key)
        try:
            return None if text is None else int(text)
        except ValueError:
            return None

    @property
    def tensor_parallel_degree(self) -> int | None:
        """GPUs of one copy of the model; None where nothing says it."""
        text = self.effective("option.tensor_parallel_degree")
        if text == "max" or (text is None and self.is_mpi):
            return self.devices
        degree = self.number("option.tensor_parallel_degree")
        return degree if degree is not None and degree > 0 else None

    def fact(self, name: str) -> str | None:
        """A fact that is no setting, by the name conditions use, as text; None where unknown."""
        value = FACTS[name](self)
        if value is None:
            return None
        return str(value).lower() if isinstance(value, bool) else str(value)


FACTS: Mapping[str, Callable[[View], object]] = {
    "serving.engine": lambda view: view.engine or "none",
    "serving.is_mpi": lambda view: view.is_mpi,
    "serving.rolling_batch": lambda view: view.rolling_batch or "disable",
    "model.model_type": lambda view: view.model and view.model.model_type,
    "model.quantization": lambda view: view.checkpoint_quantization,
    "model.is_grouped_query": lambda view: view.model and view.model.is_grouped_query,
    "model.needs_remote_code": lambda view: view.model and view.model.needs_remote_code,
    "gpu.compute_capability": lambda view: view.gpu and view.gpu.compute_capability,
    "gpu.architecture": lambda view: view.gpu and view.gpu.architecture,
    "instance.gpu_count": lambda view: view.devices,
    "instance.gpu_link": lambda view: view.instance and view.instance.gpu_link,
}
"""Name in conditions: how to find it; None where it is unknown."""
