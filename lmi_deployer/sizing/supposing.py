"""Questions about weights that need not exist yet: a plain checkpoint as if it were quantized."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lmi_deployer.model_shape import StoredFormat
from lmi_deployer.rules.weights import BYTES_PER_PARAMETER

if TYPE_CHECKING:
    from lmi_deployer.model_facts import ModelFacts

SUPPOSED: Mapping[str, StoredFormat] = {
    "awq": StoredFormat(method="awq", bits=4, group_size=128),
    "gptq": StoredFormat(method="gptq", bits=4, group_size=128),
    "fp8": StoredFormat(method="fp8", bits=8),
}
"""Formats that checkpoints are published in, as their tools make them when nothing is said.
Source: AutoAWQ (q_group_size 128), AutoGPTQ (group_size 128), llm-compressor (FP8, per channel)."""


def as_if_stored(facts: ModelFacts, method: str | None) -> tuple[ModelFacts, str] | None:
    """Facts of plain weights as if quantized by a method, and the doubt that this leaves.

    None where the weights are quantized already, or the method is no format of checkpoints.
    """
    shape, stored = facts.shape, SUPPOSED.get(method or "")
    if shape is None or shape.stored is not None or stored is None:
        return None
    supposed = replace(
        facts,
        quantization=stored.method,
        shape=replace(shape, stored=stored, stored_bytes=None),
        weight_bytes=int(shape.parameter_count * BYTES_PER_PARAMETER[stored.method]),
    )
    groups = f", in groups of {stored.group_size}" if stored.group_size else ""
    form = f"{stored.method} with {stored.bits:g} bits{groups}"
    return supposed, f"counted as if the weights were stored as {form}; these are plain"
