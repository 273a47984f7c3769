"""Decides everything that a merged profile leaves open, and says by which rule.

The rules are few and named: the profile first, then the published dtype, the container's own
default, or what the hardware allows. Whether the outcome is sound is for `checks.py` to say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from lmi_deployer import catalog
from lmi_deployer.catalog.rows import (
    Backend,
    BackendSupport,
    Container,
    Gpu,
    InstanceType,
    Model,
    QuantizeMethod,
)
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, ProfileError
from lmi_deployer.hardware import MergedProfile, Origin
from lmi_deployer.profile import InstanceCounts, QuantizeSection, Section
from lmi_deployer.spec import GIB, Endpoint, ResolvedSpec, Value, Weights, device_count

BYTES_PER_PARAMETER: Mapping[str, float] = {
    "fp32": 4,
    "fp16": 2,
    "bf16": 2,
    "int8": 1,
    "smoothquant": 1,
    "dynamic_int8": 1,
    "static_int8": 1,
    "bitsandbytes8": 1,
    "bitsandbytes4": 0.516,
}
"""Bytes of one weight once loaded. 0.516 is nf4 with double quantization (QLoRA, section 3)."""

BACKEND_SECTIONS: Mapping[Backend, str] = {
    "trtllm": "trtllm",
    "lmi-dist": "lmi_dist",
    "vllm": "vllm",
    "deepspeed": "deepspeed",
    "scheduler": "huggingface",
    "hf-accelerate": "huggingface",
    "neuronx": "neuronx",
}

REQUIRED = (
    ("model.id", "the Hugging Face repository, such as tiiuae/falcon-7b"),
    ("container.version", 'an LMI version, such as "0.25.0"'),
    ("instance_type", "such as ml.g5.12xlarge"),
    ("traffic.max_input_len", "tokens of the longest prompt"),
    ("traffic.max_output_len", "tokens of the longest answer"),
)

LOADING_BASE_SECONDS = 600
DOWNLOAD_AND_LOAD_SECONDS_PER_GIB = 15
"""Weights arrive at 100 MB/s or better from the hub or S3, and then go to the GPUs."""
COMPILE_SECONDS_PER_GIB = 30
"""TensorRT-LLM builds Llama-2-70B (129 GiB) in 7 to 110 minutes; this is the middle of it."""
LARGE_ENGINE_GIB = 40
"""Above it, an engine gets all the time that SageMaker allows."""
SERVER_START_SECONDS = 300
MAX_STARTUP_SECONDS = 3600
"""ContainerStartupHealthCheckTimeoutInSeconds, maximum in the SageMaker service model."""
MAX_LOADING_SECONDS = MAX_STARTUP_SECONDS - SERVER_START_SECONDS
BUNDLE_DOWNLOAD_SECONDS = 600
"""SageMaker itself downloads only the rendered files; the container fetches the weights."""
MIN_VOLUME_GB, MAX_VOLUME_GB = 30, 512
"""VolumeSizeInGB, maximum in the SageMaker service model."""


def resolve(merged: MergedProfile) -> ResolvedSpec:
    """The decided spec of one hardware profile.

    Raises ProfileError, with all that is missing or unknown, when something cannot be decided.
    """
    return _Resolver(merged).resolve()


@dataclass
class _Resolver:
    """Carries the origins along while one profile is decided, from top to bottom."""

    merged: MergedProfile
    origin: dict[str, Origin] = field(default_factory=dict)

    def resolve(self) -> ResolvedSpec:
        self.origin = dict(self.merged.origins)
        self._require_what_nothing_can_derive()
        settings = self.merged.settings
        container, instance = self._known_names()
        gpu = catalog.gpu(instance.gpu)
        facts = catalog.find_model(self._text("model.id"))
        method = (
            settings.quantize.method if isinstance(settings.quantize, QuantizeSection) else None
        )
        backend = self._backend(container, gpu, facts, method)
        dtype = self._dtype(container, backend, gpu, facts, method)
        weights = self._weights(facts, dtype, method)
        degree = self._tensor_parallel_degree(instance, gpu, facts)
        batch = self._max_rolling_batch_size(container, backend)
        support = container.backends[backend]
        endpoint = self._endpoint(
            weights,
            instance,
            copies=max(1, device_count(instance, gpu) // degree),
            compiles=support.compiles_at_load,
        )
        traffic = settings.traffic
        assert traffic is not None  # required above
        return ResolvedSpec(
            name=self.merged.name,
            hardware=self.merged.hardware,
            file=self.merged.file,
            weights=weights,
            container=container,
            backend=backend,
            support=support,
            image=container.flavors[support.flavor],
            instance=instance,
            gpu=gpu,
            tensor_parallel_degree=degree,
            max_rolling_batch_size=batch,
            max_input_len=cast(int, traffic.max_input_len),
            max_output_len=cast(int, traffic.max_output_len),
            concurrency=traffic.concurrency,
            settings=self._settings(container, backend, weights, instance, degree, batch, endpoint),
            options=dict(settings.options or {}),
            endpoint=endpoint,
            origin=self.origin,
        )

    def _decide(self, key: str, reason: str) -> None:
        """Note by which rule a value that the profile leaves open was decided."""
        self.origin[key] = Origin(reason, self.merged.place(key))

    def _get(self, key: str) -> object:
        value: object = self.merged.settings
        for part in key.split("."):
            value = getattr(value, part, None)
        return value

    def _text(self, key: str) -> str:
        return str(self._get(key))

    def _require_what_nothing_can_derive(self) -> None:
        missing = [
            Finding.error(
                "LMI004",
                f"is required for {self.merged.name} / {self.merged.hardware}",
                place=self.merged.place(key),
                key=key,
                fix=hint,
            )
            for key, hint in REQUIRED
            if self._get(key) is None
        ]
        if missing:
            raise ProfileError(missing)

    def _known_names(self) -> tuple[Container, InstanceType]:
        findings, rows = [], []
        for key, lookup in (
            ("container.version", catalog.container),
            ("instance_type", catalog.instance_type),
        ):
            try:
                rows.append(lookup(self._text(key)))
            except InputError as error:
                place = self.merged.place(key)
                problem, fix = error.problem, error.fix
                findings.append(Finding.error("LMI007", problem, place=place, key=key, fix=fix))
        if findings:
            raise ProfileError(findings)
        return cast("tuple[Container, InstanceType]", tuple(rows))

    def _backend(
        self, container: Container, gpu: Gpu, facts: Model | None, method: QuantizeMethod | None
    ) -> Backend:
        wanted = self.merged.settings.backend
        place = self.merged.place("backend")
        if wanted is not None and wanted != "auto":
            if wanted not in container.backends:
                problem = f"LMI {container.version} has no backend {wanted!r}"
                fix = f"one of {', '.join(container.backends)}"
                raise ProfileError(
                    [Finding.error("LMI101", problem, place=place, key="backend", fix=fix)]
                )
            return wanted
        for backend in container.backends:
            if _can_serve(container, backend, gpu, facts, method):
                family = facts.model_type if facts else "a model the catalog does not hold"
                self._decide(
                    "backend",
                    f"rule: first backend of LMI {container.version} that serves {family}"
                    + (f" with {method}" if method else "")
                    + f" on {gpu.name}",
                )
                return backend
        problem = f"no backend of LMI {container.version} serves this model with these settings"
        fix = f"name one of {', '.join(container.backends)} to see why it is refused"
        raise ProfileError([Finding.error("LMI104", problem, place=place, key="backend", fix=fix)])

    def _dtype(
        self,
        container: Container,
        backend: Backend,
        gpu: Gpu,
        facts: Model | None,
        method: QuantizeMethod | None,
    ) -> str:
        written = self._get("model.dtype")
        if written is not None and written != "auto":
            return str(written)
        support = container.backends[backend]
        quantize = support.quantize.get(method) if method else None
        allowed = quantize.dtypes if quantize and quantize.dtypes else support.dtypes
        has_bf16 = gpu.compute_capability is None or gpu.compute_capability >= 8  # noqa: PLR2004
        if facts and facts.published_dtype == "bf16" and has_bf16 and "bf16" in allowed:
            self._decide("model.dtype", "rule: as published, and the GPU computes in bf16")
            return "bf16"
        dtype = "fp16" if "fp16" in allowed else allowed[0]
        self._decide("model.dtype", f"rule: {dtype}, which {backend} and the GPU both take")
        return dtype

    def _weights(self, facts: Model | None, dtype: str, method: QuantizeMethod | None) -> Weights:
        stated_gib = self._get("model.weights_gib")
        if stated_gib is not None:
            download_bytes = gpu_bytes = int(cast(float, stated_gib) * GIB)
        elif facts is not None:
            download_bytes = facts.checkpoint_bytes
            gpu_bytes = (
                facts.checkpoint_bytes
                if facts.quantization is not None
                else int(facts.parameter_count * BYTES_PER_PARAMETER.get(method or dtype, 2))
            )
            self._decide("model.weights_gib", f"catalog: {facts.id}")
        else:
            problem = f"the catalog does not hold {self._text('model.id')}"
            fix = "state the size of the weight files, such as model.weights_gib: 13.5"
            place = self.merged.place("model.id")
            raise ProfileError(
                [Finding.error("LMI004", problem, place=place, key="model.weights_gib", fix=fix)]
            )
        model = self.merged.settings.model
        assert model is not None  # model.id is required
        return Weights(
            model_id=str(model.id),
            revision=model.revision,
            source=model.source,
            dtype=dtype,
            quantize=method,
            download_bytes=download_bytes,
            gpu_bytes=gpu_bytes,
            facts=facts,
        )

    def _tensor_parallel_degree(self, instance: InstanceType, gpu: Gpu, facts: Model | None) -> int:
        wanted = self.merged.settings.tensor_parallel_degree
        if isinstance(wanted, int):
            return wanted
        devices = device_count(instance, gpu)
        divisors = [degree for degree in range(1, devices + 1) if devices % degree == 0]
        if facts is not None:
            divisors = [item for item in divisors if facts.num_attention_heads % item == 0]
        kind = "NeuronCores" if gpu.neuron_cores else "GPUs"
        self._decide(
            "tensor_parallel_degree",
            f"rule: all {devices} {kind} of {instance.name}"
            if divisors[-1] == devices
            else f"rule: as many of the {devices} {kind} as divide the attention heads",
        )
        return divisors[-1]

    def _max_rolling_batch_size(self, container: Container, backend: Backend) -> int | None:
        wanted = self.merged.settings.max_rolling_batch_size
        support = container.backends[backend]
        if isinstance(wanted, int):
            return wanted
        if support.default_max_rolling_batch_size is not None:
            self._decide(
                "max_rolling_batch_size",
                f"container: what {backend} uses on LMI {container.version} when nothing is set",
            )
        return support.default_max_rolling_batch_size

    def _endpoint(
        self, weights: Weights, instance: InstanceType, *, copies: int, compiles: bool
    ) -> Endpoint:
        section = self.merged.settings.endpoint
        loading = self._loading_timeout_seconds(weights, compiles=compiles)
        vpc = section.vpc if section else None
        return Endpoint(
            name=(section and section.name) or f"{self.merged.name}-{self.merged.hardware}",
            instance_count=self._instance_count(),
            packaging=(section and section.packaging) or "prefix",
            role=section.role if section else None,
            artifacts=section.artifacts if section else None,
            subnets=tuple(vpc.subnets) if vpc else (),
            security_groups=tuple(vpc.security_groups) if vpc else (),
            tags=dict((section and section.tags) or {}),
            model_loading_timeout_seconds=loading,
            # The server starts the workers one after the other, each with a timeout of its own.
            startup_timeout_seconds=min(
                MAX_STARTUP_SECONDS, loading * copies + SERVER_START_SECONDS
            ),
            download_timeout_seconds=BUNDLE_DOWNLOAD_SECONDS,
            volume_gb=volume_gb(weights, compiles=compiles)
            if instance.is_volume_size_settable
            else None,
        )

    def _instance_count(self) -> int:
        section = self.merged.settings.endpoint
        wanted = section.instances if section else None
        if not isinstance(wanted, InstanceCounts):
            return wanted or 1
        if wanted.min != wanted.max:
            problem = "this version of lmi-deploy does not support autoscaling"
            place = self.merged.place("endpoint.instances")
            fix = f"endpoint.instances: {wanted.min}"
            raise ProfileError(
                [Finding.error("LMI005", problem, place=place, key="endpoint.instances", fix=fix)]
            )
        return wanted.min

    def _loading_timeout_seconds(self, weights: Weights, *, compiles: bool) -> int:
        wanted = self.merged.settings.model_loading_timeout_seconds
        if isinstance(wanted, int):
            return wanted
        seconds = loading_timeout_seconds(weights, compiles=compiles)
        size = f"{weights.download_bytes / GIB:.1f} GiB to load"
        self._decide(
            "model_loading_timeout_seconds",
            f"rule: {size}{' and an engine to compile' if compiles else ''}",
        )
        return seconds

    def _settings(
        self,
        container: Container,
        backend: Backend,
        weights: Weights,
        instance: InstanceType,
        degree: int,
        batch: int | None,
        endpoint: Endpoint,
    ) -> dict[str, Value]:
        """What goes into serving.properties under our names; what is None is left out."""
        support = container.backends[backend]
        written = self.merged.settings
        quantize = written.quantize if isinstance(written.quantize, QuantizeSection) else None
        row = support.quantize.get(quantize.method) if quantize else None
        has_dtype_line = quantize is None or row is None or bool(row.dtypes)
        is_dtype_written = self._get("model.dtype") not in {None, "auto"}
        candidates: dict[str, Value | None] = {
            "model_id": weights.source or weights.model_id,
            "revision": None if weights.source else weights.revision,
            "trust_remote_code": bool(self._get("model.trust_remote_code")) or None,
            "dtype": weights.dtype if has_dtype_line or is_dtype_written else None,
            "tensor_parallel_degree": degree,
            "max_rolling_batch_size": batch,
            "quantize": row.value if row else (quantize.method if quantize else None),
            "smoothquant_alpha": quantize.alpha if quantize else None,
            "smoothquant_per_token": quantize.per_token if quantize else None,
            "smoothquant_per_channel": quantize.per_channel if quantize else None,
            "model_loading_timeout": endpoint.model_loading_timeout_seconds,
            "predict_timeout": written.predict_timeout_seconds,
            **self._section_settings(backend, weights, instance, degree),
        }
        candidates |= self._lengths(support, candidates)
        if "output_formatter" in support.property_names or written.output_formatter:
            candidates["output_formatter"] = written.output_formatter or "json"
            if written.output_formatter is None:
                self._decide("output_formatter", "rule: one JSON document an answer")
        return {name: value for name, value in candidates.items() if value is not None}

    def _lengths(
        self, support: BackendSupport, decided: Mapping[str, Value | None]
    ) -> dict[str, Value | None]:
        """The profile's lengths under the names that the backend has for them, if any.

        Left out, they would be the container's own: 512 tokens or fewer on some backends.
        """
        traffic = self.merged.settings.traffic
        assert traffic is not None  # its lengths are required
        longest = cast(int, traffic.max_input_len) + cast(int, traffic.max_output_len)
        lengths: dict[str, int | None] = {
            "max_input_len": traffic.max_input_len,
            "max_output_len": traffic.max_output_len,
            "max_tokens": longest,
            "n_positions": longest,
        }
        return {
            name: value
            for name, value in lengths.items()
            if name in support.property_names and decided.get(name) is None
        }

    def _section_settings(
        self, backend: Backend, weights: Weights, instance: InstanceType, degree: int
    ) -> dict[str, Value | None]:
        """The settings of the chosen backend's own section, with its `auto`s decided."""
        name = BACKEND_SECTIONS[backend]
        section = getattr(self.merged.settings, name)
        values: dict[str, Value | None] = (
            section.model_dump() if isinstance(section, Section) else {}
        )
        if backend == "trtllm":
            if values.get("use_custom_all_reduce") in {None, "auto"}:
                is_linked = instance.gpu_link in {"nvlink", "nvswitch"}
                values["use_custom_all_reduce"] = True if is_linked and degree > 1 else None
                self._decide(
                    f"{name}.use_custom_all_reduce",
                    f"rule: {degree} GPUs joined by {instance.gpu_link}",
                )
            if values.get("multi_query_mode") in {None, "auto"}:
                values["multi_query_mode"] = True if needs_multi_query_mode(weights) else None
                if values["multi_query_mode"]:
                    reason = "rule: SmoothQuant on a model with grouped-query attention"
                    self._decide(f"{name}.multi_query_mode", reason)
        return values


