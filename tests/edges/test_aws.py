"""The AWS edge against the sandbox's real server: what it sees, and what it makes of refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest

from lmi_deployer.bundle import MANIFEST_FILE
from lmi_deployer.deployment import DEPLOYMENT_TAG, Deployment
from lmi_deployer.edges.aws import Aws
from lmi_deployer.edges.aws_calls import AwsSettings
from lmi_deployer.errors import AwsError, CredentialsError, InputError
from lmi_deployer.sandbox import SandboxSettings, running_sandbox
from tests.specs import a_deployment


@dataclass(frozen=True)
class Account:
    """The sandbox as an account, the edge to it, and a way to make it refuse things."""

    settings: SandboxSettings
    aws: Aws
    wanted: Deployment

    def fault(self, **fault: Any) -> None:
        request = Request(
            f"{self.settings.endpoint_url}/lmi-sandbox/faults", data=json.dumps(fault).encode()
        )
        with urlopen(request) as answer:
            assert answer.status == 201

    def client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.settings.endpoint_url,
            region_name=self.settings.region,
            aws_access_key_id=self.settings.access_key_id,
            aws_secret_access_key=self.settings.secret_access_key,
        )

    def deploy(self) -> None:
        self.aws.upload(self.wanted.bundle_folder, self.wanted.bundle)
        self.aws.create_model(self.wanted.model)
        self.aws.create_endpoint_config(self.wanted.endpoint_config)
        self.aws.create_endpoint(self.wanted.endpoint, never)


def never(_seconds: float) -> None:
    raise AssertionError("nothing has to be waited for here")


def connect(settings: SandboxSettings, **changed: Any) -> Aws:
    values: dict[str, Any] = {
        "region": settings.region,
        "endpoint_url": settings.endpoint_url,
        "access_key_id": settings.access_key_id,
        "secret_access_key": settings.secret_access_key,
        "role_arn": settings.role_arn,
    }
    return Aws(AwsSettings(**{**values, **changed}))


@pytest.fixture
def account() -> Iterator[Account]:
    with running_sandbox(describes=0) as settings:
        aws = connect(settings)
        yield Account(settings, aws, a_deployment(target=aws.target(None, None)))


def test_an_empty_account_has_nothing(account: Account):
    assert account.aws.observe("chat-g5", account.wanted.folder).is_empty
    assert account.aws.deployments() == []


def test_everything_that_was_made_is_seen_again(account: Account):
    account.deploy()
    seen = account.aws.observe("chat-g5", account.wanted.folder)
    assert seen.endpoint is not None
    assert seen.endpoint.status == "InService"
    assert seen.endpoint.endpoint_config_name == account.wanted.endpoint_config_name
    assert seen.endpoint.tags[DEPLOYMENT_TAG] == "chat-g5"
    assert seen.models == (account.wanted.model_name,)
    assert seen.endpoint_configs == (account.wanted.endpoint_config_name,)
    below = account.wanted.bundle_folder.removeprefix(account.wanted.folder)
    assert set(seen.objects) == {f"{below}model/serving.properties", f"{below}{MANIFEST_FILE}"}
    assert account.aws.deployments() == ["chat-g5"]


def test_making_the_same_model_or_configuration_twice_is_fine(account: Account):
    account.deploy()
    account.aws.create_model(account.wanted.model)
    account.aws.create_endpoint_config(account.wanted.endpoint_config)


def test_a_model_of_the_same_name_that_somebody_else_made_is_not_taken_for_ours(account: Account):
    request = {key: value for key, value in account.wanted.model.items() if key != "Tags"}
    account.client("sagemaker").create_model(**request)
    with pytest.raises(AwsError, match="already existing"):
        account.aws.create_model(account.wanted.model)
    assert account.aws.observe("chat-g5", account.wanted.folder).models == ()


def test_an_endpoint_of_the_same_name_that_somebody_else_made_is_foreign(account: Account):
    account.deploy()
    sagemaker = account.client("sagemaker")
    arn = sagemaker.describe_endpoint(EndpointName="chat-g5")["EndpointArn"]
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=[DEPLOYMENT_TAG])
    seen = account.aws.observe("chat-g5", account.wanted.folder)
    assert seen.foreign == ("endpoint chat-g5",)


def test_a_configuration_not_seen_yet_is_waited_for(account: Account):
    account.deploy()
    account.aws.delete_endpoint("chat-g5")
    account.aws.endpoint("chat-g5")
    unseen = 'Could not find endpoint configuration "arn"'
    account.fault(operation="CreateEndpoint", code="ValidationException", message=unseen, times=3)
    pauses: list[float] = []
    account.aws.create_endpoint(account.wanted.endpoint, pauses.append)
    assert pauses == [1, 2, 3]


def test_deleting_what_is_gone_is_fine(account: Account):
    account.aws.delete_endpoint("chat-g5")
    account.aws.delete_endpoint_config("chat-g5-00000000")
    account.aws.delete_model("chat-g5-00000000")
    account.aws.delete_objects(account.wanted.folder, ("gone",))


OPERATIONS = (
    *("DescribeEndpoint", "ListEndpointConfigs", "ListModels", "ListObjectsV2", "ListTags"),
    *("PutObject", "CreateModel", "CreateEndpointConfig", "CreateEndpoint", "GetObject"),
)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_refusal_says_what_was_being_done_and_why_it_failed(account: Account, operation: str):
    account.fault(
        operation=operation,
        code="AccessDeniedException",
        message=f"not authorized to perform {operation}",
        times=9,
    )

    def deploy_and_look() -> None:
        account.deploy()
        account.aws.observe("chat-g5", account.wanted.folder)

    with pytest.raises(AwsError, match=f"not authorized to perform {operation}") as caught:
        deploy_and_look()
    assert str(caught.value).startswith(operation)
    assert "the credentials need the permission named above" in str(caught.value)


def test_a_throttled_call_is_repeated(account: Account):
    account.fault(operation="CreateModel", code="ThrottlingException", times=2)
    account.aws.create_model(account.wanted.model)


def test_a_quota_is_named_with_the_way_to_raise_it(account: Account):
    account.fault(
        operation="CreateEndpoint", code="ResourceLimitExceeded", message="ml.g5.2xlarge is 0"
    )
    with pytest.raises(AwsError, match="Service Quotas"):
        account.deploy()


def test_expired_credentials_are_told_from_missing_permissions(account: Account):
    account.fault(operation="DescribeEndpoint", code="ExpiredTokenException", message="expired")
    with pytest.raises(CredentialsError, match="sign in again"):
        account.aws.observe("chat-g5", account.wanted.folder)


def test_a_missing_bucket_is_named_with_the_way_on(account: Account):
    with pytest.raises(AwsError, match="--artifacts"):
        account.aws.observe("chat-g5", "s3://no-such-bucket-anywhere/chat/")


def test_a_request_that_sagemaker_would_refuse_is_not_sent(account: Account):
    with pytest.raises(InputError, match="CreateModel would be refused"):
        account.aws.create_model({**account.wanted.model, "ModelName": "under_score"})


def test_a_slow_invocation_is_sent_once(account: Account):
    account.deploy()
    account.fault(
        operation="InvokeEndpoint", code="ServiceUnavailable", message="busy", status=503, times=5
    )
    with pytest.raises(AwsError, match="busy"):
        account.aws.invoke("chat-g5", b'{"inputs": "x"}')
    with urlopen(f"{account.settings.endpoint_url}/lmi-sandbox/calls") as answer:
        calls = [operation for _, operation in json.load(answer)]
    assert calls.count("InvokeEndpoint") == 1


def test_nothing_listening_is_a_clear_error(account: Account):
    aws = connect(account.settings, endpoint_url="http://127.0.0.1:1")
    with pytest.raises(AwsError, match="GetCallerIdentity: Could not connect"):
        assert aws.account


def test_a_role_comes_from_the_command_line_before_the_profile(account: Account):
    assert account.aws.target("arn:profile", None).role_arn == account.settings.role_arn
    other = connect(account.settings, role_arn=None)
    assert other.target("arn:profile", None).role_arn == "arn:profile"
    with pytest.raises(InputError, match="execution role"):
        other.target(None, None)


def test_files_go_to_the_profiles_folder_before_the_accounts_default(account: Account):
    assert account.aws.target(None, "s3://mine/x/").artifacts == "s3://mine/x/"
    default = f"s3://sagemaker-us-east-1-{account.settings.account}/lmi-deploy/"
    assert account.aws.target(None, None).artifacts == default
