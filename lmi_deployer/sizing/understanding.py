"""Fills in what a sizing question leaves open, by the rules behind `auto`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from lmi_deployer import rules
from lmi_deployer.catalog.rows import BackendSupport, QuantizeMethod
from lmi_deployer.errors import InputError
from lmi_deployer.rules import Case, Choice
from lmi_deployer.sizing import allowed, setups
from lmi_deployer.sizing.asked import Machine, Understood, Wanted
from lmi_deployer.sizing.asked_lengths import check_lengths, lengths_of
from lmi_deployer.sizing.choosing import choose, error_of, require_keys
from lmi_deployer.sizing.engines import version_of
from lmi_deployer.sizing.kv_cache import cache_dtype
from lmi_deployer.sizing.setup import Setup
from lmi_deployer.sizing.supposing import as_if_stored

if TYPE_CHECKING:
    from lmi_deployer.model_facts import ModelFacts
    from lmi_deployer.model_shape import ModelShape
    from lmi_deployer.sizing.memory import Memory

T = TypeVar("T")
_TAKES_MODEL_LEN = frozenset({"vllm", "lmi-dist"})


def understand(
    model_id: str, facts: ModelFacts, shape: ModelShape, machine: Machine, wanted: Wanted
) -> Understood:
    """The question with every setting decided. Raises InputError for what is not possible.

    A method that needs weights it has quantized already is answered for plain ones as if they
    were, with a doubt that says so.
    """
    try:
        return _Understanding(model_id, facts, shape, machine, wanted).outcome()
    except InputError:
        supposed = as_if_stored(facts, wanted.quantize)
        if supposed is None:
            raise
        with suppress(InputError):  # then the first reason is the one to tell
            return _supposed(model_id, *supposed, machine, wanted)
        raise


def _supposed(
    model_id: str, facts: ModelFacts, doubt: str, machine: Machine, wanted: Wanted
) -> Understood:
    assert facts.shape is not None  # as_if_stored has made it
    outcome = _Understanding(model_id, facts, facts.shape, machine, wanted).outcome()
    return replace(outcome, doubts=(doubt, *outcome.doubts))


class _Understanding:
    """Decides one question from the container down to the batch, and keeps the reasons."""

    def __init__(
        self,
        model_id: str,
        facts: ModelFacts,
        shape: ModelShape,
        machine: Machine,
        wanted: Wanted,
    ) -> None:
        self._model_id = model_id
        self._facts = facts
        self._shape = shape
        self._machine = machine
        self._wanted = wanted
        self._chosen = choose(facts, shape, machine, wanted)
        self._assumed = dict(self._chosen.reasons)

    def outcome(self) -> Understood:
        """Everything decided, with the reasons."""
        require_keys(self._chosen, self._wanted)
        setup = self._draft()
        setup = replace(setup, tensor_parallel_degree=self._degree(setup))
        setup = replace(setup, max_model_len=self._max_model_len(setup))
        setup = replace(setup, max_rolling_batch_size=self._batch(setup))
        self._say_cache_dtype(setup)
        return Understood(
            setup=setup,
            machine=self._machine,
            container=self._chosen.container,
            backend=self._chosen.backend,
            assumed=self._assumed,
            evidence=self._evidence(setup),
            doubts=(*self._chosen.doubts, *self._version_doubts(setup)),
        )

    def _version_doubts(self, setup: Setup) -> Iterator[str]:
        """What is not known of the version of the library."""
        backend, version = self._chosen.backend, setup.engine_version
        if version == setups.UNKNOWN_VERSION:
            named = f"{backend} LMI {self._chosen.container.version}"
            yield f"nobody says which {named} bundles: counted as the newest that is known"
        newest = setups.newest_bundled(backend)
        if self._wanted.engine_version and newest and version_of(version) > version_of(newest):
            yield f"nothing is known of {backend} {version}: counted as {newest}"

    def _evidence(self, setup: Setup) -> str | None:
        """A published configuration that ran the model so, with as large a batch."""
        for item in self._case.covering(setup.tensor_parallel_degree):
            if item.row.max_rolling_batch_size >= setup.max_rolling_batch_size:
                return item.citation
        return None

    @property
    def _support(self) -> BackendSupport:
        return self._chosen.container.backends[self._chosen.backend]

    @property
    def _method(self) -> QuantizeMethod | None:
        method = self._wanted.quantize
        return None if method == "none" else method

    @cached_property
    def _lengths(self) -> tuple[int, int]:
        lengths = lengths_of(self._wanted, self._facts, self._assumed)
        check_lengths(self._shape, lengths, self._wanted.max_model_len)
        return lengths

    @cached_property
    def _case(self) -> Case:
        from lmi_deployer.sizing import published

        longest_input, longest_output = self._lengths
        container, backend = self._chosen.container, self._chosen.backend
        rows = published.find(
            self._model_id,
            self._machine.name,
            backend,
            facts=self._facts,
            quantize=self._method,
            version=container.version,
        )
        return Case(
            container=container,
            backend=backend,
            instance=self._machine.as_instance,
            gpu=self._machine.gpu,
            facts=self._facts,
            method=self._method,
            max_input_len=longest_input,
            max_output_len=longest_output,
            published=rows,
        )

    def _taken(self, setting: str, choice: Choice[T]) -> T:
        """What a rule decided, with its reason kept."""
        self._assumed[setting] = choice.reason
        return choice.value

    def _draft(self) -> Setup:
        """The setup before degree, limit of the length and batch are decided."""
        wanted, machine = self._wanted, self._machine
        longest_input, longest_output = self._lengths
        return Setup(
            shape=self._shape,
            gpu=machine.gpu,
            gpu_count=machine.devices,
            gpu_link=machine.link,
            tensor_parallel_degree=1,
            pipeline_parallel_degree=wanted.pipeline_parallel_degree or 1,
            engine=self._chosen.backend,
            engine_version=wanted.engine_version or self._bundled(),
            dtype=self._dtype(),
            weight_format=self._weight_format(),
            kv_cache_dtype=self._cache_dtype(),
            memory_fraction=wanted.memory_fraction,
            max_input_len=longest_input,
            max_output_len=longest_output,
            max_model_len=wanted.max_model_len,
            max_rolling_batch_size=wanted.max_rolling_batch_size or setups.STATIC_BATCH,
            max_num_tokens=self._max_num_tokens(),
            has_chunked_prefill=wanted.enable_chunked_prefill,
            is_eager=wanted.enforce_eager or False,
        )

    def _bundled(self) -> str:
        container, backend = self._chosen.container, self._chosen.backend
        return setups.engine_version(container, backend) or setups.UNKNOWN_VERSION

    def _dtype(self) -> str:
        container, backend = self._chosen.container, self._chosen.backend
        dtype = self._wanted.dtype
        if dtype is None:
            choice = rules.dtype(self._support, self._machine.gpu, self._facts, self._method)
            dtype = self._taken("dtype", choice)
            refusal = allowed.family_starts_in(container, backend, self._shape, dtype)
        else:
            refusal = allowed.dtype_is_taken(container, backend, self._shape, self._machine, dtype)
        if refusal:
            raise error_of(refusal)
        return dtype

    def _weight_format(self) -> str | None:
        stored = self._shape.stored
        if self._wanted.quantize is None:
            said = f"checkpoint: {stored.method}" if stored else "rule: only where it is asked for"
            self._assumed["quantize"] = said
        elif self._wanted.quantize == "none" and stored is not None:
            problem = f"the checkpoint is quantized with {stored.method} already"
            raise InputError(problem, fix="a checkpoint with plain weights, or leave it out")
        return None if stored is not None else self._method

    def _cache_dtype(self) -> str | None:
        return setups.cache_dtype(self._wanted.kv_cache_dtype)

    def _say_cache_dtype(self, setup: Setup) -> None:
        """Keep where the format of the cache comes from, where nobody gave it."""
        if self._wanted.kv_cache_dtype is not None:
            return
        stored = self._shape.stored.kv_cache_dtype if self._shape.stored else None
        reason = "engine: the format of the activations"
        if stored is not None and cache_dtype(setup) == stored:
            reason = "checkpoint: its own, which the engine takes over"
        elif stored is not None:
            engine = f"{setup.engine} {setup.engine_version}"
            reason += f"; {engine} takes the checkpoint's {stored} only where it is set"
        self._assumed["kv_cache_dtype"] = reason

    def _max_num_tokens(self) -> int | None:
        if self._wanted.max_num_tokens is not None:
            return self._wanted.max_num_tokens
        if self._support.default_max_num_tokens is None:
            return None
        return self._taken("max_num_tokens", rules.max_num_tokens(self._support))

    def _degree(self, draft: Setup) -> int:
        """The degree as asked for; the largest for "max"; by the rule behind `auto` else."""
        wanted, stages = self._wanted.tensor_parallel_degree, draft.pipeline_parallel_degree
        backend, machine = self._chosen.backend, self._machine
        asked_for = wanted if isinstance(wanted, int) else 1
        refusal = allowed.degree_starts(backend, self._shape, machine, asked_for, stages)
        if refusal:
            raise error_of(refusal)
        if isinstance(wanted, int):
            return wanted
        devices = machine.devices // stages
        even = [item for item in allowed.degrees(backend, self._shape, devices)
                if devices % item == 0]  # fmt: skip
        if wanted == "max" or stages > 1:
            self._assumed["tensor_parallel_degree"] = "rule: the most devices that share a copy"
            return even[-1]
        whole = rules.gpu_bytes(self._facts, draft.dtype, self._method)
        loaded = rules.loaded_bytes(self._case, draft.dtype, whole)
        choice = rules.tensor_parallel_degree(self._case, loaded)
        return self._taken("tensor_parallel_degree", choice)

    def _max_model_len(self, setup: Setup) -> int | None:
        wanted = self._wanted.max_model_len
        backend = self._chosen.backend
        if wanted is not None or backend not in _TAKES_MODEL_LEN:
            return wanted
        if "max_model_len" not in self._support.property_names:
            return None

        def starts_with(limit: int | None) -> bool:
            return measured(replace(setup, max_model_len=limit, max_rolling_batch_size=1)).fits

        positions = self._shape.max_position_embeddings
        choice = rules.max_model_len(sum(self._lengths), positions, starts_with=starts_with)
        return self._taken("max_model_len", choice)

    def _batch(self, setup: Setup) -> int:
        wanted = self._wanted.max_rolling_batch_size
        if wanted is not None:
            return wanted

        def measure(batch: int) -> Memory:
            return measured(replace(setup, max_rolling_batch_size=batch))

        choice = rules.max_rolling_batch_size(self._case, setup.tensor_parallel_degree, measure)
        return self._taken("max_rolling_batch_size", choice) or setups.STATIC_BATCH


def measured(setup: Setup) -> Memory:
    """The memory of a setup."""
    from lmi_deployer.sizing import measure

    return measure(setup)
