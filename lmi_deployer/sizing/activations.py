"""The peak of one forward pass on one GPU, as lines over the number of sequences.

Each line is what one place of the pass takes: the feed-forward of the longest prompts, or the
sampler. The peak is the highest of them, and being straight they can be solved for the batch.
"""

from __future__ import annotations

from collections.abc import Sequence

from lmi_deployer.catalog.sizing_rows import EngineMemory
from lmi_deployer.sizing.lengths import Line, pass_tokens, slot_tokens
from lmi_deployer.sizing.setup import Setup
from lmi_deployer.sizing.weights import WIDTHS, padded_vocabulary, spread

GIB = 1 << 30
_NORM_COPIES = 3  # input of the block, residual, and output of the block


def peak_bytes(lines: Sequence[Line], sequences: int) -> int:
    """What the largest of the lines takes for a batch."""
    return int(max(line.at(sequences) for line in lines))


def activation_lines(setup: Setup, rules: EngineMemory) -> tuple[Line, ...]:
    """What a pass takes at each of its places.

    In PyTorch, a token of the feed-forward takes (g x I / degree + 3H) numbers, where g is 3 with
    a gate (both halves and their product) and else 2; with experts I is the width of all experts
    of a token, and its input and output are repeated for each. A TensorRT engine holds buffers.
    """
    tokens = pass_tokens(setup, rules)
    if rules.buffers is not None:
        fixed = rules.buffers.fixed_gib * GIB
        per_token = _engine_token_bytes(setup, rules)
        return (Line(fixed + tokens.fixed * per_token, tokens.per_sequence * per_token),)
    per_token = _token_bytes(setup, rules) * rules.slack
    logits = padded_vocabulary(setup.shape) * rules.logits_bytes * rules.slack
    if rules.has_slot_workspace:
        return (Line(0.0, _slot_workspace(setup, rules)), Line(0.0, logits))
    if rules.has_prompt_logits:
        whole = per_token + logits
        return (Line(tokens.fixed * whole, tokens.per_sequence * whole),)
    images = rules.image_gib.get(setup.shape.model_type, 0.0) * GIB * rules.slack
    # A pass has at least one token of each sequence, however small the chunk.
    return (
        Line(tokens.fixed * per_token, tokens.per_sequence * per_token),
        Line(0.0, max(per_token, logits, images)),
    )


def _token_bytes(setup: Setup, rules: EngineMemory) -> float:
    """Bytes of one token at the widest place of a layer."""
    shape, degree = setup.shape, spread(setup)[0]
    carried = _NORM_COPIES * shape.hidden_size
    gated = 3 if shape.has_gated_mlp else 2
    inner = shape.intermediate_size / degree
    widest = gated * inner
    query = shape.num_attention_heads * shape.head_dim / degree
    key_value = 2 * shape.head_dim * max(1, shape.num_key_value_heads / degree)
    widest = max(widest, 2 * query + key_value)
    experts = shape.experts
    if experts is not None:
        dense = widest if experts.dense_layers else 0.0
        if rules.has_whole_experts:
            inner = experts.intermediate_size
            widest = max(dense, gated * inner)
        else:
            each = gated * experts.intermediate_size / degree + shape.hidden_size
            widest = max(dense, experts.experts_per_token * each)
    if rules.awq_partial_sums and shape.stored is not None and shape.stored.method == "awq":
        joined = 1 if experts is not None or not shape.has_gated_mlp else 2
        widest += rules.awq_partial_sums * joined * inner
    return (widest + carried) * WIDTHS.get(setup.dtype, 2)


def _slot_workspace(setup: Setup, rules: EngineMemory) -> float:
    """DeepSpeed's buffers for one slot: activation_size and temp_size of GenWorkSpace."""
    shape, degree = setup.shape, spread(setup)[0]
    tokens = slot_tokens(setup, rules)
    numbers = 10 * shape.hidden_size + shape.num_attention_heads / degree * tokens
    return tokens * numbers * WIDTHS.get(setup.dtype, 2)


def _engine_token_bytes(setup: Setup, rules: EngineMemory) -> float:
    """Bytes that a TensorRT engine has for one token."""
    assert rules.buffers is not None
    shape, degree = setup.shape, spread(setup)[0]
    inner: float = (3 if shape.has_gated_mlp else 2) * shape.intermediate_size
    if shape.experts is not None:
        inner = inner * shape.experts.experts_per_token
    if shape.experts is None or not rules.has_whole_experts:
        inner /= degree
    numbers = rules.buffers.per_hidden * shape.hidden_size + rules.buffers.per_inner * inner
    return 2 * numbers
