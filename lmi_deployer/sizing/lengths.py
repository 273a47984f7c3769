"""How many tokens a sequence, a slot of the batch, and one pass through the model have."""

from __future__ import annotations

from dataclasses import dataclass

from lmi_deployer.catalog.sizing_rows import EngineMemory
from lmi_deployer.sizing.setup import Setup

_BIG_CARD_GIB = 70  # vllm@v0.8.4:vllm/engine/arg_utils.py, and the same up to v0.24.0
_NOT_BIG = "A100"  # named there as the exception


@dataclass(frozen=True, slots=True)
class Line:
    """An amount of a batch: `fixed` + `per_sequence` x sequences."""

    fixed: float
    per_sequence: float

    def at(self, sequences: int) -> float:
        """The amount for so many sequences."""
        return self.fixed + self.per_sequence * sequences


def sequence_tokens(setup: Setup) -> int:
    """Tokens of one sequence of full input and output length."""
    return setup.max_input_len + setup.max_output_len


def length_limit(setup: Setup, rules: EngineMemory) -> int:
    """Tokens that the engine lets one sequence take.

    vLLM and SGLang take what the model can unless they are told otherwise; other engines are built
    or started for the lengths of the profile.
    """
    if setup.max_model_len is not None:
        return setup.max_model_len
    wanted = sequence_tokens(setup)
    if not rules.takes_model_length:
        return wanted
    return setup.shape.max_position_embeddings or wanted


def slot_tokens(setup: Setup, rules: EngineMemory) -> int:
    """Tokens that each slot of the batch has from the start, in engines without paging."""
    return max(rules.least_slot_tokens, setup.max_model_len or sequence_tokens(setup))


def pass_tokens(setup: Setup, rules: EngineMemory) -> Line:
    """Tokens of the largest pass, as far as the batch does not and does add to them."""
    if setup.max_num_tokens is not None:
        return Line(setup.max_num_tokens, 0)
    if rules.prefill == "batch_of_prompts":
        return Line(0, setup.max_input_len)
    longest = max(length_limit(setup, rules), rules.least_tokens)
    if _has_chunks(setup, rules, longest):
        is_big = rules.big_card_chunk_tokens is not None and is_big_card(setup)
        return Line((rules.big_card_chunk_tokens if is_big else None) or rules.chunk_tokens, 0)
    return Line(max(longest, rules.chunk_tokens if rules.prefill == "chunks" else 0), 0)


def is_big_card(setup: Setup) -> bool:
    """Whether vLLM's second core takes the card for one of the big ones, with larger defaults."""
    return setup.gpu.memory_gib >= _BIG_CARD_GIB and not setup.gpu.name.startswith(_NOT_BIG)


def _has_chunks(setup: Setup, rules: EngineMemory, longest: int) -> bool:
    """Whether long prompts are taken in parts."""
    if setup.has_chunked_prefill is not None:
        return setup.has_chunked_prefill
    if rules.prefill == "chunks":
        return True
    return rules.chunks_above is not None and longest > rules.chunks_above
