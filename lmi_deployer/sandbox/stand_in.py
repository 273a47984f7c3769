"""What an endpoint of the sandbox answers: the LMI container's schema, and no model behind it.

Schema: docs.djl.ai, "LMI handlers inference API schema".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

NOTICE = "[lmi-deploy sandbox: no model runs here] echo:"
DEFAULT_MAX_NEW_TOKENS = 30  # the container's own default

JSON = "application/json"
JSON_LINES = "application/jsonlines"


class RefusedBodyError(Exception):
    """A request body that the container would answer with HTTP 424."""


@dataclass(frozen=True, kw_only=True)
class Generation:
    """The stand-in for what a model would have generated for one prompt."""

    tokens: tuple[str, ...]
    finish_reason: str

    @property
    def text(self) -> str:
        """The tokens as one text."""
        return "".join(self.tokens)


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """A request body the container accepts."""

    inputs: tuple[str, ...]
    is_batch: bool
    max_new_tokens: int
    wants_details: bool
    wants_stream: bool


def read_prompts(body: bytes) -> Prompts:
    """Request in a body. Raises RefusedBodyError when the container would refuse it."""
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusedBodyError(f"the request body is not JSON: {error}") from None
    if not isinstance(sent, dict) or "inputs" not in sent:
        raise RefusedBodyError('the request body has no "inputs"')
    inputs = sent["inputs"]
    prompts = inputs if isinstance(inputs, list) else [inputs]
    if not all(isinstance(prompt, str) for prompt in prompts):
        raise RefusedBodyError('"inputs" is neither a text nor a list of texts')
    parameters = sent.get("parameters", {})
    if not isinstance(parameters, dict):
        raise RefusedBodyError('"parameters" is not an object')
    wanted = parameters.get("max_new_tokens", DEFAULT_MAX_NEW_TOKENS)
    if not isinstance(wanted, int) or wanted < 1:
        raise RefusedBodyError(f'"max_new_tokens" is {wanted!r}, not a number of tokens')
    return Prompts(
        inputs=tuple(prompts),
        is_batch=isinstance(inputs, list),
        max_new_tokens=wanted,
        wants_details=bool(parameters.get("details")),
        wants_stream=bool(sent.get("stream")),
    )


def generate(prompt: str, *, max_new_tokens: int) -> Generation:
    """Notice, as the first token, and the prompt's first words, a token each.

    The notice always comes whole, so that nobody takes the answer for a model's.
    """
    words = prompt.split()
    echoed = words[: max_new_tokens - 1]
    return Generation(
        tokens=(NOTICE, *(f" {word}" for word in echoed)),
        finish_reason="length" if len(echoed) < len(words) else "eos_token",
    )


def answer(prompts: Prompts) -> Any:
    """Body the container answers: an object, or a list of them for a list of prompts."""
    answers = []
    for prompt in prompts.inputs:
        generation = generate(prompt, max_new_tokens=prompts.max_new_tokens)
        one: dict[str, Any] = {"generated_text": generation.text}
        if prompts.wants_details:
            one["details"] = _details(generation)
        answers.append(one)
    return answers if prompts.is_batch else answers[0]


def answer_lines(prompts: Prompts) -> list[bytes]:
    """JSON lines the container streams: one a token, the last with the whole text."""
    generation = generate(" ".join(prompts.inputs), max_new_tokens=prompts.max_new_tokens)
    lines: list[dict[str, Any]] = [
        {"token": {"id": number, "text": text, "log_prob": 0.0}}
        for number, text in enumerate(generation.tokens)
    ]
    lines[-1] |= {"generated_text": generation.text, "details": _details(generation)}
    return [json.dumps(line).encode() + b"\n" for line in lines]


def _details(generation: Generation) -> dict[str, Any]:
    return {
        "finish_reason": generation.finish_reason,
        "generated_tokens": len(generation.tokens),
        "inputs": None,
    }
