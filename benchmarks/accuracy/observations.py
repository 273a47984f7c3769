"""A folder of measurements, and what its rows mean: models, cards, engines and versions.

Whatever a row says that the catalog does not know becomes an `OutOfScope` with the reason; the
tables count those, and no row stops a run.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any

from benchmarks.accuracy.model_file import read_models
from lmi_deployer import catalog
from lmi_deployer.cards import find_gpu
from lmi_deployer.catalog.rows import Gpu
from lmi_deployer.errors import LmiDeployError
from lmi_deployer.model_shape import ModelShape, StoredFormat
from lmi_deployer.shapes import from_catalog

Row = Mapping[str, str]

_CARD_CLASS = re.compile(r"^(\d+)GB-card$")
_CLASS_CARDS = {"80": "A100-80GB", "48": "L40S-48GB", "40": "A100-40GB", "24": "A10G-24GB"}
"""A row that names a size alone is judged by the card of that size that SageMaker has."""
_TUNED = re.compile(r"-(instruct|chat|hf|it|base|v0\.\d|\d{4})$")
_STORED = {
    "gptq": StoredFormat(method="gptq", bits=4, group_size=128),
    "awq": StoredFormat(method="awq", bits=4, group_size=128),
    "marlin": StoredFormat(method="gptq", bits=4, group_size=128),
    "fp8": StoredFormat(method="fp8", bits=8),
    "fp8-block": StoredFormat(method="fp8", bits=8, group_size=128 * 128),
    "int8": StoredFormat(method="int8", bits=8),
    "mxfp4": StoredFormat(method="mxfp4", bits=4, group_size=32, covers_experts_only=True),
    "bitsandbytes-4bit": StoredFormat(method="bitsandbytes4", bits=4),
}
_SAME_STORED = {"gptq-4bit": "gptq", "awq-4bit": "awq", "awq-marlin": "awq", "gptq-marlin": "gptq"}
PLAIN = {"", "none", "fp16", "bf16"}
WHILE_LOADING = {"smoothquant", "static_int8", "dynamic_int8", "bitsandbytes8", "bitsandbytes4"}


class OutOfScope(Exception):  # noqa: N818 - an answer about a row, no error
    """Why a row is not judged."""


@dataclass(frozen=True)
class Observations:
    """The files of one folder."""

    folder: Path

    def rows(self, name: str) -> list[Row]:
        """A CSV file's rows, what they lack being empty; none where there is no such file."""
        path = self.folder / f"{name}.csv"
        if not path.is_file():
            return []
        with path.open(newline="", encoding="utf-8") as lines:
            return [
                defaultdict(str, {key: value or "" for key, value in row.items() if key})
                for row in csv.DictReader(lines)
            ]

    @cached_property
    def fits(self) -> list[Row]:
        """Configurations that are known to start, to fail, or to be recommended."""
        return self.rows("fit-observations")

    @cached_property
    def caches(self) -> list[Row]:
        """What engines printed about their cache as they started."""
        return self.rows("kv-cache-observations")

    @cached_property
    def performances(self) -> list[Row]:
        """Published throughput and latency."""
        return self.rows("perf-observations")

    @cached_property
    def _models(self) -> dict[str, ModelShape]:
        return read_models(self.folder / "model-facts.yaml")

    def shape(self, model_id: str) -> ModelShape:
        """A model's shape: of the folder's own file, else of the catalog.

        A tuned version whose base alone is known has the base's shape.
        """
        if model_id in self._models:
            return self._models[model_id]
        row = catalog.find_model(model_id)
        if row is None:
            row = catalog.find_model(_base_names().get(_base_name(model_id), ""))
        if row is None:
            raise OutOfScope(f"unknown model {model_id or '(none named)'}")
        return from_catalog(row)


def with_format(shape: ModelShape, quantization: str) -> tuple[ModelShape, str | None]:
    """The shape as a row says it is stored, and the method by which it is quantized at load."""
    name = quantization.strip().lower().replace("_", "-")
    name = _SAME_STORED.get(name, name)
    if name in PLAIN:
        return shape, None
    if name in _STORED:
        same = shape.stored is not None and shape.stored.method == _STORED[name].method
        return (shape if same else replace(shape, stored=_STORED[name], stored_bytes=None)), None
    if name.replace("-", "_") in WHILE_LOADING:
        return shape, name.replace("-", "_")
    raise OutOfScope(f"unknown quantization {quantization}")


def card(name: str, total_gib: str = "") -> Gpu:
    """A card by any of its names, with the memory that the row's own log printed."""
    found = _CARD_CLASS.match(name)
    try:
        gpu = find_gpu(_CLASS_CARDS.get(found.group(1), name) if found else name)
    except LmiDeployError:
        raise OutOfScope(f"unknown card {name or '(none named)'}") from None
    total = fraction(total_gib)
    return gpu if total is None else gpu.model_copy(update={"usable_memory_gib": total})


def number(text: Any) -> int | None:
    """A whole number above 0 that a cell holds, or None."""
    found = fraction(text)
    return None if found is None else int(found) or None


def fraction(text: Any) -> float | None:
    """A number above 0 that a cell holds, or None."""
    try:
        found = float(str(text))
    except ValueError:
        return None
    return found if isfinite(found) and found > 0 else None


def dtype(text: str) -> str:
    """A dtype in our spelling; 16 bits where none is stated."""
    names = {"bfloat16": "bf16", "float16": "fp16", "half": "fp16", "float32": "fp32"}
    name = names.get(text.lower(), text.lower())
    return {"f32": "fp32", "bf16": "bf16", "fp32": "fp32"}.get(name, "fp16")


def link(gpu: Gpu, gpus: int) -> str:
    """How cards of a kind are joined where several are in one machine."""
    if gpus < 2:
        return "none"
    if gpu.vendor == "aws":
        return "neuronlink"
    return "pcie" if gpu.link_gb_per_second is None else "nvswitch"


def _base_name(model_id: str) -> str:
    name = model_id.rpartition("/")[2].lower().replace("meta-", "")
    while _TUNED.search(name):
        name = _TUNED.sub("", name)
    return name


def _base_names() -> dict[str, str]:
    return {_base_name(name): name for name in reversed(catalog.names("models"))}
