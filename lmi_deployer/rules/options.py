"""Settings that follow from the machine, the weights or the container."""

from __future__ import annotations

import math

from lmi_deployer.catalog.rows import BackendSupport, Container, InstanceType
from lmi_deployer.hardware import RunnerUp
from lmi_deployer.loading import INVOCATION_SECONDS, loading_timeout_seconds
from lmi_deployer.rules.choice import CONTAINER_DEFAULT, LEFT_OUT, Choice
from lmi_deployer.spec import GIB, Weights

LONGEST_ANSWER = "time-for-the-longest-answer"
RESERVE = 2
"""How much longer than its estimate an answer may take: others may wait in front of it."""


def max_num_tokens(support: BackendSupport) -> Choice[int | None]:
    """What the server would write itself, did the profile not decide the batch."""
    reason = "container: what the server writes where it decides the batch as well"
    return Choice(support.default_max_num_tokens, CONTAINER_DEFAULT, reason)


def output_formatter() -> Choice[str]:
    """One JSON document an answer."""
    others = (RunnerUp("jsonlines", "is for clients that read line by line while it streams"),)
    return Choice("json", "one-json-document", "rule: one JSON document an answer", others)


def model_loading_timeout(weights: Weights, *, compiles: bool) -> Choice[int]:
    """Seconds, from the size of the weights and whether an engine is built from them."""
    seconds = loading_timeout_seconds(weights, compiles=compiles)
    size = f"{weights.download_bytes / GIB:.1f} GiB to load"
    reason = f"rule: {size}{' and an engine to compile' if compiles else ''}"
    return Choice(seconds, "time-for-the-bytes", reason)


def predict_timeout(container: Container, answer_seconds: float | None) -> Choice[int | None]:
    """Twice what the slowest answer should take, within what SageMaker waits for; else left out.

    `answer_seconds` is the upper edge of the estimate for the longest answer, with all slots busy.
    """
    own = container.predict_timeout_seconds
    if answer_seconds is None:
        reason = f"container: its own {own} seconds, as how fast it answers cannot be estimated"
        return Choice(None, CONTAINER_DEFAULT, reason)
    wanted = math.ceil(RESERVE * answer_seconds / 10) * 10
    seconds = min(wanted, INVOCATION_SECONDS)
    reason = f"rule: {RESERVE} x the {answer_seconds:.0f} seconds that the longest answer may take"
    others = [RunnerUp(str(own), "the container's own, whatever the request")]
    if wanted > seconds:
        reason += ", within SageMaker's limit"
        against = f"SageMaker ends a request after {INVOCATION_SECONDS} seconds"
        others.insert(0, RunnerUp(str(wanted), against))
    return Choice(seconds, LONGEST_ANSWER, reason, tuple(others))


def use_custom_all_reduce(instance: InstanceType, degree: int) -> Choice[bool | None]:
    """On where several GPUs are joined by NVLink, over which alone it works; else left out."""
    is_linked = instance.gpu_link in {"nvlink", "nvswitch"} and degree > 1
    rule, reason = "all-reduce-over-nvlink", f"rule: {degree} GPUs joined by {instance.gpu_link}"
    if is_linked:
        others = (RunnerUp("false", "NCCL takes longer for small messages"),)
        return Choice(True, rule, reason, others)
    return Choice(None, rule, reason, (RunnerUp("true", "the kernel needs NVLink"),))


def multi_query_mode(weights: Weights) -> Choice[bool | None]:
    """On where TensorRT-LLM's SmoothQuant must be told of shared key/value heads; else left out."""
    facts = weights.facts
    is_grouped = facts is not None and bool(facts.is_grouped_query)
    is_needed = weights.quantize == "smoothquant" and is_grouped
    reason = "rule: SmoothQuant on a model with grouped-query attention"
    others = (RunnerUp(LEFT_OUT, "the engine would be built with wrong heads"),)
    return Choice(True if is_needed else None, "smoothquant-of-grouped-heads", reason, others)


def device_map(weights: Weights) -> Choice[str | None]:
    """Written where bitsandbytes quantizes, which nothing but a device map sends to the GPUs.

    Source: huggingface.py and properties_manager/hf_properties.py of djl-serving 0.30.0 and later,
    where tensor_parallel_degree no longer implies one.
    """
    is_needed = (weights.quantize or "").startswith("bitsandbytes")
    reason = "rule: bitsandbytes loads through a device map"
    others = (RunnerUp(LEFT_OUT, "the weights would not be quantized on the GPUs"),)
    return Choice("auto" if is_needed else None, "device-map-for-bitsandbytes", reason, others)
