"""Training jobs whose container runs what a test uploads as their entry point."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from lmi_deployer import catalog
from lmi_deployer.aot.archive import entry_archive
from lmi_deployer.artifact.manifest import key_of
from lmi_deployer.entry_point.job import (
    ARCHIVE_FILE,
    JOB_FILE,
    OUTPUT_FOLDER,
    PROPERTIES_FOLDER,
    GpuNeeded,
    Job,
    ModelInput,
    QualityGate,
    as_json,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Aws

NAME = "lmi-compile-0123456789abcdef-1"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/djl-inference"
TAG = catalog.container("0.29.0").flavors["tensorrtllm"].tag
MACHINE = "ml.g5.12xlarge"  # 4 x A10G
INPUTS = {"model_id": "a/model", "gpu_architecture": "Ampere"}
ARGUMENTS = ["python3", "/opt/ml/input/data/job/compile.pyz"]
PAUSE_SECONDS = 0.02
PATIENCE_SECONDS = 30.0


def request(aws: Aws, name: str = NAME, **more: Any) -> dict[str, Any]:
    """A CreateTrainingJob request that runs what lies in the bundle."""
    source = {"S3DataType": "S3Prefix", "S3Uri": f"{aws.settings.artifacts}job/"}
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": f"{IMAGE}:{TAG}",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/usr/local/bin/dockerd-entrypoint.sh"],
            "ContainerArguments": ARGUMENTS,
        },
        "RoleArn": aws.settings.role_arn,
        "InputDataConfig": [{"ChannelName": "job", "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": aws.settings.artifacts, "CompressionType": "NONE"},
        "ResourceConfig": {"InstanceType": MACHINE, "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        **more,
    }


def submit(aws: Aws, program: bytes | str, name: str = NAME, **more: Any) -> None:
    """Upload a program, or a zipped one, in the entry point's place, and start a job."""
    content = program.encode() if isinstance(program, str) else program
    aws.s3.put_object(Bucket=aws.bucket, Key=f"lmi-deploy/job/{ARCHIVE_FILE}", Body=content)
    aws.sagemaker.create_training_job(**request(aws, name, **more))


def submit_compilation(aws: Aws, **more: Any) -> Job:
    """Start a job that runs the real entry point."""
    job = compilation(aws.settings.artifacts + "engines/", **more)
    key = f"lmi-deploy/job/{JOB_FILE}"
    aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=as_json(job))
    lines = b"option.dtype=fp16\noption.tensor_parallel_degree=4\n"
    aws.s3.put_object(Bucket=aws.bucket, Key="lmi-deploy/job/serving.properties", Body=lines)
    submit(aws, entry_archive())
    return job


def compilation(cache: str, *, quality: QualityGate | None = None) -> Job:
    """A job document for four A10G."""
    compiler = catalog.compiler("0.29.0", "trtllm")
    assert compiler is not None
    model = ModelInput("a/model")
    values = {
        "properties_dir": PROPERTIES_FOLDER,
        "output_dir": OUTPUT_FOLDER,
        "model_dir": model.folder,
        "tensor_parallel_degree": "4",
        "pipeline_parallel_degree": "1",
    }
    arguments = [(a.flag, values[a.passes]) for a in compiler.arguments if a.passes]
    return Job(
        inputs=INPUTS,
        layout=compiler.layout,
        ranks=4,
        script=(compiler.script, *(word for pair in arguments for word in pair)),
        environment=dict(compiler.environment),
        model=model,
        gpu=GpuNeeded(compute_capability=8.6, memory_gib=24, count=4),
        cache=cache,
        quality=quality,
    )


def manifest_key() -> str:
    """Where the job's manifest is to be."""
    return f"lmi-deploy/engines/{key_of(INPUTS)[:16]}/manifest.json"


def shown(aws: Aws, name: str = NAME) -> dict[str, Any]:
    """What one describe call shows."""
    return {**aws.sagemaker.describe_training_job(TrainingJobName=name)}


def until(look: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    """What `look` gives once it is as wanted."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not wanted(found := look()):
        assert time.monotonic() < deadline, found
        time.sleep(PAUSE_SECONDS)
    return found


def ended(aws: Aws, name: str = NAME) -> dict[str, Any]:
    """A job, described until it has ended."""
    last = {"Completed", "Failed", "Stopped"}
    job: dict[str, Any] = until(
        lambda: shown(aws, name), lambda job: job["TrainingJobStatus"] in last
    )
    return job


def log_lines(aws: Aws, name: str = NAME) -> list[str]:
    """All that a job has logged."""
    logs = aws.client("logs")
    group = {"logGroupName": "/aws/sagemaker/TrainingJobs"}
    streams = logs.describe_log_streams(**group, logStreamNamePrefix=f"{name}/")["logStreams"]
    lines = []
    for stream in streams:
        events = logs.get_log_events(**group, logStreamName=stream["logStreamName"])["events"]
        lines += [event["message"] for event in events]
    return lines


def document(aws: Aws, key: str) -> Any:
    """An object of JSON."""
    return json.loads(aws.s3.get_object(Bucket=aws.bucket, Key=key)["Body"].read())
