"""What only the memory can decide: quantization that is asked for, context length, and batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from lmi_deployer import rules
from lmi_deployer.catalog.rows import QuantizeMethod
from lmi_deployer.hardware import RunnerUp
from lmi_deployer.resolving.deciding import Decisions
from lmi_deployer.resolving.settings import BACKEND_SECTIONS
from lmi_deployer.rules import Case, Choice, Fit, Standing
from lmi_deployer.spec import GIB, ResolvedSpec

if TYPE_CHECKING:
    from lmi_deployer.sizing.memory import Memory

MILDEST_THAT_FITS = "mildest-quantization-that-fits"
CHECKPOINT_SAYS = "as-the-checkpoint-is-stored"
Attempt = Callable[[QuantizeMethod | None], ResolvedSpec]


def choose_method(
    attempt: Attempt, refuses: Callable[[QuantizeMethod], str | None], already: str | None
) -> Choice[QuantizeMethod | None]:
    """None where plain weights fit, else the mildest method with which they do.

    `attempt` decides everything else for a method, and `refuses` says what is against one.
    """
    if already is not None:
        taken = next((name for name in rules.MILDEST_FIRST if name == already), None)
        reason = f"rule: the weights are quantized with {already} already"
        method = taken if taken is not None and refuses(taken) is None else None
        return Choice(method, CHECKPOINT_SAYS, reason)
    plain = attempt(None)
    memory, length = plain.memory, plain.max_input_len + plain.max_output_len
    if plain.evidence is not None:
        reason = f"rule: none, since the plain weights ran so: {plain.evidence.citation}"
        return Choice(None, MILDEST_THAT_FITS, reason)
    if memory is None:
        reason = "rule: none, since nobody knows how much memory the model takes"
        return Choice(None, MILDEST_THAT_FITS, reason)
    if memory.verdict == "fits":
        reason = f"rule: none, since the plain weights fit with {plain.backend}"
        return Choice(None, MILDEST_THAT_FITS, reason)
    others = [RunnerUp("none", _why_not(memory, length))]
    for name in rules.MILDEST_FIRST:
        against = refuses(name)
        if against is None:
            memory = attempt(name).memory
            if memory is not None and memory.verdict == "fits":
                reason = "rule: the mildest method that is allowed here and fits"
                return Choice(name, MILDEST_THAT_FITS, reason, tuple(others))
            against = "the size is not known" if memory is None else _why_not(memory, length)
        others.append(RunnerUp(name, against))
    reason = "rule: none, since no method that is allowed here makes it fit"
    return Choice(None, MILDEST_THAT_FITS, reason, tuple(others))


def _why_not(memory: Memory, length: int) -> str:
    """What is against weights that are not sure to fit, with requests of so many tokens."""
    if memory.shortage_bytes:
        return f"{memory.shortage_bytes / GIB:.1f} GiB short on each GPU, before any cache"
    low, tokens = memory.bound.kv_cache_tokens_low, memory.kv_cache_tokens
    held = f"a cache of {tokens:,} tokens ({low:,} where the estimate errs), for {length:,} each"
    return f"may not start: {held}" if memory.fits else f"does not fit: {held}"


def standing(spec: ResolvedSpec) -> Standing:
    """How well a decided profile fits the memory; a published run, or no size known, is enough."""
    memory = spec.memory
    if memory is None or spec.evidence is not None:
        return Standing(Fit.ENOUGH)
    length = spec.max_input_len + spec.max_output_len
    if memory.verdict != "fits":
        fit = Fit.BARELY if memory.fits else Fit.NONE
        return Standing(fit, _why_not(memory, length))
    held = memory.max_sequences * max(1, spec.copies) * spec.endpoint.instance_count
    if spec.concurrency is not None and held < spec.concurrency:
        return Standing(Fit.SURE, f"holds {held} of {spec.concurrency} requests of full length")
    return Standing(Fit.ENOUGH)


def decide_by_memory(spec: ResolvedSpec, decisions: Decisions, case: Case) -> ResolvedSpec:
    """The spec with the context length and the batch that its memory allows, where they are open.

    The spec comes with a provisional batch. A timeout that is `auto` follows from the batch.
    """
    limit = _context(spec, decisions)
    if limit is not None:
        spec = replace(spec, settings={**spec.settings, "max_model_len": limit})
    return _with_timeout(_with_batch(spec, decisions, case), decisions)


def _with_batch(spec: ResolvedSpec, decisions: Decisions, case: Case) -> ResolvedSpec:
    key = "max_rolling_batch_size"
    if not decisions.is_open(key):
        return spec
    settings, setup = dict(spec.settings), spec.setup

    def measured(size: int) -> Memory:
        from lmi_deployer.sizing import measure

        assert setup is not None
        return measure(replace(setup, max_rolling_batch_size=size))

    batch = decisions.decide(
        key,
        lambda: rules.max_rolling_batch_size(
            case, spec.tensor_parallel_degree, None if setup is None else measured
        ),
    )
    settings.pop(key, None)
    if batch is not None:
        settings[key] = batch
    return replace(spec, max_rolling_batch_size=batch, settings=settings)


def _with_timeout(spec: ResolvedSpec, decisions: Decisions) -> ResolvedSpec:
    """The spec with the timeout of a request, where that is `auto`."""
    key = "predict_timeout_seconds"
    if decisions.merged.get(key) != "auto":
        return spec
    choice = rules.predict_timeout(spec.container, _longest_answer_seconds(spec))
    decisions.note(key, choice)
    if choice.value is None:
        return spec
    return replace(spec, settings={**spec.settings, "predict_timeout": choice.value})


def _longest_answer_seconds(spec: ResolvedSpec) -> float | None:
    """Upper edge for an answer of full length with all slots busy; None where nothing tells it.

    In a steady state the requests in flight share the copy's throughput, prompts included.
    """
    from lmi_deployer.performance import NoBasis, estimate

    setup, memory = spec.setup, spec.memory
    if setup is None or memory is None:
        return None
    speed = estimate(setup, memory, concurrency=setup.max_rolling_batch_size)
    if isinstance(speed, NoBasis):
        return None
    return speed.concurrency * spec.max_output_len / speed.output_tokens_per_second.low


def _context(spec: ResolvedSpec, decisions: Decisions) -> int | None:
    """The engine's limit on prompt and answer together; None to leave it to the engine."""
    name = "max_model_len"
    if name not in spec.support.property_names or name in spec.settings:
        return None
    if spec.support.property_names[name] in spec.options or spec.setup is None:
        return None
    setup, longest = spec.setup, spec.max_input_len + spec.max_output_len

    def starts_with(limit: int | None) -> bool:
        from lmi_deployer.sizing import measure

        return measure(replace(setup, max_model_len=limit, max_rolling_batch_size=1)).fits

    positions = setup.shape.max_position_embeddings
    return decisions.decide(
        f"{BACKEND_SECTIONS[spec.backend]}.{name}",
        lambda: rules.max_model_len(longest, positions, starts_with=starts_with),
    )
