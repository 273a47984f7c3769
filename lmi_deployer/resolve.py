"""Decides everything that a merged profile leaves open, and notes by which rule.

The profile comes first; what it leaves out or to `auto` is for `rules/`. Whether the outcome is
sound is for the checks to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from lmi_deployer import catalog, rules
from lmi_deployer.catalog.rows import (
    Backend,
    BackendSupport,
    Container,
    InstanceType,
    QuantizeMethod,
)
from lmi_deployer.findings import ProfileError
from lmi_deployer.hardware import MergedProfile
from lmi_deployer.profile import QuantizeSection
from lmi_deployer.resolving.compilation import compiles_ahead, may_compile_ahead, with_compilation
from lmi_deployer.resolving.deciding import Decisions
from lmi_deployer.resolving.endpoint import make_endpoint
from lmi_deployer.resolving.fitting import choose_method, decide_by_memory, standing
from lmi_deployer.resolving.requiring import (
    REQUIRED,
    known_names,
    require_what_nothing_can_derive,
)
from lmi_deployer.resolving.settings import (
    BACKEND_SECTIONS,
    length_settings,
    section_settings,
    weights_settings,
)
from lmi_deployer.resolving.weights import find_facts, make_weights
from lmi_deployer.rules import Case
from lmi_deployer.spec import ResolvedSpec, Value, Weights

__all__ = ["BACKEND_SECTIONS", "REQUIRED", "resolve"]

if TYPE_CHECKING:
    from lmi_deployer.sizing.published import Published

T = TypeVar("T")

PUBLISHED = ("tensor_parallel_degree", "max_rolling_batch_size")
"""What published rows decide."""


def resolve(merged: MergedProfile, *, looks_up: bool = True) -> ResolvedSpec:
    """The decided spec of one hardware profile.

    `looks_up` lets published settings of the same model and machine go before the rules. Raises
    ProfileError, with all that is missing or unknown, when something cannot be decided.
    """
    require_what_nothing_can_derive(merged)
    container, instance = known_names(merged)
    return _Resolver(merged, container, instance, looks_up=looks_up).spec()


class _Resolver:
    """Decides one profile from top to bottom, noting the origin of each value on the way."""

    def __init__(
        self, merged: MergedProfile, container: Container, instance: InstanceType, *, looks_up: bool
    ) -> None:
        self._merged = merged
        self._container = container
        self._instance = instance
        self._gpu = catalog.gpu(instance.gpu)
        self._looks_up = looks_up
        self._facts = find_facts(merged)
        self._decisions = Decisions(merged)

    def spec(self) -> ResolvedSpec:
        """The decided spec."""
        return with_compilation(self._served(), self._decisions)

    def _served(self) -> ResolvedSpec:
        """Everything about serving."""
        written = self._merged.get("quantize")
        if written != "auto":
            return self._attempt(written.method if isinstance(written, QuantizeSection) else None)
        already = self._facts.quantization if self._facts else None
        choice = choose_method(self._attempt, self._refuses, already)
        spec = self._attempt(choice.value)
        self._decisions.note("quantize", choice)
        return spec

    def _attempt(self, method: QuantizeMethod | None) -> ResolvedSpec:
        """Everything but the method, decided for one."""
        written = cast("Backend | None", self._merged.get("backend"))
        if not Decisions(self._merged).is_open("backend"):
            return self._decided(self._known(written), method)
        tried: dict[Backend, tuple[ResolvedSpec, Decisions]] = {}

        def decided(name: Backend) -> ResolvedSpec:
            spec = self._decided(name, method)
            tried[name] = (spec, self._decisions)
            return spec

        choice = rules.backend(
            self._container,
            self._gpu,
            self._facts,
            method,
            standing=lambda name: standing(decided(name)),
        )
        if choice is None:
            raise self._without_backend(method)
        if choice.value not in tried:
            decided(choice.value)
        spec, self._decisions = tried[choice.value]
        self._decisions.note("backend", choice)
        return spec

    def _decided(self, backend: Backend, method: QuantizeMethod | None) -> ResolvedSpec:
        """Everything but backend and method, decided for both."""
        self._decisions = decisions = Decisions(self._merged)
        container, gpu, facts = self._container, self._gpu, self._facts
        support = container.backends[backend]
        max_input_len, max_output_len = self._lengths()
        dtype = decisions.decide("model.dtype", lambda: rules.dtype(support, gpu, facts, method))
        weights = make_weights(
            decisions,
            support,
            facts,
            dtype,
            method,
            compiles_ahead=may_compile_ahead(decisions, container, backend),
        )
        case = self._case(backend, weights, max_input_len, max_output_len)

        degree = decisions.decide(
            "tensor_parallel_degree",
            lambda: rules.tensor_parallel_degree(
                case, rules.loaded_bytes(case, dtype, weights.gpu_bytes)
            ),
        )
        spec = self._with_degree(decisions, case, weights, degree)
        return decide_by_memory(spec, decisions, case)

    def _with_degree(
        self, decisions: Decisions, case: Case, weights: Weights, degree: int
    ) -> ResolvedSpec:
        """All that does not wait for the memory, with a provisional batch."""
        container, instance, backend, support = (
            self._container, self._instance, case.backend, case.support
        )  # fmt: skip
        copies = max(1, case.devices // degree)
        is_ahead = compiles_ahead(decisions, container, backend)
        compiles = support.compiles_at_load and not is_ahead
        endpoint = make_endpoint(decisions, weights, instance, copies=copies, compiles=compiles)
        batch, timeout = self._batch(support), self._merged.settings.predict_timeout_seconds
        settings: dict[str, Value | None] = {
            "tensor_parallel_degree": degree,
            "max_rolling_batch_size": batch,
            "model_loading_timeout": endpoint.model_loading_timeout_seconds,
            "predict_timeout": None if timeout == "auto" else timeout,
            **weights_settings(decisions, support, weights),
            **section_settings(decisions, backend, support, instance, weights, degree),
        }
        for name, length in length_settings(
            backend, support, case.max_input_len, case.max_output_len
        ):
            if settings.get(name) is None:
                settings[name] = length
        if support.default_max_num_tokens is not None and settings.get("max_num_tokens") is None:
            settings["max_num_tokens"] = decisions.decide(
                f"{BACKEND_SECTIONS[backend]}.max_num_tokens", lambda: rules.max_num_tokens(support)
            )
        if "output_formatter" in support.property_names or self._merged.settings.output_formatter:
            settings["output_formatter"] = decisions.decide(
                "output_formatter", rules.output_formatter
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
            max_input_len=case.max_input_len,
            max_output_len=case.max_output_len,
            concurrency=cast("int | None", self._merged.get("traffic.concurrency")),
            settings={name: value for name, value in settings.items() if value is not None},
            options=dict(self._merged.settings.options or {}),
            endpoint=endpoint,
            origin=decisions.origin,
        )

    def _batch(self, support: BackendSupport) -> int | None:
        """The batch that is written, else the container's own; None without rolling batch."""
        if self._decisions.is_open("max_rolling_batch_size"):
            return support.default_max_rolling_batch_size
        return cast(int, self._merged.get("max_rolling_batch_size"))

    def _case(
        self, backend: Backend, weights: Weights, max_input_len: int, max_output_len: int
    ) -> Case:
        rows: tuple[Published, ...] = ()
        if self._looks_up and any(map(self._decisions.is_open, PUBLISHED)):
            from lmi_deployer.sizing.published import find

            rows = find(
                weights.model_id,
                self._instance.name,
                backend,
                facts=weights.facts,
                quantize=weights.quantize,
                version=self._container.version,
            )
        return Case(
            container=self._container,
            backend=backend,
            instance=self._instance,
            gpu=self._gpu,
            facts=self._facts,
            method=weights.quantize,
            max_input_len=max_input_len,
            max_output_len=max_output_len,
            published=rows,
        )

    def _lengths(self) -> tuple[int, int]:
        """The longest prompt and the longest answer."""
        facts = self._facts
        answer = None if self._decisions.is_open("traffic.max_output_len") else self._answer()
        prompt = self._decisions.decide(
            "traffic.max_input_len", lambda: rules.max_input_len(facts, answer)
        )
        return prompt, self._decisions.decide(
            "traffic.max_output_len", lambda: rules.max_output_len(facts, prompt)
        )

    def _answer(self) -> int:
        return cast(int, self._merged.get("traffic.max_output_len"))

    def _refuses(self, method: QuantizeMethod) -> str | None:
        """What stands against a method, with the backend that is written or with any."""
        written = self._merged.get("backend")
        known = tuple(self._container.backends)
        names = known if self._decisions.is_open("backend") else (cast(Backend, written),)
        return rules.method_refusal(self._container, names, self._gpu, self._facts, method)

    def _known(self, backend: Backend | None) -> Backend:
        """The backend that is written. Raises ProfileError where the container lacks it."""
        container = self._container
        if backend is not None and backend in container.backends:
            return backend
        problem = f"LMI {container.version} has no backend {backend!r}"
        fix = f"one of {', '.join(container.backends)}"
        raise ProfileError([self._decisions.problem("LMI101", problem, key="backend", fix=fix)])

    def _without_backend(self, method: QuantizeMethod | None) -> ProfileError:
        """LMI104, with what is against each backend."""
        found = rules.refusals(self._container, self._gpu, self._facts, method)
        against = "; ".join(f"{name}: {reason}" for name, reason in found.items())
        problem = f"no backend of LMI {self._container.version} serves this model so ({against})"
        fix = "another instance type, container version or quantization, or name a backend anyway"
        stored = self._facts.quantization if self._facts else None
        as_stored = next((name for name in rules.MILDEST_FIRST if name == stored), None)
        if method is None and as_stored is not None and self._refuses(as_stored) is None:
            fix = f"quantize: {{method: {stored}}}, as the weights are stored"
        return ProfileError([self._decisions.problem("LMI104", problem, key="backend", fix=fix)])
