"""Which backend serves a model on a machine."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from lmi_deployer.catalog.rows import (
    Backend,
    BackendSupport,
    Container,
    FlavorImage,
    Gpu,
    QuantizeMethod,
    QuantizeSupport,
)
from lmi_deployer.hardware import RunnerUp
from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.rules.choice import Choice


class Fit(IntEnum):
    """How well a model fits with a backend, the better the higher."""

    NONE = 0
    BARELY = 1
    """By the middle estimate alone: it does not where that errs."""
    SURE = 2
    """One sequence for sure, though not all the requests that are asked for."""
    ENOUGH = 3


class Standing(NamedTuple):
    """How well a model fits with one backend."""

    fit: Fit
    against: str = ""
    """Why another backend goes first, where one fits better."""


FIRST_BACKEND = "first-backend-that-serves"
NOT_IN_VLLM = frozenset({"t5", "mt5", "umt5"})
"""Families that vLLM never had, while it takes nearly all others.

Source: djl-serving@0.30.0-dlc:serving/docs/lmi/deployment_guide/backend-selection.md ("T5 models
are only supported by lmi-dist and TensorRT-LLM").
"""
HAS_AN_ENCODER = "ForConditionalGeneration"
"""How architectures with an encoder of their own are called, for which the scheduler has no place.
Source: djl_python/rolling_batch/scheduler_rolling_batch.py (0.23.0 to 0.32.0)."""


def backend(
    container: Container,
    gpu: Gpu,
    facts: ModelFacts | None,
    method: QuantizeMethod | None,
    *,
    standing: Callable[[Backend], Standing] | None = None,
) -> Choice[Backend] | None:
    """The first backend in the container's order that serves the model; None where none does.

    `standing` says how well the model fits with a backend. One with which it does not, or barely,
    is passed over for a later one that batches continuously too and with which it fits better;
    where it fits with none, the first is taken.
    """
    refused = refusals(container, gpu, facts, method)
    able = [name for name in container.backends if name not in refused]
    if not able:
        return None
    chosen, passed = _best(container, able, standing)
    others = []
    for name in container.backends:
        if name != chosen:
            why = passed.get(name) or _after(container, name, chosen, facts)
            others.append(RunnerUp(name, refused.get(name, why)))
    reason = _reason(container, gpu, facts, method, chosen)
    if chosen != able[0]:
        reason += ", and with which it fits"
    return Choice(chosen, FIRST_BACKEND, reason, tuple(others))


def _best(
    container: Container,
    able: list[Backend],
    standing: Callable[[Backend], Standing] | None,
) -> tuple[Backend, dict[Backend, str]]:
    """The first of those with which the model fits best, and what is against those before it."""
    batching = [
        name
        for name in able
        if container.backends[name].default_max_rolling_batch_size is not None or name == able[0]
    ]
    if standing is None or len(batching) == 1:
        return able[0], {}
    found: dict[Backend, Standing] = {}
    for name in batching:
        found[name] = standing(name)
        if found[name].fit is Fit.ENOUGH:
            break
    chosen = max(found, key=lambda name: found[name].fit)  # the first of equals
    return chosen, {name: item.against for name, item in found.items() if item.against}


def _reason(
    container: Container,
    gpu: Gpu,
    facts: ModelFacts | None,
    method: QuantizeMethod | None,
    chosen: Backend,
) -> str:
    family = facts.model_type if facts else None
    how = f"{f' with {method}' if method else ''} on {gpu.name}"
    first = f"rule: first backend of LMI {container.version}"
    if _is_known(container, chosen, facts):
        return f"{first} that serves {family}{how}"
    which = family or "a model of unknown family"
    return f"{first} that takes any family{how}; whether it serves {which} is not known"


def _after(container: Container, name: Backend, chosen: Backend, facts: ModelFacts | None) -> str:
    is_known = _is_known(container, name, facts)
    return f"serves it too, after {chosen}" if is_known else f"takes any family too, after {chosen}"


def _is_known(container: Container, name: Backend, facts: ModelFacts | None) -> bool:
    """Whether there is a word for a backend's serving a family: its own list, or common use.

    A backend without a list takes what its library takes, which is nearly all that is well known.
    """
    from lmi_deployer.shapes.families import family_of

    if container.backends[name].model_types is not None:
        return True
    return family_of(facts.model_type if facts else None) is not None


def refusals(
    container: Container, gpu: Gpu, facts: ModelFacts | None, method: QuantizeMethod | None
) -> dict[Backend, str]:
    """What is against each backend of a container that is not documented to serve the model."""
    found = {name: refusal(container, name, gpu, facts, method) for name in container.backends}
    return {name: against for name, against in found.items() if against is not None}


def refusal(
    container: Container,
    name: Backend,
    gpu: Gpu,
    facts: ModelFacts | None,
    method: QuantizeMethod | None,
) -> str | None:
    """Why a backend is not documented to serve the model with the method on the GPU, or None."""
    support = container.backends[name]
    against = _device_refusal(support, container.flavors[support.flavor], gpu)
    if against is not None:
        return against
    family = facts.model_type if facts else None
    if not serves_family(container, name, family):
        return f"is not documented to serve {family or 'a model of unknown family'}"
    architectures = (facts.architectures if facts else None) or ("",)
    if name == "scheduler" and architectures[0].endswith(HAS_AN_ENCODER):
        return f"does not load {architectures[0]}"
    already = facts.quantization if facts else None
    return _method_refusal(support, already, method) or _unfit(support, already, method, gpu, facts)


def serves_family(container: Container, name: Backend, family: str | None) -> bool:
    """Whether a backend takes models of a family; without a list of its own it takes nearly all."""
    families = container.backends[name].model_types
    if families is None:
        return not (name == "vllm" and family in NOT_IN_VLLM)
    return family in families


def _device_refusal(support: BackendSupport, image: FlavorImage, gpu: Gpu) -> str | None:
    """What is against the backend's image on a device."""
    if (image.accelerator == "neuron") != (gpu.vendor == "aws"):
        return f"runs on {image.accelerator} devices only"
    has = gpu.compute_capability
    oldest, newest = support.min_compute_capability, image.max_compute_capability
    if has is not None and newest is not None and has > newest:
        return f"its CUDA {image.cuda} has no code for {gpu.name}"
    if has is not None and oldest is not None and has < oldest:
        return f"is for compute capability {oldest} and up; {gpu.name} has {has}"
    return None


def _method_refusal(
    support: BackendSupport, already: str | None, method: QuantizeMethod | None
) -> str | None:
    """What is against the method, or against none, with weights that are quantized `already`."""
    if method is None:
        is_taken = already is None or loads_by_itself(support, already)
        return None if is_taken else f"does not take weights that are quantized with {already}"
    row = support.quantize.get(method)
    if row is None:
        return f"does not take {method}"
    if already == method:
        is_taken = row.needs_quantized_checkpoint or row.takes_quantized_checkpoint
        return None if is_taken else f"quantizes plain weights; these have {already} already"
    if already is not None:
        return f"the weights are quantized with {already} already"
    needs = f"takes {method} only of weights that are quantized already"
    return needs if row.needs_quantized_checkpoint else None


def _unfit(
    support: BackendSupport,
    already: str | None,
    method: QuantizeMethod | None,
    gpu: Gpu,
    facts: ModelFacts | None,
) -> str | None:
    """What is against the kernels of the method: another family, or an older GPU."""
    name = method or already
    if name is None:
        return None
    row = quantize_row(support, name)
    family = facts.model_type if facts else None
    if row is not None and row.model_types is not None and family not in row.model_types:
        return f"{name} is for {', '.join(row.model_types)}"
    needs = support.loads_stored.get(name) if row is None else row.min_compute_capability
    has = gpu.compute_capability
    if needs is not None and has is not None and has < needs:
        return f"{name} needs compute capability {needs}; {gpu.name} has {has}"
    return None


def loads_by_itself(support: BackendSupport, already: str) -> bool:
    """Whether quantized weights load without a word about them: the checkpoint says it all."""
    row = quantize_row(support, already)
    if row is None:
        return already in support.loads_stored
    return row.value is None or row.takes_quantized_checkpoint


def quantize_row(support: BackendSupport, method: str) -> QuantizeSupport | None:
    """The catalog's facts about a method on a backend."""
    rows = {str(name): row for name, row in support.quantize.items()}
    return rows.get(method)
