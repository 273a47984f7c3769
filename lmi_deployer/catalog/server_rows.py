"""The shape of servers.yaml: what the LMI server itself does with settings, by version.

Each row holds the facts of one topic for a range of versions. For one version the rows that cover
it are laid over each other, and every column is given by exactly one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from lmi_deployer.catalog.option_rows import Outcome, Variable
from lmi_deployer.catalog.rows import Flavor, NonEmpty, SourcedRow
from lmi_deployer.catalog.server_parts import (
    AutoRollingBatch,
    Conversion,
    DefaultEntryPoint,
    EntryPoint,
    ForcedSetting,
    HandlerKind,
    InferredEngine,
    OptionVariables,
    ReadTimeout,
    RollingBatchValues,
)
from lmi_deployer.catalog.versions import versions_in

COLUMNS_OF_A_ROW = frozenset({"versions", "source", "checked"})
"""The columns that describe the row itself and are not compiled."""


class Server(SourcedRow):
    """Facts about the server in a range of versions; columns that a row leaves out stay null."""

    versions: NonEmpty

    engines: tuple[str, ...] | None = None
    """Names that `engine` may have for a Python handler; exact, case matters."""
    mpi_engines: tuple[str, ...] | None = None
    """Those that start the handler once per GPU under mpirun."""
    other_engines: tuple[str, ...] | None = None
    """Engines of the server that run no Python handler."""
    removed_engines: dict[str, str] | None = None
    """Engine of other versions: what to write instead."""
    is_mpi_decided_by: Literal["engine", "mpi_mode_text", "mpi_mode_bool", "nothing"] | None = None
    """How the handler tells whether it runs under mpirun: by an `engine` that is not exactly
    "Python", by `mpi_mode` that is exactly "true", or by `mpi_mode` as a bool."""
    engine_beats_mpi_mode: bool | None = None
    """True where an MPI engine sets option.mpi_mode=true over what the file says."""
    inferred_engines: dict[Flavor, tuple[InferredEngine, ...]] | None = None
    """The engine without `engine`, by image; the first row that fits the model."""
    inference_needs_divisible_heads: bool | None = None
    """True where only a model whose heads the tensor parallel degree divides is listed at all."""

    recommender: Literal["never", "engine_absent", "always"] | None = None
    """When the server fills in settings from the model's config.json."""
    recommended_model_types: tuple[str, ...] | None = None
    """`model_type`s with a rolling batch of their own; empty where there is no such list."""
    text_generation_suffixes: tuple[str, ...] | None = None
    """Ends of architecture names that count as text generation."""
    auto_rolling_batch: dict[Flavor, AutoRollingBatch] | None = None
    """Empty where the server leaves `auto` to the handler."""
    replaced_rolling_batches: dict[str, str] | None = None
    """Value of option.rolling_batch: what the server writes over it."""
    writes_trtllm: bool | None = None
    """True where a tensorrtllm image makes `auto`, or nothing, rolling_batch=trtllm."""
    dynamic_batch_keys: tuple[str, ...] | None = None
    """Keys whose value above 1 makes the server write rolling_batch=disable."""
    has_t5_python_backend: bool | None = None
    """True where a T5 model on TensorRT-LLM is served without rolling batch."""
    writes_tensor_parallel_degree: tuple[Flavor, ...] | None = None
    """Images in which a missing tensor parallel degree becomes the number of devices."""
    writes_pipeline_parallel_degree: bool | None = None
    pipeline_degree: Literal["never", "mpi", "always"] | None = None
    """When the server counts the devices of option.pipeline_parallel_degree: never, for workers
    under mpirun, or for Python engines too."""
    default_batch_sizes: dict[str, int] | None = None
    """Rolling batch: option.max_rolling_batch_size that the server writes; `other` for the rest;
    empty where it writes none."""
    default_max_num_tokens: dict[str, int] | None = None
    """Rolling batch: option.max_num_tokens that is written along with the size."""
    forced_settings: tuple[ForcedSetting, ...] | None = None

    default_entry_points: dict[Flavor, DefaultEntryPoint] | None = None
    entry_points: dict[str, EntryPoint] | None = None
    entry_point_spellings: dict[str, str] | None = None
    """A module that people write, or that other versions have: the one of this version."""
    rolling_batches: dict[HandlerKind, RollingBatchValues] | None = None
    auto_architectures: tuple[str, ...] | None = None
    """Architectures for which the huggingface handler makes `auto` lmi-dist, under mpirun."""
    lmi_dist_without_mpi: Outcome | None = None
    """What becomes of rolling_batch=lmi-dist outside mpirun."""
    lmi_dist_needs_mpi_for_one_gpu: bool | None = None
    vllm_needs_written_engine: bool | None = None
    """True where vLLM asks for `engine` to be written; else only against another one."""
    vllm_needs_tensor_parallel_degree: bool | None = None
    trtllm_needs_mpi: bool | None = None
    has_async_mode: bool | None = None

    chunked_read_timeout: ReadTimeout | None = None
    retry_threshold: int | None = None
    """Worker failures that are tolerated before the model counts as failed."""

    option_variables: OptionVariables | None = None
    server_keys: tuple[str, ...] | None = None
    """Keys that the server reads without the prefix `option.`."""
    either_prefix_keys: tuple[str, ...] | None = None
    """Those of them that work with the prefix too."""
    server_options: tuple[str, ...] | None = None
    """Options that the server itself reads, so that they need the prefix."""
    server_variables: tuple[str, ...] | None = None
    """SERVING_<NAME>s that set a default for a key of serving.properties, lower-cased."""
    config_keys: tuple[str, ...] | None = None
    """SERVING_<NAME>s, lower-cased, that concern the whole server; no key of serving.properties."""
    own_prefixes: tuple[str, ...] | None = None
    """Environment variables that begin like this are meant for the server."""
    foreign_prefixes: tuple[str, ...] | None = None
    """Environment variables that begin like this are meant for somebody else."""
    foreign_variables: tuple[str, ...] | None = None
    """Further variables that are meant for somebody else."""
    conversion: Conversion | None = None


