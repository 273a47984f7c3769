"""The sizing question of a decided hardware profile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lmi_deployer.sizing.setups import of_spec

if TYPE_CHECKING:
    from lmi_deployer.sizing.setup import Setup
    from lmi_deployer.spec import ResolvedSpec

SLOT_LENGTHS = ("max_tokens", "n_positions")
"""Settings by which DeepSpeed and Neuron lay out their caches: tokens of every slot."""


def setup_of(spec: ResolvedSpec) -> Setup | None:
    """The question, with slots as long as the backend lays them out; None without a shape."""
    facts = spec.weights.facts
    shape = facts.shape if facts else None
    if shape is None:
        return None
    setup = of_spec(spec, shape)
    for name in SLOT_LENGTHS:
        tokens = spec.settings.get(name)
        if name in spec.support.property_names and isinstance(tokens, int):
            longest = max(tokens, spec.max_input_len + 1)
            setup = replace(setup, max_output_len=longest - spec.max_input_len)
    return setup
