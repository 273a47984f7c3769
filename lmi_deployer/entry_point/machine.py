"""What the machine has, against what the engine needs: an engine runs on one GPU architecture."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from lmi_deployer.artifact.progress import GIB
from lmi_deployer.entry_point.driver import compute_capabilities
from lmi_deployer.entry_point.failures import JobError
from lmi_deployer.entry_point.job import GpuNeeded
from lmi_deployer.entry_point.places import Places

MEMORY_TOLERANCE = 0.12
"""nvidia-smi shows up to 8 % less than the nominal memory (A10G, L4: 22.5 of 24 GiB); the nearest
two classes of one architecture differ by 20 % (H100 with 80 GiB, H20 with 96)."""
_NO_LIMIT = 1 << 60
"""What version 1 of control groups shows for no limit is about 2**63."""
_SMI_SECONDS = 60


@dataclass(frozen=True)
class Gpu:
    """One GPU, as its driver describes it; None for what the driver does not tell."""

    name: str
    memory_gib: Optional[float]
    compute_capability: Optional[float]


@dataclass(frozen=True)
class Machine:
    """What the job runs on."""

    gpus: Tuple[Gpu, ...] = ()
    driver: Optional[str] = None
    memory_bytes: Optional[int] = None
    """What the container may use of the host's memory; None where that cannot be read."""

    def document(self) -> Dict[str, Any]:
        """For the manifest."""
        return {
            "gpus": [
                {
                    "name": gpu.name,
                    "memory_gib": gpu.memory_gib,
                    "compute_capability": gpu.compute_capability,
                }
                for gpu in self.gpus
            ],
            "driver": self.driver,
            "memory_gib": self.memory_bytes and round(self.memory_bytes / GIB, 1),
        }


def look(places: Places, environment: Mapping[str, str]) -> Machine:
    """The GPUs and the memory of this machine. Raises JobError where it shows no GPU."""
    gpus, driver = _gpus(environment)
    return Machine(gpus, driver, host_memory(places))


def mismatches(machine: Machine, needed: GpuNeeded) -> List[str]:
    """Where the machine is not what the engine needs, both sides named."""
    found = []
    names = ", ".join(sorted({gpu.name for gpu in machine.gpus}))
    if len(machine.gpus) < needed.count:
        found.append(f"needs {needed.count} GPUs, this machine has {len(machine.gpus)} ({names})")
    for gpu in dict.fromkeys(machine.gpus):
        capability, memory = gpu.compute_capability, gpu.memory_gib
        if capability is not None and capability != needed.compute_capability:
            found.append(
                f"needs GPUs of compute capability {needed.compute_capability},"
                f" {gpu.name} has {capability}"
            )
        if memory is not None:
            off = abs(memory - needed.memory_gib) / needed.memory_gib
            if off > MEMORY_TOLERANCE:
                found.append(
                    f"needs GPUs with {needed.memory_gib:g} GiB, {gpu.name} has {memory:g}"
                )
    return found


def parse_gpus(text: str, *, with_capability: bool) -> Tuple[Tuple[Gpu, ...], Optional[str]]:
    """The GPUs and the driver version in nvidia-smi's CSV; MiB become GiB.

    >>> parse_gpus("NVIDIA A10G, 23028, 535.183.01, 8.6", with_capability=True)
    ((Gpu(name='NVIDIA A10G', memory_gib=22.5, compute_capability=8.6),), '535.183.01')
    """
    gpus, driver = [], None
    for line in text.splitlines():
        fields = [item.strip() for item in line.split(",")]
        if len(fields) != (4 if with_capability else 3):
            continue
        memory = _number(fields[1])
        gpus.append(
            Gpu(
                name=fields[0],
                memory_gib=None if memory is None else round(memory / 1024, 1),
                compute_capability=_number(fields[3]) if with_capability else None,
            )
        )
        driver = fields[2]
    return tuple(gpus), driver


def host_memory(places: Places) -> Optional[int]:
    """Bytes of memory that this container may use: the host's, or less where it is limited."""
    limits = [
        int(line.split()[1]) * 1024
        for line in _read(places.below("/proc/meminfo")).splitlines()
        if line.startswith("MemTotal:")
    ]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = _read(places.below(path)).strip()
        if text.isdigit() and int(text) < _NO_LIMIT:
            limits.append(int(text))
    return min(limits, default=None)


def memory_kills(places: Places) -> int:
    """How many processes of this container the kernel has killed for want of memory."""
    for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        for line in _read(places.below(path)).splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill" and count.strip().isdigit():
                return int(count)
    return 0


def free_bytes(folder: Path) -> int:
    """Bytes that are free where `folder` is, or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _gpus(environment: Mapping[str, str]) -> Tuple[Tuple[Gpu, ...], Optional[str]]:
    status, text = _smi("name,memory.total,driver_version,compute_cap", environment)
    if status == 0:
        gpus, driver = parse_gpus(text, with_capability=True)
    else:
        # Driver 470 has no compute_cap (huggingface/candle#733); libcuda has always known it.
        status, text = _smi("name,memory.total,driver_version", environment)
        gpus, driver = parse_gpus(text, with_capability=False)
        known = compute_capabilities()
        if len(known) == len(gpus):
            gpus = tuple(
                Gpu(gpu.name, gpu.memory_gib, known[index]) for index, gpu in enumerate(gpus)
            )
    if status != 0 or not gpus:
        raise JobError(
            f"nvidia-smi shows no GPU here: {' '.join(text.split())[:200] or 'it says nothing'}",
            fix="an instance type with GPUs; `--gpus all` for Docker, with its NVIDIA toolkit",
        )
    return gpus, driver


def _smi(fields: str, environment: Mapping[str, str]) -> Tuple[int, str]:
    command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(  # noqa: S603 - from the PATH, which the image sets up
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            timeout=_SMI_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise JobError(
            "there is no nvidia-smi here, so no GPU driver",
            fix="an instance type with GPUs; `--gpus all` for Docker, with its NVIDIA toolkit",
        ) from None
    except subprocess.TimeoutExpired:
        return 1, f"no answer within {_SMI_SECONDS} seconds"
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _number(text: str) -> Optional[float]:
    try:
        return float(text)
    except ValueError:
        return None  # `[N/A]`


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def memory_problem(machine: Machine, weights_bytes: int) -> Optional[str]:
    """Why the host's memory cannot be enough: compile scripts load all weights into it."""
    memory = machine.memory_bytes
    if memory is None or memory >= weights_bytes:
        return None
    return (
        f"the weights take {weights_bytes / GIB:.1f} GiB, and this machine has"
        f" {memory / GIB:.1f} GiB of memory, where the compile script loads them"
    )


def unread(machine: Machine) -> Sequence[str]:
    """What could not be compared, for the log."""
    found = []
    if any(gpu.compute_capability is None for gpu in machine.gpus):
        found.append("compute capability: the driver does not tell it; not compared")
    if any(gpu.memory_gib is None for gpu in machine.gpus):
        found.append("GPU memory: the driver does not tell it; not compared")
    return found