def needs_multi_query_mode(weights: Weights) -> bool:
    """True where TensorRT-LLM's SmoothQuant must be told of shared key/value heads."""
    facts = weights.facts
    return (
        weights.quantize == "smoothquant"
        and facts is not None
        and facts.num_key_value_heads < facts.num_attention_heads
    )


def _can_serve(
    container: Container,
    backend: Backend,
    gpu: Gpu,
    facts: Model | None,
    method: QuantizeMethod | None,
) -> bool:
    """True when the backend is documented to serve the model with the method on the GPU."""
    support = container.backends[backend]
    is_neuron = container.flavors[support.flavor].accelerator == "neuron"
    if is_neuron != (gpu.vendor == "aws"):
        return False
    families = support.model_types
    if families is not None and (facts is None or facts.model_type not in families):
        return False
    already = facts.quantization if facts else None
    if method is None:
        return already is None
    row = support.quantize.get(method)
    return row is not None and (
        already == method if row.needs_quantized_checkpoint else not already
    )


def loading_timeout_seconds(weights: Weights, *, compiles: bool) -> int:
    """Seconds the container gets to download, perhaps compile, and load the weights.

    A whole minute, at most MAX_LOADING_SECONDS, which leaves the server time to say why it gave
    up before SageMaker's own limit of one hour ends it without a word.
    """
    gib = weights.download_bytes / GIB
    if compiles and gib > LARGE_ENGINE_GIB:
        return MAX_LOADING_SECONDS
    per_gib = DOWNLOAD_AND_LOAD_SECONDS_PER_GIB + (COMPILE_SECONDS_PER_GIB if compiles else 0)
    minutes = math.ceil((LOADING_BASE_SECONDS + per_gib * gib) / 60)
    return min(MAX_LOADING_SECONDS, minutes * 60)


def disk_bytes(weights: Weights, *, compiles: bool) -> int:
    """Bytes on disk while loading: the download and its cache, and the engine where one is built.

    Source: djl-serving pull request 1740 (weights are copied under /tmp before they are loaded).
    """
    return weights.download_bytes * (3 if compiles else 2)


def volume_gb(weights: Weights, *, compiles: bool) -> int:
    """Size of the EBS volume for an instance type without local disks, in 10**9 bytes."""
    needed = math.ceil(disk_bytes(weights, compiles=compiles) / 1e9) + MIN_VOLUME_GB
    return min(MAX_VOLUME_GB, needed)
