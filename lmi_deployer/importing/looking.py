"""Looks at a live endpoint, call by call: what one of them refuses does not hide the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from lmi_deployer.errors import (
    AwsError,
    CredentialsError,
    InputError,
    LmiDeployError,
    UnreachableError,
)
from lmi_deployer.importing.live import Live, only_container, only_variant, prefix_of
from lmi_deployer.render import PROPERTIES_FILE
from lmi_deployer.unpacking import properties_in

if TYPE_CHECKING:
    from lmi_deployer.edges.aws import Aws

T = TypeVar("T")
Layer = Literal["kind", "tags", "configuration", "model", "serving.properties"]
"""What of an endpoint could not be read; `kind` is for one that profiles do not describe."""


class GoneError(InputError):
    """Something that an endpoint runs from is there no more."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """An endpoint that is there, as far as it could be read."""

    name: str
    endpoint: Mapping[str, Any]
    """What DescribeEndpoint says."""
    tags: Mapping[str, str]
    live: Live | None
    """None where its configuration could not be read, or is of a kind that profiles lack. Its
    model, container and properties may be empty: see `problems`."""
    problems: Mapping[Layer, LmiDeployError]
    """What could not be read, and why."""

    @property
    def variant(self) -> Mapping[str, Any]:
        """What DescribeEndpoint says of its fleet; nothing where there is more than one."""
        variants = self.endpoint.get("ProductionVariants") or []
        only: Mapping[str, Any] = variants[0] if len(variants) == 1 else {}
        return only

    @property
    def is_strange(self) -> bool:
        """True for an endpoint of a kind that profiles do not describe."""
        return "kind" in self.problems


def look(name: str, aws: Aws, tags: Mapping[str, str] | None = None) -> Looked | None:
    """What SageMaker and S3 say of an endpoint; None where there is none of that name.

    `tags` are those of the endpoint, where they are known already. Raises AwsError where not even
    the endpoint can be described.
    """
    endpoint = aws.described(name)
    if endpoint is None:
        return None
    looking = _Looking(aws)
    if tags is None:
        tags = looking.at("tags", lambda: aws.tags(endpoint["EndpointArn"])) or {}
    live = _live(name, endpoint["EndpointConfigName"], tags, looking)
    return Looked(name=name, endpoint=endpoint, tags=tags, live=live, problems=looking.problems)


class _Looking:
    """Makes calls one by one, and notes those that fail."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.problems: dict[Layer, LmiDeployError] = {}

    def at(self, layer: Layer, call: Callable[[], T]) -> T | None:
        """What a call says; None where it is refused, which is noted."""
        try:
            return call()
        except (CredentialsError, UnreachableError):
            raise
        except (AwsError, InputError) as error:
            self.problems[layer] = error
            return None


def _live(name: str, config_name: str, tags: Mapping[str, str], looking: _Looking) -> Live | None:
    aws, problems = looking.aws, looking.problems
    config = looking.at("configuration", lambda: aws.endpoint_config(config_name))
    if config is None:
        gone = f"the configuration of endpoint {name}, {config_name}, is gone"
        problems.setdefault("configuration", GoneError(gone))
        return None
    variant = looking.at("kind", lambda: only_variant(name, config))
    if variant is None:
        return None
    model = looking.at("model", lambda: aws.model(variant["ModelName"]))
    if model is None:
        gone = f"the model of endpoint {name}, {variant['ModelName']}, is gone"
        problems.setdefault("model", GoneError(gone))
    container = None if model is None else looking.at("kind", lambda: only_container(name, model))
    if model is not None and container is None:
        return None
    live = Live(
        name=name,
        region=aws.region,
        config=config,
        variant=variant,
        model=model or {},
        container=container or {},
        tags=tags,
        properties=None,
        properties_name="",
        artifacts=aws.artifacts(),
    )
    return live if container is None else _with_properties(live, looking)


def _with_properties(live: Live, looking: _Looking) -> Live:
    """The same with its serving.properties, loose or inside an archive."""
    aws, container, prefix = looking.aws, live.container, prefix_of(live.container)
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    archive = container.get("ModelDataUrl") or (live.is_archive and source.get("S3Uri"))
    if prefix is None and not archive:
        if not container.get("Environment"):
            problem = f"endpoint {live.name} has no {PROPERTIES_FILE} where lmi-deploy puts one"
            looking.problems["serving.properties"] = InputError(problem)
        return live
    uri = str(archive) if prefix is None else f"{prefix}{PROPERTIES_FILE}"
    content = looking.at("serving.properties", lambda: aws.content(uri))
    if content is not None and prefix is None:
        content = looking.at("serving.properties", partial(properties_in, content, uri))
    if content is None:
        looking.problems.setdefault("serving.properties", GoneError(f"{uri} is gone"))
    return replace(live, properties=content, properties_name=uri)
