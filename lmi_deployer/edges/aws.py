"""AWS: the one module that imports boto3. Every call goes through `_call`, checked beforehand."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from lmi_deployer import __version__
from lmi_deployer.bundle import MANIFEST_FILE, Bundle
from lmi_deployer.deployment import DEPLOYMENT_TAG, NAME_HASH_CHARACTERS, Request, Target
from lmi_deployer.errors import AwsError, CredentialsError, InputError, MissingExtraError
from lmi_deployer.request_check import check_request
from lmi_deployer.state import ObservedEndpoint, ObservedState

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        NoRegionError,
        PartialCredentialsError,
        ProfileNotFound,
        SSOError,
        TokenRetrievalError,
    )
except ImportError as error:
    raise MissingExtraError(
        f"talking to AWS needs {error.name}", fix="pip install 'lmi-deploy[aws]'"
    ) from error

CONTROL_ATTEMPTS = 5
INVOKE_TIMEOUT_SECONDS = 70
"""The container has 60 seconds to answer InvokeEndpoint; the API reference advises 70 to clients.

Sent once only: botocore's defaults would send a slow request to the model three times.
"""
CONSISTENCY_ATTEMPTS = 10
"""A configuration just made may not be seen by CreateEndpoint for some seconds."""
MAX_READ_BYTES = 1_000_000
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
FIXES: Mapping[str, str] = {
    "AccessDenied": "the credentials need the permission named above",
    "AccessDeniedException": "the credentials need the permission named above",
    "NoSuchBucket": "create the bucket, or name another one with --artifacts s3://bucket/prefix/",
    "ResourceLimitExceeded": "ask for a higher quota in the Service Quotas console",
    "InvalidClientTokenId": "sign in again, or name other credentials with --aws-profile",
    "UnrecognizedClientException": "sign in again, or name other credentials with --aws-profile",
}


@dataclass(frozen=True, kw_only=True)
class AwsSettings:
    """How to reach an account. None means what the AWS configuration of the machine says."""

    region: str | None = None
    aws_profile: str | None = None
    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    role_arn: str | None = None
    artifacts: str | None = None


@contextmanager
def explained(action: str) -> Iterator[None]:
    """Turn a botocore failure inside the block into an AwsError that says what we were doing."""
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise CredentialsError(
            f"{action}: there are no AWS credentials",
            fix="`aws configure sso`, --aws-profile NAME, or try it without an account: --sandbox",
        ) from error
    except (SSOError, TokenRetrievalError) as error:
        raise CredentialsError(f"{action}: {error}", fix="`aws sso login`") from error
    except NoRegionError as error:
        raise InputError(f"{action}: no region is set", fix="--region us-east-1") from error
    except ProfileNotFound as error:
        fix = "--aws-profile with a profile of ~/.aws/config"
        raise InputError(f"{action}: {error}", fix=fix) from error
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        detail = error.response.get("Error", {}).get("Message", str(error))
        if code in EXPIRED:
            fix = "sign in again"
            raise CredentialsError(f"{action}: {detail} ({code})", fix=fix) from error
        raise AwsError(f"{action}: {detail} ({code})", fix=FIXES.get(code)) from error
    except BotoCoreError as error:
        raise AwsError(f"{action}: {error}") from error


class Aws:
    """One account and region, as the planner and the deployer need it."""

    def __init__(self, settings: AwsSettings) -> None:
        self._settings = settings
        with explained("connecting to AWS"):
            self._session = boto3.Session(
                profile_name=settings.aws_profile,
                region_name=settings.region,
                aws_access_key_id=settings.access_key_id,
                aws_secret_access_key=settings.secret_access_key,
            )
            if self._session.region_name is None:
                raise NoRegionError
            if self._session.get_credentials() is None:
                raise NoCredentialsError
        self.region: str = self._session.region_name

    @cached_property
    def account(self) -> str:
        """Number of the account that the credentials belong to."""
        return str(self._call("sts", "GetCallerIdentity")["Account"])

    @cached_property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`."""
        return self._session.get_partition_for_region(self.region)

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
            partition=self.partition,
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
        found = self._find("DescribeEndpoint", EndpointName=name)
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
        return self._find("DescribeEndpointConfig", EndpointConfigName=name)

    def deployments(self) -> list[str]:
        """Names of all endpoints in the region that this tool made."""
        listed = self._pages("sagemaker", "ListEndpoints", "Endpoints")
        return sorted(
            item["EndpointName"]
            for item in listed
            if (self._tags(item["EndpointArn"]) or {}).get(DEPLOYMENT_TAG) == item["EndpointName"]
        )

    def _ours(self, kind: str, operation: str, deployment: str) -> tuple[str, ...]:
        """Names of the models or configurations that a deployment's own tag marks as its own."""
        listed = self._pages("sagemaker", operation, f"{kind}s", NameContains=f"{deployment}-")
        pattern = re.compile(rf"{re.escape(deployment)}-[0-9a-f]{{{NAME_HASH_CHARACTERS}}}")
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
            listed = list(self._pages("sagemaker", "ListTags", "Tags", ResourceArn=arn))
        except AwsError as error:
            if _is_not_found(error):
                return None
            raise
        return {tag["Key"]: tag["Value"] for tag in listed}

    def _objects(self, folder: str) -> dict[str, str | None]:
        bucket, prefix = _split_s3(folder)
        listed = self._pages("s3", "ListObjectsV2", "Contents", Bucket=bucket, Prefix=prefix)
        return {item["Key"].removeprefix(prefix): self._sha256(bucket, item) for item in listed}

    def _sha256(self, bucket: str, item: Mapping[str, Any]) -> str | None:
        """Hash of an object's content; None for one too large to be a rendered file."""
        if item["Size"] > MAX_READ_BYTES:
            return None
        with explained(f"reading s3://{bucket}/{item['Key']}"):
            body = self._call("s3", "GetObject", Bucket=bucket, Key=item["Key"])["Body"].read()
        return hashlib.sha256(body).hexdigest()

    # Changing

    def upload(self, folder: str, bundle: Bundle) -> None:
        """Put every file of the bundle below the folder; the manifest last, to mark the rest."""
        bucket, prefix = _split_s3(folder)
        for path, content in {**bundle.files, MANIFEST_FILE: bundle.manifest}.items():
            self._call("s3", "PutObject", Bucket=bucket, Key=f"{prefix}{path}", Body=content)

    def delete_objects(self, folder: str, paths: tuple[str, ...]) -> None:
        """Delete objects below the folder. Deleting what is gone already is fine."""
        bucket, prefix = _split_s3(folder)
        for path in paths:
            self._call("s3", "DeleteObject", Bucket=bucket, Key=f"{prefix}{path}")

    def create_model(self, request: Request) -> None:
        """Create a model; its name holds a hash of its content, so one that exists will do."""
        self._create("CreateModel", request, "model", request["ModelName"])

    def create_endpoint_config(self, request: Request) -> None:
        """Create an endpoint configuration; as for models, one that exists will do."""
        name = request["EndpointConfigName"]
        self._create("CreateEndpointConfig", request, "endpoint-config", name)

    def create_endpoint(self, request: Request, pause: Callable[[float], None]) -> None:
        """Create an endpoint, waiting until SageMaker sees the configuration it names."""
        self._when_consistent(lambda: self._call("sagemaker", "CreateEndpoint", **request), pause)

    def update_endpoint(
        self, name: str, endpoint_config: str, pause: Callable[[float], None]
    ) -> None:
        """Move an endpoint to another configuration."""
        request = {"EndpointName": name, "EndpointConfigName": endpoint_config}
        self._when_consistent(lambda: self._call("sagemaker", "UpdateEndpoint", **request), pause)

    def tag_endpoint(self, name: str, tags: Mapping[str, str]) -> None:
        """Add tags to an endpoint, or change their values."""
        listed = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        self._call("sagemaker", "AddTags", ResourceArn=self._arn("endpoint", name), Tags=listed)

    def delete_endpoint(self, name: str) -> None:
        """Delete an endpoint, if it is there."""
        self._find("DeleteEndpoint", EndpointName=name)

    def delete_endpoint_config(self, name: str) -> None:
        """Delete an endpoint configuration, if it is there."""
        self._find("DeleteEndpointConfig", EndpointConfigName=name)

    def delete_model(self, name: str) -> None:
        """Delete a model, if it is there."""
        self._find("DeleteModel", ModelName=name)

    # Calling the model

    def invoke(self, endpoint: str, body: bytes) -> bytes:
        """The answer of a real-time endpoint. Sent once; raises AwsError."""
        config = Config(
            read_timeout=INVOKE_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 1},
        )
        with explained(f"invoking {endpoint}"):
            client: Any = self._session.client(
                "sagemaker-runtime", config=config, endpoint_url=self._settings.endpoint_url
            )
            answer = client.invoke_endpoint(
                EndpointName=endpoint, ContentType="application/json", Body=body
            )
            return bytes(answer["Body"].read())

    # The one way out

    def _create(self, operation: str, request: Request, kind: str, name: str) -> None:
        try:
            self._call("sagemaker", operation, **request)
        except AwsError as error:
            if "already existing" not in str(error):
                raise
            deployment = {tag["Key"]: tag["Value"] for tag in request["Tags"]}[DEPLOYMENT_TAG]
            tags = self._tags(self._arn(kind, name)) or {}
            if tags.get(DEPLOYMENT_TAG) != deployment:
                raise

    def _when_consistent(self, call: Callable[[], object], pause: Callable[[float], None]) -> None:
        for attempt in range(1, CONSISTENCY_ATTEMPTS + 1):
            try:
                call()
            except AwsError as error:
                is_unseen = "Could not find endpoint configuration" in str(error)
                if not is_unseen or attempt == CONSISTENCY_ATTEMPTS:
                    raise
                pause(attempt)
            else:
                return

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:{self.partition}:sagemaker:{self.region}:{self.account}:{kind}/{name}"

    def _find(self, operation: str, **request: Any) -> dict[str, Any] | None:
        """The answer of a call about one named thing, or None when there is no such thing."""
        try:
            return self._call("sagemaker", operation, **request)
        except AwsError as error:
            if _is_not_found(error):
                return None
            raise

    def _pages(self, service: str, operation: str, key: str, **request: Any) -> Iterator[Any]:
        """Every item of a listing, over all of its pages."""
        token_in, token_out = (
            ("ContinuationToken", "NextContinuationToken")
            if service == "s3"
            else ("NextToken", "NextToken")
        )
        while True:
            page = self._call(service, operation, **request)
            yield from page.get(key, ())
            if not page.get(token_out):
                return
            request[token_in] = page[token_out]

    def _call(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """Check a request against the service's model, and send it."""
        problems = check_request(service, operation, request)
        if problems:
            listed = "; ".join(f"{item.path}: {item.problem}" for item in problems)
            raise InputError(f"{operation} would be refused: {listed}", fix=problems[0].fix)
        with explained(_action(operation, request)):
            method = getattr(self._client(service), _snake(operation))
            answer: dict[str, Any] = method(**request)
            return answer

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            config = Config(
                retries={"mode": "standard", "total_max_attempts": CONTROL_ATTEMPTS},
                user_agent_extra=f"lmi-deploy/{__version__}",
            )
            client: Any = self._session.client(  # type: ignore[call-overload]
                service, config=config, endpoint_url=self._settings.endpoint_url
            )
            self._clients[service] = client
        return self._clients[service]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}


def _is_not_found(error: AwsError) -> bool:
    """True when SageMaker says there is no such thing.

    It answers ValidationException then, as for many other reasons; only the text tells them apart.
    """
    return "Could not find" in str(error) or "ResourceNotFound" in str(error)


def _action(operation: str, request: Mapping[str, Any]) -> str:
    """A call in words, with the thing it is about: `CreateModel llama2-70b-p4d-1a2b3c4d`."""
    names = ("EndpointName", "EndpointConfigName", "ModelName", "Bucket", "ResourceArn")
    subject = next((str(request[name]) for name in names if name in request), "")
    return f"{operation} {subject}".strip()


def _snake(operation: str) -> str:
    """`CreateModel` as boto3 spells it: `create_model`; `ListObjectsV2` is `list_objects_v2`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()


def _split_s3(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.netloc, parts.path.lstrip("/")
