"""What a handler module makes of option.rolling_batch, and where it refuses to load.

Sources: djl_python/{huggingface,deepspeed,tensorrt_llm,transformers_neuronx}.py, the classes of
properties_manager and rolling_batch, and PyProcess of each version.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lmi_deployer.nearest import did_you_mean
from lmi_deployer.server.choice import (
    ASYNC_MODE,
    AUTO,
    DISABLE,
    ENGINE,
    ENTRY_POINT,
    ROLLING_BATCH,
    Choice,
)
from lmi_deployer.server.engines import handler_runs_under_mpi
from lmi_deployer.server.facts import Row
from lmi_deployer.server.recommending import ARCHITECTURES, MODEL_TYPE
from lmi_deployer.server.rolling_batches import check_lmi_dist, check_scheduler, check_vllm

if TYPE_CHECKING:
    from lmi_deployer.catalog.option_rows import Outcome

STABLE_DIFFUSION = "option.use_stable_diffusion"
ACCELERATE = "hf-accelerate"
_WHAT_HAPPENS: dict[Outcome, str] = {
    "load_error": "the model does not load",
    "request_error": "every request fails, since the server waits for a rolling batch",
    "ignored": "the handler does not read it",
}


def choose_handler(choice: Choice, kind: str) -> None:
    """Settle which backend serves, and what of the settings stops it."""
    HANDLERS[kind](choice, kind)


def _custom(choice: Choice, kind: str) -> None:
    choice.handler = kind


def _hugging_face(choice: Choice, kind: str) -> None:
    if choice.is_async:
        key = ASYNC_MODE if ASYNC_MODE in choice.settings else ENTRY_POINT
        problem = f"makes the server call {choice.entry_point} asynchronously, which it is not "
        problem += "written for; the model does not load"
        fix = f"{ROLLING_BATCH}=vllm without {ASYNC_MODE}, or leave {ENTRY_POINT} out"
        choice.fail(key, "load_error", problem, fix)
    value = _accepted(choice, kind)
    if value == AUTO:
        value = _resolve_auto(choice)
    choice.rolling_batch = value
    if value is None or value == DISABLE:
        choice.handler = ACCELERATE if choice.reason is None else None
        return
    choice.handler = value
    if value == "lmi-dist":
        check_lmi_dist(choice)
    elif value == "vllm":
        check_vllm(choice)
    else:
        check_scheduler(choice)


def _resolve_auto(choice: Choice) -> str | None:
    """What the handler itself makes of `auto`: by the first architecture, and only under MPI."""
    architectures = choice.model.architectures
    is_mpi = handler_runs_under_mpi(choice)
    result: str | None = "scheduler"
    missing: tuple[str, ...] = ()
    if is_mpi is not False:
        if architectures is None or is_mpi is None:
            missing = (ARCHITECTURES,) if architectures is None else (MODEL_TYPE,)
            choice.reason = f"what `auto` becomes depends on {missing[0]}, which is not known"
            result = None
        elif architectures and architectures[0] in choice.facts.auto_architectures:
            result = "lmi-dist"
    if result != "lmi-dist" and choice.settings.get(ROLLING_BATCH) == AUTO:
        problem = "becomes scheduler: it is lmi-dist only under MPI and for "
        problem += ", ".join(sorted(choice.facts.auto_architectures))
        choice.fail(ROLLING_BATCH, "fallback", problem, "name the backend", missing)
    return result


def _deepspeed(choice: Choice, kind: str) -> None:
    choice.rolling_batch = _accepted(choice, kind)
    choice.handler = kind


def _neuronx(choice: Choice, kind: str) -> None:
    if STABLE_DIFFUSION in choice.settings:
        choice.handler = "stable-diffusion-neuronx"
        return
    choice.rolling_batch = _accepted(choice, kind)
    choice.handler = kind


def _trtllm(choice: Choice, kind: str) -> None:
    value = choice.rolling_batch = _accepted(choice, kind)
    if choice.reason is not None:
        return
    choice.handler = kind
    if value in {None, DISABLE}:
        _serve_t5_in_python(choice, kind)
    elif choice.is_mpi is False and choice.facts.trtllm_needs_mpi:
        problem = "is Python without mpi_mode; TensorRT-LLM needs mpirun and does not load"
        choice.fail(ENGINE, "load_error", problem, "engine=MPI")


def _serve_t5_in_python(choice: Choice, kind: str) -> None:
    """TensorRT-LLM without rolling batch, which it has for T5 alone, and not in every version."""
    if choice.facts.rolling_batches[kind].get("disable"):
        return  # noted already
    model_type = choice.model.model_type
    if model_type != "t5":
        batched = [key for key in choice.facts.dynamic_batch_keys if key in choice.settings]
        problem = "is disable, with which TensorRT-LLM loads T5 alone"
        fix = f"remove {batched[0]}" if batched else f"{ROLLING_BATCH}=trtllm"
        missing = (MODEL_TYPE,) if model_type is None else ()
        choice.fail(ROLLING_BATCH, "load_error", problem, fix, missing)


def _asynchronous(choice: Choice, kind: str) -> None:
    choice.rolling_batch = _accepted(choice, kind)
    choice.handler = "trtllm" if kind == "trtllm-async" else "vllm"
    if not choice.is_async and choice.reason is None:
        key = ASYNC_MODE if ASYNC_MODE in choice.settings else ENTRY_POINT
        problem = f"leaves asynchronous mode off, without which {choice.entry_point} does not load"
        fix = f"{ASYNC_MODE}=true and {ROLLING_BATCH}={DISABLE}"
        choice.fail(key, "load_error", problem, fix)
    if kind == "vllm-async":
        check_vllm(choice)


def _without_rolling_batch(choice: Choice, kind: str) -> None:
    choice.rolling_batch = _accepted(choice, kind)
    choice.handler = kind


def _accepted(choice: Choice, kind: str) -> str | None:
    """The rolling batch as the handler understands it, or None; notes what it does not take."""
    text = choice.rolling_batch
    values: Row | None = choice.facts.rolling_batches.get(kind)
    if text is None or values is None:
        return text
    lowered = text.lower() if values["ignores_case"] else text
    if lowered in values["values"]:
        return lowered
    if values.get("any_value"):
        _refuse(choice, text, values["any_value"], "leave it out")
        return None
    if lowered == DISABLE:
        if values.get("disable"):
            _refuse(choice, text, values["disable"], "leave it out")
        return DISABLE
    return _unaccepted(choice, values, text)


def _unaccepted(choice: Choice, values: Row, text: str) -> str | None:
    """What becomes of a value that is none of the handler's."""
    if text in values["hanging"]:
        _refuse(choice, text, "request_error", f"{ROLLING_BATCH}={DISABLE}")
        return DISABLE
    allowed = [*values["values"], *(() if values.get("disable") else (DISABLE,))]
    fix = did_you_mean(text, allowed)
    if values["unknown"] == "fallback":
        taken = str(values["fallback"])
        problem = f"is {text!r}, which {choice.entry_point} of {choice.lmi} takes for {taken}"
        choice.fail(ROLLING_BATCH, "fallback", problem, fix)
        return taken
    _refuse(choice, text, values["unknown"], fix)
    choice.reason = f"{choice.entry_point} does not take {ROLLING_BATCH}={text}"
    return None


def _refuse(choice: Choice, text: str, outcome: Outcome, fix: str) -> None:
    problem = f"is {text!r}, which {choice.entry_point} of {choice.lmi} does not take"
    choice.fail(ROLLING_BATCH, outcome, f"{problem}; {_WHAT_HAPPENS[outcome]}", fix)


HANDLERS: dict[str, Callable[[Choice, str], None]] = {
    "custom": _custom,
    "huggingface": _hugging_face,
    "vllm-async": _asynchronous,
    "trtllm": _trtllm,
    "trtllm-async": _asynchronous,
    "deepspeed": _deepspeed,
    "neuronx": _neuronx,
    "fastertransformer": _without_rolling_batch,
    "stable-diffusion": _without_rolling_batch,
}
"""Kind of handler module: what it does."""
