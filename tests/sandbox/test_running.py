"""Starting a sandbox, and what is there when it has started."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from lmi_deployer.errors import InputError, MissingExtraError
from lmi_deployer.sandbox import running_sandbox

if TYPE_CHECKING:
    from .conftest import Aws


def test_importing_the_package_imports_none_of_the_heavy_ones() -> None:
    program = (
        "import sys, lmi_deployer.sandbox as s; "
        "print({'moto', 'flask', 'boto3', 'werkzeug'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_the_users_aws_settings_play_no_part() -> None:
    program = (
        "from lmi_deployer.sandbox import running_sandbox as run\nwith run() as s: print(s.region)"
    )
    elsewhere = os.environ | {"AWS_PROFILE": "no-such-profile", "AWS_DEFAULT_REGION": "eu-west-3"}
    printed = subprocess.check_output([sys.executable, "-c", program], text=True, env=elsewhere)
    assert printed == "us-east-1\n"


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flask", None)
    with pytest.raises(MissingExtraError) as refused, running_sandbox():
        pass
    assert "needs flask, which" in refused.value.problem
    assert refused.value.fix == "pip install 'lmi-deploy[sandbox]'"


def test_it_serves_on_the_loopback_interface_with_a_role_and_a_bucket(aws: Aws) -> None:
    assert aws.settings.endpoint_url.startswith("http://127.0.0.1:")
    role = aws.client("iam").get_role(RoleName=aws.settings.role_arn.rpartition("/")[2])
    assert role["Role"]["Arn"] == aws.settings.role_arn
    assert aws.s3.list_objects_v2(Bucket=aws.bucket)["KeyCount"] == 0
    assert aws.client("sts").get_caller_identity()["Account"] == aws.settings.account


def test_the_bucket_and_the_role_fit_the_region(sandbox: Any) -> None:
    with sandbox(region="cn-north-1") as aws:
        assert aws.settings.artifacts == "s3://sagemaker-cn-north-1-123456789012/lmi-deploy/"
        assert aws.settings.role_arn.startswith("arn:aws-cn:iam::")
        location = aws.s3.get_bucket_location(Bucket=aws.bucket)
        assert location["LocationConstraint"] == "cn-north-1"


def test_an_unknown_region_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(InputError, match="'eu-west-1'"), running_sandbox(region="eu-west-11"):
        pass


def test_a_port_that_is_taken_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"127.0.0.1:{port}"), running_sandbox(port=port):
            pass


def test_a_process_runs_one_sandbox_at_a_time(aws: Aws) -> None:
    with pytest.raises(RuntimeError, match="already"), running_sandbox():
        pass
    assert aws.sagemaker.list_models()["Models"] == []


def test_the_next_sandbox_starts_empty(sandbox: Any) -> None:
    with sandbox() as first:
        first.make_model()
        first.s3.put_object(Bucket=first.bucket, Key="a", Body=b"b")
    with sandbox() as second:
        assert second.sagemaker.list_models()["Models"] == []
        assert second.s3.list_objects_v2(Bucket=second.bucket)["KeyCount"] == 0


def test_moto_is_as_it_came_once_the_sandbox_has_stopped(sandbox: Any) -> None:
    from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends

    with sandbox() as aws:
        aws.sagemaker.list_models()
    assert type(sagemaker_backends["123456789012"]["us-east-1"]) is SageMakerModelBackend


def test_it_writes_nothing_to_the_terminal(aws: Aws, capfd: pytest.CaptureFixture[str]) -> None:
    aws.make_model()
    assert capfd.readouterr() == ("", "")


def test_an_operation_that_moto_lacks_says_so_at_once(aws: Aws) -> None:
    with pytest.raises(aws.sagemaker.exceptions.ClientError) as refused:
        aws.sagemaker.list_inference_components()
    assert "The sandbox does not have sagemaker ListInferenceComponents" in str(refused.value)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_an_operation_that_botocore_does_not_know_yet_says_so_too(aws: Aws) -> None:
    scope = "AWS4-HMAC-SHA256 Credential=K/20261121/us-east-1/sagemaker/aws4_request, "
    headers = {"Authorization": scope, "X-Amz-Target": "SageMaker.InventEndpoint"}
    status, answer = aws.http("POST", "/", {}, headers)
    assert (status, answer["__type"]) == (501, "NotImplemented")


@pytest.mark.parametrize("header", [{"Origin": "https://example.com"}, {"Host": "example.com"}])
def test_a_web_page_cannot_reach_it(aws: Aws, header: dict[str, str]) -> None:
    status, _ = aws.http("GET", "/lmi-sandbox/health", headers=header)
    assert status == 403


def test_a_body_without_a_length_arrives_whole(aws: Aws) -> None:
    address = aws.settings.endpoint_url.removeprefix("http://")
    with socket.create_connection((address.split(":")[0], int(address.split(":")[1]))) as client:
        client.sendall(
            f"PUT /{aws.bucket}/chunked HTTP/1.1\r\nHost: {address}\r\n"
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n".encode()
        )
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    stored = aws.s3.get_object(Bucket=aws.bucket, Key="chunked")["Body"].read()
    assert stored == b"hello world"
