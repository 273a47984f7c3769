"""The shape of compilers.yaml: how each LMI version compiles or splits weights ahead of time."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lmi_deployer.catalog.rows import Backend, NonEmpty, Row, SourcedRow

ArtifactKind = Literal["trt_engine", "deepspeed_checkpoint", "neuron_graph"]
Layout = Literal[
    "triton_repository",  # a sub-folder with config.pbtxt, tokenizer_config.json and 1/*.engine
    "llm_api_engine",  # config.json with build_config and rank<N>.engine at the top
    "deepspeed_checkpoint",  # ds_inference_config.json and one file a rank
    "neuron_split_model",
    "neuron_compiled_model",
]
"""What the server of that version takes for compiled already; judged in artifact/layouts.py."""
ArgumentValue = Literal[
    "properties_dir",
    "output_dir",
    "model_dir",
    "tensor_parallel_degree",
    "pipeline_parallel_degree",
    "engine",
    "true",
]


class ScriptArgument(Row):
    """One argument of a compile script, as that version's own parser declares it."""

    flag: NonEmpty
    type: Literal["str", "int", "flag"] = "str"
    is_required: bool = False
    default: str | None = None
    choices: tuple[str, ...] = ()
    passes: ArgumentValue | None = None
    """What lmi-deploy passes; null where it leaves the argument out."""


class CompilerFacts(Row):
    """How one backend of one version compiles ahead of time, and what its server then takes."""

    kind: ArtifactKind
    layout: Layout
    script: NonEmpty
    """Path in the image."""
    arguments: tuple[ScriptArgument, ...]
    """Every argument that the script knows."""
    environment: dict[str, str] = Field(default_factory=dict)
    properties: dict[str, str | None] = Field(default_factory=dict)
    """Lines of serving.properties that compiling needs otherwise than serving; null drops one.

    `{model_dir}` and `{output_dir}` stand for folders of the container.
    """
    model_types: tuple[str, ...] | None = None
    """The `model_type`s of config.json that it compiles; null for all that the backend serves."""
    quantizes: bool = True
    """False where the server takes no artifact of weights that are quantized on the way."""
    serving: dict[str, str] = Field(default_factory=dict)
    """Lines beside option.model_id with which the server takes the artifact for what it is."""
    entry_script: NonEmpty = "/usr/local/bin/dockerd-entrypoint.sh"
    """ENTRYPOINT of the image, which sets up CUDA's libraries and runs what it is given."""
    python: NonEmpty
    """Version of the image's Python."""
    refused: str | None = None
    """Why this version's own way does not work; null where it does."""
    has_optimization_jobs: bool = False
    """True where SageMaker's optimization jobs can run the image."""
    builds_natively: bool = False
    """True where tensorrt-llm from PyPI builds what this version serves, without the image."""


class CompilerRow(CompilerFacts, SourcedRow):
    """A row of compilers.yaml."""

    backend: Backend
    versions: NonEmpty
    """As in the option catalog: `0.25.0..0.28.0`, `>=0.29.0`, ..."""


class Compiler(CompilerFacts):
    """What `catalog.compiler` gives: the facts, and where they stand."""

    source: NonEmpty
