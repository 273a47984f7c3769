"""What lmi-deploy made in one region: listed, and told by tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lmi_deployer.deployment import DEPLOYMENT_TAG, NAME_HASH_CHARACTERS
from lmi_deployer.edges.aws_calls import is_not_found
from lmi_deployer.edges.aws_s3 import AwsStorage
from lmi_deployer.errors import AwsError, CredentialsError, UnreachableError
from lmi_deployer.state import Tags

NAME_OF_A_DEPLOYMENT = re.compile(rf"(.+)-[0-9a-f]{{{NAME_HASH_CHARACTERS}}}")
"""Of a model or an endpoint configuration: the name of the deployment that it could be of."""
PAGE = 100
"""Entries of one page; 100 is what SageMaker gives at most, and 10 what it gives unasked."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """An endpoint of the region, and what its tags say of whose it is."""

    name: str
    tags: Tags | None
    """None where they could not be read."""
    problem: AwsError | None = None
    """Why they could not."""

    @property
    def is_ours(self) -> bool:
        """True for one that this tool made."""
        return self.tags is not None and self.tags.get(DEPLOYMENT_TAG) == self.name


class AwsListing(AwsStorage):
    """One account and region, with what is in it by name and tags."""

    def tags(self, arn: str) -> Tags:
        """The tags of a thing; none where it is gone."""
        return self._tags(arn) or {}

    def deployments(self) -> list[str]:
        """Names of all endpoints in the region that this tool made."""
        return sorted(self.made_here())

    def made_here(self) -> dict[str, Tags]:
        """Every endpoint in the region that this tool made, with its tags.

        Raises AwsError where those of any endpoint cannot be read.
        """
        found: dict[str, Tags] = {}
        for item in self.endpoints():
            if item.problem is not None:
                raise item.problem
            if item.is_ours:
                found[item.name] = item.tags or {}
        return found

    def endpoints(self) -> Iterator[Listed]:
        """Every endpoint of the region; one whose tags cannot be read hides no other.

        Raises AwsError where the endpoints cannot be listed.
        """
        for item in self.calls.pages("sagemaker", "ListEndpoints", "Endpoints", MaxResults=PAGE):
            name = item["EndpointName"]
            try:
                yield Listed(name=name, tags=self.tags(item["EndpointArn"]))
            except (CredentialsError, UnreachableError):
                raise
            except AwsError as error:
                yield Listed(name=name, tags=None, problem=error)

    def names_in_use(self) -> dict[str, str]:
        """Names of deployments that models and endpoint configurations of the region could be of.

        With the ARN of one such thing, whose tags say whose it is: the name is told by its form
        alone.
        """
        found: dict[str, str] = {}
        for kind, operation in (("EndpointConfig", "ListEndpointConfigs"), ("Model", "ListModels")):
            for item in self.calls.pages("sagemaker", operation, f"{kind}s", MaxResults=PAGE):
                match = NAME_OF_A_DEPLOYMENT.fullmatch(item[f"{kind}Name"])
                if match:
                    found.setdefault(match[1], item[f"{kind}Arn"])
        return found

    def _tags(self, arn: str) -> dict[str, str] | None:
        """The tags of a thing, or None when it is gone."""
        try:
            listed = list(self.calls.pages("sagemaker", "ListTags", "Tags", ResourceArn=arn))
        except AwsError as error:
            if is_not_found(error):
                return None
            raise
        return {tag["Key"]: tag["Value"] for tag in listed}
