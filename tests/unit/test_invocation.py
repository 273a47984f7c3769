"""Answers in the LMI schema, and failures that hide under HTTP status 200."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.errors import DeploymentError
from lmi_deployer.invocation import generated_text, request_body


def test_a_request_holds_the_prompt_and_the_length_of_the_answer():
    assert json.loads(request_body("Hello", max_new_tokens=5)) == {
        "inputs": "Hello",
        "parameters": {"max_new_tokens": 5},
    }


@pytest.mark.parametrize(
    "answer",
    [
        b'{"generated_text": "a b"}',
        b'[{"generated_text": "a b"}]',
        b'{"outputs": ["a", " b"]}',
        b'{"outputs": ["a"]}\n{"outputs": [" b"]}\n',
        b'"a b"',
    ],
)
def test_the_text_is_found_in_every_form_of_answer(answer):
    assert generated_text(answer) == "a b"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b'{"code": 424, "error": "no CUDA device"}', "code 424: no CUDA device"),
        (b'{"code": 500, "message": "timeout"}', "code 500: timeout"),
        (b'{"error": "out of memory"}', "an error: out of memory"),
        (b'{"outputs": ["a"]}\n{"code": 424, "error": ""}', "code 424: no reason given"),
        (b'{"generated_text": "breaks o', "breaks off"),
        (b"", "empty body"),
        (b"<html>", "breaks off"),
        (b'{"scores": [1]}', "not in the LMI schema"),
        (b"\xff\xfe", "breaks off"),
    ],
)
def test_a_failure_is_found_although_the_status_is_200(answer, problem):
    with pytest.raises(DeploymentError, match=problem):
        generated_text(answer)


@given(st.text())
def test_any_text_survives(text):
    assert generated_text(json.dumps({"generated_text": text}).encode()) == text


@given(st.binary())
def test_any_bytes_are_an_answer_or_a_clear_error(answer):
    with suppress(DeploymentError):
        assert isinstance(generated_text(answer), str)
