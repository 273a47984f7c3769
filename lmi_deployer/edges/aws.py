"""One AWS account, in the words of the planner and the deployer."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from lmi_deployer.bundle import MANIFEST_FILE, Bundle
from lmi_deployer.deployment import DEPLOYMENT_TAG, NAME_HASH_CHARACTERS, Request, Target
from lmi_deployer.edges.aws_calls import AwsSettings, Calls, explained, is_not_found
from lmi_deployer.errors import AwsError, InputError
from lmi_deployer.state import ObservedEndpoint, ObservedState

CONSISTENCY_ATTEMPTS = 10
"""A configuration just made may not be seen by CreateEndpoint for some seconds."""
MAX_READ_BYTES = 1_000_000


class Aws:
    """One account and region, as the planner and the deployer need it."""

    def __init__(self, settings: AwsSettings) -> None:
        self._settings = settings
        self._calls = Calls(settings)
        self.region = self._calls.region

    @property
    def account(self) -> str:
        """Number of the account that the credentials belong to."""
        return self._calls.account

    @property
    def artifacts(self) -> str:
        """S3 folder for rendered files, unless the profile names one.

        The default is the bucket that the SageMaker SDK and console use as well.
        """
        default = f"s3://sagemaker-{self.region}-{self.account}/lmi-deploy/"
        return self._settings.artifacts or default

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
        return Target(
            region=self.region,
            partition=self._calls.partition,
            account=self.account,
            role_arn=role_arn,
            artifacts=artifacts or self.artifacts,
        )

    # Reading

    def observe(self, deployment: str, folder: str) -> ObservedState:
        """Everything that carries the name and tags of a deployment; changes nothing."""
        endpoint = self.endpoint(deployment)
        foreign: tuple[str, ...] = ()
        tags = None if endpoint is None else self._tags(self._arn("endpoint", deployment))
        if endpoint is None or tags is None:
            endpoint = None  # it may have gone between the two calls
        elif tags.get(DEPLOYMENT_TAG) == deployment:
            endpoint = replace(endpoint, tags=tags)
        else:
            foreign = (f"endpoint {deployment}",)
        return ObservedState(
            endpoint=endpoint,
            endpoint_configs=self._ours("EndpointConfig", "ListEndpointConfigs", deployment),
            models=self._ours("Model", "ListModels", deployment),
            objects=self._objects(folder),
            foreign=foreign,
        )

    def endpoint(self, name: str) -> ObservedEndpoint | None:
        """The endpoint as it is now, without its tags, or None."""
        found = self._calls.find("DescribeEndpoint", EndpointName=name)
        if found is None:
            return None
        pending = found.get("PendingDeploymentSummary") or {}
        return ObservedEndpoint(
            status=found["EndpointStatus"],
            endpoint_config_name=found["EndpointConfigName"],
            pending_config_name=pending.get("EndpointConfigName"),
            failure_reason=found.get("FailureReason"),
        )

    def endpoint_config(self, name: str) -> Mapping[str, Any] | None:
        """What DescribeEndpointConfig says, or None."""
        return self._calls.find("DescribeEndpointConfig", EndpointConfigName=name)

    def deployments(self) -> list[str]:
        """Names of all endpoints in the region that this tool made."""
        listed = self._calls.pages("sagemaker", "ListEndpoints", "Endpoints")
        return sorted(
            item["EndpointName"]
            for item in listed
            if (self._tags(item["EndpointArn"]) or {}).get(DEPLOYMENT_TAG) == item["EndpointName"]
        )

    def _ours(self, kind: str, operation: str, deployment: str) -> tuple[str, ...]:
        """Names of the models or configurations that a deployment's own tag marks as its own."""
        prefix = f"{deployment}-"
        listed = self._calls.pages("sagemaker", operation, f"{kind}s", NameContains=prefix)
        pattern = re.compile(rf"{re.escape(prefix)}[0-9a-f]{{{NAME_HASH_CHARACTERS}}}")
        return tuple(
            sorted(
                item[f"{kind}Name"]
                for item in listed
                if pattern.fullmatch(item[f"{kind}Name"])
                and (self._tags(item[f"{kind}Arn"]) or {}).get(DEPLOYMENT_TAG) == deployment
            )
        )

    def _tags(self, arn: str) -> dict[str, str] | None:
        """The tags of a thing, or None when it is gone."""
        try:
            listed = list(self._calls.pages("sagemaker", "ListTags", "Tags", ResourceArn=arn))
        except AwsError as error:
            if is_not_found(error):
                return None
            raise
        return {tag["Key"]: tag["Value"] for tag in listed}

    def _objects(self, folder: str) -> dict[str, str | None]:
        bucket, prefix = _split_s3(folder)
        listed = self._calls.pages("s3", "ListObjectsV2", "Contents", Bucket=bucket, Prefix=prefix)
        return {item["Key"].removeprefix(prefix): self._sha256(bucket, item) for item in listed}

    def _sha256(self, bucket: str, item: Mapping[str, Any]) -> str | None:
        """Hash of an object's content; None for one too large to be a rendered file."""
        if item["Size"] > MAX_READ_BYTES:
            return None
        with explained(f"reading s3://{bucket}/{item['Key']}"):
            found = self._calls.call("s3", "GetObject", Bucket=bucket, Key=item["Key"])
            body = found["Body"].read()
        return hashlib.sha256(body).hexdigest()

    # Changing

    def upload(self, folder: str, bundle: Bundle) -> None:
        """Put every file of the bundle below the folder; the manifest last, to mark the rest."""
        bucket, prefix = _split_s3(folder)
        for path, content in {**bundle.files, MANIFEST_FILE: bundle.manifest}.items():
            self._calls.call("s3", "PutObject", Bucket=bucket, Key=f"{prefix}{path}", Body=content)

    def delete_objects(self, folder: str, paths: tuple[str, ...]) -> None:
        """Delete objects below the folder. Deleting what is gone already is fine."""
        bucket, prefix = _split_s3(folder)
        for path in paths:
            self._calls.call("s3", "DeleteObject", Bucket=bucket, Key=f"{prefix}{path}")

    def create_model(self, request: Request) -> None:
        """Create a model; its name holds a hash of its content, so one that exists will do."""
        self._create("CreateModel", request, "model", request["ModelName"])

    def create_endpoint_config(self, request: Request) -> None:
        """Create an endpoint configuration; as for models, one that exists will do."""
        name = request["EndpointConfigName"]
        self._create("CreateEndpointConfig", request, "endpoint-config", name)

    def create_endpoint(self, request: Request, pause: Callable[[float], None]) -> None:
        """Create an endpoint, waiting until SageMaker sees the configuration it names."""
        self._when_consistent("CreateEndpoint", request, pause)

    def update_endpoint(
        self, name: str, endpoint_config: str, pause: Callable[[float], None]
    ) -> None:
        """Move an endpoint to another configuration."""
        request = {"EndpointName": name, "EndpointConfigName": endpoint_config}
        self._when_consistent("UpdateEndpoint", request, pause)

    def tag_endpoint(self, name: str, tags: Mapping[str, str]) -> None:
        """Add tags to an endpoint, or change their values."""
        listed = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        self._calls.call(
            "sagemaker", "AddTags", ResourceArn=self._arn("endpoint", name), Tags=listed
        )

    def delete_endpoint(self, name: str) -> None:
        """Delete an endpoint, if it is there."""
        self._calls.find("DeleteEndpoint", EndpointName=name)

    def delete_endpoint_config(self, name: str) -> None:
        """Delete an endpoint configuration, if it is there."""
        self._calls.find("DeleteEndpointConfig", EndpointConfigName=name)

    def delete_model(self, name: str) -> None:
        """Delete a model, if it is there."""
        self._calls.find("DeleteModel", ModelName=name)

    # Calling the model

    def invoke(self, endpoint: str, body: bytes) -> bytes:
        """The answer of a real-time endpoint. Sent once; raises AwsError."""
        return self._calls.invoke(endpoint, body)

    # How the calls above are made

    def _create(self, operation: str, request: Request, kind: str, name: str) -> None:
        try:
            self._calls.call("sagemaker", operation, **request)
        except AwsError as error:
            if "already existing" not in str(error):
                raise
            deployment = {tag["Key"]: tag["Value"] for tag in request["Tags"]}[DEPLOYMENT_TAG]
            tags = self._tags(self._arn(kind, name)) or {}
            if tags.get(DEPLOYMENT_TAG) != deployment:
                raise

    def _when_consistent(
        self, operation: str, request: Request, pause: Callable[[float], None]
    ) -> None:
        for attempt in range(1, CONSISTENCY_ATTEMPTS + 1):
            try:
                self._calls.call("sagemaker", operation, **request)
            except AwsError as error:
                is_unseen = "Could not find endpoint configuration" in str(error)
                if not is_unseen or attempt == CONSISTENCY_ATTEMPTS:
                    raise
                pause(attempt)
            else:
                return

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:{self._calls.partition}:sagemaker:{self.region}:{self.account}:{kind}/{name}"


def _split_s3(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.netloc, parts.path.lstrip("/")
