"""What PyTorch's CUDA allocator takes for a model's matrices: more than they hold.

Source: pytorch@v2.6.0:c10/cuda/CUDACachingAllocator.cpp (kLargeBuffer, kMinLargeAlloc,
kRoundLarge, should_split).
"""

from __future__ import annotations

from collections.abc import Iterable

from lmi_deployer.model_shape import ModelShape
from lmi_deployer.sizing.remembered import OfShape

MIB = 1 << 20
_SEGMENT = 20 * MIB
"""Matrices below `_LARGE` share segments of this size."""
_LARGE = 10 * MIB
"""From here on a matrix has a segment of its own."""
_ROUNDED = 2 * MIB
_KEPT = MIB
"""A rest of no more than this stays with the matrix before it."""


def rounding_bytes(shape: ModelShape, degree: int, width: int) -> int:
    """Memory lost to rounding, for plain weights of `width` bytes split over `degree` GPUs.

    Engines join query, key and value into one matrix, and the two halves of a gated feed-forward.
    It is next to nothing for large models and 2 % for one of 0.1 B parameters.
    """
    return _rounding(shape, degree, width)


def lost_bytes(sizes: Iterable[int]) -> int:
    """What matrices of these sizes take beyond their own bytes, one after the other.

    >>> lost_bytes([259 * MIB]) // MIB  # in a segment of 260: the rest is too small to use
    1
    """
    free: list[int] = []
    lost = 0
    for size in sizes:
        if size <= _KEPT:
            continue
        fitting = [rest for rest in free if rest >= size]
        if fitting:
            block = min(fitting)
            free.remove(block)
        else:
            block = _SEGMENT if size < _LARGE else -(-size // _ROUNDED) * _ROUNDED
        rest = block - size
        if rest > _KEPT:
            free.append(rest)
        else:
            lost += rest
    return lost


def _work_out(shape: ModelShape, degree: int, width: int) -> int:
    hidden, inner = shape.hidden_size, shape.intermediate_size / degree
    heads = shape.num_attention_heads / degree
    kv_heads = max(1, shape.num_key_value_heads / degree)
    query = int(heads * shape.head_dim)
    layer = [
        hidden * int(query + 2 * kv_heads * shape.head_dim),
        query * hidden,
        int((2 if shape.has_gated_mlp else 1) * inner * hidden),
        int(inner * hidden),
    ]
    table = shape.vocab_size * (shape.embedding_size or hidden) // degree
    order = [table, *(layer * shape.num_hidden_layers)]
    if not shape.has_tied_embeddings:
        order.append(table)
    return lost_bytes(numbers * width for numbers in order)


_rounding = OfShape(_work_out)
