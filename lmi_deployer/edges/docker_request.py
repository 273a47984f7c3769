"""The container of a compile job: what it is given, worked out as plain data."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lmi_deployer.edges.local_jobs import job_name
from lmi_deployer.entry_point.job import COMMAND
from lmi_deployer.errors import InputError
from lmi_deployer.spec import GIB
from lmi_deployer.steps import CompileEngine

KEY_LABEL = "lmi-deploy.key"
FOLDER_LABEL = "lmi-deploy.folder"
"""Where the files of a container lie, which only the user who has started it can collect."""
SHM_GIB = 12
"""`--shm-size 12gb` of the tutorial: djl-serving@0.26.0-dlc:
serving/docs/lmi/tutorials/trtllm_aot_tutorial.md."""
SHM_GIB_PER_GPU = 2
"""NCCL and the workers that convert weights share buffers there, for every pair of ranks; it is a
limit of a memory file system, not memory set aside."""
LOG_SIZE = "200m"
"""Of which Docker then drops the beginning: a script that never stops writing fills no disk."""
STACK_BYTES = 64 * 1024**2
"""With no limit on locked memory, what NVIDIA's containers ask for at their start:
`--ulimit memlock=-1 --ulimit stack=67108864`."""


def shm_bytes(gpu_count: int) -> int:
    """Size of /dev/shm."""
    return max(SHM_GIB, SHM_GIB_PER_GPU * gpu_count) * GIB


@dataclass(frozen=True, kw_only=True)
class Devices:
    """The accelerators of a container."""

    gpus: Sequence[str] = ()
    """Ids of the chosen GPUs; empty where the Docker host chooses."""
    gpu_count: int = 0
    """How many the Docker host chooses."""
    neuron: Sequence[str] = ()
    """Device files."""


def token_path(image_environment: Sequence[str]) -> str:
    """Where the huggingface_hub of an image looks for a token.

    Read as huggingface_hub does: in HF_HOME, or else in .cache/huggingface of the image's user,
    which is root in every LMI image.
    """
    variables = dict(item.partition("=")[::2] for item in image_environment)
    cache = variables.get("XDG_CACHE_HOME", "/root/.cache")
    return f"{variables.get('HF_HOME', f'{cache}/huggingface')}/token"


def environment(own: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables of the container: where the hub is, if it is not the public one.

    Raises InputError for an address with a password, which `docker inspect` would show.
    """
    endpoint = own.get("HF_ENDPOINT")
    if not endpoint:
        return {}
    if "@" in urlsplit(endpoint).netloc:
        raise InputError(
            "HF_ENDPOINT holds a password, which everybody who may use Docker would see",
            fix="the address alone there, and a token in HF_TOKEN",
        )
    return {"HF_ENDPOINT": endpoint}


CONFINEMENT: Mapping[str, Any] = {
    # The folders of this machine carry no label that SELinux lets a container read, and Docker
    # takes no relabelling for mounts. Elsewhere it changes nothing.
    "security_opt": ["label=disable"],
    # Under a daemon with userns-remap, root in the container could not read them either.
    "userns_mode": "host",
}
"""What a container needs to use the mounted folders, whatever keeps containers in."""


def container_arguments(
    step: CompileEngine,
    devices: Devices,
    listed: Sequence[tuple[Path, str, bool]],
    folder: Path,
) -> dict[str, Any]:
    """What `docker.DockerClient.containers.create` is given; no entrypoint, the image has one.

    `folder` is that of the job.
    """
    from docker.types import DeviceRequest, LogConfig, Mount, Ulimit

    gpus = [["gpu"]]
    requests = []
    if devices.gpus:
        requests = [DeviceRequest(device_ids=list(devices.gpus), capabilities=gpus)]
    elif devices.gpu_count:
        requests = [DeviceRequest(count=devices.gpu_count, capabilities=gpus)]
    return {
        "image": step.image_uri,
        "command": list(COMMAND),
        # The lock on a Docker host, which has one container of a name.
        "name": job_name(step),
        "labels": {KEY_LABEL: step.key, FOLDER_LABEL: str(folder)},
        "environment": environment(),
        "device_requests": requests,
        "devices": [f"{path}:{path}:rwm" for path in devices.neuron],
        "shm_size": shm_bytes(step.job["gpu"]["count"]),
        "ulimits": [
            Ulimit(name="memlock", soft=-1, hard=-1),
            Ulimit(name="stack", soft=STACK_BYTES, hard=STACK_BYTES),
        ],
        "mounts": [
            Mount(target=target, source=str(source), type="bind", read_only=is_read_only)
            for source, target, is_read_only in listed
        ],
        # What compile scripts leave behind has to be reaped by somebody.
        "init": True,
        "use_config_proxy": True,
        # Whatever the daemon logs to by itself may not be readable.
        "log_config": LogConfig(type="json-file", config={"max-size": LOG_SIZE}),
        **CONFINEMENT,
    }
