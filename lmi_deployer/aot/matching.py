"""In what an artifact differs from what a profile asks for, in words that name both sides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lmi_deployer.aot.engine import INPUTS_VERSION, EngineInputs, Mismatch
from lmi_deployer.artifact.manifest import Manifest
from lmi_deployer.spec import Quality

WORDS: Mapping[str, str] = {
    "inputs_version": "version of the key",
    "kind": "kind of artifact",
    "image": "LMI image",
    "model_id": "model",
    "revision": "model revision",
    "weights_digest": "content of the weights",
    "dtype": "dtype",
    "quantize": "quantization",
    "tensor_parallel_degree": "tensor parallel degree",
    "pipeline_parallel_degree": "pipeline parallel degree",
    "gpu_architecture": "GPU architecture",
    "compute_capability": "GPU compute capability",
    "gpu_memory_gib": "GiB of memory of each GPU",
}
"""Field of EngineInputs: what people call it, in the order in which it is told."""
LIBRARY_WORDS: Mapping[str, str] = {
    "tensorrt_llm": "TensorRT-LLM version",
    "tensorrt": "TensorRT version",
    "deepspeed": "DeepSpeed version",
    "torch": "PyTorch version",
    "transformers": "transformers version",
    "neuron_sdk": "Neuron SDK version",
    "neuronx_cc": "Neuron compiler version",
    "transformers_neuronx": "transformers-neuronx version",
    "optimum_neuron": "optimum-neuron version",
}
NONE = "none"
"""How a value that is left out is told."""
WEIGHT = 100
"""Of a machine, a model or an image that differs, against 1 for a setting."""


def mismatches(
    inputs: EngineInputs, quality: Quality | None, manifest: Manifest
) -> tuple[Mismatch, ...]:
    """Why an artifact may not be used for a profile; empty where it may."""
    wanted = inputs.document()
    return (*_differences(wanted, manifest.inputs), *_ungated(quality, manifest.quality))


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """The artifact of a cache that differs least from the one that is wanted."""

    manifest: Manifest
    differences: tuple[Mismatch, ...]


def nearest(inputs: EngineInputs, manifests: Iterable[Manifest]) -> Nearest | None:
    """What explains a miss of the cache: the artifact nearest to it, with the differences.

    One that differs in a setting is nearer than one for another machine or model. None where
    the cache holds nothing of the model.
    """
    wanted = inputs.document()
    found = [
        Nearest(manifest=manifest, differences=tuple(_differences(wanted, manifest.inputs)))
        for manifest in manifests
        if manifest.inputs.get("model_id") == inputs.model_id
    ]
    return min(found, key=lambda item: (_distance(item), item.manifest.key), default=None)


def _distance(item: Nearest) -> int:
    grave = set(WORDS.values()) | set(LIBRARY_WORDS.values())
    return sum(WEIGHT if each.what in grave else 1 for each in item.differences)


def _differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Mismatch]:
    if found.get("inputs_version") != INPUTS_VERSION:
        yield _mismatch(WORDS["inputs_version"], INPUTS_VERSION, found.get("inputs_version"))
        return  # the other fields may mean something else there
    for field, what in WORDS.items():
        if wanted[field] != found.get(field):
            yield _mismatch(what, wanted[field], found.get(field))
    for group, words in (("libraries", LIBRARY_WORDS), ("settings", {})):
        ours, theirs = wanted[group], found.get(group) or {}
        for name in sorted({*ours, *theirs}):
            if ours.get(name) != theirs.get(name):
                yield _mismatch(words.get(name, name), ours.get(name), theirs.get(name))


def _mismatch(what: str, wanted: object, found: object) -> Mismatch:
    return Mismatch(what=what, wanted=_told(wanted), found=_told(found))


def _told(value: object) -> str:
    return NONE if value is None else str(value)


def _ungated(quality: Quality | None, measured: Mapping[str, Any] | None) -> Iterator[Mismatch]:
    """What a profile's quality gate demands and nobody has measured, or not as much of it.

    An artifact that passed a lower threshold will do where it reached this one too.
    """
    if quality is None:
        return
    demanded = f"an agreement of at least {quality.minimum_agreement:g}"
    if measured is None:
        yield Mismatch(what="quality gate", wanted=demanded, found="not measured")
        return
    asked = {
        "prompts": list(quality.prompts),
        "reference": None if quality.reference is None else list(quality.reference),
        "max_new_tokens": quality.max_new_tokens,
    }
    for name, value in asked.items():
        if measured.get(name) != value:
            what = f"{name} of the quality gate"
            found = measured.get(name)
            wanted, other = _shortly(value, "of its own"), _shortly(found, "others")
            yield Mismatch(what=what, wanted=wanted, found=other)
    agreement = measured.get("agreement")
    if not isinstance(agreement, int | float) or agreement < quality.minimum_agreement:
        yield Mismatch(what="quality gate", wanted=demanded, found=_told(agreement))


def _shortly(value: object, which: str) -> str:
    return f"{len(value)} {which}" if isinstance(value, list) else _told(value)
