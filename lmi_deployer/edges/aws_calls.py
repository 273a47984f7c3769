"""Calls to AWS: the one module that imports boto3. Every request is checked before it is sent."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lmi_deployer import __version__
from lmi_deployer.catalog import names
from lmi_deployer.errors import (
    AwsError,
    CredentialsError,
    DeploymentError,
    InputError,
    MissingExtraError,
    UnreachableError,
)
from lmi_deployer.nearest import did_you_mean
from lmi_deployer.request_check import check_request
from lmi_deployer.secrets import redacted

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        NoRegionError,
        ParamValidationError,
        PartialCredentialsError,
        ProfileNotFound,
        ReadTimeoutError,
        SSOError,
        TokenRetrievalError,
        UnknownRegionError,
    )
    from botocore.session import Session
except ImportError as error:
    raise MissingExtraError(
        f"talking to AWS needs {error.name}", fix="pip install 'lmi-deploy[aws]'"
    ) from error

CONTROL_ATTEMPTS = 5
READ_TIMEOUT_SECONDS = 60
INVOKE_TIMEOUT_SECONDS = 70
"""The container has 60 seconds to answer InvokeEndpoint; the API reference advises 70 to clients.

Sent once only: botocore's defaults would send a slow request to the model three times.
"""
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
FIXES: Mapping[str, str] = {
    "AccessDenied": "the credentials need the permission named above",
    "AccessDeniedException": "the credentials need the permission named above",
    "NoSuchBucket": "create the bucket with `aws s3 mb`, or name another with --artifacts",
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
    secret_access_key: str | None = field(default=None, repr=False)
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
    except UnknownRegionError as error:
        fix = did_you_mean(str(error).rpartition("'")[0].rpartition("'")[2], names("registries"))
        raise InputError(f"{action}: {error}", fix=fix) from error
    except BotoCoreError as error:
        is_unsent = isinstance(error, ParamValidationError)
        kind = AwsError if is_unsent else UnreachableError
        raise kind(f"{action}: {' '.join(str(error).split())}") from error
    except ValueError as error:  # boto3's word for an endpoint address that is none
        raise InputError(f"{action}: {error}", fix="AWS_ENDPOINT_URL with a whole URL") from error


class Calls:
    """Calls to one account and region, named as the API names them."""

    def __init__(self, settings: AwsSettings) -> None:
        self._endpoint_url = settings.endpoint_url
        with explained("connecting to AWS"):
            self._session = boto3.Session(
                profile_name=settings.aws_profile,
                region_name=settings.region or os.environ.get("AWS_REGION"),
                aws_access_key_id=settings.access_key_id,
                aws_secret_access_key=settings.secret_access_key,
                botocore_session=None if settings.access_key_id is None else _isolated(),
            )
            if self._session.region_name is None:
                raise NoRegionError
            if self._session.get_credentials() is None:
                raise NoCredentialsError
            self.region: str = self._session.region_name
            # Told early: a mistyped region would otherwise end as a host that cannot be found.
            self._session.get_partition_for_region(self.region)

    @cached_property
    def account(self) -> str:
        """Number of the account that the credentials belong to."""
        return str(self.call("sts", "GetCallerIdentity")["Account"])

    def find(self, operation: str, **request: Any) -> dict[str, Any] | None:
        """The answer of a call about one named thing, or None when there is no such thing."""
        try:
            return self.call("sagemaker", operation, **request)
        except AwsError as error:
            if is_not_found(error):
                return None
            raise

    def pages(self, service: str, operation: str, key: str, **request: Any) -> Iterator[Any]:
        """Every item of a listing, over all of its pages."""
        token_in, token_out = (
            ("ContinuationToken", "NextContinuationToken")
            if service == "s3"
            else ("NextToken", "NextToken")
        )
        while True:
            page = self.call(service, operation, **request)
            yield from page.get(key, ())
            if not page.get(token_out):
                return
            request[token_in] = page[token_out]

    def call(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """Check a request against the service's model, and send it."""
        _refuse_invalid(service, operation, request)
        with explained(_action(operation, request)):
            method = getattr(self.client(service), _snake(operation))
            answer: dict[str, Any] = method(**request)
            return answer

    def invoke(self, endpoint: str, body: bytes) -> bytes:
        """The answer of a real-time endpoint. Sent once.

        Raises AwsError, or DeploymentError when it is the model that fails.
        """
        request = {"EndpointName": endpoint, "ContentType": "application/json", "Body": body}
        _refuse_invalid("sagemaker-runtime", "InvokeEndpoint", request)
        config = self._config(read_timeout=INVOKE_TIMEOUT_SECONDS, attempts=1)
        with explained(f"invoking {endpoint}"):
            client: Any = self._session.client(
                "sagemaker-runtime", config=config, endpoint_url=self._endpoint_url
            )
            try:
                return bytes(client.invoke_endpoint(**request)["Body"].read())
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") != "ModelError":
                    raise
                raise _model_error(endpoint, error.response) from error
            except ReadTimeoutError as error:
                raise DeploymentError(
                    f"{endpoint} did not answer within {INVOKE_TIMEOUT_SECONDS} seconds",
                    fix="a shorter answer; SageMaker gives a model 60 seconds",
                ) from error

    def _config(self, *, attempts: int, read_timeout: int = READ_TIMEOUT_SECONDS) -> Config:
        is_local = (self._endpoint_url or "").startswith("http://127.0.0.1:")
        return Config(
            read_timeout=read_timeout,
            retries={"mode": "standard", "total_max_attempts": attempts},
            user_agent_extra=f"lmi-deploy/{__version__}",
            proxies={} if is_local else None,
        )

    def client(self, service: str) -> Any:
        """The client of a service; `call` is for all but whole files."""
        if service not in self._clients:
            config = self._config(attempts=CONTROL_ATTEMPTS)
            client: Any = self._session.client(  # type: ignore[call-overload]
                service, config=config, endpoint_url=self._endpoint_url
            )
            self._clients[service] = client
        return self._clients[service]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}


