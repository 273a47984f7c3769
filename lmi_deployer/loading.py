"""How long a container may take to load its model, and how much disk it needs meanwhile.

Too short a limit kills an endpoint that was nearly there, after it has been paid for; so every
figure here is generous, and bounded by what SageMaker allows.
"""

from __future__ import annotations

import math

from lmi_deployer.spec import GIB, Weights

LOADING_BASE_SECONDS = 600
DOWNLOAD_AND_LOAD_SECONDS_PER_GIB = 15
"""Weights arrive at 100 MB/s or better from the hub or S3, and then go to the GPUs."""
COMPILE_SECONDS_PER_GIB = 30
"""TensorRT-LLM builds Llama-2-70B (129 GiB) in 7 to 110 minutes; this is the middle of it."""
LARGE_ENGINE_GIB = 40
"""Above it, an engine gets all the time that SageMaker allows."""
SERVER_START_SECONDS = 300
MAX_STARTUP_SECONDS = 3600
"""ContainerStartupHealthCheckTimeoutInSeconds, maximum in the SageMaker service model."""
MAX_LOADING_SECONDS = MAX_STARTUP_SECONDS - SERVER_START_SECONDS
BUNDLE_DOWNLOAD_SECONDS = 600
"""SageMaker itself downloads only the rendered files; the container fetches the weights."""
INVOCATION_SECONDS = 60
"""SageMaker ends a real-time request then. Source: InvokeEndpoint, SageMaker runtime API reference:
the container has 60 seconds."""
MIN_VOLUME_GB, MAX_VOLUME_GB = 30, 512
"""VolumeSizeInGB, maximum in the SageMaker service model."""
JOB_BASE_SECONDS = 3600
"""For a machine to be found, the image to be pulled and the server's libraries to start."""
JOB_TRANSFER_SECONDS_PER_GIB = 30
"""Weights in and the artifact out, at 70 MB/s or better."""
JOB_SECONDS_PER_GIB = 150
MAX_JOB_SECONDS = 28 * 24 * 3600
"""MaxRuntimeInSeconds of a training job. Source: StoppingCondition, SageMaker API reference."""


def loading_timeout_seconds(weights: Weights, *, compiles: bool) -> int:
    """Seconds the container gets to download, perhaps compile, and load the weights.

    A whole minute, at most MAX_LOADING_SECONDS, which leaves the server time to say why it gave
    up before SageMaker's own limit of one hour ends it without a word.
    """
    gib = weights.download_bytes / GIB
    if compiles and gib > LARGE_ENGINE_GIB:
        return MAX_LOADING_SECONDS
    per_gib = DOWNLOAD_AND_LOAD_SECONDS_PER_GIB + (COMPILE_SECONDS_PER_GIB if compiles else 0)
    minutes = math.ceil((LOADING_BASE_SECONDS + per_gib * gib) / 60)
    return min(MAX_LOADING_SECONDS, minutes * 60)


def startup_timeout_seconds(loading_seconds: int, *, copies: int) -> int:
    """Seconds until the endpoint has to answer its health check.

    The server starts the workers one after the other, each with a loading timeout of its own.
    """
    return min(MAX_STARTUP_SECONDS, loading_seconds * copies + SERVER_START_SECONDS)


def compile_limit_seconds(weights: Weights, *, quantizes: bool, has_gate: bool) -> int:
    """Seconds after which a job that compiles is stopped; whole ten minutes.

    Llama-2-70B (129 GiB) takes 7 to 110 minutes to compile; this allows it three times that, and
    the same again for calibrating a quantization and for asking two models the gate's prompts.
    What a job does not use costs nothing.
    """
    gib = weights.download_bytes / GIB
    rounds = 1 + quantizes + has_gate
    seconds = JOB_BASE_SECONDS + (JOB_TRANSFER_SECONDS_PER_GIB + rounds * JOB_SECONDS_PER_GIB) * gib
    return min(MAX_JOB_SECONDS, math.ceil(seconds / 600) * 600)


def compile_volume_gb(weights: Weights) -> int:
    """Size of the EBS volume of a job that compiles, in 10**9 bytes."""
    return math.ceil(disk_bytes(weights, compiles=True) / 1e9) + MIN_VOLUME_GB


def disk_bytes(weights: Weights, *, compiles: bool) -> int:
    """Bytes on disk while loading: the download and its cache, and the engine where one is built.

    Source: djl-serving pull request 1740 (weights are copied under /tmp before they are loaded).
    """
    return weights.download_bytes * (3 if compiles else 2)


def volume_gb(weights: Weights, *, compiles: bool) -> int:
    """Size of the EBS volume for an instance type without local disks, in 10**9 bytes."""
    needed = math.ceil(disk_bytes(weights, compiles=compiles) / 1e9) + MIN_VOLUME_GB
    return min(MAX_VOLUME_GB, needed)
