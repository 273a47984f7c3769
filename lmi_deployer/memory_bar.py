"""Where the memory of one GPU goes: its parts by name, and as a bar of letters."""

from __future__ import annotations

from dataclasses import dataclass

from lmi_deployer.paint import Paint, plain
from lmi_deployer.sizing.memory import Memory

LIMIT = "|"
"""Stands in the bar where the engine's share of the memory ends."""


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of content of the memory."""

    key: str
    label: str
    letter: str
    color: str
    """On a terminal."""
    hex_color: str
    """In a picture. Okabe and Ito's palette, which color-blind readers can tell apart."""


WEIGHTS = Part("weights", "weights", "W", "blue", "#0072B2")
ACTIVATIONS = Part("activations", "activations", "A", "magenta", "#CC79A7")
OVERHEAD = Part("overhead", "overhead", "O", "yellow", "#E69F00")
KV_CACHE = Part("kv_cache", "KV cache", "K", "green", "#009E73")
UNUSED = Part("unused", "unused", ".", "", "#D9D9D9")
SHORTAGE = Part("shortage", "missing", "!", "red", "#D55E00")


def parts(memory: Memory) -> tuple[tuple[Part, int], ...]:
    """Each part with its bytes, in the order in which memory fills."""
    return (
        (WEIGHTS, memory.weights_bytes),
        (ACTIVATIONS, memory.activation_bytes),
        (OVERHEAD, memory.overhead_bytes),
        (KV_CACHE, memory.kv_cache_bytes),
        (UNUSED, memory.unused_bytes),
    )


def bar(memory: Memory, width: int, paint: Paint = plain) -> str:
    """The parts as letters, as many columns as asked for; what is there is never left out.

    Where the parts come to more than the engine may take, the excess stands behind a `|`, and
    everything keeps its proportion.
    """
    shown = [(part, size) for part, size in parts(memory) if size > 0]
    if memory.shortage_bytes > 0:
        return _overfull(memory, [item for item in shown if item[0] is not UNUSED], width, paint)
    shown = shown or [(UNUSED, 1)]
    counts = _columns([size for _, size in shown], max(width - 2, len(shown)))
    runs = zip(shown, counts, strict=True)
    return f"[{''.join(paint(part.letter * count, part.color) for (part, _), count in runs)}]"


def _overfull(memory: Memory, shown: list[tuple[Part, int]], width: int, paint: Paint) -> str:
    """The bar of parts that do not fit, with a mark where the room ends."""
    inner = max(width - 3, len(shown))
    counts = _columns([size for _, size in shown], inner)
    needed = sum(size for _, size in shown)
    limit = min(max(round(inner * (needed - memory.shortage_bytes) / needed), 0), inner - 1)
    within, beyond, start = "", "", 0
    for (part, _), count in zip(shown, counts, strict=True):
        inside = min(max(limit - start, 0), count)
        within += paint(part.letter * inside, part.color) if inside else ""
        beyond += part.letter * (count - inside)
        start += count
    return f"[{within}{LIMIT}{paint(beyond, SHORTAGE.color)}]"


def _columns(sizes: list[int], width: int) -> list[int]:
    """A share of the width for each size: at least one column, and the width in all."""
    total = sum(sizes)
    counts = [max(1, size * width // total) for size in sizes]
    by_rest = sorted(range(len(sizes)), key=lambda item: -(sizes[item] * width % total))
    for item in by_rest[: max(0, width - sum(counts))]:
        counts[item] += 1
    for _ in range(sum(counts) - width):  # the largest make room for those that were raised to one
        counts[counts.index(max(counts))] -= 1
    return counts
