"""What a container, a backend, a checkpoint and a GPU allow together, or why they do not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from lmi_deployer.catalog.rows import Backend, Container, QuantizeSupport
from lmi_deployer.nearest import did_you_mean
from lmi_deployer.rules.backend import quantize_row, serves_family
from lmi_deployer.rules.weights import BF16_COMPUTE_CAPABILITY
from lmi_deployer.settings.rules.hardware import SHARDS_KV_HEADS, SHARES_NO_HEADS

if TYPE_CHECKING:
    from lmi_deployer.model_shape import ModelShape
    from lmi_deployer.sizing.asked import Machine


class Refusal(NamedTuple):
    """Why something is not possible, and a way out."""

    problem: str
    fix: str


def container_runs_there(
    container: Container, backend: Backend, machine: Machine
) -> Refusal | None:
    """Whether the image of a backend is for the machine's devices."""
    if backend not in container.backends:
        problem = f"LMI {container.version} has no backend {backend!r}"
        return Refusal(problem, did_you_mean(backend, container.backends))
    image, gpu = container.flavors[container.backends[backend].flavor], machine.gpu
    if (image.accelerator == "neuron") != (gpu.vendor == "aws"):
        problem = f"{backend} of LMI {container.version} is for {image.accelerator} devices"
        others = [
            name
            for name, row in container.backends.items()
            if container.flavors[row.flavor].accelerator != image.accelerator
        ]
        return Refusal(f"{problem}, not for {gpu.name}", _one_of(others, "another machine"))
    newest, has = image.max_compute_capability, gpu.compute_capability
    if newest is not None and has is not None and has > newest:
        problem = f"CUDA {image.cuda} of LMI {container.version} has no code for {gpu.name}"
        return Refusal(problem, "a newer --container, or an older GPU")
    if machine.instance is not None and machine.instance.cpu_architecture != "x86_64":
        problem = f"LMI images are for x86_64; {machine.instance.name} is "
        return Refusal(problem + machine.instance.cpu_architecture, "another instance type")
    return None


def gpu_has_the_kernels(container: Container, backend: Backend, machine: Machine) -> Refusal | None:
    """Whether the GPU is new enough for the backend's own kernels."""
    needs, has = container.backends[backend].min_compute_capability, machine.gpu.compute_capability
    if needs is None or has is None or has >= needs:
        return None
    problem = f"{backend} of LMI {container.version} is for compute capability {needs}; "
    return Refusal(f"{problem}{machine.gpu.name} has {has}", "another backend, or a newer GPU")


def family_is_served(container: Container, backend: Backend, shape: ModelShape) -> Refusal | None:
    """Whether the backend knows the model's family."""
    family = shape.model_type
    if serves_family(container, backend, family):
        return None
    able = [name for name in container.backends if serves_family(container, name, family)]
    families = container.backends[backend].model_types
    named = f"{backend} of LMI {container.version}"
    problem = f"{named} serves {', '.join(families)}; not {family}" if families else ""
    problem = problem or f"{named} does not serve {family}"
    return Refusal(problem, _one_of(able, "another --container"))


def method_is_taken(
    container: Container, backend: Backend, shape: ModelShape, machine: Machine, method: str
) -> Refusal | None:
    """Whether the backend loads the model with a method of quantization that was asked for."""
    refusal = weights_are_taken(container, backend, shape, method)
    if refusal is not None:
        return refusal
    support = container.backends[backend]
    row = quantize_row(support, method)
    needs = support.loads_stored.get(method) if row is None else row.min_compute_capability
    return _too_old(machine, method, needs)


def weights_are_taken(  # noqa: PLR0911 - one line a reason
    container: Container, backend: Backend, shape: ModelShape, method: str
) -> Refusal | None:
    """Whether the backend takes weights as the model's are with a method, on whatever machine."""
    support = container.backends[backend]
    named = f"{backend} of LMI {container.version}"
    already = shape.stored.method if shape.stored else None
    row = quantize_row(support, method)
    if row is None and already == method and method in support.loads_stored:
        return None
    if row is None:
        able = sorted(name for name in support.quantize)
        return Refusal(f"{named} does not take {method}", _one_of(able, "none"))
    if row.needs_quantized_checkpoint and already is None:
        problem = f"{named} loads {method} weights that are quantized already; these are not"
        plain = [name for name, item in support.quantize.items() if _quantizes(item)]
        return Refusal(problem, _one_of(plain, f"a checkpoint with {method} weights"))
    if already is not None and already != method:
        return Refusal(f"the checkpoint is quantized with {already} already", f"leave {method} out")
    if already == method and _quantizes(row) and not row.takes_quantized_checkpoint:
        return Refusal(f"{named} takes plain weights for {method}", "a checkpoint in fp16 or bf16")
    if row.model_types is not None and shape.model_type not in row.model_types:
        problem = f"{method} on {named} serves {', '.join(row.model_types)}"
        return Refusal(f"{problem}; not {shape.model_type}", "another method, or none")
    return None


