"""Requests and answers in the LMI schema: a prompt and parameters in, generated text out."""

from __future__ import annotations

import json
from typing import Any

from lmi_deployer.errors import DeploymentError

SMOKE_PROMPT = "Deep learning is"
SMOKE_NEW_TOKENS = 16
HTTP_ERROR = 400


def request_body(prompt: str, *, max_new_tokens: int) -> bytes:
    """The body of one request. Source: djl-serving, serving/docs/lmi input schema."""
    document = {"inputs": prompt, "parameters": {"max_new_tokens": max_new_tokens}}
    return json.dumps(document).encode()


def generated_text(answer: bytes) -> str:
    """The text in an endpoint's answer.

    Raises DeploymentError for an answer that reports a failure under HTTP status 200, as the
    rolling batch does: a body with an error code, a body that breaks off, or no body at all.
    """
    text = answer.decode("utf-8", errors="replace").strip()
    if not text:
        raise DeploymentError("the container answered with an empty body", fix=_LOGS)
    try:
        documents = [json.loads(text)]
    except ValueError:
        documents = _lines(text)
    return "".join(_text_in(document) for document in documents)


_LOGS = "the reason is in the endpoint's log"


def _lines(text: str) -> list[Any]:
    """The documents of an answer in JSON lines."""
    try:
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    except ValueError as error:
        raise DeploymentError(
            f"the container's answer breaks off: {text[-80:]!r}", fix=_LOGS
        ) from error


def _text_in(document: Any) -> str:
    match document:
        case {"code": int(code), **rest} if code >= HTTP_ERROR:
            reason = rest.get("error") or rest.get("message") or "no reason given"
            raise DeploymentError(f"the container answered with code {code}: {reason}", fix=_LOGS)
        case {"generated_text": str(text)}:
            return text
        case {"outputs": list(parts)}:
            return "".join(str(part) for part in parts)
        case {"error": error}:
            raise DeploymentError(f"the container answered with an error: {error}", fix=_LOGS)
        case [first, *_]:
            return _text_in(first)
        case str(text):
            return text
        case _:
            shown = json.dumps(document)[:80]
            raise DeploymentError(f"the answer is not in the LMI schema: {shown}", fix=_LOGS)
