"""What to change so that a model fits: every way is tried before it is offered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from lmi_deployer import catalog, prices
from lmi_deployer.sizing import allowed
from lmi_deployer.sizing.asked import machine_of_instance
from lmi_deployer.sizing.engines import engine_memory

if TYPE_CHECKING:
    from lmi_deployer.sizing.asked import Machine, Understood
    from lmi_deployer.sizing.memory import Memory
    from lmi_deployer.sizing.setup import Setup

SHORTEST_PROMPT = 64
"""Tokens below which a shorter prompt is no help to anybody."""
SMALLEST_BATCH = 1
_CACHE_KEY = "option.kv_cache_dtype"
_TAKES_MODEL_LEN = frozenset({"vllm", "lmi-dist"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """One change, and the memory as it is then."""

    change: str
    """In words, with the flag that makes it."""
    setup: Setup
    memory: Memory
    machine: Machine


def ways_out(asked: Understood) -> tuple[WayOut, ...]:
    """The smallest change of each kind with which the model fits; none of them, if none does.

    Kinds, in the order of the effort: settings, the degree, another number format, a machine.
    """
    kinds = (
        _larger_fraction(asked),
        _fewer_bytes(asked),
        _shorter(asked),
        _smaller_batch(asked),
        _degrees(asked),
        _cache(asked),
        _methods(asked),
    )
    found = [way for kind in kinds for way in islice(_fitting(asked.machine, kind), 1)]
    return (*found, *islice(_machines(asked), 1))


def _fitting(machine: Machine, changes: Iterator[tuple[str, Setup]]) -> Iterator[WayOut]:
    from lmi_deployer.sizing import measure

    for change, setup in changes:
        memory = measure(setup)
        if memory.verdict == "fits":
            yield WayOut(change=change, setup=setup, memory=memory, machine=machine)


def _larger_fraction(asked: Understood) -> Iterator[tuple[str, Setup]]:
    """The engine's own share of the memory, where less was asked for."""
    own = engine_memory(asked.setup).fraction
    given = asked.setup.memory_fraction
    if given is not None and given < own:
        yield f"--memory-fraction {own:g}", replace(asked.setup, memory_fraction=own)


def _fewer_bytes(asked: Understood) -> Iterator[tuple[str, Setup]]:
    """Sixteen bits instead of 32."""
    if asked.setup.dtype == "fp32":
        shape = asked.setup.shape
        for dtype in ("bf16", "fp16"):
            machine, backend = asked.machine, asked.backend
            if allowed.dtype_is_taken(asked.container, backend, shape, machine, dtype) is None:
                yield f"--dtype {dtype}", replace(asked.setup, dtype=dtype)


def _shorter(asked: Understood) -> Iterator[tuple[str, Setup]]:
    """A limit on the length where there is none, then shorter prompts."""
    setup = asked.setup
    longest = setup.max_input_len + setup.max_output_len
    takes_limit = setup.engine in _TAKES_MODEL_LEN
    if takes_limit and (setup.max_model_len or longest + 1) > longest:
        yield f"--max-model-len {longest}", replace(setup, max_model_len=longest)
    prompt = setup.max_input_len // 2
    while prompt >= SHORTEST_PROMPT:
        tokens = prompt + setup.max_output_len
        limit = f" --max-model-len {tokens}" if takes_limit else ""
        model_len = tokens if takes_limit else None
        yield (
            f"--max-input-len {prompt}{limit}",
            replace(setup, max_input_len=prompt, max_model_len=model_len),
        )
        prompt //= 2


def _smaller_batch(asked: Understood) -> Iterator[tuple[str, Setup]]:
    batch = asked.setup.max_rolling_batch_size // 2
    while batch >= SMALLEST_BATCH:
        change = f"--max-rolling-batch-size {batch}"
        yield change, replace(asked.setup, max_rolling_batch_size=batch)
        batch //= 2


def _degrees(asked: Understood) -> Iterator[tuple[str, Setup]]:
    """Degrees above the one that was asked for, from the smallest."""
    setup = asked.setup
    devices = asked.machine.devices // setup.pipeline_parallel_degree
    for degree in allowed.degrees(asked.backend, setup.shape, devices):
        if degree > setup.tensor_parallel_degree and devices % degree == 0:
            change = f"--tensor-parallel-degree {degree}"
            yield change, replace(setup, tensor_parallel_degree=degree)


def _cache(asked: Understood) -> Iterator[tuple[str, Setup]]:
    is_read = asked.backend in asked.container.options.get(_CACHE_KEY, ())
    if is_read and asked.setup.kv_cache_dtype is None:
        yield "--kv-cache-dtype fp8", replace(asked.setup, kv_cache_dtype="fp8")


def _methods(asked: Understood) -> Iterator[tuple[str, Setup]]:
    """Methods that quantize plain weights while they load, those of the most bits first."""
    if asked.setup.shape.stored is not None or asked.setup.weight_format is not None:
        return
    support = asked.container.backends[asked.backend]
    for method in sorted(support.quantize, key=lambda name: "4" in name or name == "awq"):
        refusal = allowed.method_is_taken(
            asked.container, asked.backend, asked.setup.shape, asked.machine, method
        )
        if refusal is None:
            yield f"--quantize {method}", replace(asked.setup, weight_format=method)


def _machines(asked: Understood) -> Iterator[WayOut]:
    """Instance types that may host, the cheapest first, each with the smallest degree that fits."""
    rows = [catalog.instance_type(name) for name in catalog.names("instances")]
    dtype, shape = asked.setup.dtype, asked.setup.shape
    known = prices.known()
    quotes = [(known.quote(row.name).price, row) for row in rows if row.hosting]
    priced = [(price.usd_per_hour, row) for price, row in quotes if price is not None]
    for _, row in sorted(priced, key=lambda item: item[0]):
        machine = machine_of_instance(row)
        container, backend = asked.container, asked.backend
        refusal = allowed.container_runs_there(container, backend, machine)
        refusal = refusal or allowed.gpu_has_the_kernels(container, backend, machine)
        refusal = refusal or allowed.stored_runs_there(container, backend, shape, machine)
        if refusal or allowed.dtype_is_taken(container, backend, shape, machine, dtype):
            continue
        found = _fitting(machine, _on(asked, machine))
        yield from islice(found, 1)


def _on(asked: Understood, machine: Machine) -> Iterator[tuple[str, Setup]]:
    """The question on another machine, with each degree that starts there."""
    for degree in allowed.degrees(asked.backend, asked.setup.shape, machine.devices):
        if machine.devices % degree == 0:
            yield (
                f"--instance {machine.name} --tensor-parallel-degree {degree}",
                replace(
                    asked.setup,
                    gpu=machine.gpu,
                    gpu_count=machine.devices,
                    gpu_link=machine.link,
                    tensor_parallel_degree=degree,
                    pipeline_parallel_degree=1,
                ),
            )
