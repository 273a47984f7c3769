"""A machine, looked at from here: GPUs, memory, disks, and whether a job can run on it.

The entry point looks at the GPUs once more, from inside; looking here first saves a pull of an
image and a download of weights for a job that would fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmi_deployer.entry_point.machine import MEMORY_TOLERANCE
from lmi_deployer.errors import InputError
from lmi_deployer.spec import GIB

QUERY = "index,uuid,name,compute_cap,memory.total"
"""Fields of `nvidia-smi --query-gpu`; compute_cap is known to drivers from 510 on."""
SMI_SECONDS = 30
"""A driver that does not answer within this does not work."""


@dataclass(frozen=True, kw_only=True)
class HostGpu:
    """One GPU as nvidia-smi lists it."""

    index: int
    uuid: str
    name: str
    compute_capability: float
    memory_gib: float


@dataclass(frozen=True, kw_only=True)
class DiskNeed:
    """Space that something takes."""

    folder: Path
    size_bytes: int
    what: str
    """`the image`, `the weights`, ..."""


def gpus_here(command: str = "nvidia-smi") -> tuple[HostGpu, ...] | None:
    """The GPUs of this machine; None where nvidia-smi cannot say."""
    arguments = [command, f"--query-gpu={QUERY}", "--format=csv,noheader,nounits"]
    try:
        run = subprocess.run(  # noqa: S603 - a fixed command line
            arguments, capture_output=True, text=True, timeout=SMI_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_gpus(run.stdout) if run.returncode == 0 else None


def parse_gpus(text: str) -> tuple[HostGpu, ...] | None:
    """The GPUs in the answer to QUERY; None for any other text.

    >>> [gpu.name for gpu in parse_gpus("0, GPU-1, NVIDIA A10G, 8.6, 23028")]
    ['NVIDIA A10G']
    """
    gpus = []
    for line in text.strip().splitlines():
        fields = [field.strip() for field in line.split(",")]
        try:
            index, uuid, name, capability, memory_mib = fields
            gpu = HostGpu(
                index=int(index),
                uuid=uuid,
                name=name,
                compute_capability=float(capability),
                memory_gib=float(memory_mib) / 1024,
            )
        except ValueError:
            return None
        gpus.append(gpu)
    return tuple(gpus)


def visible(gpus: Iterable[HostGpu], names: str | None) -> tuple[HostGpu, ...]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves; all of them where it is not set."""
    if names is None:
        return tuple(gpus)
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    return tuple(
        gpu
        for gpu in gpus
        if any(name == str(gpu.index) or gpu.uuid.startswith(name) for name in wanted)
    )


def chosen_gpus(gpus: Sequence[HostGpu], needed: Mapping[str, Any]) -> tuple[HostGpu, ...]:
    """As many GPUs as a job needs, of the kind that it needs; `needed` is `Job.gpu`.

    Raises InputError naming what is here and what the engine is for.
    """
    capability, memory_gib = needed["compute_capability"], needed["memory_gib"]
    fitting = [
        gpu
        for gpu in gpus
        if gpu.compute_capability == capability
        and abs(gpu.memory_gib - memory_gib) <= MEMORY_TOLERANCE * memory_gib
    ]
    if len(fitting) < needed["count"]:
        raise InputError(
            f"the engine needs {needed['count']} GPUs of compute capability {capability} with"
            f" {memory_gib:g} GiB; here: {_listed(gpus)}",
            fix="another machine, or --runner sagemaker",
        )
    return tuple(fitting[: needed["count"]])


def _listed(gpus: Sequence[HostGpu]) -> str:
    kinds: dict[tuple[str, float, str], int] = {}
    for gpu in gpus:
        kind = (gpu.name, gpu.compute_capability, f"{gpu.memory_gib:.1f}")
        kinds[kind] = kinds.get(kind, 0) + 1
    listed = [
        f"{count} x {name} ({capability}, {memory} GiB)"
        for (name, capability, memory), count in kinds.items()
    ]
    return ", ".join(listed) or "none"


def memory_here() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def require_memory(has_bytes: int, weights_bytes: int) -> str | None:
    """What to say where compiling may run out of host memory; None where it will not.

    Raises InputError where the weights cannot even be held once. Building an engine holds them
    about twice (TensorRT-LLM issue 2093), which not every model and version needs.
    """
    if has_bytes < weights_bytes:
        raise InputError(
            f"the weights are {weights_bytes / GIB:.0f} GiB, this machine has"
            f" {has_bytes / GIB:.0f} GiB of memory",
            fix="a machine with twice the weights' size in memory, or --runner sagemaker",
        )
    if has_bytes < 2 * weights_bytes:
        return (
            f"compiling holds about {2 * weights_bytes / GIB:.0f} GiB in host memory, there are"
            f" {has_bytes / GIB:.0f}: it may run out"
        )
    return None


def require_disk(needs: Iterable[DiskNeed]) -> None:
    """Raise InputError where a disk has no room for all that has to go on it."""
    by_disk: dict[int, list[DiskNeed]] = {}
    for need in needs:
        by_disk.setdefault(_existing(need.folder).stat().st_dev, []).append(need)
    for together in by_disk.values():
        needed = sum(need.size_bytes for need in together)
        folder = _existing(together[0].folder)
        free = shutil.disk_usage(folder).free
        if needed > free:
            parts = " + ".join(f"{n.what} {n.size_bytes / GIB:.1f}" for n in together)
            raise InputError(
                f"the disk of {folder} has {free / GIB:.1f} GiB free; {needed / GIB:.1f} are"
                f" needed ({parts})",
                fix="free some; what this tool fetches and makes lies below XDG_CACHE_HOME",
            )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder
