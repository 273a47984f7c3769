"""What the machine has, against what an engine needs."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lmi_deployer import catalog
from lmi_deployer.entry_point.driver import compute_capabilities
from lmi_deployer.entry_point.job import GpuNeeded
from lmi_deployer.entry_point.machine import (
    Gpu,
    Machine,
    host_memory,
    memory_kills,
    memory_problem,
    mismatches,
    parse_gpus,
)
from lmi_deployer.entry_point.places import Places

A10G = Gpu("NVIDIA A10G", 22.5, 8.6)
NEEDED = GpuNeeded(compute_capability=8.6, memory_gib=24, count=1)
NVIDIA = [
    gpu for gpu in map(catalog.gpu, catalog.names("gpus")) if gpu.compute_capability is not None
]


@pytest.mark.parametrize("gpu", NVIDIA, ids=lambda gpu: gpu.name)
def test_every_gpu_of_the_catalog_fits_itself_as_its_driver_shows_it(gpu):
    shown = Gpu(gpu.name, gpu.usable_memory_gib, gpu.compute_capability)
    needed = GpuNeeded(gpu.compute_capability, gpu.memory_gib, 1)
    assert mismatches(Machine((shown,)), needed) == []


def test_more_gpus_than_needed_are_fine():
    assert mismatches(Machine((A10G,) * 4), NEEDED) == []


def test_what_the_driver_does_not_tell_is_not_compared():
    assert mismatches(Machine((Gpu("GPU", None, None),)), NEEDED) == []


@pytest.mark.parametrize(
    "other",
    [replace(A10G, compute_capability=8.9), replace(A10G, memory_gib=45.0)],
    ids=["architecture", "memory"],
)
def test_one_gpu_that_differs_is_enough(other):
    (problem,) = mismatches(Machine((A10G, other)), replace(NEEDED, count=2))
    assert other.name in problem


@pytest.mark.parametrize(
    ("text", "gpus"),
    [
        ("NVIDIA L4, 23034, 550.1, 8.9\n", (Gpu("NVIDIA L4", 22.5, 8.9),)),
        ("NVIDIA GB10, [N/A], 580.1, 12.1\n", (Gpu("NVIDIA GB10", None, 12.1),)),
        ("No devices were found\n", ()),
        ("", ()),
    ],
)
def test_the_driver_s_csv_is_read(text, gpus):
    assert parse_gpus(text, with_capability=True)[0] == gpus


def places_with(root: Path, files: dict[str, str]) -> Places:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Places(root)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"proc/meminfo": "MemTotal: 2000 kB\nMemFree: 1 kB\n"}, 2_048_000),
        ({"proc/meminfo": "MemTotal: 2000 kB\n", "sys/fs/cgroup/memory.max": "1000\n"}, 1000),
        ({"proc/meminfo": "MemTotal: 2000 kB\n", "sys/fs/cgroup/memory.max": "max\n"}, 2_048_000),
        (
            {
                "proc/meminfo": "MemTotal: 2000 kB\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            2_048_000,
        ),
    ],
)
def test_the_memory_of_a_container_is_the_least_of_its_limits(tmp_path, files, expected):
    assert host_memory(places_with(tmp_path, files)) == expected


@pytest.mark.parametrize(
    ("name", "content", "kills"),
    [
        ("memory.events", "low 0\noom 2\noom_kill 3\n", 3),
        ("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", 1),
        ("memory.events", "", 0),
    ],
)
def test_the_kernel_s_count_of_killed_processes_is_read(tmp_path, name, content, kills):
    assert memory_kills(places_with(tmp_path, {f"sys/fs/cgroup/{name}": content})) == kills


@pytest.mark.parametrize(("memory", "is_enough"), [(None, True), (10, True), (9, False)])
def test_weights_must_fit_into_the_memory_of_the_host(memory, is_enough):
    assert (memory_problem(Machine(memory_bytes=memory), 10) is None) is is_enough


class Cuda:
    """libcuda of a machine with these capabilities."""

    def __init__(self, *capabilities: tuple[int, int], status: int = 0) -> None:
        self._capabilities = capabilities
        self._status = status

    def cuInit(self, flags: int) -> int:  # noqa: N802 - the driver's name
        return self._status

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        return self._put(count, len(self._capabilities))

    def cuDeviceGet(self, device: Any, index: int) -> int:  # noqa: N802
        return self._put(device, index)

    def cuDeviceGetAttribute(self, value: Any, kind: int, device: ctypes.c_int) -> int:  # noqa: N802
        return self._put(value, self._capabilities[device.value][kind - 75])

    @staticmethod
    def _put(target: Any, value: int) -> int:
        target._obj.value = value
        return 0


def test_libcuda_tells_the_capability_of_every_gpu():
    assert compute_capabilities(lambda: Cuda((8, 0), (9, 0))) == [8.0, 9.0]


def test_a_machine_without_libcuda_tells_none():
    def missing() -> Any:
        raise OSError("libcuda.so.1: cannot open shared object file")

    assert compute_capabilities(missing) == []
    assert compute_capabilities(lambda: Cuda((8, 0), status=100)) == []
