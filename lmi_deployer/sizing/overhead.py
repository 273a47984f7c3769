"""What an engine takes beside weights, activations and cache."""

from __future__ import annotations

from lmi_deployer.catalog.sizing_rows import EngineMemory
from lmi_deployer.sizing.activations import GIB
from lmi_deployer.sizing.setup import Setup

_NVLS_CAPABILITY = 9.0  # multicast in NVSwitch came with Hopper
_LEAST_RANKS = 2  # what two of them take is in parallel_gib
_MOST_RANKS = 8  # of one machine


def overhead_bytes(setup: Setup, rules: EngineMemory) -> int:
    """Engine, communication buffers and graphs, as far as the budget counts them."""
    ranks = setup.tensor_parallel_degree * setup.pipeline_parallel_degree
    gib = rules.parallel_gib if ranks > 1 and rules.parallel_gib else rules.base_gib
    if rules.budget != "share_of_card":  # everything on the card comes out of what is free
        gib = rules.base_gib + rules.context_gib + (rules.parallel_gib if ranks > 1 else 0.0)
    if is_switched(setup):
        local = min(setup.tensor_parallel_degree, _MOST_RANKS)
        is_new = (setup.gpu.compute_capability or 0) >= _NVLS_CAPABILITY
        per_rank = rules.nvls_gib_per_rank if is_new else rules.switch_gib_per_rank
        gib += per_rank * (local - _LEAST_RANKS)
    if rules.counts_graphs:
        gib += graph_gib(setup, rules)
    return int(gib * GIB)


def graph_gib(setup: Setup, rules: EngineMemory) -> float:
    """CUDA graphs of the layers on one GPU."""
    if setup.is_eager:
        return 0.0
    layers = setup.shape.num_hidden_layers / setup.pipeline_parallel_degree
    return rules.graph_gib_per_layer * layers


def is_switched(setup: Setup) -> bool:
    """Whether NCCL sets up buffers for every rank behind an NVSwitch."""
    return setup.gpu_link == "nvswitch" and setup.tensor_parallel_degree > _LEAST_RANKS
