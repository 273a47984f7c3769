"""Tags of SageMaker resources, with what moto gets wrong about adding and looking up."""

from __future__ import annotations

from typing import Any

from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import SageMakerModelBackend

Tags = list[dict[str, str]]


class TagsBackend(SageMakerModelBackend):
    """The tags of one account and region."""

    def add_tags(self, arn: str, tags: Tags) -> Tags:
        """AddTags: a key that is there already gets the new value; moto lists it twice."""
        resource = self._get_resource_from_arn(arn)
        merged = {tag["Key"]: tag for tag in [*resource.tags, *tags]}
        resource.tags = list(merged.values())
        return list(merged.values())

    def _get_resource_from_arn(self, arn: str) -> Any:
        """Tagged record. moto answers an unknown one with an internal error."""
        try:
            resource = super()._get_resource_from_arn(arn)
        except (AttributeError, ValueError):  # an ARN of another kind or form
            resource = None
        if resource is None:
            kind = arn.rpartition(":")[2].partition("/")[0].replace("-config", " configuration")
            raise ValidationError(f'Could not find {kind} "{arn}".')
        return resource
