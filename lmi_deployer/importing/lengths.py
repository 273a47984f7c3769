"""The longest prompt and answer, as far as settings tell them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lmi_deployer.starting.choosing import MAX_INPUT_LEN, MAX_OUTPUT_LEN

TOGETHER = ("max_tokens", "n_positions", "max_model_len", "max_seq_len")
"""Our names of settings that limit prompt and answer together."""
ANSWER_SHARE = 4
"""Of a small limit for both, the answer gets one part in so many."""


@dataclass(frozen=True)
class Lengths:
    """Tokens of the longest prompt and of the longest answer."""

    max_input_len: int
    max_output_len: int
    reason: str | None
    """How they were worked out; None where the source says both."""


def lengths(limits: Mapping[str, int], keys: Mapping[str, str], positions: int | None) -> Lengths:
    """The lengths that limits allow; `keys` says how each limit is called in the source.

    Without any limit, those of a starting profile, within the model's positions.
    """
    longest_input, longest_output = limits.get("max_input_len"), limits.get("max_output_len")
    if longest_input is not None and longest_output is not None:
        return Lengths(longest_input, longest_output, None)
    limit = next((name for name in TOGETHER if name in limits), None)
    if limit is not None:
        total = limits[limit] if positions is None else min(limits[limit], positions)
        reason = f"prompt and answer share the {limits[limit]} tokens of {keys[limit]}"
    else:
        wanted = longest_input or MAX_INPUT_LEN, longest_output or MAX_OUTPUT_LEN
        reason = "assumed, as the source sets no limit"
        if positions is None or sum(wanted) <= positions:
            return Lengths(*wanted, reason)
        total = positions
    if longest_input is not None and longest_input < total:
        return Lengths(longest_input, total - longest_input, reason)
    if longest_output is not None and longest_output < total:
        return Lengths(total - longest_output, longest_output, reason)
    answer = max(1, min(MAX_OUTPUT_LEN, total // ANSWER_SHARE))
    return Lengths(max(1, total - answer), answer, reason)
