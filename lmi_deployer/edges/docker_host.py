"""The Docker host: reached, looked at, and whether a job has room on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmi_deployer.compiling import host
from lmi_deployer.compiling.host import DiskNeed
from lmi_deployer.edges.docker_request import CONFINEMENT, Devices
from lmi_deployer.errors import InputError, LmiDeployError, MissingExtraError
from lmi_deployer.secrets import redacted
from lmi_deployer.spec import GIB

if TYPE_CHECKING:
    from docker import DockerClient

    from lmi_deployer.edges.local_jobs import JobFolder

Say = Callable[[str], None]
TIMEOUT_SECONDS = 300
"""For one call: creating a container waits for a file system that copies layers."""
IMAGE_BYTES = 40 * GIB
"""Assumed of an image that is not there yet, packed and unpacked: LMI images with TensorRT-LLM are
10 to 15 GB in the registry, and two to three times that on the disk."""
LOCAL = ("http+docker://local", "http://127.0.0.1:", "http://localhost:")
"""Beginnings of the SDK's addresses of a Docker host that sees this machine's files."""
ARCHITECTURE = "x86_64"
HINTS = (
    (
        "could not select device driver",
        "install the NVIDIA Container Toolkit, then `nvidia-ctk runtime configure`",
    ),
    ("no space left", "free some of the disk of Docker's data folder: `docker system prune`"),
    ("bind source path does not exist", "a work folder that the Docker host shares"),
    ("is already in use", "wait for whoever has made it"),
)


def connected() -> DockerClient:
    """The Docker host of DOCKER_HOST, or of the current context (docker 7.2 and newer).

    Raises MissingExtraError without the SDK, and InputError where nothing answers, or where it is
    another machine, which does not see the files of this one.
    """
    try:
        import docker
        from docker.errors import DockerException
    except ImportError as error:
        raise MissingExtraError(
            f"compiling in Docker needs {error.name}", fix="pip install 'lmi-deploy[docker]'"
        ) from error
    try:
        client = docker.from_env(timeout=TIMEOUT_SECONDS)
        client.ping()
    except DockerException as error:
        raise InputError(
            f"Docker cannot be reached: {error}",
            fix="start Docker, or set DOCKER_HOST; its socket is for members of the group docker;"
            " without Docker: --runner sagemaker",
        ) from error
    if not client.api.base_url.startswith(LOCAL):
        client.close()
        raise InputError(
            f"the Docker host is another machine ({client.api.base_url}), which does not see the"
            " files of this one",
            fix="run lmi-deploy on that machine",
        )
    return client


@contextmanager
def explained(action: str) -> Iterator[None]:
    """Turn what the Docker host refuses inside the block into an error that says what was done."""
    import requests
    from docker.errors import DockerException

    try:
        yield
    except (DockerException, requests.RequestException) as error:
        told = redacted(str(getattr(error, "explanation", None) or error))
        fix = next((fix for text, fix in HINTS if text in told), None)
        raise LmiDeployError(f"{action}: {told}", fix=fix) from error


def devices_for(needed: Mapping[str, Any]) -> Devices:
    """The GPUs, or Neuron devices, that a job is given.

    Raises InputError where this machine has not what it needs. Where nvidia-smi cannot be asked,
    the Docker host chooses, and the entry point in the container is the judge.
    """
    if needed["compute_capability"] is None:
        found = sorted(str(path) for path in Path("/dev").glob("neuron[0-9]*"))
        if len(found) < needed["count"]:
            raise InputError(
                f"the job needs {needed['count']} Neuron devices, this machine has {len(found)}",
                fix="an inf2 or trn1 machine, or --runner sagemaker",
            )
        return Devices(neuron=found[: needed["count"]])
    gpus = host.gpus_here()
    if gpus is None:
        return Devices(gpu_count=needed["count"])
    shown = host.visible(gpus, os.environ.get("CUDA_VISIBLE_DEVICES"))
    return Devices(gpus=[gpu.uuid for gpu in host.chosen_gpus(shown, needed)])


def require_room(
    client: DockerClient,
    folder: Path,
    *,
    weights_bytes: int | None,
    to_fetch_bytes: int | None,
    needs_image: bool,
    say: Say,
) -> None:
    """Raise InputError where memory or a disk is too small for a job, or nothing of it can run.

    `to_fetch_bytes` is None where the container downloads the weights itself. An engine is taken
    to be as large as its weights, and so is the checkpoint that is converted on the way.
    """
    with explained("asking the Docker host what it has"):
        info = client.info()
    if info["Architecture"] != ARCHITECTURE:
        raise InputError(
            f"the Docker host is of architecture {info['Architecture']}, LMI's images are for"
            f" {ARCHITECTURE}",
            fix="another machine, or --runner sagemaker",
        )
    needs = []
    if weights_bytes is None:
        say("how large the weights are is not known before they are downloaded")
    else:
        warning = host.require_memory(info["MemTotal"], weights_bytes)
        if warning:
            say(warning)
        fetched = weights_bytes if to_fetch_bytes is None else to_fetch_bytes
        needs += [
            DiskNeed(folder=folder, size_bytes=fetched, what="weights to fetch"),
            DiskNeed(folder=folder, size_bytes=weights_bytes, what="engine"),
        ]
    data = Path(info["DockerRootDir"])
    if data.is_dir():  # else it lies in a virtual machine
        if weights_bytes is not None:
            needs.append(DiskNeed(folder=data, size_bytes=weights_bytes, what="checkpoint"))
        if needs_image:
            needs.append(DiskNeed(folder=data, size_bytes=IMAGE_BYTES, what="image (assumed)"))
    host.require_disk(needs)


def chown_back(client: DockerClient, image_uri: str, folder: JobFolder) -> None:
    """Give this user the files that a container, which runs as root, has written.

    Nothing is done where they are this user's already, as they are for root and under rootless
    Docker.
    """
    own = os.geteuid()
    if not folder.root.exists() or all(
        path.lstat().st_uid == own for path in [folder.root, *folder.root.rglob("*")]
    ):
        return
    with explained(f"taking over the files in {folder.root}"):
        client.containers.run(
            image_uri,
            ["-R", f"{own}:{os.getegid()}", "/files"],
            entrypoint="chown",
            volumes={str(folder.root): {"bind": "/files", "mode": "rw"}},
            network_mode="none",
            remove=True,
            **CONFINEMENT,
        )
