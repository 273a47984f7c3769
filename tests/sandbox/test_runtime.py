"""What an endpoint answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EventStreamError

from lmi_deployer.sandbox.stand_in import NOTICE

if TYPE_CHECKING:
    from .conftest import Aws


def invoke(aws: Aws, body: Any) -> Any:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = aws.runtime.invoke_endpoint(EndpointName="chat", Body=sent)
    return json.loads(answer["Body"].read())


def stream(aws: Aws, body: Any) -> list[Any]:
    answer = aws.runtime.invoke_endpoint_with_response_stream(
        EndpointName="chat", Body=json.dumps(body).encode()
    )
    assert answer["ContentType"] == "application/jsonlines"
    text = b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"])
    return [json.loads(line) for line in text.splitlines()]


def test_the_answer_has_the_schema_of_the_container_and_says_what_it_is(aws: Aws) -> None:
    aws.serve()
    assert invoke(aws, {"inputs": "why is the sky blue"}) == {
        "generated_text": "[lmi-deploy sandbox: no model runs here] echo: why is the sky blue"
    }


def test_a_list_of_prompts_gets_a_list_of_answers(aws: Aws) -> None:
    aws.serve()
    answers = invoke(aws, {"inputs": ["one", "two"]})
    assert [answer["generated_text"] for answer in answers] == [f"{NOTICE} one", f"{NOTICE} two"]


def test_the_answer_is_no_longer_than_asked_for(aws: Aws) -> None:
    aws.serve()
    parameters = {"max_new_tokens": 3, "details": True}
    answer = invoke(aws, {"inputs": "why is the sky blue", "parameters": parameters})
    assert answer["generated_text"] == f"{NOTICE} why is"
    assert answer["details"]["generated_tokens"] == 3
    assert answer["details"]["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"not JSON", "is not JSON"),
        (b"\xff\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"prompt": "hello"}', 'has no \\"inputs\\"'),
        (b'{"inputs": 3}', "neither a text nor a list of texts"),
        (b'{"inputs": "a", "parameters": {"max_new_tokens": "many"}}', "not a number of tokens"),
        (b'{"inputs": "a", "parameters": []}', '\\"parameters\\" is not an object'),
    ],
)
def test_a_body_the_container_cannot_use_is_its_error(aws: Aws, body: bytes, problem: str) -> None:
    aws.serve()
    with pytest.raises(aws.runtime.exceptions.ModelError) as refused:
        invoke(aws, body)
    response: Any = refused.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == 424
    assert problem in response["OriginalMessage"]


def test_a_stream_has_a_line_a_token_and_the_text_in_the_last(aws: Aws) -> None:
    aws.serve()
    lines = stream(aws, {"inputs": "why is", "stream": True})
    assert [line["token"]["text"] for line in lines] == [NOTICE, " why", " is"]
    assert lines[-1]["generated_text"] == f"{NOTICE} why is"
    assert "generated_text" not in lines[0]


def test_only_an_endpoint_in_service_answers(aws: Aws) -> None:
    absent = "Endpoint chat of account 123456789012 not found."
    for prepare in (aws.make_model, aws.make_config, aws.make_endpoint):
        with pytest.raises(aws.runtime.exceptions.ValidationError, match=absent):
            invoke(aws, {"inputs": "a"})
        prepare()
    aws.statuses()
    invoke(aws, {"inputs": "a"})
    aws.sagemaker.delete_endpoint(EndpointName="chat")
    with pytest.raises(aws.runtime.exceptions.ValidationError, match=absent):
        invoke(aws, {"inputs": "a"})


def test_an_endpoint_keeps_answering_while_it_is_updated(aws: Aws) -> None:
    aws.serve()
    aws.sagemaker.update_endpoint(EndpointName="chat", EndpointConfigName="chat-1")
    assert aws.statuses(describes=1) == ["Updating"]
    assert invoke(aws, {"inputs": "a"})["generated_text"]


def async_config(aws: Aws) -> dict[str, Any]:
    output = {
        "S3OutputPath": f"s3://{aws.bucket}/answers",
        "S3FailurePath": f"s3://{aws.bucket}/failures/",
    }
    return {"AsyncInferenceConfig": {"OutputConfig": output}}


def stored(aws: Aws, location: str) -> Any:
    key = location.removeprefix(f"s3://{aws.bucket}/")
    return json.loads(aws.s3.get_object(Bucket=aws.bucket, Key=key)["Body"].read())


def test_an_async_endpoint_answers_where_its_configuration_says(aws: Aws) -> None:
    aws.serve(**async_config(aws))
    aws.s3.put_object(Bucket=aws.bucket, Key="question", Body=b'{"inputs": "why"}')
    accepted = aws.runtime.invoke_endpoint_async(
        EndpointName="chat", InputLocation=f"s3://{aws.bucket}/question", InferenceId="mine"
    )
    assert accepted["InferenceId"] == "mine"
    assert accepted["OutputLocation"].startswith(f"s3://{aws.bucket}/answers/")
    assert stored(aws, accepted["OutputLocation"]) == {"generated_text": f"{NOTICE} why"}


def test_a_failed_async_request_answers_at_the_failure_path(aws: Aws) -> None:
    aws.serve(**async_config(aws))
    accepted = aws.runtime.invoke_endpoint_async(
        EndpointName="chat", InputLocation=f"s3://{aws.bucket}/nothing"
    )
    assert "there is no object at" in stored(aws, accepted["FailureLocation"])["error"]
    with pytest.raises(aws.s3.exceptions.NoSuchKey):
        stored(aws, accepted["OutputLocation"])


def test_an_async_endpoint_refuses_the_other_calls_and_the_other_way_round(aws: Aws) -> None:
    aws.serve(**async_config(aws))
    for call in (invoke, stream):
        with pytest.raises(aws.runtime.exceptions.ValidationError, match="is asynchronous"):
            call(aws, {"inputs": "a"})
    aws.make_config("direct")
    aws.make_endpoint("direct", "direct")
    aws.statuses("direct")
    with pytest.raises(aws.runtime.exceptions.ValidationError, match="is not asynchronous"):
        aws.runtime.invoke_endpoint_async(EndpointName="direct", InputLocation="s3://a/b")


def test_an_answer_can_be_asked_for_in_advance(aws: Aws) -> None:
    aws.serve()
    body = {"error": "CUDA out of memory", "code": 400}
    aws.fault(endpoint="chat", outcome="answer", status=200, body=body)
    assert invoke(aws, {"inputs": "a"}) == body
    assert "generated_text" in invoke(aws, {"inputs": "a"})
    aws.fault(endpoint="chat", outcome="answer", status=200, body=body)
    assert stream_parts(aws) == [body]


def stream_parts(aws: Aws) -> list[Any]:
    answer = aws.runtime.invoke_endpoint_with_response_stream(EndpointName="chat", Body=b"{}")
    return [json.loads(event["PayloadPart"]["Bytes"]) for event in answer["Body"]]


def test_an_error_of_the_container_is_passed_on_as_one(aws: Aws) -> None:
    aws.serve()
    aws.fault(endpoint="*", outcome="answer", status=503, body="worker died")
    with pytest.raises(aws.runtime.exceptions.ModelError) as refused:
        invoke(aws, {"inputs": "a"})
    assert "Received server error (503)" in str(refused.value)
    aws.fault(endpoint="*", outcome="answer", status=503, body="worker died")
    with pytest.raises((ClientError, EventStreamError), match="server error"):
        stream_parts(aws)
