"""What one AWS account holds of deployments, in the words of the planner; changes nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lmi_deployer.deployment import (
    DEPLOYMENT_TAG,
    FOLDER_TAG,
    HARDWARE_TAG,
    NAME_HASH_CHARACTERS,
    PROFILE_TAG,
    Identity,
    Target,
)
from lmi_deployer.edges.aws_listing import AwsListing
from lmi_deployer.errors import InputError
from lmi_deployer.s3 import S3_FOLDER, bucket_and_key
from lmi_deployer.state import ObservedEndpoint, ObservedState, Tags
from lmi_deployer.steps import Kind

ARN_FROM: Mapping[Kind, tuple[str, str, str]] = {
    "model": ("DescribeModel", "ModelName", "ModelArn"),
    "endpoint-config": ("DescribeEndpointConfig", "EndpointConfigName", "EndpointConfigArn"),
    "endpoint": ("DescribeEndpoint", "EndpointName", "EndpointArn"),
}
"""Kind: (the call that describes it, its name there, its ARN in the answer)."""


class AwsReading(AwsListing):
    """One account and region, looked at."""

    def artifacts(self, of_profile: str | None = None) -> str:
        """S3 folder for rendered files: the command line's, the profile's, or the account's.

        The last is in the bucket that the SageMaker SDK and console use as well.
        """
        named = self._settings.artifacts or of_profile
        return named or f"s3://{self._default_bucket}/lmi-deploy/"

    def target(self, role: str | None, artifacts: str | None) -> Target:
        """Where a deployment goes. `role` and `artifacts` are the profile's own.

        Raises InputError when nobody names an execution role.
        """
        role_arn = self._settings.role_arn or role
        if role_arn is None:
            raise InputError(
                "SageMaker needs an execution role for the endpoint",
                fix="--role ARN, LMI_DEPLOY_ROLE, or endpoint.role in the profile",
            )
        return Target(region=self.region, role_arn=role_arn, artifacts=self.artifacts(artifacts))

    def observe(
        self, identity: Identity, seen: tuple[Mapping[str, Any], Tags] | None = None
    ) -> ObservedState:
        """Everything that carries the name and tags of a deployment; changes nothing.

        `seen` is the endpoint with its tags, where it has been looked at already.
        """
        name = identity.deployment
        found, tags = seen or self._endpoint_and_tags(name)
        endpoint, foreign = None, []
        if found is not None and tags is not None:  # it may go between the two calls
            if identity.owns(tags):
                endpoint = replace(observed_endpoint(found), tags=tags)
            else:
                foreign.append(f"endpoint {name}{_made_for(tags)}")
        configs = self._named("EndpointConfig", "ListEndpointConfigs", name)
        models = self._named("Model", "ListModels", name)
        foreign += [
            f"{kind} {item}{_made_for(tags)}"
            for kind, found in (("endpoint configuration", configs), ("model", models))
            for item, tags in found.items()
            if tags.get(DEPLOYMENT_TAG) == name and not identity.owns(tags)
        ]
        ours = [tags for tags in (*configs.values(), *models.values()) if identity.owns(tags)]
        ours += [endpoint.tags] if endpoint else []
        folders = {identity.folder, *filter(None, map(_folder, ours))}
        objects, missing = self.objects(folders)
        bucket, _ = bucket_and_key(identity.folder)
        return ObservedState(
            endpoint=endpoint,
            endpoint_configs={key: tags for key, tags in configs.items() if identity.owns(tags)},
            models={key: tags for key, tags in models.items() if identity.owns(tags)},
            objects=objects,
            foreign=tuple(foreign),
            missing_bucket=bucket if bucket in missing else None,
        )

    def _endpoint_and_tags(self, name: str) -> tuple[Mapping[str, Any] | None, Tags | None]:
        found = self.described(name)
        return found, None if found is None else self._tags(found["EndpointArn"])

    def described(self, name: str) -> Mapping[str, Any] | None:
        """What DescribeEndpoint says, or None."""
        return self.calls.find("DescribeEndpoint", EndpointName=name)

    def endpoint(self, name: str) -> ObservedEndpoint | None:
        """The endpoint as it is now, without its tags, or None."""
        found = self.described(name)
        return None if found is None else observed_endpoint(found)

    def endpoint_config(self, name: str) -> Mapping[str, Any] | None:
        """What DescribeEndpointConfig says, or None."""
        return self.calls.find("DescribeEndpointConfig", EndpointConfigName=name)

    def model(self, name: str) -> Mapping[str, Any] | None:
        """What DescribeModel says, or None."""
        return self.calls.find("DescribeModel", ModelName=name)

    def endpoint_tags(self, name: str) -> Tags:
        """The tags of an endpoint; none where there is no such endpoint."""
        return self._tags_of("endpoint", name) or {}

    def renamed(self, identity: Identity) -> list[str]:
        """Endpoints of the same hardware profile under another name, as a renaming leaves them."""
        return sorted(
            name
            for name, tags in self.made_here().items()
            if name != identity.deployment and replace(identity, deployment=name).owns(tags)
        )

    def identity(self, deployment: str) -> Identity | None:
        """Whose a deployment is, by the tags of whatever is left of it; None if nothing is."""
        found = [
            self._tags_of("endpoint", deployment) or {},
            *self._named("EndpointConfig", "ListEndpointConfigs", deployment).values(),
            *self._named("Model", "ListModels", deployment).values(),
        ]
        for tags in found:
            folder = _folder(tags)
            if tags.get(DEPLOYMENT_TAG) == deployment and folder is not None:
                return Identity(
                    deployment=deployment,
                    profile=tags.get(PROFILE_TAG, ""),
                    hardware=tags.get(HARDWARE_TAG, ""),
                    folder=folder,
                )
        return None

    def live_role(self, deployment: str) -> str | None:
        """The execution role of the model behind a live endpoint, or None."""
        endpoint = self.endpoint(deployment)
        config = self.endpoint_config(endpoint.endpoint_config_name) if endpoint else None
        if config is None:
            return None
        name = config["ProductionVariants"][0].get("ModelName")  # none: inference components
        model = self.model(name) if name else None
        return None if model is None else str(model["ExecutionRoleArn"])

    def _named(self, kind: str, operation: str, deployment: str) -> dict[str, Tags]:
        """Models or configurations whose name could be a deployment's, with their tags."""
        prefix = f"{deployment}-"
        listed = self.calls.pages("sagemaker", operation, f"{kind}s", NameContains=prefix)
        pattern = re.compile(rf"{re.escape(prefix)}[0-9a-f]{{{NAME_HASH_CHARACTERS}}}")
        arns = {item[f"{kind}Name"]: item[f"{kind}Arn"] for item in listed}
        tagged = {
            name: self._tags(arn) for name, arn in sorted(arns.items()) if pattern.fullmatch(name)
        }
        return {name: tags for name, tags in tagged.items() if tags is not None}

    def _tags_of(self, kind: Kind, name: str) -> dict[str, str] | None:
        """The tags of a named thing, or None when there is no such thing."""
        arn = self._arn(kind, name)
        return None if arn is None else self._tags(arn)

    def _arn(self, kind: Kind, name: str) -> str | None:
        """The ARN of a named thing as SageMaker spells it, or None when there is no such thing."""
        operation, key, field = ARN_FROM[kind]
        found = self.calls.find(operation, **{key: name})
        return None if found is None else str(found[field])


def observed_endpoint(found: Mapping[str, Any]) -> ObservedEndpoint:
    """What DescribeEndpoint says, as the planner needs it."""
    pending = found.get("PendingDeploymentSummary") or {}
    return ObservedEndpoint(
        status=found["EndpointStatus"],
        endpoint_config_name=found["EndpointConfigName"],
        pending_config_name=pending.get("EndpointConfigName"),
        failure_reason=found.get("FailureReason"),
    )


def _folder(tags: Tags) -> str | None:
    """The S3 folder that tags name; None for a text that is none: anybody can edit a tag.

    It is longer than the one that a profile may name, by the name of the deployment.
    """
    folder = tags.get(FOLDER_TAG, "")
    return folder if re.fullmatch(S3_FOLDER, folder) else None


def _made_for(tags: Tags) -> str:
    """For whom something was made, as far as its tags say."""
    if PROFILE_TAG not in tags:
        return ""
    return f" (made for {tags[PROFILE_TAG]} / {tags.get(HARDWARE_TAG)})"
