"""What the stand-in for a compile script is asked for, judged as that script judges it."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmi_deployer import catalog

if TYPE_CHECKING:
    from lmi_deployer.catalog.compiler_rows import ArgumentValue, Compiler

ENGINE_BYTES = 4096
_STRIPS_FROM = "0.26.0"
_RELOADS_FROM = "0.23.0"
_NEEDS_DTYPE_FROM = "0.25.0"
_TAKES_REVISION_FROM = "0.27.0"


class BadPropertiesError(Exception):
    """What the script answers with its usage; since 0.23.0 it ends with 0 after that."""


class ScriptError(Exception):
    """What the script raises; it ends with 1."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """One compilation as the script has understood it."""

    compiler: Compiler
    properties: Mapping[str, str]
    properties_dir: Path
    model_dir: Path
    output_dir: Path
    tensor_parallel_degree: int
    pipeline_parallel_degree: int
    copies_config: bool
    """Whether the model's own configuration goes beside what is made."""

    @property
    def ranks(self) -> int:
        """How many parts it is made of."""
        return self.tensor_parallel_degree * self.pipeline_parallel_degree

    def content(self, *names: object) -> bytes:
        """Bytes of a file, the same for the same order and no other one."""
        config = (self.model_dir / "config.json").read_bytes()
        lines = sorted(item for item in self.properties.items() if item[0] != "option.model_id")
        seed = repr((config, lines, self.tensor_parallel_degree, self.ranks, names)).encode()
        return hashlib.shake_256(seed).digest(ENGINE_BYTES)


def read_order(version: str, compiler: Compiler, arguments: argparse.Namespace) -> Order:
    """What the command line and serving.properties ask for, judged as the script judges it.

    Raises BadPropertiesError and ScriptError where that one stops.
    """
    given: dict[ArgumentValue, Any] = {
        row.passes: getattr(arguments, row.flag.strip("-").replace("-", "_"))
        for row in compiler.arguments
        if row.passes is not None
    }
    folder = Path(given["properties_dir"])
    properties = load_properties(version, folder)
    if compiler.kind != "trt_engine":
        properties |= {
            name: str(value)
            for name, value in {
                "option.model_id": given.get("model_dir"),
                "engine": given.get("engine"),
                "option.save_mp_checkpoint_path": given.get("output_dir"),
                "option.tensor_parallel_degree": given.get("tensor_parallel_degree"),
            }.items()
            if value
        }
        _judge_partition(version, compiler, properties)
    elif compiler.layout == "llm_api_engine" and not (folder / "serving.properties").is_file():
        raise ScriptError("FileNotFoundError: serving.properties")
    model = given.get("model_dir") or properties.get("option.model_id")
    if not model or not (Path(model) / "config.json").is_file():
        raise ScriptError(f"OSError: {model} has no config.json")
    degree = given.get("tensor_parallel_degree") or properties["option.tensor_parallel_degree"]
    return Order(
        compiler=compiler,
        properties=properties,
        properties_dir=folder,
        model_dir=Path(model),
        output_dir=Path(given.get("output_dir") or properties["option.save_mp_checkpoint_path"]),
        tensor_parallel_degree=int(degree),
        pipeline_parallel_degree=int(given.get("pipeline_parallel_degree") or 1),
        copies_config=not getattr(arguments, "skip_copy", False),
    )


def _judge_partition(version: str, compiler: Compiler, properties: Mapping[str, str]) -> None:
    """What partition.py and the handler below it refuse."""
    if compiler.kind == "deepspeed_checkpoint":
        wrong_engine = properties.get("engine") != "DeepSpeed"
        _require(not wrong_engine, f"Invalid engine: {properties.get('engine')}")
    for name in ("tensor_parallel_degree", "save_mp_checkpoint_path", "model_id"):
        _require(f"option.{name}" in properties, f"Please specify {name}")
    if compiler.kind != "deepspeed_checkpoint":
        return
    batch = properties.get("option.rolling_batch", "disable")
    if batch != "disable" and version in {"0.25.0", "0.26.0"}:
        module = "djl_python.rolling_batch.deepspeed_rolling_batch"
        raise ScriptError(f"ModuleNotFoundError: No module named '{module}'")
    is_typed = "option.dtype" in properties or not is_at_least(version, _NEEDS_DTYPE_FROM)
    has_revision = "option.revision" in properties
    loads = is_typed and (not has_revision or is_at_least(version, _TAKES_REVISION_FROM))
    if is_at_least(version, _RELOADS_FROM) and ("option.quantize" in properties or not loads):
        raise ScriptError("Exception: DeepSpeed does not support partitioning.")


def _require(is_right: bool, problem: str) -> None:
    if not is_right:
        raise BadPropertiesError(problem)


def load_properties(version: str, folder: Path) -> dict[str, str]:
    """serving.properties as the scripts of a version read it; empty where there is no file.

    Raises ScriptError for a line without "=".
    """
    path = folder / "serving.properties"
    if not path.is_file():
        return {}
    pairs = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        key, equals, value = line.strip().partition("=")
        if not equals:
            raise ScriptError("ValueError: not enough values to unpack (expected 2, got 1)")
        if is_at_least(version, _STRIPS_FROM):
            key, value = key.strip(), value.strip()
        pairs[key] = value
    return pairs


def is_at_least(version: str, other: str) -> bool:
    """Whether a version of the catalog is another one, or newer."""
    order = catalog.names(catalog.CONTAINERS)
    return order.index(version) >= order.index(other)
