"""Times of one serving cycle from a roofline: what moves, what multiplies, what an engine spends.

A pass reads the weights once, whatever the number of tokens, and multiplies them for each token;
the slower of the two decides. Keys and values are read for each sequence, all-reduces follow every
attention and every feed-forward, and the engine has costs of its own. In a steady state one prompt
comes in for each answer that ends, so that a cycle has `output` passes, and prompts ride in some
of them. Source of the formulas: S. Williams et al., "Roofline", CACM 52(4), 2009, and R. Pope et
al., "Efficiently Scaling Transformer Inference", arXiv:2211.05102, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lmi_deployer.performance.constants import Hardware, Pace
    from lmi_deployer.performance.work import Work

REDUCES_PER_LAYER = 2
ACTIVATION_BYTES = 2
STEEPER_PER_DOUBLING = 3
"""An all-reduce's latency grows by a third of itself each time that the GPUs double."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests of one length, so many of them in flight at any time."""

    in_flight: float
    input_len: float
    output_len: float
    max_num_tokens: float
    """Prompt tokens of one pass at most; longer prompts take several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds."""

    prompt: float
    """One prompt alone."""
    decode: float
    """One pass that only decodes."""
    mixed: float
    """One pass that decodes and takes in prompts."""
    prompts_per_pass: float
    cycle: float
    """From a request's first prompt token to its last answer token."""


def serve(work: Work, hardware: Hardware, pace: Pace, load: Load) -> Timing:
    """How long passes and a whole cycle take in a steady state."""
    requests, prompt, answer = load.in_flight, load.input_len, load.output_len
    # Answers end evenly spread over the cycle, so prompts come one by one while requests are fewer
    # than passes, and several to each pass beyond that.
    passes = max(min(requests, answer), requests * prompt / load.max_num_tokens)
    together = requests / passes
    fixed = pace.per_step + pace.per_expert_layer * work.expert_layers
    each = pace.per_sequence + _cache(work, hardware, pace, prompt + answer / 2)
    # Where prompts need more passes than an answer has tokens, some requests sit a pass out.
    decoding = requests * min(1.0, answer / passes)
    attention = _prompt_attention(work, hardware, prompt)
    decode = (
        _products(work, hardware, requests, requests, hardware.decode_compute)
        + _reduces(work, hardware, pace, requests)
        + pace.per_layer * work.layers
        + requests * each
        + fixed
    )
    tokens = decoding + together * prompt
    mixed = (
        _products(work, hardware, tokens, decoding + together, hardware.prefill_compute)
        + _reduces(work, hardware, pace, tokens)
        + pace.per_prefill_layer * work.layers
        + together * attention
        + decoding * each
        + fixed
    )
    alone = (
        _products(work, hardware, prompt, 1.0, hardware.prefill_compute)
        + _reduces(work, hardware, pace, prompt)
        + pace.per_prefill_layer * work.layers
        + attention
        + fixed
    )
    return Timing(
        prompt=alone,
        decode=decode,
        mixed=mixed,
        prompts_per_pass=together,
        cycle=max(0.0, answer - passes) * decode + passes * mixed,
    )


def first_token(timing: Timing, pace: Pace, in_flight: float) -> float | None:
    """Seconds to the first token: the prompt itself, and its share of those ahead of it."""
    if pace.first_token_factor is None:
        return None
    marginal = max(0.0, timing.mixed - timing.decode) / timing.prompts_per_pass
    waiting = pace.first_token_queue * (in_flight - 1) * marginal
    return pace.first_token_factor * (timing.prompt + timing.decode + waiting)


def _products(
    work: Work, hardware: Hardware, tokens: float, sequences: float, compute: float
) -> float:
    """Matrix products of one pass: the weights are read once and multiplied for every token."""
    unpacking = hardware.unpacking if work.is_dense_unpacked else 1.0
    read = work.dense_bytes / (work.bandwidth * hardware.weight_bandwidth * unpacking)
    dense = tokens * work.dense_parameters / work.dense_rate
    multiply = 2 * (dense + sequences * work.head_parameters / work.plain_rate) / compute
    seconds = _slower(read, multiply)
    if work.expert_bytes:
        unpacking = hardware.unpacking if work.is_expert_unpacked else 1.0
        # Tokens choose experts as if at random, so few tokens leave some of them unread.
        touched = work.expert_bytes * (1 - work.idle_share**tokens)
        read = touched / (work.bandwidth * hardware.expert_bandwidth * unpacking)
        rate = work.expert_rate * hardware.expert_compute * unpacking
        seconds += _slower(read, 2 * tokens * work.expert_parameters / rate)
    return seconds


def _slower(read: float, multiply: float) -> float:
    """The longer of two times that overlap, a little more where they are alike."""
    return float((read**4 + multiply**4) ** 0.25)


def _cache(work: Work, hardware: Hardware, pace: Pace, context: float) -> float:
    """Reading the keys and values of one sequence."""
    seen = context
    if work.window_share:
        seen += work.window_share * (min(context, work.window_tokens) - context)
    times = 1 + pace.rereads * (work.heads_per_group - 1)
    once = seen * work.cache_bytes_per_token / (work.bandwidth * hardware.cache_bandwidth)
    return times * once


def _prompt_attention(work: Work, hardware: Hardware, prompt: float) -> float:
    """Every token of a prompt against those before it; windows save all but their own length."""
    pairs = prompt * prompt
    if work.window_share and prompt > work.window_tokens:
        # A causal square counts half of its pairs, a band all of them.
        band = 2 * prompt * work.window_tokens - work.window_tokens**2
        pairs += work.window_share * (band - pairs)
    return pairs * work.attention_products / (work.plain_rate * hardware.prefill_compute)


def _reduces(work: Work, hardware: Hardware, pace: Pace, tokens: float) -> float:
    """The all-reduces of one pass: each GPU sends and receives 2 (t - 1) / t of the activations."""
    degree = work.degree
    if degree == 1:
        return 0.0
    if work.link_bytes_per_second is None:
        latency, rate = hardware.pcie_seconds, hardware.pcie_bytes_per_second
    else:
        latency = hardware.nvlink_seconds
        rate = work.link_bytes_per_second * hardware.nvlink_bandwidth
    sent = 2 * (degree - 1) / degree * tokens * work.hidden_size * ACTIVATION_BYTES
    once = latency * (1 + log2(degree) / STEEPER_PER_DOUBLING) + sent / rate
    return REDUCES_PER_LAYER * work.layers * once * pace.link_factor