def _isolated() -> Session:
    """A session for credentials given in full: what else the machine configures plays no part."""
    nothing = {"profile": (None, None, None, None)}
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    return Session(session_vars={**nothing, **files})


def _refuse_invalid(service: str, operation: str, request: Mapping[str, Any]) -> None:
    problems = check_request(service, operation, request)
    if problems:
        listed = "; ".join(f"{item.path}: {item.problem}" for item in problems)
        raise InputError(f"{operation} would be refused: {listed}", fix=problems[0].fix)


def _model_error(endpoint: str, response: Mapping[str, Any]) -> DeploymentError:
    status = response.get("OriginalStatusCode", "unknown")
    message = response.get("OriginalMessage") or response.get("Error", {}).get("Message", "")
    log = response.get("LogStreamArn")
    return DeploymentError(
        f"the model behind {endpoint} failed with status {status}: {redacted(str(message))[:500]}",
        fix=f"the reason is in {log}" if log else "the reason is in the endpoint's log",
    )


def is_not_found(error: AwsError) -> bool:
    """True when SageMaker says there is no such thing.

    It answers ValidationException then, as for many other reasons; only the text tells them apart.
    """
    return "Could not find" in str(error) or "ResourceNotFound" in str(error)


def _action(operation: str, request: Mapping[str, Any]) -> str:
    """A call in words, with the thing it is about: `CreateModel llama2-70b-p4d-1a2b3c4d`."""
    if "Key" in request:
        return f"{operation} s3://{request['Bucket']}/{request['Key']}"
    names = ("EndpointName", "EndpointConfigName", "ModelName", "Bucket", "ResourceArn")
    subject = next((str(request[name]) for name in names if name in request), "")
    return f"{operation} {subject}".strip()


def _snake(operation: str) -> str:
    """`CreateModel` as boto3 spells it: `create_model`; `ListObjectsV2` is `list_objects_v2`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()
