"""What a job's container is made of, and what goes between it and S3."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from moto.core.exceptions import ServiceException

from lmi_deployer import catalog
from lmi_deployer.errors import InputError
from lmi_deployer.sandbox import container
from lmi_deployer.sandbox.jobs.work import InputProblemError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lmi_deployer.catalog.rows import InstanceType
    from lmi_deployer.sandbox.context import Sandbox
    from lmi_deployer.sandbox.storage import Storage

DOWNLOAD_FAILED = "ClientError: Data download failed:"


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Where a job's container runs, and what it is told there."""

    sandbox: Sandbox
    storage: Storage
    image: str
    instance_type: str
    environment: Mapping[str, str]
    mode: str | None
    """For the stand-ins; None for those that behave."""

    def prepare(self, root: Path) -> InstanceType:
        """Make the folder a container on that machine. Raises InputProblemError."""
        if sys.platform == "win32":
            raise InputProblemError("The sandbox runs the containers of jobs on Linux and macOS.")
        try:
            machine = catalog.instance_type(self.instance_type)
            container.prepare(
                root,
                image_tag=self.image,
                gpu=machine.gpu,
                gpu_count=machine.gpu_count,
                host_memory_gib=machine.host_memory_gib,
            )
        except (InputError, container.UnknownImageError) as error:
            raise InputProblemError(f"ClientError: {error}") from error
        return machine

    def variables(self, root: Path) -> dict[str, str]:
        """All variables of the container's process."""
        variables = container.environment(
            root,
            endpoint_url=self.sandbox.endpoint_url,
            region=self.sandbox.region,
            access_key_id=self.sandbox.access_key_id,
            secret_access_key=self.sandbox.secret_access_key,
        )
        stand_in = {} if self.mode is None else {container.STAND_IN: self.mode}
        return {**variables, **self.environment, **stand_in}

    def download(self, prefix: str, folder: Path) -> None:
        """Every object below a prefix, as a file. Raises InputProblemError where there is none."""
        folder.mkdir(parents=True, exist_ok=True)
        with self.sandbox.lock:
            found = {place: self.storage.read(place) for place in self.storage.locations(prefix)}
        files = {place: content for place, content in found.items() if not place.endswith("/")}
        if not files:
            raise InputProblemError(f"{DOWNLOAD_FAILED}No objects found under S3 prefix {prefix}")
        for place, content in files.items():
            name = place[len(prefix) :].lstrip("/") or PurePosixPath(place).name
            path = inside(folder, name)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content or b"")
            except (OSError, ValueError) as error:  # "a" and "a/b", or a name too long, or with NUL
                raise InputProblemError(f"{DOWNLOAD_FAILED}{place}: {error}") from error

    def upload(self, folder: Path, prefix: str) -> None:
        """Every file of a folder, below a prefix. Raises InputProblemError."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                place = f"{prefix.rstrip('/')}/{path.relative_to(folder).as_posix()}"
                content = path.read_bytes()
                try:
                    with self.sandbox.lock:
                        self.storage.write(place, content)
                except ServiceException as error:
                    raise InputProblemError(
                        f"ClientError: cannot write {place}: {error}"
                    ) from error


def inside(folder: Path, name: str) -> Path:
    """Where a name that a client chose lies below a folder. Raises InputProblemError."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise InputProblemError(f"{DOWNLOAD_FAILED}{name} leads out of its folder")
    return folder / path
