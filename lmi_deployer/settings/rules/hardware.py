"""Rules about the machine: devices, heads, copies, memory, and whether the image runs on it."""

from __future__ import annotations

from collections.abc import Iterator

from lmi_deployer import catalog
from lmi_deployer.findings import Severity
from lmi_deployer.settings.view import Issue, View
from lmi_deployer.spec import GIB

DEGREE = "option.tensor_parallel_degree"
TIGHT_WEIGHTS_FRACTION = 0.85
"""Above this share of a GPU, weights leave too little for KV cache and activations to be sure."""
FIRST_DRIVER_WITHOUT_BRIDGE = 580
SHARES_NO_HEADS = frozenset({None, "custom", "hf-accelerate", "scheduler"})
"""There the degree only counts the GPUs over which whole layers are spread."""
SHARDS_KV_HEADS = frozenset({"vllm", "lmi-dist", "trtllm"})


def degree_divides_the_heads(view: View) -> Iterator[Issue]:
    """LMI202: attention heads are shared out evenly; KV heads are shared out or repeated.

    Source: vllm-project/vllm issues 414, 596 and 2652; TensorRT-LLM's attention layer asserts it.
    """
    degree, model = view.tensor_parallel_degree, view.model
    if degree is None or model is None:
        return
    heads, kv_heads = model.num_attention_heads, model.num_key_value_heads
    if view.handler in SHARES_NO_HEADS:
        return
    if heads is not None and heads % degree:
        problem = f"is {degree}, which does not divide the {heads} attention heads"
        upper = view.devices or heads
        fitting = [str(item) for item in range(1, upper + 1) if heads % item == 0]
        yield Issue("LMI202", "error", DEGREE, problem, f"one of {', '.join(fitting)}")
    elif kv_heads and view.handler in SHARDS_KV_HEADS and kv_heads % degree and degree % kv_heads:
        problem = f"is {degree}; the {kv_heads} KV heads can neither be shared out nor repeated"
        fitting = [str(n) for n in range(1, (view.devices or heads or 1) + 1) if kv_heads % n == 0]
        yield Issue("LMI202", "error", DEGREE, problem, f"one of {', '.join(fitting)}")


def weights_fit(view: View) -> Iterator[Issue]:
    """LMI203: the weights of one copy against the memory of its devices."""
    degree, gpu = view.tensor_parallel_degree, view.gpu
    if view.weight_bytes is None or degree is None or gpu is None or view.instance is None:
        return
    stages = view.number("option.pipeline_parallel_degree") or 1
    needed = view.weight_bytes / (degree * stages) / GIB
    usable = gpu.usable_memory_gib / (gpu.neuron_cores or 1)
    if needed >= usable:
        problem = f"the weights take {needed:.1f} GiB on each of {degree} devices; "
        problem += f"{gpu.name} has {usable:.1f}"
        fix = "a higher tensor parallel degree, a larger instance type, or quantized weights"
        yield Issue("LMI203", "error", "instance_type", problem, fix)
    elif needed > TIGHT_WEIGHTS_FRACTION * usable:
        problem = f"the weights take {needed:.1f} of {usable:.1f} GiB on each device; "
        problem += "little is left for KV cache and activations"
        yield Issue("LMI203", "warning", "instance_type", problem)


def instance_can_host(view: View) -> Iterator[Issue]:
    """LMI205: SageMaker must offer the type for hosting, with the accelerator the image needs."""
    instance, gpu = view.instance, view.gpu
    if instance is None or gpu is None:
        return
    if not instance.hosting:
        problem = f"SageMaker does not offer {instance.name} for hosting"
        yield Issue("LMI205", "error", "instance_type", problem, "another type")
    if instance.cpu_architecture != "x86_64":
        problem = f"LMI images are for x86_64; {instance.name} is {instance.cpu_architecture}"
        yield Issue("LMI205", "error", "instance_type", problem, "another type")
    if (gpu.vendor == "aws") != (view.image.accelerator == "neuron"):
        problem = f"{view.image.tag} needs {view.image.accelerator} devices; "
        problem += f"{instance.name} has {gpu.name}"
        yield Issue("LMI205", "error", "instance_type", problem, "another type")


def gpu_is_known_to_the_image(view: View) -> Iterator[Issue]:
    """LMI205: a GPU newer than the image's CUDA, or older than the backend's kernels."""
    if view.gpu is None or view.gpu.compute_capability is None:
        return
    has, newest = view.gpu.compute_capability, view.image.max_compute_capability
    oldest = None if view.support is None else view.support.min_compute_capability
    if newest is not None and has > newest:
        problem = (
            f"{view.gpu.name} has compute capability {has}; CUDA {view.image.cuda} of "
            f"{view.image.tag} has no code beyond {newest}"
        )
        fix = "a newer container, or an older GPU"
        yield Issue("LMI205", "error", "instance_type", problem, fix)
    is_paged = view.effective("option.paged_attention") != "false"
    if oldest is not None and has < oldest and is_paged:
        problem = f"{view.handler} is for compute capability {oldest}; {view.gpu.name} has {has}"
        fix = "another backend, or a newer GPU"
        yield Issue("LMI205", "warning", "instance_type", problem, fix)


def driver_is_new_enough(view: View) -> Iterator[Issue]:
    """LMI211: the host's driver against what the image's CUDA needs.

    CUDA 12 images bring libraries that bridge older drivers on data-center GPUs; for CUDA 13 the
    container does not start. Source: aws/deep-learning-containers pull request 6187.
    """
    needed, instance = view.image.min_driver, view.instance
    if needed is None or instance is None:
        return
    host = catalog.host(instance.family, view.inference_ami)
    if host is None or host.driver is None or host.driver >= needed:
        return
    can_bridge = needed < FIRST_DRIVER_WITHOUT_BRIDGE
    severity: Severity = "note" if can_bridge else "warning"
    problem = f"{view.image.tag} is built for driver {needed}; {instance.name} starts with "
    problem += f"{host.driver}"
    fix = f"InferenceAmiVersion {view.image.inference_ami}"
    yield Issue("LMI211", severity, "instance_type", problem, fix)
