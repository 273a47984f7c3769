"""One case: the settings of one serving.properties file for one backend of one version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tests.conformance.server_table import BackendRow

Changes: TypeAlias = dict[str, str | None]
"""What a case writes beside the settings of its backend; None leaves a key of theirs out."""

DEVICES = 4
MODEL_ID = "meta-llama/Llama-2-7b-hf"


@dataclass(frozen=True, kw_only=True)
class Case:
    """Settings spelt as in the file, and the devices of the machine they are for."""

    version: str
    flavor: str
    backend: str
    changes: Changes
    properties: dict[str, str]
    devices: int = DEVICES
    """GPUs, or NeuronCores for neuronx."""


def base_settings(row: BackendRow) -> dict[str, str]:
    """The smallest file that chooses the backend and loads a model on the whole machine."""
    settings = {
        "option.model_id": MODEL_ID,
        "option.tensor_parallel_degree": str(DEVICES),
        **row.settings,
    }
    if row.backend == "stable-diffusion-neuronx":
        settings["option.dtype"] = "fp32"  # it has no default that is allowed
    return settings


def make_case(version: str, row: BackendRow, changes: Changes, devices: int = DEVICES) -> Case:
    """The case of one backend with these changes to its smallest file."""
    written = base_settings(row) | changes
    return Case(
        version=version,
        flavor=row.flavor,
        backend=row.backend,
        changes=changes,
        properties={key: value for key, value in written.items() if value is not None},
        devices=devices,
    )
