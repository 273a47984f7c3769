"""Rows of memory.yaml: how an engine divides a GPU's memory, from one of its versions on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lmi_deployer.catalog.rows import NonEmpty, Row, SourcedRow

Budget = Literal[
    "share_of_card", "share_of_free", "weights_and_cache", "static_slots", "static_sequences"
]


class TokenBuffers(Row):
    """What a TensorRT engine holds for each token of a pass; fitted to measured limits."""

    fixed_gib: float
    per_hidden: float
    """16-bit numbers per token and unit of the hidden size, the same on every GPU."""
    per_inner: float
    """The same for what the feed-forward holds, which is split."""


class EngineMemory(SourcedRow):
    """What an engine reserves, and how it sizes its cache; a later row of it takes over."""

    name: NonEmpty
    engine: Literal[
        "trtllm", "lmi-dist", "vllm", "scheduler", "deepspeed", "hf-accelerate", "neuronx",
        "sglang", "tgi",
    ]  # fmt: skip
    since: NonEmpty
    """The library's version from which the row holds; "0" for the oldest."""
    is_second_core: bool = False
    """Of vLLM's second engine core, whose rows are counted apart."""
    budget: Budget = "share_of_card"
    """share_of_card: everything shares `fraction` of the card, and the cache gets the rest (vLLM).
    share_of_free: the cache gets `fraction` of what is free once the model has run
    (TensorRT-LLM, TGI). weights_and_cache: the two share `fraction` of the card, activations live
    in the rest (SGLang). static_slots: every slot of the batch has its cache from the start.
    static_sequences: caches grow with the sequences, and nothing is kept back."""
    fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Used where the setting is left out."""
    base_gib: float = 0.0
    """Taken by the engine on one GPU, inside the budget."""
    parallel_gib: float = 0.0
    """The same where several GPUs share one copy; communication buffers included."""
    context_gib: float = 0.0
    """CUDA context and the like, which the budget of vLLM does not count in most versions."""
    nvls_gib_per_rank: float = 0.0
    """Multicast buffers of NCCL, for each rank beyond two on Hopper and newer with NVSwitch."""
    switch_gib_per_rank: float = 0.0
    """The same on older cards with NVSwitch, which have no multicast but more connections."""

    buffers: TokenBuffers | None = None
    """Of a TensorRT engine, which are there from the start; null for a pass in PyTorch."""
    slack: float = 1.0
    """Allocated over used: what PyTorch's allocator held and the engine counted."""
    logits_bytes: float = 0.0
    """For each vocabulary entry of each sequence: the sampler's copies, sort and sums."""
    has_prompt_logits: bool = False
    """Logits are made for every token of the prompts, not for the last one alone."""
    has_whole_experts: bool = False
    """Experts are dealt out whole, so that their inner width is not split."""
    awq_partial_sums: int = 0
    """Copies of an AWQ layer's output that are summed up."""
    replicates_embeddings: bool = False
    """Every GPU holds the input embedding whole."""
    copies_tied_embeddings: bool = False
    """A tied output embedding is stored a second time."""
    shards_vision: bool = True
    mxfp4_hidden_multiple: int = 1
    """Experts stored as mxfp4 are padded to a multiple of so many rows and columns, on each GPU."""
    mxfp4_inner_multiple: int = 1

    prefill: Literal["whole_prompts", "chunks", "batch_of_prompts"] = "whole_prompts"
    """Tokens of the largest pass where nothing sets them: the longest prompt, a chunk of
    `chunk_tokens`, or the prompts of a whole batch."""
    chunk_tokens: int = 2048
    big_card_chunk_tokens: int | None = None
    """The chunk on cards of 70 GiB and more, A100 excepted."""
    chunks_above: int | None = None
    """Length limit beyond which whole prompts give way to chunks by themselves."""
    least_tokens: int = 0
    """The pass has at least so many tokens."""
    takes_model_length: bool = False
    """Without a limit that is set, sequences may be as long as the model allows."""
    needs_full_length: bool = False
    """The server refuses to start when the cache cannot hold one sequence of its length limit."""
    block_tokens: int = 16
    has_latent_cache: bool = True
    """Multi-head latent attention is cached compressed; before that as full heads."""
    absorbs_projections: bool = False
    """Products of the up-projections of latent attention are kept beside the weights."""
    reads_stored_cache_dtype: bool = False
    """A cache whose format is left open is kept as the checkpoint says; else as activations."""
    pools_windows: bool = False
    """Layers with a sliding window cache no more than the window."""
    joins_groups_below: float = 1.0
    """Groups are as large as the commoner kind of layers where that is less than so many times
    the rarer kind."""
    graph_gib_per_layer: float = 0.0
    """CUDA graphs of one layer on one GPU."""
    counts_graphs: bool = False
    """Graphs come out of the budget; else they need room outside of it."""
    image_gib: dict[str, float] = Field(default_factory=dict)
    """Family whose encoder passes over an image of every sequence at once: GiB of each image."""
    least_slot_tokens: int = 0
    """Tokens that a slot has at least, whatever the lengths."""
    has_slot_workspace: bool = False
    """Each slot has buffers of 10 H and of heads x tokens for every one of its tokens."""

    error_share: Annotated[float, Field(ge=0)]
    """90 of 100 measured caches are within this share of the card's memory."""
    error_basis: NonEmpty
    """Which measurements `error_share` comes from, or that there are none."""
