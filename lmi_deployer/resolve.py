"""Decides everything that a merged profile leaves open, and notes by which rule.

The profile comes first; what it leaves out or to `auto` is for `rules.py`. Whether the outcome is
sound is for the checks to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from lmi_deployer import catalog, loading, rules
from lmi_deployer.catalog.rows import (
    Backend,
    Container,
    Dtype,
    InstanceType,
    Model,
    QuantizeMethod,
)
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, ProfileError
from lmi_deployer.hardware import MergedProfile, Origin
from lmi_deployer.nearest import nearest
from lmi_deployer.profile import InstanceCounts, QuantizeSection, Section
from lmi_deployer.rules import Choice
from lmi_deployer.spec import GIB, Endpoint, ResolvedSpec, Value, Weights, device_count

T = TypeVar("T")

BACKEND_SECTIONS: Mapping[Backend, str] = {
    "trtllm": "trtllm",
    "lmi-dist": "lmi_dist",
    "vllm": "vllm",
    "deepspeed": "deepspeed",
    "scheduler": "huggingface",
    "hf-accelerate": "huggingface",
    "neuronx": "neuronx",
}
"""The section of the profile with settings that only this backend reads."""

REQUIRED = (
    ("model.id", "the Hugging Face repository, such as tiiuae/falcon-7b"),
    ("container.version", 'an LMI version, such as "0.25.0"'),
    ("instance_type", "such as ml.g5.12xlarge"),
    ("traffic.max_input_len", "tokens of the longest prompt"),
    ("traffic.max_output_len", "tokens of the longest answer"),
)
"""What nothing can derive, and what to write there."""


def resolve(merged: MergedProfile) -> ResolvedSpec:
    """The decided spec of one hardware profile.

    Raises ProfileError, with all that is missing or unknown, when something cannot be decided.
    """
    _require_what_nothing_can_derive(merged)
    container, instance = _known_names(merged)
    return _Resolver(merged, container, instance).spec()


def _require_what_nothing_can_derive(merged: MergedProfile) -> None:
    missing = [
        Finding.error(
            "LMI004",
            f"is required for {merged.name} / {merged.hardware}",
            place=merged.place(key),
            key=key,
            fix=hint,
        )
        for key, hint in REQUIRED
        if merged.get(key) is None
    ]
    if missing:
        raise ProfileError(missing)


def _known_names(merged: MergedProfile) -> tuple[Container, InstanceType]:
    """The catalog rows that the profile names. Raises ProfileError for all unknown ones."""
    findings: list[Finding] = []

    def look_up(key: str, find: Callable[[str], T]) -> T | None:
        try:
            return find(str(merged.get(key)))
        except InputError as error:
            findings.append(_problem(merged, "LMI007", error.problem, key=key, fix=error.fix))
            return None

    container = look_up("container.version", catalog.container)
    instance = look_up("instance_type", catalog.instance_type)
    if container is None or instance is None:
        raise ProfileError(findings)
    return container, instance


def _problem(
    merged: MergedProfile, code: str, problem: str, *, key: str, fix: str | None
) -> Finding:
    return Finding.error(code, problem, place=merged.place(key), key=key, fix=fix)


class _Resolver:
    """Decides one profile from top to bottom, noting the origin of each value on the way."""

    def __init__(self, merged: MergedProfile, container: Container, instance: InstanceType) -> None:
        self._merged = merged
        self._settings = merged.settings
        self._container = container
        self._instance = instance
        self._gpu = catalog.gpu(instance.gpu)
        self._facts = catalog.find_model(str(merged.get("model.id")))
        self._origin = dict(merged.origins)
        quantize = self._settings.quantize
        self._quantize = quantize if isinstance(quantize, QuantizeSection) else None

    def spec(self) -> ResolvedSpec:
        """The decided spec."""
        container, instance, facts = self._container, self._instance, self._facts
        method = self._quantize.method if self._quantize else None
        backend = self._backend(facts, method)
        support = container.backends[backend]
        dtype = self._decide("model.dtype", lambda: rules.dtype(support, self._gpu, facts, method))
        weights = self._weights(facts, dtype, method)
        degree = self._decide(
            "tensor_parallel_degree",
            lambda: rules.tensor_parallel_degree(instance, self._gpu, facts),
        )
        batch = self._decide(
            "max_rolling_batch_size", lambda: rules.max_rolling_batch_size(container, backend)
        )
        endpoint = self._endpoint(weights, degree, compiles=support.compiles_at_load)
        max_input_len = cast(int, self._merged.get("traffic.max_input_len"))
        max_output_len = cast(int, self._merged.get("traffic.max_output_len"))
        settings: dict[str, Value | None] = {
            "tensor_parallel_degree": degree,
            "max_rolling_batch_size": batch,
            "model_loading_timeout": endpoint.model_loading_timeout_seconds,
            "predict_timeout": self._settings.predict_timeout_seconds,
            **self._weights_settings(backend, weights),
            **self._section_settings(backend, weights, degree),
        }
        # Left out, the lengths would be the container's own: 512 tokens or fewer on some backends.
        for name, length in (
            ("max_input_len", max_input_len),
            ("max_output_len", max_output_len),
            ("max_tokens", max_input_len + max_output_len),
            ("max_seq_len", max_input_len + max_output_len),
            ("n_positions", max_input_len + max_output_len),
        ):
            if name in support.property_names and settings.get(name) is None:
                settings[name] = length
        if support.default_max_num_tokens is not None and settings.get("max_num_tokens") is None:
            settings["max_num_tokens"] = self._decide(
                f"{BACKEND_SECTIONS[backend]}.max_num_tokens", lambda: rules.max_num_tokens(support)
            )
        if "output_formatter" in support.property_names or self._settings.output_formatter:
            settings["output_formatter"] = self._decide(
                "output_formatter", lambda: Choice("json", "rule: one JSON document an answer")
            )
        return ResolvedSpec(
            name=self._merged.name,
            hardware=self._merged.hardware,
            file=self._merged.file,
            weights=weights,
            container=container,
            backend=backend,
            support=support,
            image=container.flavors[support.flavor],
            instance=instance,
            gpu=self._gpu,
            tensor_parallel_degree=degree,
            max_rolling_batch_size=batch,
            max_input_len=max_input_len,
            max_output_len=max_output_len,
            concurrency=cast("int | None", self._merged.get("traffic.concurrency")),
            settings={name: value for name, value in settings.items() if value is not None},
            options=dict(self._settings.options or {}),
            endpoint=endpoint,
            origin=self._origin,
        )

    def _decide(self, key: str, rule: Callable[[], Choice[T]]) -> T:
        """What the profile says for `key`, or what the rule says where it leaves that open."""
        written = self._merged.get(key)
        if written is not None and written != "auto":
            return cast(T, written)
        choice = rule()
        if choice.value is not None:
            self._origin[key] = Origin(choice.reason, self._merged.place(key))
        return choice.value

    def _backend(self, facts: Model | None, method: QuantizeMethod | None) -> Backend:
        container = self._container
        known = ", ".join(container.backends)

        def rule() -> Choice[Backend]:
            choice = rules.backend(container, self._gpu, facts, method)
            if choice is None:
                problem = f"no backend of LMI {container.version} serves this model so"
                fix = f"name one of {known} to see why it is refused"
                found = _problem(self._merged, "LMI104", problem, key="backend", fix=fix)
                raise ProfileError([found])
            return choice

        backend = self._decide("backend", rule)
        if backend not in container.backends:
            problem = f"LMI {container.version} has no backend {backend!r}"
            fix = f"one of {known}"
            found = _problem(self._merged, "LMI101", problem, key="backend", fix=fix)
            raise ProfileError([found])
        return backend

    def _weights(self, facts: Model | None, dtype: str, method: QuantizeMethod | None) -> Weights:
        stated_gib = self._merged.get("model.weights_gib")
        if stated_gib is not None:
            download_bytes = int(cast(float, stated_gib) * GIB)
            gpu_bytes = int(download_bytes * rules.shrinkage(dtype, method))
        elif facts is not None:
            download_bytes = facts.checkpoint_bytes
            gpu_bytes = rules.gpu_bytes(facts, dtype, method)
            place = self._merged.place("model.weights_gib")
            self._origin["model.weights_gib"] = Origin(f"catalog: {facts.id}", place)
        else:
            model_id = str(self._merged.get("model.id"))
            problem = f"is required: the catalog does not hold {model_id}"
            fix = "the size of the weight files, such as model.weights_gib: 13.5"
            near = nearest(model_id, catalog.names("models"))
            fix += f"; or did you mean {near!r}?" if near else ""
            key = "model.weights_gib"
            raise ProfileError([_problem(self._merged, "LMI004", problem, key=key, fix=fix)])
        model = self._settings.model
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

    def _endpoint(self, weights: Weights, degree: int, *, compiles: bool) -> Endpoint:
        section = self._settings.endpoint
        vpc = section.vpc if section else None
        copies = max(1, device_count(self._instance, self._gpu) // degree)
        loading_seconds = self._decide(
            "model_loading_timeout_seconds",
            lambda: rules.model_loading_timeout(weights, compiles=compiles),
        )
        return Endpoint(
            name=(section and section.name) or f"{self._merged.name}-{self._merged.hardware}",
            instance_count=self._instance_count(),
            packaging=(section and section.packaging) or "prefix",
            role=section.role if section else None,
            artifacts=section.artifacts if section else None,
            subnets=tuple(vpc.subnets) if vpc else (),
            security_groups=tuple(vpc.security_groups) if vpc else (),
            tags=dict((section and section.tags) or {}),
            model_loading_timeout_seconds=loading_seconds,
            startup_timeout_seconds=loading.startup_timeout_seconds(loading_seconds, copies=copies),
            download_timeout_seconds=loading.BUNDLE_DOWNLOAD_SECONDS,
            volume_gb=loading.volume_gb(weights, compiles=compiles)
            if self._instance.is_volume_size_settable
            else None,
        )

    def _instance_count(self) -> int:
        wanted = self._merged.get("endpoint.instances")
        if not isinstance(wanted, InstanceCounts):
            return cast("int | None", wanted) or 1
        if wanted.min != wanted.max:
            problem = "this version of lmi-deploy does not support autoscaling"
            fix, key = f"endpoint.instances: {wanted.min}", "endpoint.instances"
            raise ProfileError([_problem(self._merged, "LMI005", problem, key=key, fix=fix)])
        return wanted.min

    def _weights_settings(self, backend: Backend, weights: Weights) -> dict[str, Value | None]:
        """The settings that say which weights to load, and as what."""
        quantize = self._quantize
        support = self._container.backends[backend]
        row = support.quantize.get(quantize.method) if quantize else None
        takes_dtype = "dtype" in support.property_names and (row is None or bool(row.dtypes))
        is_dtype_written = self._merged.get("model.dtype") not in {None, "auto"}
        return {
            "model_id": weights.source or weights.model_id,
            "revision": None if weights.source else weights.revision,
            "trust_remote_code": bool(self._merged.get("model.trust_remote_code")) or None,
            "dtype": support.dtype_names.get(cast(Dtype, weights.dtype), weights.dtype)
            if takes_dtype or is_dtype_written
            else None,
            "quantize": row.value if row else weights.quantize,
            "smoothquant_alpha": quantize.alpha if quantize else None,
            "smoothquant_per_token": quantize.per_token if quantize else None,
            "smoothquant_per_channel": quantize.per_channel if quantize else None,
        }

    def _section_settings(
        self, backend: Backend, weights: Weights, degree: int
    ) -> dict[str, Value | None]:
        """The settings of the chosen backend's own section, with its `auto`s decided."""
        name = BACKEND_SECTIONS[backend]
        section = self._merged.get(name)
        values: dict[str, Value | None] = (
            section.model_dump() if isinstance(section, Section) else {}
        )
        if backend == "trtllm":
            decided: dict[str, Callable[[], Choice[bool | None]]] = {
                "use_custom_all_reduce": lambda: rules.use_custom_all_reduce(
                    self._instance, degree
                ),
                "multi_query_mode": lambda: rules.multi_query_mode(weights),
            }
            names = self._container.backends[backend].property_names
            for setting, rule in decided.items():
                is_read = setting in names  # else only what the profile says itself, to be refused
                is_said = values.get(setting) not in {None, "auto"}
                key = f"{name}.{setting}"
                values[setting] = self._decide(key, rule) if is_read or is_said else None
        return values
