"""Faults on request, and the log of calls."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from lmi_deployer import __version__
from lmi_deployer.sandbox.faults import FaultBook, OperationFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Aws

CALLS: list[tuple[str, str, Callable[[Aws], object]]] = [
    ("sagemaker", "ListModels", lambda aws: aws.sagemaker.list_models()),
    ("sts", "GetCallerIdentity", lambda aws: aws.client("sts").get_caller_identity()),
    ("iam", "ListRoles", lambda aws: aws.client("iam").list_roles()),
    ("logs", "DescribeLogGroups", lambda aws: aws.client("logs").describe_log_groups()),
    ("cloudwatch", "DescribeAlarms", lambda aws: aws.client("cloudwatch").describe_alarms()),
    ("s3", "PutObject", lambda aws: aws.s3.put_object(Bucket=aws.bucket, Key="k", Body=b"")),
    ("s3", "GetObject", lambda aws: aws.s3.get_object(Bucket=aws.bucket, Key="k")),
    ("s3", "ListObjectsV2", lambda aws: aws.s3.list_objects_v2(Bucket=aws.bucket)),
    (
        "sagemaker-runtime",
        "InvokeEndpoint",
        lambda aws: aws.runtime.invoke_endpoint(EndpointName="chat", Body=b"{}"),
    ),
]


@pytest.mark.parametrize(("service", "operation", "call"), CALLS, ids=[c[1] for c in CALLS])
def test_any_operation_meets_the_error_asked_for_in_its_own_protocol(
    aws: Aws, service: str, operation: str, call: Callable[[Aws], object]
) -> None:
    aws.fault(operation=operation, code="AccessDeniedException", message="<no> & never", status=403)
    with pytest.raises(ClientError) as refused:
        call(aws)
    response = refused.value.response
    assert response["Error"]["Code"] == "AccessDeniedException"
    assert response["Error"]["Message"] == "<no> & never"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert aws.http("GET", "/lmi-sandbox/calls")[1] == [[service, operation]]
    assert aws.http("GET", "/lmi-sandbox/faults")[1] == []


def test_a_head_call_meets_the_status_alone(aws: Aws) -> None:
    aws.fault(operation="HeadBucket", code="403", status=403)
    with pytest.raises(ClientError, match=r"\(403\)"):
        aws.s3.head_bucket(Bucket=aws.bucket)


def test_an_error_has_the_status_of_the_services_model_unless_told_otherwise(aws: Aws) -> None:
    aws.fault(operation="InvokeEndpoint", code="ServiceUnavailable")
    with pytest.raises(ClientError) as refused:
        aws.runtime.invoke_endpoint(EndpointName="chat", Body=b"{}")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def test_an_error_can_have_a_status_that_no_standard_names(aws: Aws) -> None:
    aws.fault(operation="InvokeEndpoint", code="InternalDependencyException", status=530)
    with pytest.raises(ClientError) as refused:
        aws.runtime.invoke_endpoint(EndpointName="chat", Body=b"{}")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 530


def test_a_call_that_met_a_fault_changed_nothing(aws: Aws) -> None:
    aws.fault(operation="CreateModel", code="ThrottlingException", times=2)
    for _ in range(2):
        with pytest.raises(ClientError, match="ThrottlingException"):
            aws.make_model()
    aws.make_model()


def test_a_fault_can_let_calls_through_first() -> None:
    book = FaultBook()
    book.add(OperationFault(operation="PutObject", code="SlowDown", skip=2))
    met = [book.for_operation("PutObject") is not None for _ in range(4)]
    assert met == [False, False, True, False]


def test_faults_are_listed_and_cleared(aws: Aws) -> None:
    aws.fault(endpoint="chat", outcome="no_capacity")
    aws.fault(operation="PutObject", code="SlowDown")
    status, listed = aws.http("GET", "/lmi-sandbox/faults")
    assert (status, [fault.get("outcome") for fault in listed]) == (200, ["no_capacity", None])
    assert aws.http("DELETE", "/lmi-sandbox/faults") == (200, [])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"endpoint": "chat", "outcome": "explode"}, "no_capacity"),
        ({"operation": "CreateModel"}, "code"),
        ({"operation": "CreateModel", "code": "X", "when": "now"}, "when"),
        ({"operation": "CreatModel", "code": "X"}, "did you mean 'CreateModel'?"),
        ({"job": "*", "outcome": "explode"}, "spot_interruption"),
        ({"job": "*", "outcome": "script"}, 'needs a "mode"'),
        ({"job": "*", "outcome": "fail", "when": "now"}, "when"),
        (["chat"], "JSON object"),
        (b"nothing", "Expecting value"),
        (b"[" * 100_000, "recursion"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(aws: Aws, body: Any, said: str) -> None:
    status, answer = aws.http("POST", "/lmi-sandbox/faults", body)
    assert status == 400
    assert said in answer["error"]


def test_the_calls_are_logged_in_order_until_cleared(aws: Aws) -> None:
    aws.make_model()
    aws.s3.upload_fileobj(io.BytesIO(b"x"), aws.bucket, "key/with spaces & more")
    aws.s3.delete_objects(Bucket=aws.bucket, Delete={"Objects": [{"Key": "a"}]})
    aws.s3.create_multipart_upload(Bucket=aws.bucket, Key="big")
    aws.s3.list_buckets()
    assert aws.http("GET", "/lmi-sandbox/calls")[1] == [
        ["sagemaker", "CreateModel"],
        ["s3", "PutObject"],
        ["s3", "DeleteObjects"],
        ["s3", "CreateMultipartUpload"],
        ["s3", "ListBuckets"],
    ]
    assert aws.http("DELETE", "/lmi-sandbox/calls") == (200, [])
    assert aws.http("GET", "/lmi-sandbox/calls") == (200, [])


def test_a_bucket_may_have_the_name_of_the_sandboxs_own_routes(aws: Aws) -> None:
    aws.s3.create_bucket(Bucket="lmi-sandbox")
    aws.s3.put_object(Bucket="lmi-sandbox", Key="health", Body=b"mine")
    assert aws.s3.get_object(Bucket="lmi-sandbox", Key="health")["Body"].read() == b"mine"


def test_health_says_what_is_running(aws: Aws) -> None:
    status, health = aws.http("GET", "/lmi-sandbox/health")
    assert status == 200
    assert health == {"sandbox": "lmi-deploy", "version": __version__, "region": "us-east-1"}
    assert aws.http("GET", "/lmi-sandbox/nothing")[0] == 404
