"""How long prompts, answers and both together may get."""

from __future__ import annotations

from collections.abc import Callable

from lmi_deployer.hardware import RunnerUp
from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.rules.choice import LEFT_OUT, Choice

USUAL_INPUT_LEN, USUAL_OUTPUT_LEN = 1024, 512
"""Tokens with which LMI's TensorRT-LLM tuning guide (0.26.0) and engine defaults reckon."""
USUAL_LENGTHS = "usual-lengths-within-positions"
USUAL = "rule: the lengths of LMI's own guides"
CONTEXT_THAT_FITS = "context-that-fits"


def max_input_len(facts: ModelFacts | None, max_output_len: int | None) -> Choice[int]:
    """1024 tokens, or what the model's positions leave beside the answer."""
    positions = facts.max_position_embeddings if facts else None
    answer = max_output_len or USUAL_OUTPUT_LEN
    if positions is None or positions >= USUAL_INPUT_LEN + answer:
        return Choice(USUAL_INPUT_LEN, USUAL_LENGTHS, USUAL)
    if has_encoder(facts):
        return _within(positions, min(positions, USUAL_INPUT_LEN), USUAL_INPUT_LEN)
    return _within(positions, positions - (max_output_len or positions // 4), USUAL_INPUT_LEN)


def max_output_len(facts: ModelFacts | None, max_input_len: int) -> Choice[int]:
    """512 tokens, or what the model's positions leave beside the prompt."""
    positions = facts.max_position_embeddings if facts else None
    prompt = 0 if has_encoder(facts) else max_input_len
    if positions is None or positions >= prompt + USUAL_OUTPUT_LEN:
        return Choice(USUAL_OUTPUT_LEN, USUAL_LENGTHS, USUAL)
    return _within(positions, positions - prompt, USUAL_OUTPUT_LEN)


def _within(positions: int, value: int, usual: int) -> Choice[int]:
    value = max(1, value)
    if value == usual:
        return Choice(value, USUAL_LENGTHS, USUAL)
    others = (RunnerUp(str(usual), "the model has too few positions"),)
    return Choice(value, USUAL_LENGTHS, f"rule: what {positions} positions leave", others)


def has_encoder(facts: ModelFacts | None) -> bool:
    """Whether prompts go to an encoder, so that they share no positions with the answers."""
    shape = facts.shape if facts else None
    return shape is not None and bool(shape.num_encoder_layers)


def max_model_len(
    longest: int, positions: int | None, *, starts_with: Callable[[int | None], bool]
) -> Choice[int | None]:
    """Left out, where the engine starts with the model's own context; else what requests need.

    vLLM refuses to start when its cache does not hold one sequence of the model's full length,
    however short the requests are.
    """
    if positions is None or positions <= longest or starts_with(None):
        reason = "rule: the engine takes the model's own context"
        return Choice(None, CONTEXT_THAT_FITS, reason)
    reason = f"rule: prompt and answer together; the cache does not hold {positions} tokens"
    others = (RunnerUp(LEFT_OUT, f"the engine would not start with {positions} tokens"),)
    return Choice(longest, CONTEXT_THAT_FITS, reason, others)
