"""The job document: everything the entry point is told, as `job.json` beside it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Mapping, Optional, Tuple

SCHEMA_VERSION = 1
ARCHIVE_FILE = "compile.pyz"
JOB_FILE = "job.json"
JOB_FOLDER = "/opt/ml/input/data/job"
"""Where the container finds the archive, job.json and serving.properties."""
COMMAND = ("exec", "python3", f"{JOB_FOLDER}/{ARCHIVE_FILE}")
"""Arguments for the image's entry script, which is bash and ends in `eval "$@"`.

Without `exec` bash stays in between and passes no SIGTERM on: as process 1 it ignores the signal,
and under an init it dies of it alone. Source: djl-serving@{0.22.1,0.25.0,0.33.0}-dlc:
serving/docker/dockerd-entrypoint*.sh
"""
MODEL_FOLDER = "/opt/ml/input/data/model"
"""Where the weights are mounted, where they are not downloaded from the hub."""
PROPERTIES_FOLDER = "/tmp/lmi-deploy/properties"  # noqa: S108 - inside a container of its own
DOWNLOAD_FOLDER = "/tmp/lmi-deploy/model"  # noqa: S108
OUTPUT_FOLDER = "/opt/ml/checkpoints/output"
"""On the data volume of a job; never under /opt/ml/model, which SageMaker would upload too."""
RESULT_FILE = "/opt/ml/checkpoints/result.json"
"""What whoever collects the artifact finds beside it, where the job has no cache of its own."""
FAILURE_FILE = "/opt/ml/output/failure"
"""SageMaker shows its first 1024 characters as the reason of a failure."""


@dataclass(frozen=True)
class ModelInput:
    """Which weights, and how they come."""

    model_id: str
    revision: Optional[str] = None
    is_mounted: bool = False
    """True where they lie in MODEL_FOLDER; else they are downloaded at `revision`."""

    @property
    def folder(self) -> str:
        """Where the compile script finds them."""
        return MODEL_FOLDER if self.is_mounted else DOWNLOAD_FOLDER


@dataclass(frozen=True)
class GpuNeeded:
    """What the machine must have for the engine to run where it is served."""

    compute_capability: Optional[float]
    """None on Neuron, where nothing is looked at."""
    memory_gib: float
    count: int


@dataclass(frozen=True)
class QualityGate:
    """Greedy answers of the artifact against a reference."""

    prompts: Tuple[str, ...]
    max_new_tokens: int
    minimum_agreement: float
    """0 to 1: the mean share of the reference's tokens before the first difference."""
    reference: Optional[Tuple[str, ...]] = None
    """Answers to compare with, one for each prompt; None asks the weights as they are stored."""


@dataclass(frozen=True)
class Job:
    """One compilation."""

    inputs: Mapping[str, Any]
    """Of the artifact; the key is the hash of it."""
    layout: str
    ranks: int
    """Tensor times pipeline parallel degree."""
    script: Tuple[str, ...]
    """The compile script with its arguments, run by the image's Python."""
    environment: Mapping[str, str]
    model: ModelInput
    gpu: GpuNeeded
    cache: Optional[str] = None
    """S3 folder of all artifacts; None where whoever started the job collects what it makes."""
    serving: Mapping[str, str] = field(default_factory=dict)
    """Lines of serving.properties, less option.model_id, with which the artifact is served."""
    quality: Optional[QualityGate] = None
    made: Mapping[str, Any] = field(default_factory=dict)
    """What the manifest is to say of the job: runner, image, lmi_deploy version."""
    max_seconds: int = 24 * 3600
    is_forced: bool = False
    """Makes the artifact anew, and replaces what is committed once the new one is whole."""


def as_json(job: Job) -> bytes:
    """The content of job.json."""
    document = {"schema_version": SCHEMA_VERSION, **asdict(job)}
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def parse(content: bytes) -> Job:
    """The job in `content`. Raises ValueError for anything else."""
    document = json.loads(content)
    version = document.pop("schema_version", None)
    if version != SCHEMA_VERSION:
        raise ValueError(f"job.json is of schema version {version!r}")
    unknown = set(document) - {item.name for item in fields(Job)}
    if unknown:
        raise ValueError(f"job.json has unknown members: {', '.join(sorted(unknown))}")
    gate = document["quality"]
    return Job(
        **{
            **document,
            "script": tuple(document["script"]),
            "model": ModelInput(**document["model"]),
            "gpu": GpuNeeded(**document["gpu"]),
            "quality": None if gate is None else _gate(gate),
        }
    )


def _gate(document: Mapping[str, Any]) -> QualityGate:
    reference = document["reference"]
    return QualityGate(
        prompts=tuple(document["prompts"]),
        max_new_tokens=document["max_new_tokens"],
        minimum_agreement=document["minimum_agreement"],
        reference=None if reference is None else tuple(reference),
    )
