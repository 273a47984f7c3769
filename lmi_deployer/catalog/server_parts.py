"""Parts of the rows of servers.yaml: columns for which a word or a number is too little."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lmi_deployer.catalog.option_rows import Outcome
from lmi_deployer.catalog.rows import Flavor, NonEmpty, Row

HandlerKind = Literal[
    "huggingface",  # rolling_batch decides which backend it loads
    "vllm-async",
    "trtllm",
    "trtllm-async",
    "deepspeed",
    "neuronx",
    "fastertransformer",
    "stable-diffusion",
    "custom",  # no LLM handler: what it reads is up to its own code
]


class InferredEngine(Row):
    """The engine that the server picks for a model when none is written."""

    model_types: tuple[str, ...] | None = None
    """The `model_type`s of config.json; null for all that no earlier row names."""
    engine: NonEmpty
    entry_point: str | None = None
    """What the server then writes into option.entryPoint."""
    writes_engine: bool = False
    """True where the handler sees the engine as if it stood in the file."""


class LargeBatch(Row):
    """Another choice for large batches."""

    minimum: int
    """From this option.max_rolling_batch_size on."""
    rolling_batch: NonEmpty


class AutoRollingBatch(Row):
    """What the server's recommender makes of option.rolling_batch=auto for text generation."""

    when_absent: Literal["auto", "disable"] = "auto"
    """What a file without the key stands for."""
    listed: NonEmpty
    """For the model types of `recommended_model_types`; for all where that list is empty."""
    otherwise: str | None = None
    """For the others."""
    large_batch: LargeBatch | None = None
    writes: dict[str, str] = Field(default_factory=dict)
    """Keys that are written along with it."""


class DefaultEntryPoint(Row):
    """The handler of an image for files without option.entryPoint, the first that applies."""

    by_engine: dict[str, str] = Field(default_factory=dict)
    with_tensor_parallel_degree: str | None = None
    by_rolling_batch: dict[str, str] = Field(default_factory=dict)
    with_async_mode: str | None = None
    default: str | None = None
    needs_model_id: bool = False
    """True where the default holds only for files with option.model_id."""
    forces_async_mode: bool = False
    """True where taking the default turns asynchronous mode on."""


class EntryPoint(Row):
    """A handler module of the server, and the images whose libraries it can be imported with."""

    kind: HandlerKind
    flavors: tuple[Flavor, ...] | None = None
    """Null for all of them."""


class RollingBatchValues(Row):
    """What one handler takes for option.rolling_batch."""

    values: tuple[str, ...]
    ignores_case: bool = False
    unknown: Outcome
    """What becomes of any other value."""
    fallback: str | None = None
    disable: Outcome | None = None
    """What becomes of an explicit `disable`; null where it is honoured."""
    any_value: Outcome | None = None
    """What becomes of every value, where the handler knows no rolling batch at all."""
    hanging: tuple[str, ...] = ()
    """Values with which it loads and no request is answered, since the server waits for a
    rolling batch."""


class ForcedSetting(Row):
    """Keys that the server sets when another one is true, whatever the file says."""

    key: NonEmpty
    writes: dict[str, str]
    refuses_more: bool = False
    """True where a larger number in the file stops the load instead of being replaced."""


class ReadTimeout(Row):
    """How long the server waits for the next piece of a response."""

    unit: Literal["minutes", "seconds"]
    default: int


class OptionVariables(Row):
    """How the server turns OPTION_<NAME> into option.<name>."""

    is_read: bool
    keeps_mixed_case: bool = False
    """True where a name that is not all upper case keeps its case; else it is lower-cased."""
    skips_empty: bool = False
    """True where an empty value counts as not set."""
    mixed_case: dict[str, str] = Field(default_factory=dict)
    """Lower-cased name: the option it is after all (entrypoint: entryPoint)."""
    sets_engine: bool = False
    """True where OPTION_ENGINE sets the key engine; else it only reaches the handler."""
    reads_arguments: bool = False
    """True where ARGS_<NAME> sets the key <name>."""


class Conversion(Row):
    """How the scripts that compile or partition a model read serving.properties.

    They split at the first "=", know no escapes, no continued lines and no comment but a `#` in
    the first column, and stop at a line without "=".
    """

    at_load: tuple[Flavor, ...]
    """Images whose server runs such a script while the model loads."""
    ahead: tuple[Flavor, ...]
    """Images in which people run one before they deploy."""
    keeps_spaces: bool
    """True where spaces around "=" become part of key and value."""
    at_load_reads: Literal["file", "copy"] = "file"
    """`copy`: the server first stores what it has read, which escapes `: = # !` and backslash."""
