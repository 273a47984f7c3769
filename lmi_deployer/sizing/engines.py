"""How the engine of a setup divides memory: the row of the catalog for its version."""

from __future__ import annotations

import re
from functools import cache

from lmi_deployer import catalog
from lmi_deployer.catalog.sizing_rows import EngineMemory
from lmi_deployer.catalog.typed import typed
from lmi_deployer.sizing.setup import Setup

NEWEST = (1 << 30,)
"""Where a version that is no number stands: behind all others."""
_SECOND_CORE_SINCE = (0, 8)  # VLLM_USE_V1 is on by default; https://github.com/vllm-project/vllm
_FIRST_CORE_UNTIL = (0, 11)  # release notes of v0.11.0: V0 is gone
_SECOND_CORE_CAPABILITY = 8.0  # older cards fall back to the first core
_NUMBERS = re.compile(r"v?(\d+(?:\.\d+)*)")

Version = tuple[int, ...]


def version_of(text: str) -> Version:
    """The leading numbers of a version, for comparing; NEWEST where there are none.

    >>> version_of("0.6.3.post1"), version_of("0.17.0rc1.dev168")
    ((0, 6, 3), (0, 17, 0))
    """
    found = _NUMBERS.match(text)
    return tuple(int(part) for part in found.group(1).split(".")) if found else NEWEST


def engine_memory(setup: Setup) -> EngineMemory:
    """What the setup's engine reserves at its version."""
    return _engine_memory(setup.engine, setup.engine_version, has_second_core(setup))


def has_second_core(setup: Setup) -> bool:
    """Whether vLLM runs its second engine core ("V1"), by default from 0.8 on newer cards."""
    if setup.engine != "vllm":
        return False
    if setup.has_v1_core is not None:
        return setup.has_v1_core
    return _has_second_core(setup.engine_version, setup.gpu.compute_capability)


@cache
def _has_second_core(engine_version: str, compute_capability: float | None) -> bool:
    version = version_of(engine_version)
    if version >= _FIRST_CORE_UNTIL:
        return True
    is_new_card = compute_capability is None or compute_capability >= _SECOND_CORE_CAPABILITY
    return version >= _SECOND_CORE_SINCE and is_new_card


@cache
def _engine_memory(engine: str, engine_version: str, is_second_core: bool) -> EngineMemory:
    rows = [
        row
        for row in (typed(EngineMemory, raw) for raw in catalog.raw_rows("memory").values())
        if row.engine == engine and row.is_second_core == is_second_core
    ]
    version = version_of(engine_version)
    row = rows[0]
    for later in rows[1:]:
        if version_of(later.since) <= version:
            row = later
    return row
