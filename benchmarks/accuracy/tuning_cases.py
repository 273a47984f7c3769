"""Published settings as profiles: what `auto` comes to for them, and what the usual rules say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from benchmarks.accuracy.observations import Observations, OutOfScope, Row, number
from lmi_deployer import catalog
from lmi_deployer.findings import ProfileError
from lmi_deployer.hardware import load_profile, merge
from lmi_deployer.resolve import resolve
from lmi_deployer.sizing import published
from lmi_deployer.spec import GIB, ResolvedSpec, device_count

BACKENDS: Mapping[str, str] = {"transformers-neuronx": "neuronx", "any": "auto"}
"""Engines of the observations that profiles call otherwise."""
VERSIONS: Mapping[str, str] = {"0.36.0": "0.36.0-lmi27"}
USUAL_LENGTHS = (1024, 512)
"""For rows that state none."""
NAME = "row"


@dataclass(frozen=True, kw_only=True)
class TuningCase:
    """One published row."""

    title: str
    model_id: str
    backend: str
    version: str
    quantize: str | None
    instance: str
    degree: int
    batches: tuple[int, int]
    """The published batch, or the range that is suggested."""
    lengths: tuple[int, int]

    def decided(self, *, looks_up: bool) -> ResolvedSpec:
        """What `auto` comes to. Raises OutOfScope where nothing can be decided."""
        method = {"method": self.quantize} if self.quantize else "none"
        machine = {"instance_type": self.instance, "backend": self.backend, "quantize": method}
        content = {
            "apiVersion": "lmi-deploy/v1",
            "kind": "ModelProfile",
            "name": NAME,
            "model": {"id": self.model_id},
            "container": {"version": self.version},
            "traffic": dict(zip(("max_input_len", "max_output_len"), self.lengths, strict=True)),
            "profiles": {NAME: machine},
        }
        try:
            merged = merge(load_profile(json.dumps(content), NAME), NAME)
            return resolve(merged, looks_up=looks_up)
        except ProfileError as error:
            raise OutOfScope(str(error.findings[0])) from None

    @cached_property
    def own(self) -> ResolvedSpec:
        """By the model alone."""
        return self.decided(looks_up=False)

    @cached_property
    def looked_up(self) -> ResolvedSpec:
        """With published rows first, as it ships."""
        return self.decided(looks_up=True)

    @cached_property
    def devices(self) -> int:
        """GPUs or NeuronCores of the machine."""
        row = catalog.instance_type(self.instance)
        return device_count(row, catalog.gpu(row.gpu))

    def is_degree(self, degree: int) -> bool:
        """Whether a degree is the published one."""
        return degree == self.degree

    def is_near(self, batch: int) -> bool:
        """Whether a batch is within two times of what is published."""
        return self.batches[0] <= 2 * batch and batch <= 2 * self.batches[1]


def usual_degree(case: TuningCase) -> int:
    """The SageMaker SDK's rule: the largest number of devices that divides the attention heads.

    Source: _get_admissible_tensor_parallel_degrees of sagemaker.serve in the SageMaker Python SDK.
    """
    facts = case.own.weights.facts
    heads = (facts.num_attention_heads if facts else None) or case.devices
    return max(degree for degree in range(1, case.devices + 1) if heads % degree == 0)


def usual_batch(case: TuningCase) -> int:
    """What the container takes by itself."""
    return case.own.support.default_max_rolling_batch_size or 1


def guide_batch(case: TuningCase) -> int:
    """LMI's own formula: memory of the machine less weights, over 2 x dtype x layers x hidden.

    Source: instance-type-selection.md of djl-serving 0.29.0.
    """
    spec = case.own
    facts = spec.weights.facts
    assert facts is not None
    layers, hidden = facts.num_hidden_layers or 1, facts.hidden_size or 1
    total = spec.instance.gpu_count * spec.gpu.memory_gib * GIB
    token = 2 * 2 * layers * hidden
    return max(0, int((total - spec.weights.gpu_bytes) / (token * sum(case.lengths))))


def guide_cases(observations: Observations) -> list[TuningCase]:
    """Every tuning row of the catalog, and those of the observations that it lacks."""
    found = {_key(case): case for case in _of_catalog()}
    for row in observations.fits:
        if row["evidence"] == "lmi-tuning-guide":
            case = _of_row(row)
            found.setdefault(_key(case), case)
    return list(found.values())


def instance_cases(observations: Observations) -> list[TuningCase]:
    """The rows of the guide to instance types, which suggests a range of batches."""
    return [_of_row(row) for row in observations.fits if row["evidence"] == "lmi-instance-guide"]


def _key(case: TuningCase) -> tuple[str, ...]:
    model = case.model_id.rpartition("/")[2].lower()
    return (case.backend, model, case.quantize or "", case.instance)


def _of_catalog() -> Iterator[TuningCase]:
    for item in published.every_row():
        guide, row = item.guide, item.row
        lengths = (guide.max_input_len, guide.max_output_len)
        if guide.backend == "neuronx":  # compiled for n_positions, whatever is asked
            lengths = (item.max_seq_len - guide.max_output_len, guide.max_output_len)
        yield TuningCase(
            title=f"{guide.backend}: {row.title}",
            model_id=row.model_id,
            backend=guide.backend,
            version=guide.release,
            quantize=row.quantize,
            instance=row.instance_type,
            degree=row.tensor_parallel_degree,
            batches=(row.max_rolling_batch_size, row.max_rolling_batch_size),
            lengths=lengths,
        )


def _of_row(row: Row) -> TuningCase:
    low, _, high = row["max_rolling_batch_size"].partition("-")
    backend = BACKENDS.get(row["engine"], row["engine"])
    prompt = number(row["max_input_len"]) or USUAL_LENGTHS[0]
    answer = number(row["max_output_len"]) or USUAL_LENGTHS[1]
    positions = number(row["max_model_len"])
    if positions is not None:
        prompt, answer = positions - positions // 4, positions // 4
    version = row["engine_version"]
    return TuningCase(
        title=f"{backend}: {row['model']} on {row['instance']}",
        model_id=row["hf_id"],
        backend=backend,
        version=VERSIONS.get(version, version),
        quantize=row["quantization"] or None,
        instance=f"ml.{row['instance']}",
        degree=number(row["tensor_parallel"]) or 1,
        batches=(number(low) or 1, number(high or low) or 1),
        lengths=(prompt, answer),
    )
