"""Gets an image onto the Docker host: whether it is there, the login to ECR, the pull."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lmi_deployer.edges.docker_host import explained
from lmi_deployer.errors import InputError
from lmi_deployer.secrets import redacted
from lmi_deployer.spec import GIB

if TYPE_CHECKING:
    from docker import DockerClient

    from lmi_deployer.edges.aws import Aws

Say = Callable[[str], None]
ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/"
)
"""Addresses of private registries: Amazon ECR user guide, "Amazon ECR private registry"."""
STEP_PERCENT = 10
_DONE = frozenset({"Download complete", "Pull complete", "Already exists"})
FIXES = (
    ("no space left", "free some of the disk of Docker's data folder: `docker system prune`"),
    (
        "denied|no basic auth|unauthorized|authorization token|forbidden",
        "credentials with ecr:GetAuthorizationToken, ecr:BatchGetImage, ecr:GetDownloadUrlForLayer",
    ),
    ("not found|manifest unknown", "the tag as `lmi-deploy catalog containers` shows it"),
    (
        "timeout|no such host|connection|reset by peer|EOF|IncompleteRead",
        "run it again; what is there stays",
    ),
)


def is_present(client: DockerClient, image_uri: str) -> bool:
    """True where the Docker host has the image."""
    from docker.errors import ImageNotFound

    with explained(f"looking for the image {image_uri}"):
        try:
            client.images.get(image_uri)
        except ImageNotFound:
            return False
    return True


def pull(client: DockerClient, image_uri: str, *, aws: Aws | None, say: Say) -> None:
    """Pull an image, and say how far it is. Raises InputError where that fails.

    Without AWS the logins of the Docker configuration are tried, which may be a helper's for ECR.
    """
    import requests
    from docker.errors import DockerException
    from urllib3.exceptions import HTTPError

    login = None if aws is None else ecr_login(image_uri, aws)
    say(f"pulling {image_uri}")
    try:
        events = client.api.pull(image_uri, stream=True, decode=True, auth_config=login)
        follow(events, say)
    # The SDK lets pass what breaks off while the answer is read.
    except (DockerException, requests.RequestException, HTTPError, PullError) as error:
        told = getattr(error, "explanation", None) or error
        raise _failed(image_uri, str(told)) from error
    if not is_present(client, image_uri):
        raise _failed(image_uri, "the pull ended, and the image is not there")


def ecr_login(image_uri: str, aws: Aws) -> dict[str, str] | None:
    """User name and password for the registry of an image, valid for 12 hours; None off ECR.

    They are asked of the registry's own region: those of another one do not open it.
    """
    found = ECR.match(image_uri)
    if found is None:
        return None
    calls = aws.calls
    if found["region"] != calls.region:
        from lmi_deployer.edges.aws_calls import Calls

        calls = Calls(replace(aws._settings, region=found["region"]))  # noqa: SLF001
    answer = calls.call("ecr", "GetAuthorizationToken", registryIds=[found["account"]])
    token = answer["authorizationData"][0]["authorizationToken"]
    username, _, password = base64.b64decode(token).decode().partition(":")
    return {"username": username, "password": password}


class PullError(Exception):
    """What the Docker host said when a pull broke off."""


def follow(events: Iterable[Mapping[str, Any]], say: Say) -> None:
    """Say how far a pull is, at every tenth of what is known to be there; raises PullError."""
    layers: dict[str, tuple[int, int]] = {}
    said, problem = 0, None
    for event in events:  # to its end, also after an error: the connection is used again
        problem = event.get("error", problem)
        layer, status = event.get("id", ""), event.get("status", "")
        detail = event.get("progressDetail") or {}
        if status == "Downloading" and detail.get("total"):
            layers[layer] = (detail.get("current", 0), detail["total"])
        elif status in _DONE and layer in layers:
            layers[layer] = (layers[layer][1], layers[layer][1])
        total = sum(size for _, size in layers.values())
        current = sum(done for done, _ in layers.values())
        if total and 100 * current // total >= said + STEP_PERCENT:
            said = 100 * current // total // STEP_PERCENT * STEP_PERCENT
            say(f"pulled {said} %: {current / GIB:.1f} of {total / GIB:.1f} GiB")
    if problem is not None:
        raise PullError(problem)


def _failed(image_uri: str, problem: str) -> InputError:
    fix = next((fix for pattern, fix in FIXES if re.search(pattern, problem, re.IGNORECASE)), None)
    return InputError(f"pulling {image_uri}: {redacted(problem)}", fix=fix)
