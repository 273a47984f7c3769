"""What keys and values take on one GPU, and how many tokens of them a sequence needs."""

from __future__ import annotations

from math import ceil

from lmi_deployer.catalog.sizing_rows import EngineMemory
from lmi_deployer.sizing.engines import engine_memory
from lmi_deployer.sizing.lengths import length_limit, pass_tokens
from lmi_deployer.sizing.setup import Setup
from lmi_deployer.sizing.weights import WIDTHS, spread


def kv_bytes_per_token(setup: Setup) -> int:
    """KV-cache bytes of one token on one GPU, at the engine's length limit.

    2 (key and value) x layers x ceil(KV heads / degree) x head_dim x width: heads round up because
    a KV head is repeated, not split, once the degree exceeds their number. Latent attention keeps
    layers x (kv_lora_rank + qk_rope_head_dim) x width instead, the same on every GPU. Where layers
    with a sliding window cache only that, it is the mean over a sequence of full length.

    >>> from lmi_deployer import catalog
    >>> from lmi_deployer.shapes import from_catalog
    >>> known = catalog.find_model("meta-llama/Meta-Llama-3.1-8B")
    >>> kv_bytes_per_token(Setup(
    ...     shape=from_catalog(known), gpu=catalog.gpu("A10G"), gpu_count=4, gpu_link="pcie",
    ...     tensor_parallel_degree=4, engine="vllm", engine_version="0.8.4", dtype="bf16",
    ...     max_input_len=1024, max_output_len=512, max_rolling_batch_size=32,
    ... ))  # 2 x 32 layers x 2 of 8 heads x 128 x 2 bytes
    32768
    """
    rules = engine_memory(setup)
    length = length_limit(setup, rules)
    return ceil(sequence_bytes(setup, rules, length) / length)


def sequence_bytes(setup: Setup, rules: EngineMemory, length: int) -> int:
    """KV-cache bytes of one sequence on one GPU, in whole blocks.

    A layer with a window keeps the window and the tokens of the pass at hand, and one block more
    as a window seldom begins with one (SlidingWindowSpec of vLLM).
    """
    blocks = ceil(length / rules.block_tokens) * rules.block_tokens
    seeing_all, windowed = grouped_layers(setup, rules)
    held = 0
    if windowed:
        assert setup.shape.window is not None
        passing = int(pass_tokens(setup, rules).at(setup.max_rolling_batch_size))
        kept = min(setup.shape.window.tokens - 1 + passing, length)
        held = min(blocks, (ceil(kept / rules.block_tokens) + 1) * rules.block_tokens)
    return layer_bytes(setup, rules) * (seeing_all * blocks + windowed * held)


def grouped_layers(setup: Setup, rules: EngineMemory) -> tuple[int, int]:
    """Layers of one GPU that cache everything and a window alone, as the engine counts them.

    An engine that pools them deals both kinds out to groups of one size, that of the rarer kind or
    of the other where that is hardly larger, and fills groups up with layers that are not there.
    """
    shape = setup.shape
    layers = ceil(shape.num_hidden_layers / spread(setup)[1])
    if shape.window is None or not rules.pools_windows:
        return layers, 0
    windowed = round(layers * shape.window.layers / shape.num_hidden_layers)
    fewer, more = sorted((layers - windowed, windowed))
    if not fewer:
        return layers - windowed, windowed
    size = more if more < fewer * rules.joins_groups_below else fewer
    return ceil((layers - windowed) / size) * size, ceil(windowed / size) * size


def pools_windows(setup: Setup) -> bool:
    """Whether a token's share of the cache is a mean over layers of which some forget.

    It is worked out for one sequence of the length limit; shorter sequences take more for each
    token, since none of it is forgotten.
    """
    window, rules = setup.shape.window, engine_memory(setup)
    if window is None or not rules.pools_windows:
        return False
    return length_limit(setup, rules) > window.tokens


def cache_dtype(setup: Setup) -> str | None:
    """The format of the cache, as set or as the engine takes it from the checkpoint by itself.

    None for the one of the activations.
    """
    stored = setup.shape.stored
    if setup.kv_cache_dtype is not None or stored is None:
        return setup.kv_cache_dtype
    return stored.kv_cache_dtype if engine_memory(setup).reads_stored_cache_dtype else None


def kv_width(setup: Setup) -> int:
    """Bytes of one number in the cache."""
    kind = cache_dtype(setup)
    return WIDTHS.get(setup.dtype, 2) if kind is None else WIDTHS.get(kind, 1)


def layer_bytes(setup: Setup, rules: EngineMemory) -> int:
    """KV-cache bytes of one token in one layer."""
    shape, degree = setup.shape, spread(setup)[0]
    latent = shape.latent
    if latent is None:
        heads = ceil(shape.num_key_value_heads / degree)
        return 2 * heads * shape.head_dim * kv_width(setup)
    if rules.has_latent_cache:
        return (latent.kv_lora_rank + latent.qk_rope_head_dim) * kv_width(setup)
    heads = ceil(shape.num_attention_heads / degree)
    head_dim = latent.qk_nope_head_dim + latent.qk_rope_head_dim
    return 2 * heads * head_dim * kv_width(setup)
