"""One AWS account, in the words of the planner and the deployer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lmi_deployer.deployment import (
    DEPLOYMENT_TAG,
    FOLDER_TAG,
    HARDWARE_TAG,
    NAME_HASH_CHARACTERS,
    PROFILE_TAG,
    Identity,
    Request,
    Target,
)
from lmi_deployer.edges.aws_calls import is_not_found
from lmi_deployer.edges.aws_s3 import AwsStorage
from lmi_deployer.errors import AwsError, InputError
from lmi_deployer.s3 import bucket_and_key
from lmi_deployer.state import ObservedEndpoint, ObservedState, Tags
from lmi_deployer.steps import Kind

CONSISTENCY_ATTEMPTS = 10
"""What was just made may not be seen by the next call for some seconds."""
ARN_FROM: Mapping[Kind, tuple[str, str, str]] = {
    "model": ("DescribeModel", "ModelName", "ModelArn"),
    "endpoint-config": ("DescribeEndpointConfig", "EndpointConfigName", "EndpointConfigArn"),
    "endpoint": ("DescribeEndpoint", "EndpointName", "EndpointArn"),
}
"""Kind: (the call that describes it, its name there, its ARN in the answer)."""


class Aws(AwsStorage):
    """One account and region."""

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

    # Reading

    def observe(self, identity: Identity) -> ObservedState:
        """Everything that carries the name and tags of a deployment; changes nothing."""
        name = identity.deployment
        found = self.calls.find("DescribeEndpoint", EndpointName=name)
        tags = None if found is None else self._tags(found["EndpointArn"])
        endpoint, foreign = None, []
        if found is not None and tags is not None:  # it may go between the two calls
            if identity.owns(tags):
                endpoint = replace(_endpoint(found), tags=tags)
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
        folders = {identity.folder, *(tags[FOLDER_TAG] for tags in ours if FOLDER_TAG in tags)}
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

    def endpoint(self, name: str) -> ObservedEndpoint | None:
        """The endpoint as it is now, without its tags, or None."""
        found = self.calls.find("DescribeEndpoint", EndpointName=name)
        return None if found is None else _endpoint(found)

    def endpoint_config(self, name: str) -> Mapping[str, Any] | None:
        """What DescribeEndpointConfig says, or None."""
        return self.calls.find("DescribeEndpointConfig", EndpointConfigName=name)

    def model(self, name: str) -> Mapping[str, Any] | None:
        """What DescribeModel says, or None."""
        return self.calls.find("DescribeModel", ModelName=name)

    def endpoint_tags(self, name: str) -> Tags:
        """The tags of an endpoint; none where there is no such endpoint."""
        return self._tags_of("endpoint", name) or {}

    def deployments(self) -> list[str]:
        """Names of all endpoints in the region that this tool made."""
        return sorted(self._made_here())

    def renamed(self, identity: Identity) -> list[str]:
        """Endpoints of the same hardware profile under another name, as a renaming leaves them."""
        return sorted(
            name
            for name, tags in self._made_here().items()
            if name != identity.deployment and replace(identity, deployment=name).owns(tags)
        )

    def _made_here(self) -> dict[str, Tags]:
        """Every endpoint in the region that this tool made, with its tags."""
        listed = self.calls.pages("sagemaker", "ListEndpoints", "Endpoints")
        tagged = {item["EndpointName"]: self._tags(item["EndpointArn"]) or {} for item in listed}
        return {name: tags for name, tags in tagged.items() if tags.get(DEPLOYMENT_TAG) == name}

    def identity(self, deployment: str) -> Identity | None:
        """Whose a deployment is, by the tags of whatever is left of it; None if nothing is."""
        found = [
            self._tags_of("endpoint", deployment) or {},
            *self._named("EndpointConfig", "ListEndpointConfigs", deployment).values(),
            *self._named("Model", "ListModels", deployment).values(),
        ]
        for tags in found:
            if tags.get(DEPLOYMENT_TAG) == deployment and FOLDER_TAG in tags:
                return Identity(
                    deployment=deployment,
                    profile=tags.get(PROFILE_TAG, ""),
                    hardware=tags.get(HARDWARE_TAG, ""),
                    folder=tags[FOLDER_TAG],
                )
        return None

    def live_role(self, deployment: str) -> str | None:
        """The execution role of the model behind a live endpoint, or None."""
        endpoint = self.endpoint(deployment)
        config = self.endpoint_config(endpoint.endpoint_config_name) if endpoint else None
        if config is None:
            return None
        model = self.model(config["ProductionVariants"][0]["ModelName"])
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

    def _tags(self, arn: str) -> dict[str, str] | None:
        """The tags of a thing, or None when it is gone."""
        try:
            listed = list(self.calls.pages("sagemaker", "ListTags", "Tags", ResourceArn=arn))
        except AwsError as error:
            if is_not_found(error):
                return None
            raise
        return {tag["Key"]: tag["Value"] for tag in listed}

    # Changing

    def create_model(self, request: Request) -> None:
        """Create a model; its name holds a hash of its content, so one that exists will do."""
        self._create("CreateModel", request, "model", request["ModelName"])

    def create_endpoint_config(self, request: Request, pause: Callable[[float], None]) -> None:
        """Create an endpoint configuration; as for models, one that exists will do."""
        name = request["EndpointConfigName"]

        def create() -> None:
            self._create("CreateEndpointConfig", request, "endpoint-config", name)

        _when_seen("Could not find model", create, pause)

    def create_endpoint(self, request: Request, pause: Callable[[float], None]) -> None:
        """Create an endpoint, waiting until SageMaker sees the configuration it names."""
        self._move("CreateEndpoint", request, pause)

    def update_endpoint(
        self, name: str, endpoint_config: str, pause: Callable[[float], None]
    ) -> None:
        """Move an endpoint to another configuration, unless it is there already."""
        now = self.endpoint(name)
        is_there = now is not None and now.endpoint_config_name == endpoint_config
        if is_there and now is not None and now.status == "InService":
            return
        request = {"EndpointName": name, "EndpointConfigName": endpoint_config}
        self._move("UpdateEndpoint", request, pause)

    def add_tags(self, kind: Kind, name: str, tags: Mapping[str, str]) -> None:
        """Add tags to something, or change their values."""
        listed = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        arn = self._arn(kind, name)
        self.calls.call("sagemaker", "AddTags", ResourceArn=arn, Tags=listed)

    def delete_endpoint(self, name: str) -> None:
        """Delete an endpoint, if it is there."""
        self.calls.find("DeleteEndpoint", EndpointName=name)

    def delete_endpoint_config(self, name: str) -> None:
        """Delete an endpoint configuration, if it is there."""
        self.calls.find("DeleteEndpointConfig", EndpointConfigName=name)

    def delete_model(self, name: str) -> None:
        """Delete a model, if it is there."""
        self.calls.find("DeleteModel", ModelName=name)

    def invoke(self, endpoint: str, body: bytes) -> bytes:
        """The answer of a real-time endpoint. Sent once.

        Raises AwsError, or DeploymentError when it is the model that fails.
        """
        return self.calls.invoke(endpoint, body)

    def _create(self, operation: str, request: Request, kind: Kind, name: str) -> None:
        try:
            self.calls.call("sagemaker", operation, **request)
        except AwsError as error:
            ours = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
            if "already existing" not in str(error):
                raise
            if (self._tags_of(kind, name) or {}).get(DEPLOYMENT_TAG) != ours[DEPLOYMENT_TAG]:
                raise

    def _move(self, operation: str, request: Request, pause: Callable[[float], None]) -> None:
        """Create or update an endpoint.

        A lost answer makes botocore send the request again, and SageMaker then refuses what it has
        already taken on; that is as good as done.
        """

        def move() -> None:
            try:
                self.calls.call("sagemaker", operation, **request)
            except AwsError as error:
                if "already existing" not in str(error) and "in-progress" not in str(error):
                    raise
                now = self.endpoint(request["EndpointName"])
                if now is None or now.heading_for != request["EndpointConfigName"]:
                    raise

        _when_seen("Could not find endpoint configuration", move, pause)

    def _tags_of(self, kind: Kind, name: str) -> dict[str, str] | None:
        """The tags of a named thing, or None when there is no such thing."""
        arn = self._arn(kind, name)
        return None if arn is None else self._tags(arn)

    def _arn(self, kind: Kind, name: str) -> str | None:
        """The ARN of a named thing as SageMaker spells it, or None when there is no such thing."""
        operation, key, field = ARN_FROM[kind]
        found = self.calls.find(operation, **{key: name})
        return None if found is None else str(found[field])


def _endpoint(found: Mapping[str, Any]) -> ObservedEndpoint:
    """What DescribeEndpoint says, as the planner needs it."""
    pending = found.get("PendingDeploymentSummary") or {}
    return ObservedEndpoint(
        status=found["EndpointStatus"],
        endpoint_config_name=found["EndpointConfigName"],
        pending_config_name=pending.get("EndpointConfigName"),
        failure_reason=found.get("FailureReason"),
    )


def _when_seen(unseen: str, call: Callable[[], None], pause: Callable[[float], None]) -> None:
    """Call until AWS sees what was made just before; `unseen` is what it says until then."""
    for attempt in range(1, CONSISTENCY_ATTEMPTS + 1):
        try:
            call()
        except AwsError as error:
            if unseen not in str(error) or attempt == CONSISTENCY_ATTEMPTS:
                raise
            pause(attempt)
        else:
            return


def _made_for(tags: Tags) -> str:
    """For whom something was made, as far as its tags say."""
    if PROFILE_TAG not in tags:
        return ""
    return f" (made for {tags[PROFILE_TAG]} / {tags.get(HARDWARE_TAG)})"
