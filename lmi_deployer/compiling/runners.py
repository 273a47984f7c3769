"""Which runner carries a compile step out; the packages it needs are imported only then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, assert_never

from lmi_deployer.aot.jobs import SOURCE, SOURCE_BYTES
from lmi_deployer.artifact.store import Store
from lmi_deployer.compiling.runner import Runner
from lmi_deployer.errors import InputError

if TYPE_CHECKING:
    from lmi_deployer.edges.aws import Aws
    from lmi_deployer.steps import CompileEngine


def runner_for(
    step: CompileEngine,
    aws: Aws | None,
    store: Store | None = None,
    *,
    say: Callable[[str], None] = lambda _line: None,
) -> Runner:
    """What runs a step. `store` is the step's cache, where it is already at hand.

    `say` is told what runners do around the job itself. Raises InputError where
    the step needs an account and there is none.
    """
    store = store or store_of(step.cache, aws)
    match step.runner:
        case "sagemaker":
            from lmi_deployer.edges.training_jobs import TrainingJobs

            return TrainingJobs(_needed(aws, step).calls, store, say=say)
        case "optimization":
            from lmi_deployer.edges.optimization_jobs import OptimizationJobs

            return OptimizationJobs(_needed(aws, step).calls, store, say=say)
        case "docker":
            from lmi_deployer.edges.docker_jobs import DockerJobs

            return DockerJobs(store, aws, **_weights(step), say=say)
        case "native":
            from lmi_deployer.edges.native_jobs import NativeJobs

            return NativeJobs(store, aws, **_weights(step), say=say)
        case _:
            assert_never(step.runner)


def store_of(cache: str, aws: Aws | None) -> Store:
    """The store of a cache: a folder on S3, or one of this machine."""
    if cache.startswith("s3://"):
        if aws is None:
            raise InputError(f"{cache} needs an AWS account", fix="--cache with a folder")
        return aws.store(cache)
    from pathlib import Path

    from lmi_deployer.artifact.folder_store import FolderStore

    return FolderStore(Path(cache))


def _weights(step: CompileEngine) -> dict[str, Any]:
    """Where runners of this machine fetch the weights from, and how large they are."""
    made = step.job["made"]
    return {"source": made[SOURCE], "weights_bytes": made[SOURCE_BYTES]}


def _needed(aws: Aws | None, step: CompileEngine) -> Aws:
    if aws is None:
        raise InputError(f"runner {step.runner} needs an AWS account", fix="--runner docker")
    return aws
