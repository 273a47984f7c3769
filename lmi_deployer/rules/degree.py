"""How many devices share one copy of the model."""

from __future__ import annotations

from collections.abc import Iterator

from lmi_deployer.hardware import RunnerUp
from lmi_deployer.rules.choice import PUBLISHED, Case, Choice
from lmi_deployer.rules.weights import BYTES_PER_PARAMETER
from lmi_deployer.spec import GIB

ALL_DEVICES = "all-devices"
SMALLEST_DEGREE = "smallest-degree-that-fits"
LARGEST_POWER = "largest-power-of-two"
ROOM_FRACTION = 0.5
"""Share of a GPU that DeepSpeed's weights may take; the other half is for the cache, which it lays
out for every slot at full length, and for its workspace. A round figure, not a measured one."""


def tensor_parallel_degree(case: Case, weight_bytes: int) -> Choice[int]:
    """A published degree, or by the backend: all devices, or as few as leave room.

    One copy over the whole machine answers each request soonest and has the most cache; LMI's
    documentation recommends it ("max", option.tensor_parallel_degree of configurations.md, 0.27.0).
    Its default for DeepSpeed is 1, there and in 0.26.0, so that a copy is shared no further than
    memory asks for.

    `weight_bytes` are those of one copy as they are first loaded, over all of its devices.
    """
    row = next(case.covering(), None)
    own = _by_model(case, weight_bytes)
    if row is None:
        return own
    others = (
        ()
        if own.value == row.row.tensor_parallel_degree
        else (RunnerUp(str(own.value), f"what {own.rule} comes to; a measured degree goes first"),)
    )
    reason = f"published: {row.citation}"
    return Choice(row.row.tensor_parallel_degree, PUBLISHED, reason, others)


def _by_model(case: Case, weight_bytes: int) -> Choice[int]:
    if case.gpu.neuron_cores:
        return _on_neuron(case)
    if case.backend == "deepspeed":
        return _smallest(case, weight_bytes)
    degree = max(_dividing(case))
    others = tuple(_runners_up(case, degree, weight_bytes))
    if degree == case.devices:
        reason = f"rule: {_all(case)} of {case.instance.name}"
    else:
        reason = f"rule: as many of the {case.devices} {case.kind} as divide the attention heads"
    return Choice(degree, ALL_DEVICES, reason, others)


def _smallest(case: Case, weight_bytes: int) -> Choice[int]:
    """As few GPUs as leave room beside the weights."""
    degrees = sorted(_dividing(case))
    usable = case.gpu.usable_memory_gib * GIB * ROOM_FRACTION
    degree = next((item for item in degrees if weight_bytes / item <= usable), degrees[-1])
    reason = f"rule: the fewest GPUs whose memory is at most {ROOM_FRACTION:.0%} weights"
    if weight_bytes / degree > usable:
        reason = "rule: all GPUs that can share it; the weights still take more than half of each"
    return Choice(degree, SMALLEST_DEGREE, reason, tuple(_runners_up(case, degree, weight_bytes)))


def _on_neuron(case: Case) -> Choice[int]:
    """As many cores as a power of two among them that divides the heads.

    A lower degree means a much slower answer there (tnx_tuning_guide.md of LMI 0.26.0), so cores
    may stay idle: 8 of the 12 of inf2.24xlarge.
    """
    powers = [2**power for power in range(case.devices.bit_length())]
    fitting = [item for item in powers if item <= case.devices and divides_heads(case, item)]
    degree = max(fitting, default=1)
    idle = case.devices % degree
    reason = f"rule: {_all(case)} of {case.instance.name}"
    if degree != case.devices:
        reason = f"rule: the largest power of two of the {case.devices} {case.kind} that divides "
        reason += "the attention heads"
    others = []
    if idle or degree < case.devices:
        copies = case.devices // (degree // 2 or 1)
        others.append(RunnerUp(str(degree // 2), f"makes {copies} copies, each half as fast"))
    return Choice(degree, LARGEST_POWER, reason, tuple(others))


def _all(case: Case) -> str:
    return f"the only {case.kind[:-1]}" if case.devices == 1 else f"all {case.devices} {case.kind}"


def divides_heads(case: Case, degree: int) -> bool:
    """Whether attention heads can be shared out evenly, and KV heads shared out or repeated."""
    heads = case.facts.num_attention_heads if case.facts else None
    kv_heads = case.facts.num_key_value_heads if case.facts else None
    if heads is not None and heads % degree:
        return False
    return not kv_heads or kv_heads % degree == 0 or degree % kv_heads == 0


def _dividing(case: Case) -> list[int]:
    devices = range(1, case.devices + 1)
    return [item for item in devices if case.devices % item == 0 and divides_heads(case, item)] or [
        1
    ]


def _runners_up(case: Case, chosen: int, weight_bytes: int) -> Iterator[RunnerUp]:
    """The other ways to divide the machine, the nearest first."""
    counts = [item for item in range(1, case.devices + 1) if case.devices % item == 0]
    for degree in sorted(counts, key=lambda item: (abs(item - chosen), item)):
        gib, usable = weight_bytes / degree / GIB, case.gpu.usable_memory_gib
        if degree == chosen:
            continue
        if not divides_heads(case, degree):
            yield RunnerUp(str(degree), "does not divide the attention heads")
        elif gib > usable:
            yield RunnerUp(str(degree), f"weights take {gib:.1f} of {usable:.1f} GiB on each GPU")
        elif degree < chosen:
            copies = case.devices // degree
            yield RunnerUp(
                str(degree),
                f"makes {copies} copies with {gib:.1f} of {usable:.1f} GiB of weights on each GPU",
            )
        else:
            yield RunnerUp(str(degree), "more GPUs have to wait for each other at every layer")


def loaded_bytes(case: Case, dtype: str, gpu_bytes: int) -> int:
    """Bytes of one copy as it is first loaded, which DeepSpeed quantizes only afterwards.

    Source: init_inference quantizes and calibrates a model that is there in 16 bits
    (djl_python/deepspeed.py of djl-serving 0.26.0).
    """
    facts = case.facts
    is_plain = facts is not None and facts.quantization is None
    if case.backend == "deepspeed" and case.method and is_plain and facts and facts.parameter_count:
        return int(facts.parameter_count * BYTES_PER_PARAMETER.get(dtype, 2))
    return gpu_bytes
