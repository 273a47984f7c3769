"""Rules about quantization: method, backend, checkpoint, dtype, family and GPU have to agree."""

from __future__ import annotations

from collections.abc import Iterator

from lmi_deployer.catalog.rows import QuantizeSupport
from lmi_deployer.settings.values import shown
from lmi_deployer.settings.view import PLAIN_WEIGHTS, Issue, View

QUANTIZE = "option.quantize"


def _support(view: View) -> QuantizeSupport | None:
    """The catalog's facts about the method that is set, where it has some."""
    value = view.settings.get(QUANTIZE)
    if value is None or view.support is None:
        return None
    rows = view.support.quantize.items()
    return next((row for name, row in rows if value in {row.value, name}), None)


def checkpoint_is_quantized(view: View) -> Iterator[Issue]:
    """LMI103: methods that load quantized weights, and methods that quantize plain ones."""
    has = view.checkpoint_quantization
    value = view.settings.get(QUANTIZE)
    if has is None:
        return
    if value is None:
        if has != PLAIN_WEIGHTS and view.support is not None and has in view.support.quantize:
            problem = f"is missing, and the checkpoint is quantized with {has}; not every library "
            problem += "reads that from the checkpoint"
            yield Issue("LMI103", "note", QUANTIZE, problem, f"{QUANTIZE}={has}")
        return
    row = _support(view)
    if row is None:
        return
    takes_quantized = row.needs_quantized_checkpoint or row.takes_quantized_checkpoint
    if row.needs_quantized_checkpoint and has == PLAIN_WEIGHTS:
        problem = f"{value} loads weights that are quantized with it already; these are not"
        yield Issue("LMI103", "error", QUANTIZE, problem, f"a model with {value} weights")
    elif row.needs_quantized_checkpoint and not value.startswith(has):
        problem = f"is {value}, but the checkpoint is quantized with {shown(has)}"
        yield Issue("LMI103", "error", QUANTIZE, problem, f"{QUANTIZE}={shown(has)}")
    elif has != PLAIN_WEIGHTS and not takes_quantized:
        problem = f"{value} quantizes plain weights; the checkpoint has {shown(has)} already"
        yield Issue("LMI103", "error", QUANTIZE, problem, "a model with fp16 weights")


def engine_is_built_from_plain_weights(view: View) -> Iterator[Issue]:
    """LMI103: TensorRT-LLM quantizes while it converts, and converts no quantized checkpoint.

    Source: deepjavalibrary/djl issue 3343.
    """
    has = view.checkpoint_quantization
    is_converted = view.handler == "trtllm" and view.support is not None
    if not is_converted or has in {None, PLAIN_WEIGHTS, "fp8"}:
        return
    if QUANTIZE not in view.settings:
        problem = f"holds weights quantized with {shown(str(has))}, which cannot be converted"
        fix = "a model with fp16 weights; option.quantize quantizes them while the engine is built"
        yield Issue("LMI103", "error", "option.model_id", problem, fix)


def quantized_dtype(view: View) -> Iterator[Issue]:
    """LMI103: a dtype beside the method that does not go with it."""
    row, dtype = _support(view), view.settings.get("option.dtype")
    if row is None or dtype in {None, "auto"} or dtype in row.dtypes:
        return
    problem = f"{row.value} on {view.handler} does not go with dtype {dtype}"
    fix = f"option.dtype={row.dtypes[0]}" if row.dtypes else "leave option.dtype out"
    yield Issue("LMI103", "error", "option.dtype", problem, fix)


def quantized_family(view: View) -> Iterator[Issue]:
    """LMI103: a model family that the method is not written for."""
    row = _support(view)
    family = None if view.model is None else view.model.model_type
    if row is None or row.model_types is None or family is None or family in row.model_types:
        return
    served = ", ".join(row.model_types)
    problem = f"{row.value} on {view.handler} serves {served}; not {shown(family)}"
    yield Issue("LMI103", "error", QUANTIZE, problem, "another method, or none")


def gpu_has_the_kernels(view: View) -> Iterator[Issue]:
    """LMI103: a GPU older than the method's kernels."""
    row = _support(view)
    has = None if view.gpu is None else view.gpu.compute_capability
    needs = None if row is None else row.min_compute_capability
    if row is not None and needs is not None and has is not None and has < needs:
        gpu = view.gpu.name if view.gpu else ""
        problem = f"{row.value} needs compute capability {needs}; {gpu} has {has}"
        yield Issue("LMI103", "error", QUANTIZE, problem, "a newer GPU")
    elif QUANTIZE not in view.settings:
        yield from _stored_kernels(view, has)


def _stored_kernels(view: View, has: float | None) -> Iterator[Issue]:
    """The same for weights that are loaded as they are stored, without a word about it."""
    stored, support = view.checkpoint_quantization, view.support
    if stored in {None, PLAIN_WEIGHTS} or support is None or view.gpu is None:
        return
    rows = {str(name): row.min_compute_capability for name, row in support.quantize.items()}
    needs = {**support.loads_stored, **rows}.get(str(stored))
    if needs is not None and has is not None and has < needs:
        problem = f"holds {shown(str(stored))} weights, which need compute capability {needs}; "
        problem += f"{view.gpu.name} has {has}"
        yield Issue("LMI103", "error", "option.model_id", problem, "a newer GPU")
