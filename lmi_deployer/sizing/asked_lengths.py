"""The longest prompt and answer of a sizing question, where they are left open or cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lmi_deployer import rules
from lmi_deployer.errors import InputError
from lmi_deployer.rules.lengths import USUAL_OUTPUT_LEN
from lmi_deployer.sizing import allowed
from lmi_deployer.sizing.asked import Wanted
from lmi_deployer.sizing.choosing import error_of

if TYPE_CHECKING:
    from lmi_deployer.model_facts import ModelFacts
    from lmi_deployer.model_shape import ModelShape


def lengths_of(wanted: Wanted, facts: ModelFacts, assumed: dict[str, str]) -> tuple[int, int]:
    """Longest prompt and answer; where one limit for both is given, together as much as that."""
    longest_input, longest_output = wanted.max_input_len, wanted.max_output_len
    limit = wanted.max_model_len
    if limit is not None and longest_input is None:
        if longest_output is None:
            longest_output = max(1, min(USUAL_OUTPUT_LEN, limit // 4))
            assumed["max_output_len"] = "rule: the usual length, or a quarter of max_model_len"
        assumed["max_input_len"] = "rule: what max_model_len leaves"
        return max(1, limit - longest_output), longest_output
    if longest_input is None:
        choice = rules.max_input_len(facts, longest_output)
        longest_input, assumed["max_input_len"] = choice.value, choice.reason
    if longest_output is None:
        choice = rules.max_output_len(facts, longest_input)
        longest_output, assumed["max_output_len"] = choice.value, choice.reason
        if limit is not None and longest_input + longest_output > limit:
            longest_output = max(1, limit - longest_input)
            assumed["max_output_len"] = "rule: what max_model_len leaves"
    return longest_input, longest_output


def check_lengths(shape: ModelShape, lengths: tuple[int, int], limit: int | None) -> None:
    """Raise InputError for lengths beyond the model's positions, or beyond the engine's limit."""
    longest, positions = sum(lengths), shape.max_position_embeddings
    if limit is not None and longest > limit:
        problem = f"prompt and answer may take {longest} tokens; max_model_len is {limit}"
        raise InputError(problem, fix="shorter lengths, or a larger --max-model-len")
    if limit is not None and positions is not None and limit > positions:
        problem = f"max_model_len may take {limit} tokens; the model has {positions}"
        raise InputError(problem, fix=f"at most {positions}")
    refusal = allowed.lengths_are_held(shape, longest)
    if refusal is not None:
        raise error_of(refusal)
