"""The CreateTrainingJob request that compiles an engine.

Training jobs, since processing jobs are not offered on ml.p4d, ml.p4de and ml.p5. Source:
ProcessingInstanceType and TrainingInstanceType of the SageMaker API reference.
"""

from __future__ import annotations

from typing import Any

from lmi_deployer.aot.engine import Engine
from lmi_deployer.aot.jobs import compilation_of, job_tags
from lmi_deployer.deployment import Target, image_uri
from lmi_deployer.entry_point.job import COMMAND
from lmi_deployer.spec import Compilation, ResolvedSpec

JOB_CHANNEL = "job"
MODEL_CHANNEL = "model"
BUNDLE_FOLDER = "job/"
"""Below an engine's folder: what the channel `job` holds."""
OUTPUT_FOLDER = "job-output/"
"""Below an engine's folder, as SageMaker wants one named; nothing is left for it to put there."""
MAX_SECONDS = 2_419_200
"""28 days, the longest a job may run. Source: StoppingCondition of the API reference."""
SPOT_WAIT_FACTOR = 2
"""A spot job may start over once, or wait as long as it runs, before it is given up."""


def training_request(spec: ResolvedSpec, engine: Engine, target: Target) -> dict[str, Any]:
    """CreateTrainingJob for an engine, without TrainingJobName. It holds no secret.

    The artifact does not pass through OutputDataConfig: the entry point uploads it with checks,
    and its manifest last.
    """
    compilation = compilation_of(spec)
    request: dict[str, Any] = {
        "AlgorithmSpecification": {
            "TrainingImage": image_uri(spec, target.region),
            "TrainingInputMode": "File",
            # The image's own entry script sets up CUDA's libraries, and runs what it is given.
            "ContainerEntrypoint": [compilation.compiler.entry_script],
            "ContainerArguments": list(COMMAND),
        },
        "RoleArn": target.role_arn,
        "InputDataConfig": _channels(spec, engine),
        "OutputDataConfig": {
            "S3OutputPath": f"{engine.folder}{OUTPUT_FOLDER}",
            "CompressionType": "NONE",
        },
        "ResourceConfig": _machine(compilation),
        "StoppingCondition": {"MaxRuntimeInSeconds": compilation.max_seconds},
        # The entry point talks to S3, and to the hub where the weights are not on S3.
        "EnableNetworkIsolation": False,
        "Tags": job_tags(spec, engine.key),
    }
    if compilation.is_spot:
        longest = min(SPOT_WAIT_FACTOR * compilation.max_seconds, MAX_SECONDS)
        request["EnableManagedSpotTraining"] = True
        request["StoppingCondition"]["MaxWaitTimeInSeconds"] = longest
    if spec.endpoint.subnets:
        request["VpcConfig"] = {
            "SecurityGroupIds": list(spec.endpoint.security_groups),
            "Subnets": list(spec.endpoint.subnets),
        }
    return request


def _channels(spec: ResolvedSpec, engine: Engine) -> list[dict[str, Any]]:
    """The bundle of the job, and the weights where they are on S3."""
    sources = {JOB_CHANNEL: f"{engine.folder}{BUNDLE_FOLDER}"}
    if spec.weights.source is not None:
        # Copied to disk beforehand ("File"), not streamed: every rank's conversion goes through
        # all weights, at random where they are memory-mapped, which FastFile is slow at.
        sources[MODEL_CHANNEL] = spec.weights.source
    return [
        {
            "ChannelName": name,
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": uri,
                    "S3DataDistributionType": "FullyReplicated",
                }
            },
            "InputMode": "File",
        }
        for name, uri in sources.items()
    ]


def _machine(compilation: Compilation) -> dict[str, Any]:
    machine: dict[str, Any] = {"InstanceType": compilation.instance.name, "InstanceCount": 1}
    if compilation.volume_gb is not None:
        machine["VolumeSizeInGB"] = compilation.volume_gb
    return machine
