"""The answer of sizing, put together: parts of the memory, cache, batch, verdict and bound."""

from __future__ import annotations

from lmi_deployer.catalog.sizing_rows import EngineMemory
from lmi_deployer.sizing.activations import GIB, activation_lines, peak_bytes
from lmi_deployer.sizing.batch import bytes_of_sequence, largest_batch
from lmi_deployer.sizing.bounds import bound_of, error_bytes
from lmi_deployer.sizing.budget import Room, room_of
from lmi_deployer.sizing.engines import engine_memory
from lmi_deployer.sizing.kv_cache import sequence_bytes
from lmi_deployer.sizing.lengths import length_limit, sequence_tokens
from lmi_deployer.sizing.memory import Memory, Verdict
from lmi_deployer.sizing.overhead import graph_gib
from lmi_deployer.sizing.setup import Setup
from lmi_deployer.sizing.weights import spread


def measure(setup: Setup) -> Memory:
    """Where the memory of the fullest GPU goes, and how many requests that leaves room for.

    Nothing is read and nothing is asked: the same setup always has the same answer.
    """
    rules = engine_memory(setup)
    lines = activation_lines(setup, rules)
    room = room_of(setup, rules, lines)
    batch = setup.max_rolling_batch_size
    cache, activations = room.cache_bytes(batch), peak_bytes(lines, batch)
    sequence, limit = bytes_of_sequence(setup, rules), length_limit(setup, rules)
    token = sequence_bytes(setup, rules, limit) / limit
    whole = max(0, cache)
    width = error_bytes(rules, room.usable)
    tokens = int(whole / token) if token else 0
    verdict = _verdict(setup, rules, cache, width)
    return Memory(
        usable_bytes=room.usable,
        weights_bytes=room.weights,
        activation_bytes=activations,
        overhead_bytes=room.overhead,
        kv_cache_bytes=whole,
        unused_bytes=_unused(room, activations, whole, max(0, -cache)),
        shortage_bytes=max(0, -cache),
        kv_bytes_per_token=-int(-token // 1),
        kv_cache_tokens=tokens - tokens % rules.block_tokens,
        max_sequences=whole // sequence if sequence else batch,
        max_safe_batch=largest_batch(room, sequence, width),
        verdict=verdict,
        bound=bound_of(rules, room.usable, cache, token),
        doubts=_doubts(setup, rules, room, None if verdict == "fits" else limit),
    )


def needed_cache_bytes(setup: Setup, rules: EngineMemory) -> int:
    """What the cache must hold for the server to start and serve one sequence.

    vLLM refuses to start unless one sequence of its length limit fits; engines with static slots
    allocate the whole batch.
    """
    if rules.budget == "static_slots":
        return setup.max_rolling_batch_size * bytes_of_sequence(setup, rules)
    if rules.needs_full_length:
        return sequence_bytes(setup, rules, length_limit(setup, rules))
    return bytes_of_sequence(setup, rules)


def _unused(room: Room, activations: int, cache: int, shortage: int) -> int:
    """What the fraction keeps back, so that all parts add up to the card."""
    taken = room.weights + room.overhead + activations + cache
    return room.usable - taken + shortage


def _verdict(setup: Setup, rules: EngineMemory, cache: int, width: int) -> Verdict:
    """Whether the server starts: by the point, and by the lower edge where that differs."""
    needed = needed_cache_bytes(setup, rules)
    if cache < needed or not _heads_divide(setup):
        return "does_not_fit"
    return "tight" if cache - width < needed else "fits"


def _heads_divide(setup: Setup) -> bool:
    degree = spread(setup)[0]
    return setup.engine == "neuronx" or setup.shape.num_attention_heads % degree == 0


def _doubts(setup: Setup, rules: EngineMemory, room: Room, limit: int | None) -> tuple[str, ...]:
    """What is assumed, beside what the shape says of itself; `limit` where that may be too long."""
    shape = setup.shape
    doubts = [*shape.contradictions, *shape.doubts]
    if not _heads_divide(setup):
        doubts.append(
            f"{shape.num_attention_heads} attention heads do not divide by "
            f"{spread(setup)[0]}; the engine refuses that degree"
        )
    if shape.vision_parameters:
        doubts.append("the pass of the image encoder is not counted")
    if rules.least_slot_tokens:
        doubts.append(f"every slot is taken to have {rules.least_slot_tokens} tokens or more")
    is_open = rules.needs_full_length and setup.max_model_len is None
    if is_open and limit is not None and limit > sequence_tokens(setup):
        doubts.append(f"without max_model_len the server wants a cache of {limit} tokens to start")
    outside = room.usable - room.allowed
    wanted = (rules.context_gib + graph_gib(setup, rules)) * GIB
    if rules.budget == "share_of_card" and not rules.counts_graphs and wanted > outside:
        doubts.append(
            f"CUDA graphs and context want about {wanted / GIB:.1f} GiB outside of the memory "
            f"fraction, which leaves {outside / GIB:.1f}"
        )
    return tuple(doubts)
