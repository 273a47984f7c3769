"""An engine that a spec needs: its inputs, its key, where it belongs, and what lies there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from lmi_deployer.artifact.manifest import ARTIFACT_FOLDER, Manifest, folder_of, key_of

INPUTS_VERSION = 1
"""Raised when the meaning of an input changes, so that no old artifact is taken for a new one.

Every change of a key is a compilation for whoever upgrades: tests/golden/keys.json holds the keys
of two shipped profiles, and says when a change of the catalog or of rendering would change them.
"""


@dataclass(frozen=True, kw_only=True)
class EngineInputs:
    """Everything that an engine depends on, and nothing that only the runtime reads.

    The one place that decides what is in the key: `aot.inputs.engine_inputs` fills it.
    """

    kind: str
    image: str
    """Tag of the LMI image, which names one build of it: versions, CUDA and all."""
    libraries: Mapping[str, str]
    """The libraries of the image that write or read the artifact: `{"tensorrt_llm": "0.5.0"}`."""
    model_id: str
    revision: str | None
    weights_digest: str | None
    """Hash over path, size and ETag of every object, for weights on S3; None for hub models."""
    dtype: str
    quantize: str | None
    tensor_parallel_degree: int
    pipeline_parallel_degree: int
    settings: Mapping[str, str]
    """Every line of serving.properties that can change the artifact, as it is rendered."""
    gpu_architecture: str
    compute_capability: float | None
    gpu_memory_gib: float

    def document(self) -> dict[str, Any]:
        """The inputs as a manifest holds them."""
        return {"inputs_version": INPUTS_VERSION, **asdict(self)}

    @cached_property
    def key(self) -> str:
        """SHA-256 of the document, in hexadecimal."""
        return key_of(self.document())


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """One thing in which an artifact is not what a profile asks for; both sides named."""

    what: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.what}: the profile needs {self.wanted}, the artifact is {self.found}"


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The engine of a spec in one cache, as it was looked up."""

    inputs: EngineInputs
    cache: str
    """S3 folder, ending in "/", with a folder for each engine."""
    manifest: Manifest | None = None
    """The committed artifact of this key; None where there is none yet."""
    problems: tuple[Mismatch, ...] = ()
    """Why what lies there may not be used."""

    @property
    def key(self) -> str:
        """Hash of everything it depends on."""
        return self.inputs.key

    @property
    def folder(self) -> str:
        """`<cache>/<16 characters of the key>/`: artifact/, manifest.json, job/."""
        return folder_of(self.cache, self.key)

    @property
    def uri(self) -> str:
        """What `option.model_id` names."""
        return f"{self.folder}{ARTIFACT_FOLDER}"

    @property
    def is_ready(self) -> bool:
        """True where a complete artifact lies there that fits."""
        return self.manifest is not None and not self.problems
