"""Rules about the machine: devices, memory, disk, links, and what starting on it takes."""

from __future__ import annotations

from collections.abc import Iterator

from lmi_deployer.checks.about import about
from lmi_deployer.findings import Finding
from lmi_deployer.loading import INVOCATION_SECONDS, disk_bytes
from lmi_deployer.spec import ResolvedSpec


def weights_fit_on_the_disk(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI204: the weights, and what conversion makes of them, against the disk."""
    disk_gb = spec.instance.local_disk_gb or spec.endpoint.volume_gb
    if disk_gb is None:
        problem = f"the catalog does not know the disk of {spec.instance.name}"
        yield about(spec, "LMI403", problem, key="instance_type", severity="warning")
        return
    needed_gb = disk_bytes(spec.weights, compiles=spec.compiles_at_start) / 1e9
    if needed_gb > disk_gb:
        problem = f"loading takes about {needed_gb:.0f} GB of disk; there are {disk_gb:.0f}"
        yield about(spec, "LMI204", problem, key="instance_type", fix="a larger instance type")


def host_can_compile(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI210: building an engine holds the weights in host memory about twice."""
    if not spec.compiles_at_start or spec.image.accelerator != "gpu":
        return
    from lmi_deployer.rules.compilation import has_host_memory, needed_host_gib

    if not has_host_memory(spec.instance, spec.weights):
        needed, has = needed_host_gib(spec.weights), spec.instance.host_memory_gib
        problem = f"compiling holds about {needed:.0f} GiB in host memory; there are {has:.0f}"
        fix = "a larger instance type"
        if spec.compilation is not None:
            fix += ", or compile.mode: aot with a larger compile.instance_type"
        yield about(spec, "LMI210", problem, key="instance_type", fix=fix, severity="warning")


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
    if spec.compiles_at_start:
        minutes = spec.endpoint.startup_timeout_seconds // 60
        problem = f"each start compiles the model first; starting gets {minutes} minutes in all"
        yield about(spec, "LMI106", problem, key="backend", severity="note")


def answers_come_in_time(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI209: SageMaker ends a real-time request after a minute, whatever the server allows."""
    seconds = spec.settings.get("predict_timeout")
    if isinstance(seconds, int) and seconds > INVOCATION_SECONDS:
        problem = f"is {seconds}, but SageMaker ends a request after {INVOCATION_SECONDS} seconds"
        yield about(spec, "LMI209", problem, key="predict_timeout_seconds", severity="warning")
