"""The fields of EngineArgs in the vLLM of each image, as the option catalog lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lmi_deployer import catalog
from lmi_deployer.catalog.versions import versions_in

ARGUMENTS = Path(catalog.__file__).with_name("options") / "vllm_arguments.yaml"
RENAMED_BY_LMI = ("max_num_seqs", "pipeline_parallel_size", "tensor_parallel_size")
"""Fields that LMI has a name of its own for, and so looks for among the others."""


def vllm_fields_of(version: str) -> Sequence[str] | None:
    """The fields that LMI hands on by name; None when the catalog does not list any."""
    if not ARGUMENTS.exists():
        return None
    fields = _fields().get(version, ())
    return sorted({*fields, *RENAMED_BY_LMI}) if fields else ()


@cache
def _fields() -> Mapping[str, Sequence[str]]:
    rows: list[dict[str, Any]] = yaml.safe_load(ARGUMENTS.read_text(encoding="utf-8"))
    order = catalog.names(catalog.CONTAINERS)
    fields: dict[str, list[str]] = {version: [] for version in order}
    for row in rows:
        for reading in row["readings"]:
            for version in versions_in(reading["versions"], order):
                fields[version].append(row["key"].removeprefix("option."))
    return fields
