"""Facts to look up: containers, options, GPUs, instance types, registries and models.

Each function reads the one compiled file it needs, once, and types the one row it returns.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmi_deployer.catalog.rows import (
    Backend,
    Container,
    Gpu,
    Host,
    InstanceType,
    Model,
    RegionSet,
    Registry,
)
from lmi_deployer.catalog.typed import typed
from lmi_deployer.errors import InputError
from lmi_deployer.nearest import did_you_mean

if TYPE_CHECKING:
    from lmi_deployer.catalog.compiler_rows import Compiler

DOCKER_REPOSITORY = "djl-inference"
"""ECR repository of every LMI image. Source: image tables of the SageMaker Python SDK."""
CONTAINERS = "containers"
"""A table that has a file for each row, as a run needs one container or two."""
MODELS = "models"
"""A table that has a file for each organisation of the Hub, and a list of all ids."""
COMPILERS = "compilers"
"""A table whose rows have two names: the version and the backend."""

_COMPILED = Path(__file__).with_name("compiled")  # importlib.resources would take longer to import


@cache
def _compiled(name: str) -> Any:
    path = _COMPILED.joinpath(*f"{name}.json".split("/"))
    return json.loads(path.read_text(encoding="utf-8"))


def _row(table: str, kind: str, name: str) -> Any:
    rows = _compiled(table)
    if name not in rows:
        raise InputError(f"unknown {kind} {name!r}", fix=did_you_mean(name, rows))
    return rows[name]


@cache
def container(version: str) -> Container:
    """Facts of one LMI container version. Raises InputError for an unknown one."""
    if version not in names(CONTAINERS):
        raise InputError(f"unknown container version {version!r}", fix=_version_meant(version))
    return typed(Container, _compiled(f"{CONTAINERS}/{version}"))


@cache
def compiler(version: str, backend: Backend) -> Compiler | None:
    """How a backend of one LMI version compiles ahead of time; None where it does nothing alike.

    Its `refused` says why a way that exists must not be taken.
    """
    row = _compiled(COMPILERS).get(version, {}).get(backend)
    if row is None:
        return None
    from lmi_deployer.catalog.compiler_rows import Compiler  # most commands compile nothing

    return typed(Compiler, row)


def _version_meant(version: str) -> str:
    """A fix for a version that the catalog does not hold."""
    known = names(CONTAINERS)
    if version == "latest":
        return f"{known[-1]!r}, the newest; a name that moves would change what is deployed"
    images = [name for name in known if name.startswith(f"{version}-")]
    if images:
        return f"one of {', '.join(images)}, which all are {version}"
    return did_you_mean(version, known)


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
def host(family: str, inference_ami: str | None = None) -> Host | None:
    """The machine image that an instance family starts with, or None where no page tells.

    `inference_ami` is the InferenceAmiVersion that is asked for; None leaves it to SageMaker.
    """
    hosts: dict[str, Any] = _compiled("drivers")
    for name, row in hosts.items():
        if name == inference_ami or (inference_ami is None and family in row["default_for"]):
            return typed(Host, row)
    return None


@cache
def find_model(model_id: str) -> Model | None:
    """Facts of a published checkpoint, or None when the catalog does not hold it.

    Letters may be large or small, as they may on the Hub; the row has the name as it is published.
    """
    row = raw_model(model_id)
    return None if row is None else typed(Model, row)


def raw_model(model_id: str) -> dict[str, Any] | None:
    """The row of a published checkpoint as plain data, or None where there is none."""
    known = _compiled(MODELS)
    name = model_id if model_id in known else _folded().get(model_id.casefold())
    if name is None:
        return None
    row: dict[str, Any] = _compiled(f"{MODELS}/{organisation(name)}")[name]
    return row


@cache
def _folded() -> dict[str, str]:
    """The names of all models by what is left of them without large letters."""
    return {name.casefold(): name for name in _compiled(MODELS)}


def organisation(model_id: str) -> str:
    """Who publishes a model on the Hub: what stands before the slash."""
    return model_id.partition("/")[0]


def names(table: str) -> tuple[str, ...]:
    """Every row's name, in the order of its file."""
    if table == COMPILERS:
        return tuple(raw_rows(table))
    return tuple(_compiled(f"{CONTAINERS}/index" if table == CONTAINERS else table))


def raw_rows(table: str) -> dict[str, Any]:
    """All rows of a table by name, as plain data, in the order of its file."""
    if table == CONTAINERS:
        return {name: _compiled(f"{CONTAINERS}/{name}") for name in names(CONTAINERS)}
    if table == MODELS:
        return {name: raw_model(name) for name in names(MODELS)}
    rows: dict[str, Any] = _compiled(table)
    if table == COMPILERS:
        return {
            f"{version}/{backend}": {"version": version, "backend": backend, **row}
            for version, of_version in rows.items()
            for backend, row in of_version.items()
        }
    return rows
