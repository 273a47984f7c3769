"""Facts to look up: containers, GPUs, instance types, registries and models.

Each function reads the one compiled table it needs, once, and types the one row it returns.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from lmi_deployer.catalog.rows import Container, Gpu, InstanceType, Model, RegionSet, Registry
from lmi_deployer.catalog.typed import typed
from lmi_deployer.errors import InputError
from lmi_deployer.nearest import did_you_mean

DOCKER_REPOSITORY = "djl-inference"
"""ECR repository of every LMI image. Source: image tables of the SageMaker Python SDK."""


@cache
def _table(name: str) -> dict[str, Any]:
    text = files(__package__).joinpath("compiled", f"{name}.json").read_text(encoding="utf-8")
    rows: dict[str, Any] = json.loads(text)
    return rows


def _row(table: str, kind: str, name: str) -> Any:
    rows = _table(table)
    if name not in rows:
        raise InputError(f"unknown {kind} {name!r}", fix=did_you_mean(name, rows))
    return rows[name]


@cache
def container(version: str) -> Container:
    """Facts of one LMI container version. Raises InputError for an unknown one."""
    return typed(Container, _row("containers", "container version", version))


@cache
def instance_type(name: str) -> InstanceType:
    """Facts of one SageMaker instance type. Raises InputError for an unknown one."""
    return typed(InstanceType, _row("instances", "instance type", name))


@cache
def gpu(name: str) -> Gpu:
    """Facts of one accelerator. Raises InputError for an unknown one."""
    return typed(Gpu, _row("gpus", "GPU", name))


@cache
def registry(region: str) -> Registry:
    """Account that holds the LMI images in a region. Raises InputError for an unknown one."""
    return typed(Registry, _row("registries", "region", region))


@cache
def region_set(name: str) -> RegionSet:
    """Regions that lack some images. Raises InputError for an unknown set."""
    return typed(RegionSet, _row("region_sets", "region set", name))


@cache
def find_model(model_id: str) -> Model | None:
    """Facts of a published checkpoint, or None when the catalog does not hold it."""
    row = _table("models").get(model_id)
    return None if row is None else typed(Model, row)


def names(table: str) -> tuple[str, ...]:
    """Every row's name, in the order of its file."""
    return tuple(_table(table))


def raw_rows(table: str) -> dict[str, Any]:
    """All rows of a table by name, as plain data, in the order of its file."""
    return _table(table)