def stored_runs_there(
    container: Container, backend: Backend, shape: ModelShape, machine: Machine
) -> Refusal | None:
    """Whether the GPU is new enough for the kernels of weights that are quantized already."""
    if shape.stored is None:
        return None
    support, method = container.backends[backend], shape.stored.method
    row = quantize_row(support, method)
    needs = support.loads_stored.get(method) if row is None else row.min_compute_capability
    old = _too_old(machine, method, needs)
    return old and Refusal(old.problem, "a newer GPU")


def _too_old(machine: Machine, method: str, needs: float | None) -> Refusal | None:
    has = machine.gpu.compute_capability
    if needs is None or has is None or has >= needs:
        return None
    problem = f"{method} needs compute capability {needs}; {machine.gpu.name} has {has}"
    return Refusal(problem, "another method, or a newer GPU")


def _quantizes(row: QuantizeSupport) -> bool:
    """True for a method that makes quantized weights of plain ones."""
    return not row.needs_quantized_checkpoint


def lengths_are_held(shape: ModelShape, longest: int) -> Refusal | None:
    """Whether the model has positions for prompt and answer together.

    Models with an encoder are T5's kind: their positions are relative, and end nowhere.
    """
    positions = shape.max_position_embeddings
    if positions is None or longest <= positions or shape.num_encoder_layers:
        return None
    problem = f"prompt and answer together may take {longest} tokens; the model has {positions}"
    return Refusal(problem, f"at most {positions}")


def dtype_is_taken(
    container: Container, backend: Backend, shape: ModelShape, machine: Machine, dtype: str
) -> Refusal | None:
    """Whether backend and GPU compute the model in a number format."""
    support = container.backends[backend]
    allowed = [name for name in support.dtypes if name != "int8"]
    if dtype not in allowed:
        problem = f"{backend} of LMI {container.version} does not take {dtype}"
        return Refusal(problem, did_you_mean(dtype, allowed))
    refusal = family_starts_in(container, backend, shape, dtype)
    if refusal is not None:
        return refusal
    has = machine.gpu.compute_capability
    if dtype == "bf16" and has is not None and has < BF16_COMPUTE_CAPABILITY:
        problem = f"bf16 needs compute capability {BF16_COMPUTE_CAPABILITY}; "
        return Refusal(f"{problem}{machine.gpu.name} has {has}", "fp16, or a newer GPU")
    return None


def family_starts_in(
    container: Container, backend: Backend, shape: ModelShape, dtype: str
) -> Refusal | None:
    """Whether the backend starts with the model's family in a number format."""
    if dtype != "fp16" or shape.model_type not in container.backends[backend].fp16_refused:
        return None
    problem = f"{backend} of LMI {container.version} refuses {shape.model_type} in fp16"
    return Refusal(problem, "bf16 on a GPU that computes in it, or fp32")


def degrees(backend: Backend, shape: ModelShape, devices: int) -> tuple[int, ...]:
    """The tensor parallel degrees with which the backend starts, on at most so many devices.

    Attention heads are shared out evenly; KV heads are shared out or repeated. Source:
    vllm-project/vllm issues 414, 596 and 2652; TensorRT-LLM's attention layer asserts it.
    """
    return tuple(item for item in range(1, devices + 1) if _shares(backend, shape, item) is None)


def degree_starts(
    backend: Backend, shape: ModelShape, machine: Machine, degree: int, stages: int
) -> Refusal | None:
    """Whether so many devices can share one copy of the model."""
    devices = machine.devices // stages
    fix = _one_of(map(str, degrees(backend, shape, max(1, devices))), "1")
    kind = "NeuronCore" if machine.gpu.neuron_cores else "GPU"
    kind += "s" if machine.devices > 1 else ""
    if degree * stages > machine.devices:
        what = f"is {degree}" if stages == 1 else f"of {degree} x {stages} stages"
        problem = f"tensor_parallel_degree {what}, but {machine.name} has {machine.devices} {kind}"
        return Refusal(problem, fix if devices else "fewer stages, or more devices")
    problem = _shares(backend, shape, degree) or ""
    return Refusal(f"tensor_parallel_degree is {degree}, {problem}", fix) if problem else None


def _shares(backend: Backend, shape: ModelShape, degree: int) -> str | None:
    """Why a degree cannot share out the heads; None where it can."""
    heads, kv_heads = shape.num_attention_heads, shape.num_key_value_heads
    if backend in SHARES_NO_HEADS:
        return None
    if heads % degree:
        return f"which does not divide the {heads} attention heads"
    is_latent = shape.latent is not None
    if backend in SHARDS_KV_HEADS and not is_latent and kv_heads % degree and degree % kv_heads:
        return f"and the {kv_heads} KV heads can neither be shared out nor repeated"
    return None


def _one_of(names: Iterable[str], otherwise: str) -> str:
    listed = list(names)
    return f"one of {', '.join(listed)}" if len(listed) > 1 else (listed or [otherwise])[0]
