"""Compute capabilities by asking libcuda, for drivers whose nvidia-smi does not tell them."""

from __future__ import annotations

import ctypes
from typing import Any, Callable, List

_MAJOR = 75  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, CUDA driver API
_MINOR = 76


def _libcuda() -> Any:
    return ctypes.CDLL("libcuda.so.1")


def compute_capabilities(load: Callable[[], Any] = _libcuda) -> List[float]:
    """One for each GPU, in the driver's order; empty where the driver does not answer."""
    try:
        cuda = load()
    except OSError:
        return []
    count = ctypes.c_int()
    if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count)):
        return []
    found = []
    for index in range(count.value):
        device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        failed = (
            cuda.cuDeviceGet(ctypes.byref(device), index)
            or cuda.cuDeviceGetAttribute(ctypes.byref(major), _MAJOR, device)
            or cuda.cuDeviceGetAttribute(ctypes.byref(minor), _MINOR, device)
        )
        if failed:
            return []
        found.append(float(f"{major.value}.{minor.value}"))
    return found
