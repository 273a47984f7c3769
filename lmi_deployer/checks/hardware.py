"""Rules about the machine: devices, memory, disk, links, and what starting on it takes."""

from __future__ import annotations

from collections.abc import Iterator

from lmi_deployer.checks.about import about
from lmi_deployer.findings import Finding
from lmi_deployer.loading import disk_bytes
from lmi_deployer.spec import GIB, ResolvedSpec

INVOCATION_SECONDS = 60
COMPILE_HOST_FACTOR = 2
SAFE_HOST_FRACTION = 0.75
"""The server, the cache of files and the system need the rest of the host's memory."""
TIGHT_WEIGHTS_FRACTION = 0.85
"""Above this share of a GPU, weights leave too little for KV cache and activations to be sure."""


def degree_fits_the_instance(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI201, LMI202, LMI207: the degree against devices and heads, and the copies it implies."""
    degree, devices = spec.tensor_parallel_degree, spec.device_count
    key = "tensor_parallel_degree"
    kind = "GPUs" if spec.gpu.vendor == "nvidia" else "NeuronCores"
    if degree > devices:
        fitting = [str(item) for item in range(1, devices + 1) if devices % item == 0]
        problem = f"is {degree}, but {spec.instance.name} has {devices} {kind}"
        fix = f"{', '.join(fitting)} here, or an instance type with {degree} {kind}"
        yield about(spec, "LMI201", problem, key=key, fix=fix)
    elif devices % degree:
        problem = f"leaves {devices % degree} of {devices} {kind} idle"
        yield about(spec, "LMI201", problem, key=key, severity="warning")
    elif spec.copies > 1:
        problem = (
            f"makes {spec.copies} copies of the model on {devices} {kind}; "
            "the rolling batch counts for each of them"
        )
        yield about(spec, "LMI207", problem, key=key, severity="note")
    facts = spec.weights.facts
    if facts is not None and facts.num_attention_heads % degree:
        heads = facts.num_attention_heads
        fitting = [str(item) for item in range(1, devices + 1) if heads % item == 0]
        problem = f"is {degree}, which does not divide the {heads} attention heads"
        yield about(spec, "LMI202", problem, key=key, fix=f"one of {', '.join(fitting)}")


def weights_fit(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI203, LMI204: the weights against the memory of each GPU, and against the disk."""
    needed, usable = spec.weights_gib_per_gpu, spec.usable_gib_per_gpu
    if needed >= usable:
        problem = (
            f"the weights take {needed:.1f} GiB on each of {spec.tensor_parallel_degree} devices; "
            f"{spec.gpu.name} has {usable:.1f}"
        )
        fix = "a higher tensor_parallel_degree, a larger instance type, or quantized weights"
        yield about(spec, "LMI203", problem, key="instance_type", fix=fix)
    elif needed > TIGHT_WEIGHTS_FRACTION * usable:
        problem = (
            f"the weights take {needed:.1f} of {usable:.1f} GiB on each device; "
            "little is left for KV cache and activations"
        )
        yield about(spec, "LMI203", problem, key="instance_type", severity="warning")
    disk_gb = spec.instance.local_disk_gb or spec.endpoint.volume_gb
    if disk_gb is None:
        problem = f"the catalog does not know the disk of {spec.instance.name}"
        yield about(spec, "LMI403", problem, key="instance_type", severity="warning")
        return
    needed_gb = disk_bytes(spec.weights, compiles=spec.support.compiles_at_load) / 1e9
    if needed_gb > disk_gb:
        problem = f"loading takes about {needed_gb:.0f} GB of disk; there are {disk_gb:.0f}"
        yield about(spec, "LMI204", problem, key="instance_type", fix="a larger instance type")


def instance_can_host(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI205: SageMaker must offer the type for hosting, with the accelerator the image needs."""
    if not spec.instance.hosting:
        problem = f"SageMaker does not offer {spec.instance.name} for hosting"
        yield about(spec, "LMI205", problem, key="instance_type", fix="another type")
    if spec.instance.cpu_architecture != "x86_64":
        machine = f"{spec.instance.name} is {spec.instance.cpu_architecture}"
        problem = f"LMI images are for x86_64; {machine}"
        yield about(spec, "LMI205", problem, key="instance_type", fix="another type")
    is_neuron = spec.gpu.vendor == "aws"
    if is_neuron != (spec.image.accelerator == "neuron"):
        problem = f"{spec.backend} needs {spec.image.accelerator} devices; {spec.instance.name} has"
        yield about(
            spec, "LMI205", f"{problem} {spec.gpu.name}", key="instance_type", fix="another type"
        )


def gpu_is_known_to_the_image(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI205: a GPU newer than the image's CUDA, or older than the backend's kernels."""
    has, newest = spec.gpu.compute_capability, spec.image.max_compute_capability
    oldest = spec.support.min_compute_capability
    key = "instance_type"
    if has is not None and newest is not None and has > newest:
        problem = (
            f"{spec.gpu.name} has compute capability {has}; CUDA {spec.image.cuda} of "
            f"{spec.image.tag} has no code beyond {newest}"
        )
        yield about(spec, "LMI205", problem, key=key, fix="a newer container, or an older GPU")
    if has is not None and oldest is not None and has < oldest:
        if spec.settings.get("paged_attention") is False:
            return
        problem = f"{spec.backend} is for compute capability {oldest}; {spec.gpu.name} has {has}"
        fix = "another backend, or a newer GPU"
        yield about(spec, "LMI205", problem, key=key, fix=fix, severity="warning")


def host_can_compile(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI210: building an engine holds the weights in host memory about twice.

    Source: TensorRT-LLM issue 2093, and the tuning guide of LMI 0.26, which compiles a 7B model
    for a machine of 32 GiB on a larger one.
    """
    needed = COMPILE_HOST_FACTOR * spec.weights.download_bytes / GIB
    has = spec.instance.host_memory_gib
    if (
        spec.support.compiles_at_load
        and spec.image.accelerator == "gpu"
        and needed > SAFE_HOST_FRACTION * has
    ):
        problem = f"compiling holds about {needed:.0f} GiB in host memory; there are {has:.0f}"
        fix = "a larger instance type"
        yield about(spec, "LMI210", problem, key="instance_type", fix=fix, severity="warning")


def all_reduce_has_links(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI206: TensorRT-LLM's own all-reduce works over NVLink only."""
    wanted = spec.settings.get("use_custom_all_reduce")
    if wanted is True and spec.instance.gpu_link not in {"nvlink", "nvswitch"}:
        problem = f"the GPUs of {spec.instance.name} are joined by {spec.instance.gpu_link}"
        key = "trtllm.use_custom_all_reduce"
        yield about(spec, "LMI206", problem, key=key, fix="use_custom_all_reduce: auto")


def requests_find_a_slot(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI208: requests beyond the rolling batches of all copies wait in the server's queue."""
    if spec.concurrency is None or spec.max_rolling_batch_size is None:
        return
    slots = spec.max_rolling_batch_size * spec.copies * spec.endpoint.instance_count
    if spec.concurrency > slots:
        problem = f"is {spec.concurrency}, but {slots} sequences run at once; the rest will wait"
        yield about(spec, "LMI208", problem, key="traffic.concurrency", severity="note")


def engine_is_compiled_at_start(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI106: every start and every scale-out waits for the compilation."""
    if spec.support.compiles_at_load:
        minutes = spec.endpoint.startup_timeout_seconds // 60
        problem = f"each start compiles the model first; starting gets {minutes} minutes in all"
        yield about(spec, "LMI106", problem, key="backend", severity="note")


def answers_come_in_time(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI209: SageMaker ends a real-time request after a minute, whatever the server allows.

    Source: InvokeEndpoint, SageMaker runtime API reference: the container has 60 seconds.
    """
    seconds = spec.settings.get("predict_timeout")
    if isinstance(seconds, int) and seconds > INVOCATION_SECONDS:
        problem = f"is {seconds}, but SageMaker ends a request after {INVOCATION_SECONDS} seconds"
        yield about(spec, "LMI209", problem, key="predict_timeout_seconds", severity="warning")
