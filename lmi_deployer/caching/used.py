"""Which engines of a cache endpoints serve from."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lmi_deployer.artifact.manifest import KEY_CHARACTERS
from lmi_deployer.errors import InputError
from lmi_deployer.render import PROPERTIES_FILE

if TYPE_CHECKING:
    from lmi_deployer.edges.aws import Aws


def used_engines(aws: Aws, cache: str) -> dict[str, list[str]]:
    """Name of an engine: the endpoints that lmi-deploy made and that serve from it.

    Raises InputError where what one of them serves from cannot be read.
    """
    pattern = re.compile(rf"{re.escape(cache)}([0-9a-f]{{{KEY_CHARACTERS}}})/")
    used: dict[str, list[str]] = {}
    for endpoint in aws.deployments():
        texts = "\n".join(_texts(aws, endpoint)).replace("\\", "")
        for name in sorted(set(pattern.findall(texts))):
            used.setdefault(name, []).append(endpoint)
    return used


def _texts(aws: Aws, name: str) -> Iterator[str]:
    """All that tells the containers of an endpoint what to serve, and those it moves to."""
    endpoint = aws.endpoint(name)
    if endpoint is None:  # deleted since it was listed
        return
    for config_name in {endpoint.endpoint_config_name, endpoint.pending_config_name} - {None}:
        config = aws.endpoint_config(str(config_name))
        if config is None:
            raise _unreadable(name, f"its configuration {config_name} is gone")
        variants = [*config["ProductionVariants"], *config.get("ShadowProductionVariants", ())]
        for model_name in {variant.get("ModelName") for variant in variants}:
            model = None if model_name is None else aws.model(model_name)
            if model is None:
                raise _unreadable(name, f"its model {model_name} is gone")
            for container in [model.get("PrimaryContainer"), *model.get("Containers", ())]:
                yield from _of_container(aws, name, container or {})


def _of_container(aws: Aws, endpoint: str, container: Mapping[str, Any]) -> Iterator[str]:
    yield from (str(value) for value in (container.get("Environment") or {}).values())
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    archive = container.get("ModelDataUrl")
    if source.get("CompressionType") == "Gzip":
        archive = source["S3Uri"]
    elif source:
        folder = str(source["S3Uri"])
        yield folder
        properties = aws.content(f"{folder.rstrip('/')}/{PROPERTIES_FILE}")
        yield (properties or b"").decode(errors="replace")
    if archive is not None:
        yield _from_archive(endpoint, archive, aws.content(archive))


def _from_archive(endpoint: str, uri: str, content: bytes | None) -> str:
    if content is None:
        raise _unreadable(endpoint, f"{uri} is gone")
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            members = [item for item in archive if item.name.endswith(PROPERTIES_FILE)]
            files = [archive.extractfile(item) for item in members]
            return "\n".join(file.read().decode(errors="replace") for file in files if file)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise _unreadable(endpoint, f"{uri} is no archive") from error


def _unreadable(endpoint: str, reason: str) -> InputError:
    return InputError(f"what endpoint {endpoint} serves from cannot be read: {reason}")
