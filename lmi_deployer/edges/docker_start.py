"""Starts the container of a compile job, once its machine, image and weights are ready."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lmi_deployer.edges import docker_images, hub_token
from lmi_deployer.edges.docker_host import chown_back, devices_for, explained, require_room
from lmi_deployer.edges.docker_request import container_arguments, token_path
from lmi_deployer.edges.docker_state import find_container, remove_container
from lmi_deployer.edges.local_jobs import JobFolder, Say, job_name, mounts
from lmi_deployer.edges.local_weights import WeightsCopy, copy_of
from lmi_deployer.steps import CompileEngine

if TYPE_CHECKING:
    from docker import DockerClient

    from lmi_deployer.edges.aws import Aws
    from lmi_deployer.edges.local_claims import Claimed


@dataclass
class DockerStart:
    """What a start needs besides its job."""

    client: DockerClient
    aws: Aws | None
    source: str | None
    """The S3 folder of weights that a job wants mounted."""
    weights_bytes: int | None
    folder: Path
    """Where copies of weights lie."""
    say: Say

    def start(self, step: CompileEngine, folder: JobFolder, claim: Claimed) -> bool:
        """Start the container of a step, whose claim is held.

        False where that ran out meanwhile, and another machine has begun. What a start that breaks
        off leaves behind is for its caller.
        """
        name = job_name(step)
        left = find_container(self.client, name, folder, step.key)
        if left is not None:
            remove_container(left)
        devices = devices_for(step.job["gpu"])
        copy = copy_of(step, self.source, self.aws, self.folder, self.say)
        self._make_ready(step, copy)
        chown_back(self.client, step.image_uri, folder)
        folder.prepare(step, name)
        with self._token(step) as token:
            listed = mounts(folder, weights=None if copy is None else copy.files, token=token)
            arguments = container_arguments(step, devices, listed, folder.root)
            # The job's own time begins only now, and so does that of the claim.
            if not claim.take(step.job["max_seconds"]):
                return False
            with explained(f"starting container {name}"):
                self.client.containers.create(**arguments).start()
        return True

    def _make_ready(self, step: CompileEngine, copy: WeightsCopy | None) -> None:
        """The image and the weights on this machine, once it is known that there is room."""
        is_here = docker_images.is_present(self.client, step.image_uri)
        require_room(
            self.client,
            self.folder,
            weights_bytes=self.weights_bytes if copy is None else copy.size_bytes,
            to_fetch_bytes=None if copy is None else copy.missing_bytes,
            needs_image=not is_here,
            say=self.say,
        )
        if not is_here:
            docker_images.pull(self.client, step.image_uri, aws=self.aws, say=self.say)
        if copy is not None:
            copy.fetch()

    @contextmanager
    def _token(self, step: CompileEngine) -> Iterator[tuple[Path, str] | None]:
        """The Hugging Face token as a file, for a job that downloads; else None."""
        token = None if step.job["model"]["is_mounted"] else hub_token.hub_token()
        if token is None:
            yield None
            return
        with explained(f"looking at the image {step.image_uri}"):
            image = self.client.images.get(step.image_uri)
        inside = token_path(image.attrs["Config"].get("Env") or ())
        with hub_token.token_file(token) as path:
            yield path, inside
