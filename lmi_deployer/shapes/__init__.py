"""Shapes of models: read from a config.json or a catalog row, and counted by kind of matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lmi_deployer.errors import InputError
from lmi_deployer.shapes.from_rows import from_catalog
from lmi_deployer.shapes.matrices import Matrices, active_parameters, computed_parameters, matrices

if TYPE_CHECKING:
    from lmi_deployer.model_shape import ModelShape

__all__ = [
    "Matrices",
    "active_parameters",
    "computed_parameters",
    "from_catalog",
    "from_config",
    "matrices",
]


def from_config(
    config: object,
    *,
    parameter_counts: Mapping[str, int] | None = None,
    stored_bytes: int | None = None,
) -> ModelShape:
    """The shape of a model by its config.json.

    `parameter_counts` are the numbers that the weight files hold, by the dtype names of
    safetensors; `stored_bytes` their size. Raises InputError where the numbers of the model cannot
    be derived.
    """
    from lmi_deployer.shapes.from_configs import shape_of  # most runs know a shape already

    if not isinstance(config, Mapping):
        raise InputError("the model configuration is no JSON object", fix="give its config.json")
    return shape_of(config, parameter_counts or {}, stored_bytes)
