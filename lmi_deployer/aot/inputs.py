"""The one place that decides what an engine depends on, and so what is in its key.

The machine, the image, the weights and the degrees have fields of their own. Of the lines of
serving.properties all count but those of which the option catalog says, for this version and
backend, that only the runtime reads them. A line that the catalog does not know counts: LMI hands
it on to compilers whose source is not public.
"""

from __future__ import annotations

from collections.abc import Mapping

from lmi_deployer.aot.commands import DECIDED
from lmi_deployer.aot.engine import EngineInputs
from lmi_deployer.catalog.compiler_rows import ArtifactKind
from lmi_deployer.errors import InputError
from lmi_deployer.render import properties
from lmi_deployer.settings.table import Entry, table
from lmi_deployer.spec import PIPELINE_PARALLEL_DEGREE, ResolvedSpec

LIBRARIES: Mapping[ArtifactKind, tuple[str, ...]] = {
    "trt_engine": ("tensorrt_llm", "tensorrt"),
    "deepspeed_checkpoint": ("deepspeed", "torch", "transformers"),
    "neuron_graph": ("neuron_sdk", "neuronx_cc", "transformers_neuronx", "optimum_neuron"),
}
"""The libraries of an image that write an artifact or read it."""
HAS_A_FIELD = frozenset({*DECIDED, PIPELINE_PARALLEL_DEGREE})
"""Lines that the fields of EngineInputs say."""


def engine_inputs(spec: ResolvedSpec, weights_digest: str | None) -> EngineInputs:
    """Everything that the engine of a spec depends on.

    `weights_digest` stands for the content of weights on S3 (`Aws.weights_digest`), which may
    change under one name; weights of the hub are named by their revision. Raises InputError for
    weights on S3 without a digest, and ValueError for a spec that compiles nothing.
    """
    if spec.compilation is None:
        raise ValueError(f"{spec.title} compiles nothing")
    if spec.weights.source is not None and weights_digest is None:
        problem = f"without a look at {spec.weights.source} nobody knows which weights lie there"
        raise InputError(problem, fix="credentials for AWS, or --region and --aws-profile")
    compiler, weights, gpu = spec.compilation.compiler, spec.weights, spec.gpu
    libraries = spec.image.libraries
    return EngineInputs(
        kind=compiler.kind,
        image=spec.image.tag,
        libraries={name: libraries[name] for name in LIBRARIES[compiler.kind] if name in libraries},
        model_id=weights.model_id,
        revision=None if weights.source else weights.revision,
        weights_digest=weights_digest,
        dtype=weights.dtype,
        quantize=weights.quantize,
        tensor_parallel_degree=spec.tensor_parallel_degree,
        pipeline_parallel_degree=spec.pipeline_parallel_degree,
        settings=_settings(spec, compiler.properties),
        gpu_architecture=gpu.architecture,
        compute_capability=gpu.compute_capability,
        gpu_memory_gib=gpu.memory_gib,
    )


def _settings(spec: ResolvedSpec, compiling: Mapping[str, str | None]) -> dict[str, str]:
    """The lines that can change the artifact, with what compiling needs laid over them."""
    entries = table(spec.container.version).handler(spec.backend).entries
    lines = {**properties(spec), **compiling}
    chosen = {
        key: text
        for key, text in lines.items()
        if text is not None and key not in HAS_A_FIELD and reaches_the_artifact(entries.get(key))
    }
    return dict(sorted(chosen.items()))


def reaches_the_artifact(entry: Entry | None) -> bool:
    """Whether a key can change what is compiled; None for one that the catalog does not know."""
    if entry is None:
        return True
    return any(
        reading.get("is_build_time", False) and reading.get("effect", "used") == "used"
        for reading in entry.readings
    )
