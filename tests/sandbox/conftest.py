"""A running sandbox with clients for it, and moto without the sandbox to compare with."""

from __future__ import annotations

import http.client
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from lmi_deployer.sandbox import SandboxSettings, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})
VARIANT: dict[str, Any] = {
    "VariantName": "AllTraffic",
    "ModelName": "chat",
    "InstanceType": "ml.g5.12xlarge",
    "InitialInstanceCount": 1,
}


@dataclass(frozen=True)
class Aws:
    """A sandbox as its users see it."""

    settings: SandboxSettings
    session: boto3.Session = field(repr=False)

    def client(self, service: str) -> Any:
        return self.session.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.settings.endpoint_url,
            region_name=self.settings.region,
            aws_access_key_id=self.settings.access_key_id,
            aws_secret_access_key=self.settings.secret_access_key,
            config=ONE_ATTEMPT,
        )

    @cached_property
    def sagemaker(self) -> SageMakerClient:
        client: SageMakerClient = self.client("sagemaker")
        return client

    @cached_property
    def runtime(self) -> SageMakerRuntimeClient:
        client: SageMakerRuntimeClient = self.client("sagemaker-runtime")
        return client

    @cached_property
    def s3(self) -> S3Client:
        client: S3Client = self.client("s3")
        return client

    @property
    def bucket(self) -> str:
        return self.settings.artifacts.split("/")[2]

    def http(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and parsed body of a plain request, as to the sandbox's own routes."""
        connection = http.client.HTTPConnection(self.settings.endpoint_url.removeprefix("http://"))
        try:
            sent = body if body is None or isinstance(body, bytes) else json.dumps(body)
            connection.request(method, path, sent, headers or {})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        return response.status, json.loads(text) if text[:1] in b"[{" else text

    def fault(self, **fault: Any) -> None:
        status, answer = self.http("POST", "/lmi-sandbox/faults", fault)
        assert status == 201, answer

    def make_model(self, name: str = "chat", **more: Any) -> str:
        container = {"Image": "an-image", "Environment": {"HF_MODEL_ID": "a/model"}}
        asked = {"PrimaryContainer": container, "ExecutionRoleArn": self.settings.role_arn}
        return self.sagemaker.create_model(ModelName=name, **(asked | more))["ModelArn"]

    def make_config(self, name: str = "chat-1", variant: Any = (), **more: Any) -> str:
        variants: Any = [VARIANT | dict(variant)]
        return self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=variants, **more
        )["EndpointConfigArn"]

    def make_endpoint(self, name: str = "chat", config: str = "chat-1") -> None:
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)

    def statuses(self, name: str = "chat", *, describes: int = 3) -> list[str]:
        """What this many describe calls in a row show."""
        describe = self.sagemaker.describe_endpoint
        return [describe(EndpointName=name)["EndpointStatus"] for _ in range(describes)]

    def serve(self, **config: Any) -> None:
        """Bring an endpoint named chat into service."""
        self.make_model()
        self.make_config(**config)
        self.make_endpoint()
        assert self.statuses()[-1] == "InService"


@pytest.fixture(scope="session")
def session() -> boto3.Session:
    """Shared, because it caches the API models, which take long to read."""
    return boto3.Session()


@pytest.fixture
def sandbox(session: boto3.Session) -> Callable[..., AbstractContextManager[Aws]]:
    """Starts a sandbox with the given arguments."""

    @contextmanager
    def start(state_file: Path | None = None, **arguments: Any) -> Iterator[Aws]:
        with running_sandbox(state_file=state_file, **arguments) as settings:
            yield Aws(settings, session)

    return start


@pytest.fixture
def aws(sandbox: Callable[..., AbstractContextManager[Aws]]) -> Iterator[Aws]:
    with sandbox() as running:
        yield running


@pytest.fixture
def plain_moto(session: boto3.Session) -> Iterator[Callable[[str], Any]]:
    """Makes clients of moto as it comes."""
    with mock_aws():
        yield lambda service: session.client(  # type: ignore[call-overload]
            service,
            region_name="us-east-1",
            aws_access_key_id="nobody",
            aws_secret_access_key="nothing",
        )
