"""Published settings that match a model, a machine and a backend: rows of published.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from lmi_deployer import catalog
from lmi_deployer.catalog.published_rows import TuningGuide, TuningRow
from lmi_deployer.catalog.typed import typed
from lmi_deployer.catalog.versions import versions_in

if TYPE_CHECKING:
    from lmi_deployer.model_facts import ModelFacts

SAME = (
    "model_type",
    "num_hidden_layers",
    "hidden_size",
    "num_attention_heads",
    "num_key_value_heads",
)
"""Facts in which a fine-tuned model is like the one that was measured, byte for byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One row of a guide, with what the guide says for all of its rows."""

    guide: TuningGuide
    row: TuningRow

    @property
    def citation(self) -> str:
        """`tuning guide of 0.26.0, row Llama2 70B on p4d.24xlarge`."""
        return f"tuning guide of {self.guide.release}, row {self.row.title}"

    @property
    def max_seq_len(self) -> int:
        """Tokens that every sequence of the measured configuration had room for."""
        return self.row.max_seq_len or self.guide.max_seq_len

    def covers(self, max_input_len: int, max_output_len: int) -> bool:
        """Whether requests of these lengths are none longer than what was measured."""
        if max_input_len + max_output_len > self.max_seq_len:
            return False
        guide = self.guide
        return not guide.has_fixed_lengths or (
            max_input_len <= guide.max_input_len and max_output_len <= guide.max_output_len
        )

    def serves(self, facts: ModelFacts | None, model_id: str) -> bool:
        """Whether the row is about the model: the one it names, or one of the same shape."""
        if model_id == self.row.model_id:
            return True
        if facts is None:
            return False
        measured = _facts(self.row.model_id)
        return facts.quantization == measured.quantization and all(
            getattr(facts, name) is not None and getattr(facts, name) == getattr(measured, name)
            for name in SAME
        )


def find(
    model_id: str,
    instance_type: str,
    backend: str,
    *,
    facts: ModelFacts | None = None,
    quantize: str | None = None,
    version: str | None = None,
) -> tuple[Published, ...]:
    """The rows about a model on an instance type and a backend, of whatever lengths.

    `facts` lets models of the same shape count; `quantize` is the method, of the checkpoint or
    while loading, and None for none; without a version, rows of any version count.
    """
    already = facts.quantization if facts is not None else None
    method = quantize or already
    return tuple(
        item
        for item in _on(backend, instance_type)
        if (item.row.quantize or None) == method
        and (version is None or version in _versions(item.guide.versions))
        and item.serves(facts, model_id)
    )


@cache
def _on(backend: str, instance_type: str) -> tuple[Published, ...]:
    return tuple(
        item
        for item in every_row()
        if item.guide.backend == backend and item.row.instance_type == instance_type
    )


@cache
def every_row() -> tuple[Published, ...]:
    """All published rows, guide by guide."""
    return tuple(_rows())


def _rows() -> Iterator[Published]:
    for content in catalog.raw_rows("published").values():
        guide = typed(TuningGuide, content)
        for row in guide.rows:
            yield Published(guide=guide, row=row)


@cache
def _versions(expression: str) -> frozenset[str]:
    return frozenset(versions_in(expression, catalog.names("containers")))


@cache
def _facts(model_id: str) -> ModelFacts:
    from lmi_deployer.model_facts import from_catalog

    row = catalog.find_model(model_id)
    assert row is not None  # a test holds published.yaml against the catalog's models
    return from_catalog(row)