FACTS = tuple(name for name in Server.model_fields if name not in COLUMNS_OF_A_ROW)
"""The columns that are compiled."""


def compile_server(version: str, order: Sequence[str], servers: Iterable[Server]) -> dict[str, Any]:
    """What the server does in one version, as plain data for JSON: a value for every column.

    `order` holds every version, oldest first. Raises ValueError for a column that two rows give,
    or none.
    """
    facts: dict[str, Any] = {}
    for row in servers:
        if version not in versions_in(row.versions, order):
            continue
        given = row.model_dump(mode="json", exclude=set(COLUMNS_OF_A_ROW), exclude_none=True)
        twice = sorted(facts.keys() & given.keys())
        if twice:
            raise ValueError(f"servers.yaml gives {', '.join(twice)} of LMI {version} twice")
        facts.update(given)
    missing = [name for name in FACTS if name not in facts]
    if missing:
        raise ValueError(f"servers.yaml lacks {', '.join(missing)} of LMI {version}")
    return facts


def compile_variables(
    version: str, order: Sequence[str], variables: Iterable[Variable]
) -> dict[str, list[dict[str, Any]]]:
    """The rows of each environment variable that one version's server knows, as plain data.

    A name has several rows where its meaning depends on the image. Raises ValueError when two rows
    of a name hold for the same image.
    """
    compiled: dict[str, list[dict[str, Any]]] = {}
    for row in variables:
        if version not in versions_in(row.versions, order):
            continue
        rows = compiled.setdefault(row.name, [])
        if any(_overlap(row.flavors, other.get("flavors")) for other in rows):
            raise ValueError(f"environment.yaml has {row.name} of LMI {version} twice")
        plain: Mapping[str, Any] = row.model_dump(
            mode="json", exclude={*COLUMNS_OF_A_ROW, "name"}, exclude_defaults=True
        )
        rows.append(dict(plain))
    return compiled


def _overlap(one: Sequence[str] | None, other: Sequence[str] | None) -> bool:
    """Whether two lists of images, null for all, share one."""
    return one is None or other is None or not set(one).isdisjoint(other)
