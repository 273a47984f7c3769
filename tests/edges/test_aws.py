"""The AWS edge against the sandbox's real server: what it sees, and what it makes of refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from s3transfer.exceptions import RetriesExceededError

from lmi_deployer.deployment import DEPLOYMENT_TAG, Deployment
from lmi_deployer.edges.aws import Aws
from lmi_deployer.edges.aws_calls import AwsSettings
from lmi_deployer.edges.explained_store import ExplainedStore
from lmi_deployer.errors import (
    AwsError,
    CredentialsError,
    DeploymentError,
    InputError,
    UnreachableError,
)
from lmi_deployer.plan import expected_objects
from lmi_deployer.s3 import bucket_and_key
from lmi_deployer.sandbox import SandboxSettings, running_sandbox
from lmi_deployer.state import ObservedState
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

    def look(self) -> ObservedState:
        return self.aws.observe(self.wanted.identity)

    def deploy(self) -> None:
        self.aws.upload(self.wanted.bundle_folder, self.wanted.bundle)
        self.aws.create_model(self.wanted.model)
        self.aws.create_endpoint_config(self.wanted.endpoint_config, never)
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
    assert account.look() == ObservedState()
    assert account.aws.deployments() == []


def test_everything_that_was_made_is_seen_again(account: Account):
    account.deploy()
    seen = account.look()
    assert seen.endpoint is not None
    assert seen.endpoint.status == "InService"
    assert seen.endpoint.endpoint_config_name == account.wanted.endpoint_config_name
    assert seen.endpoint.tags[DEPLOYMENT_TAG] == "chat-g5"
    assert list(seen.models) == [account.wanted.model_name]
    assert list(seen.endpoint_configs) == [account.wanted.endpoint_config_name]
    assert seen.objects == expected_objects(account.wanted)
    assert account.aws.deployments() == ["chat-g5"]


def test_making_the_same_model_or_configuration_twice_is_fine(account: Account):
    account.deploy()
    account.aws.create_model(account.wanted.model)
    account.aws.create_endpoint_config(account.wanted.endpoint_config, never)


def test_a_model_of_the_same_name_that_somebody_else_made_is_not_taken_for_ours(account: Account):
    request = {key: value for key, value in account.wanted.model.items() if key != "Tags"}
    account.client("sagemaker").create_model(**request)
    with pytest.raises(AwsError, match="already existing"):
        account.aws.create_model(account.wanted.model)
    assert account.look().models == {}


def test_an_endpoint_of_the_same_name_that_somebody_else_made_is_foreign(account: Account):
    account.deploy()
    sagemaker = account.client("sagemaker")
    arn = sagemaker.describe_endpoint(EndpointName="chat-g5")["EndpointArn"]
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=[DEPLOYMENT_TAG])
    seen = account.look()
    assert seen.foreign == ("endpoint chat-g5 (made for chat / g5)",)


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
    account.aws.delete_objects((f"{account.wanted.bundle_folder}gone",))


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
        account.look()

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
        account.look()


def test_a_missing_bucket_is_seen_and_not_made(account: Account):
    elsewhere = replace(account.wanted.identity, folder="s3://no-such-bucket-anywhere/chat-g5/")
    assert account.aws.observe(elsewhere).missing_bucket == "no-such-bucket-anywhere"
    with pytest.raises(AwsError, match="--artifacts"):
        account.aws.upload(f"{elsewhere.folder}x/", account.wanted.bundle)


def test_what_somebody_else_put_into_the_folder_is_left_alone(account: Account):
    account.deploy()
    bucket, prefix = bucket_and_key(account.wanted.identity.folder)
    for key in ("weights/model.bin", "notes.txt", "0123456789abcdef/other.txt"):
        account.client("s3").put_object(Bucket=bucket, Key=f"{prefix}{key}", Body=b"mine")
    assert account.look().objects == expected_objects(account.wanted)


def test_files_in_a_folder_that_is_no_longer_named_are_still_found(account: Account):
    account.deploy()
    moved = replace(account.wanted.identity, folder=account.aws.artifacts() + "elsewhere/")
    assert account.aws.observe(moved).objects == expected_objects(account.wanted)


def test_what_was_made_for_another_profile_is_foreign(account: Account):
    account.deploy()
    other = replace(account.wanted.identity, profile="chat-g", hardware="5")
    seen = account.aws.observe(other)
    assert seen.endpoint is None
    assert seen.foreign[0] == "endpoint chat-g5 (made for chat / g5)"


def test_a_deployment_is_known_by_its_tags_alone(account: Account):
    assert account.aws.identity("chat-g5") is None
    account.deploy()
    assert account.aws.identity("chat-g5") == account.wanted.identity
    account.aws.delete_endpoint("chat-g5")
    account.aws.endpoint("chat-g5")
    assert account.aws.identity("chat-g5") == account.wanted.identity


@pytest.mark.parametrize("operation", ["CreateEndpoint", "UpdateEndpoint"])
def test_a_request_that_is_refused_because_it_was_taken_already_is_done(
    account: Account, operation: str
):
    account.deploy()
    taken = "Cannot create already existing endpoint, or update in-progress endpoint"
    account.fault(operation=operation, code="ValidationException", message=taken)
    if operation == "CreateEndpoint":
        account.aws.create_endpoint(account.wanted.endpoint, never)
    else:
        config = {**account.wanted.endpoint_config, "EndpointConfigName": "chat-g5-00000000"}
        account.aws.create_endpoint_config(config, never)
        with pytest.raises(AwsError, match="in-progress"):  # nothing leads there yet
            account.aws.update_endpoint("chat-g5", "chat-g5-00000000", never)


def test_an_endpoint_that_is_where_it_should_be_is_not_updated(account: Account):
    account.deploy()
    account.fault(operation="UpdateEndpoint", code="ValidationException", message="called")
    account.aws.update_endpoint("chat-g5", account.wanted.endpoint_config_name, never)


def test_a_model_that_fails_is_the_deployments_failure_and_not_the_calls(account: Account):
    account.deploy()
    account.fault(endpoint="chat-g5", outcome="answer", status=500, body={"message": "no memory"})
    with pytest.raises(DeploymentError, match="failed with status 500") as caught:
        account.aws.invoke("chat-g5", b'{"inputs": "x"}')
    assert caught.value.exit_code == 6


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
    with pytest.raises(UnreachableError, match="GetCallerIdentity: Could not connect"):
        assert aws.account


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *(("HTTP_PROXY", "http://127.0.0.1:1"), ("http_proxy", "http://127.0.0.1:1")),
        *(("AWS_PROFILE", "nobody"), ("AWS_CONFIG_FILE", "/dev/full")),
    ],
)
def test_what_the_machine_configures_does_not_reach_into_a_sandbox(
    account: Account, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
):
    monkeypatch.setenv(variable, value)
    assert connect(account.settings).account == account.settings.account


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"region": "mars-1", "endpoint_url": None}, "mars-1"),
        ({"endpoint_url": "junk"}, "Invalid endpoint"),
    ],
)
def test_a_place_that_cannot_be_is_a_clear_error(
    account: Account, changed: dict[str, Any], problem: str
):
    with pytest.raises(InputError, match=problem):
        assert connect(account.settings, **changed).account


def test_a_role_comes_from_the_command_line_before_the_profile(account: Account):
    assert account.aws.target("arn:profile", None).role_arn == account.settings.role_arn
    other = connect(account.settings, role_arn=None)
    assert other.target("arn:profile", None).role_arn == "arn:profile"
    with pytest.raises(InputError, match="execution role"):
        other.target(None, None)


def test_files_go_where_the_command_line_says_then_the_profile_then_the_account(account: Account):
    assert account.aws.artifacts("s3://mine/x/") == "s3://mine/x/"
    default = f"s3://sagemaker-us-east-1-{account.settings.account}/lmi-deploy/"
    assert account.aws.artifacts() == default
    named = connect(account.settings, artifacts="s3://asked/")
    assert named.artifacts("s3://mine/x/") == "s3://asked/"


def put(account: Account, *uris: str, body: bytes = b"x") -> None:
    for uri in uris:
        bucket, key = bucket_and_key(uri)
        account.client("s3").put_object(Bucket=bucket, Key=key, Body=body)


def test_a_compiled_engine_below_a_deployments_folder_is_not_the_deployments(account: Account):
    folder = account.wanted.identity.folder
    ours = f"{folder}00112233445566aa/manifest.json"
    engine = f"{folder}0123456789abcdef/"
    put(account, ours, f"{engine}manifest.json", f"{engine}artifact/config.json")
    put(account, f"{engine}model/x", f"{folder}fedcba9876543210/job/job.json")
    assert list(account.look().objects) == [ours]


def test_a_digest_of_weights_changes_with_any_of_them_and_with_nothing_else(account: Account):
    source = f"{account.wanted.identity.folder}weights/"
    put(account, f"{source}a.bin", f"{source}b/c.bin")
    before = account.aws.weights_digest(source)
    put(account, f"{source}b/", body=b"")  # a folder, as the console makes them
    put(account, f"{source.removesuffix('/')}-else/a.bin")
    assert account.aws.weights_digest(source) == before
    put(account, f"{source}a.bin", body=b"y")
    changed = account.aws.weights_digest(source)
    put(account, f"{source}d.bin")
    assert len({before, changed, account.aws.weights_digest(source)}) == 3


@pytest.mark.parametrize("source", ["s3://nobody-has-this/x/", "s3://{bucket}/empty/"])
def test_weights_that_are_not_there_are_an_error(account: Account, source: str):
    bucket, _ = bucket_and_key(account.wanted.identity.folder)
    with pytest.raises(InputError, match="there are no weights in"):
        account.aws.weights_digest(source.format(bucket=bucket))


def test_a_store_says_what_it_was_doing_when_it_was_refused(account: Account):
    store = account.aws.store(f"{account.wanted.identity.folder}engines/")
    store.write("a/manifest.json", b"{}")
    assert store.read("a/manifest.json") == b"{}"
    account.fault(operation="GetObject", code="AccessDenied", message="no", times=1)
    with pytest.raises(AwsError, match=r"reading s3://.*/engines/a/manifest\.json: no"):
        store.read("a/manifest.json")


def test_a_bucket_is_there_or_it_is_not(account: Account):
    bucket, _ = bucket_and_key(account.wanted.identity.folder)
    assert account.aws.has_bucket(bucket)
    assert not account.aws.has_bucket("nobody-has-this")
    account.fault(operation="HeadBucket", code="403", message="Forbidden", status=403, times=1)
    assert account.aws.has_bucket(bucket)  # somebody's, though not to be looked into


def test_a_bucket_elsewhere_is_told_by_its_region(account: Account):
    bucket, _ = bucket_and_key(account.wanted.identity.folder)
    account.client("s3").create_bucket(
        Bucket="far-away", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    assert account.aws.is_elsewhere("far-away") == "eu-west-1"
    assert account.aws.is_elsewhere(bucket) is None
    assert account.aws.is_elsewhere("nobody-has-this") is None


def test_a_download_that_broke_off_again_and_again_is_an_error_of_aws(tmp_path: Path):
    class Breaking:
        root = "s3://acme/"

        def receive(self, path: str, target: Path) -> None:
            raise RetriesExceededError(ConnectionError("the line went dead"))

    store = ExplainedStore(Breaking())  # type: ignore[arg-type]
    with pytest.raises(UnreachableError, match="downloading s3://acme/a: the line went dead"):
        store.receive("a", tmp_path / "a")
