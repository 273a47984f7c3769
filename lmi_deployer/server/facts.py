"""The compiled facts of servers.yaml and environment.yaml, for one version and one image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lmi_deployer.catalog.option_rows import Outcome

Row = Mapping[str, Any]
"""A compiled row: fields that are null or the default are left out."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Facts:
    """What one image's server does; the columns of server_rows.Server, sets where order is idle."""

    version: str
    flavor: str

    engines: tuple[str, ...]
    mpi_engines: frozenset[str]
    other_engines: frozenset[str]
    removed_engines: Mapping[str, str]
    is_mpi_decided_by: str
    engine_beats_mpi_mode: bool
    inferred_engines: tuple[Row, ...]
    inference_needs_divisible_heads: bool

    recommender: str
    recommended_model_types: frozenset[str]
    text_generation_suffixes: tuple[str, ...]
    auto_rolling_batch: Row | None
    replaced_rolling_batches: Mapping[str, str]
    writes_trtllm: bool
    dynamic_batch_keys: tuple[str, ...]
    has_t5_python_backend: bool
    writes_tensor_parallel_degree: bool
    writes_pipeline_parallel_degree: bool
    default_batch_sizes: Mapping[str, int]
    default_max_num_tokens: Mapping[str, int]
    forced_settings: tuple[Row, ...]

    default_entry_point: Row
    entry_points: Mapping[str, Row]
    entry_point_spellings: Mapping[str, str]
    rolling_batches: Mapping[str, Row]
    auto_architectures: frozenset[str]
    lmi_dist_without_mpi: Outcome
    lmi_dist_needs_mpi_for_one_gpu: bool
    vllm_needs_written_engine: bool
    vllm_needs_tensor_parallel_degree: bool
    trtllm_needs_mpi: bool
    has_async_mode: bool

    chunked_read_timeout: Row
    retry_threshold: int

    option_variables: Row
    mixed_case: Mapping[str, str]
    top_level: frozenset[str]
    """Keys that are the server's own without a prefix; config_keys are among them."""
    either_prefix: Mapping[str, str]
    """`option.<key>`: the key, for keys that work with the prefix too."""
    server_options: frozenset[str]
    server_variables: frozenset[str]
    config_keys: frozenset[str]
    own_prefixes: tuple[str, ...]
    foreign_prefixes: tuple[str, ...]
    foreign_variables: frozenset[str]
    conversion: Row
    variables: Mapping[str, Row]
    """Environment variable: its row for this image."""
    read_variables: frozenset[str]
    """Names of variables that are read, of which an unknown name may be a misspelling."""

    @property
    def has_mpi(self) -> bool:
        """False on images whose devices mpirun cannot count: it only knows GPUs."""
        return self.flavor != "neuronx"


def facts_for(
    version: str, flavor: str, server: Row, variables: Mapping[str, Sequence[Row]]
) -> Facts:
    """The facts of one image, from what compile_server and compile_variables wrote."""
    rows = _rows_of(flavor, variables)
    values: dict[str, Any] = {name: server[name] for name in _PLAIN}
    values |= {name: tuple(server[name]) for name in _TUPLES}
    values |= {name: frozenset(server[name]) for name in _SETS}
    values |= {
        "inferred_engines": tuple(server["inferred_engines"].get(flavor, ())),
        "auto_rolling_batch": server["auto_rolling_batch"].get(flavor),
        "writes_tensor_parallel_degree": flavor in server["writes_tensor_parallel_degree"],
        "default_entry_point": server["default_entry_points"].get(flavor, {}),
        "top_level": frozenset((*server["server_keys"], *server["config_keys"])),
        "either_prefix": {f"option.{key}": key for key in server["either_prefix_keys"]},
        "mixed_case": server["option_variables"].get("mixed_case", {}),
        "writes_trtllm": server["writes_trtllm"] and flavor == "tensorrtllm",
        "forced_settings": tuple(server["forced_settings"]),
        "variables": rows,
        "read_variables": frozenset(
            (
                *(name for name, row in rows.items() if row.get("is_read", True)),
                *(f"SERVING_{key}".upper() for key in server["server_variables"]),
            )
        ),
    }
    return Facts(version=version, flavor=flavor, **values)


def _rows_of(flavor: str, variables: Mapping[str, Sequence[Row]]) -> dict[str, Row]:
    return {
        name: row
        for name, rows in variables.items()
        for row in rows
        if flavor in row.get("flavors", (flavor,))
    }


_SETS = (
    "mpi_engines", "other_engines", "recommended_model_types", "auto_architectures",
    "server_options", "server_variables", "config_keys", "foreign_variables",
)  # fmt: skip
_TUPLES = (
    "engines", "text_generation_suffixes", "dynamic_batch_keys", "own_prefixes",
    "foreign_prefixes",
)  # fmt: skip
_PLAIN = (
    "removed_engines", "is_mpi_decided_by", "engine_beats_mpi_mode",
    "inference_needs_divisible_heads", "recommender", "replaced_rolling_batches",
    "has_t5_python_backend", "writes_pipeline_parallel_degree", "default_batch_sizes",
    "default_max_num_tokens", "entry_points", "entry_point_spellings", "rolling_batches",
    "lmi_dist_without_mpi", "lmi_dist_needs_mpi_for_one_gpu", "vllm_needs_written_engine",
    "vllm_needs_tensor_parallel_degree", "trtllm_needs_mpi", "has_async_mode",
    "chunked_read_timeout", "retry_threshold", "option_variables", "conversion",
)  # fmt: skip
