"""Answers to sizing questions as text for people: the memory bar, the figures, the reason."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lmi_deployer.answering.answer import device, gib
from lmi_deployer.answering.document import reasons, setup_as_json
from lmi_deployer.columns import wrapped
from lmi_deployer.memory_bar import KV_CACHE, SHORTAGE, UNUSED, bar, parts
from lmi_deployer.paint import Paint, plain
from lmi_deployer.performance.estimate import NoBasis
from lmi_deployer.sizing.kv_cache import pools_windows

if TYPE_CHECKING:
    from lmi_deployer.answering.answer import Answer
    from lmi_deployer.performance.estimate import Band
    from lmi_deployer.sizing.memory import Memory, Verdict
    from lmi_deployer.sizing.setup import Setup

LINE_BAR_COLUMNS = 20
"""Of the bar in one line among others."""
LEAST_COLUMNS, MOST_BAR_COLUMNS = 40, 74
_LABEL_COLUMNS = 14
VERDICTS: dict[Verdict, tuple[str, str]] = {
    "fits": ("fits", "green"),
    "tight": ("tight", "yellow"),
    "does_not_fit": ("does not fit", "red"),
}
"""Verdict: how people read it, and its color."""


def memory_line(memory: Memory, setup: Setup) -> str:
    """The memory of one GPU in one line, as plans and explanations show it."""
    used = [(part, size) for part, size in parts(memory) if part is not UNUSED and size]
    shown = "  ".join(f"{part.label} {gib(size)}" for part, size in used)
    total, usable = sum(size for _, size in used), memory.usable_bytes
    room = f"{gib(total)} of {gib(usable)} GiB"
    return f"per {device(setup)}  {shown}  =  {room}  {bar(memory, LINE_BAR_COLUMNS)}"


def page(answer: Answer, width: int, paint: Paint = plain) -> str:
    """The whole answer, as wide as the terminal at most."""
    memory, setup = answer.memory, answer.asked.setup
    columns = max(min(width, MOST_BAR_COLUMNS + 24), LEAST_COLUMNS)
    size = f"  {gib(memory.usable_bytes)} GiB on each {device(setup)}"
    drawn = bar(memory, max(columns - len(size) - 4, 12), paint)
    blocks = [
        _heading(answer, columns, paint),
        f"  {drawn}{size}",
        "\n".join(_legend(answer, paint)),
        "\n".join(_figures(answer, columns)),
        "\n".join(_closing(answer, columns)),
        _taken(answer, columns),
    ]
    return "\n\n".join(block for block in blocks if block)


def verdict(memory: Memory, paint: Paint = plain) -> str:
    """`fits`, `tight` or `does not fit`, in its color."""
    text, color = VERDICTS[memory.verdict]
    return paint(text, color)


def container_text(answer: Answer) -> str:
    """`LMI 0.32.0 (vllm 0.7.3)`."""
    asked = answer.asked
    return f"LMI {asked.container.version} ({asked.backend} {asked.setup.engine_version})"


def machine_text(answer: Answer) -> str:
    """`ml.g5.12xlarge, 4 x A10G`."""
    machine = answer.asked.machine
    cards = f"{machine.cards} x {machine.gpu.name}"
    return f"{machine.instance.name}, {cards}" if machine.instance else cards


def _heading(answer: Answer, width: int, paint: Paint) -> str:
    setup = answer.asked.setup
    stages = setup.pipeline_parallel_degree
    stored = setup.shape.stored
    weights = setup.weight_format or (stored.method if stored else None)
    details = (
        container_text(answer),
        f"tensor_parallel_degree {setup.tensor_parallel_degree}",
        f"pipeline_parallel_degree {stages}" if stages > 1 else "",
        f"{setup.dtype}, {weights} weights" if weights else setup.dtype,
        f"{setup.kv_cache_dtype} cache" if setup.kv_cache_dtype else "",
    )
    first = f"{answer.title} on {machine_text(answer)}: {verdict(answer.memory, paint)}"
    return f"{first}\n{_joined([text for text in details if text], width)}"


def _joined(texts: Sequence[str], width: int) -> str:
    """Texts side by side, on as many lines as they need."""
    lines = [texts[0]]
    for text in texts[1:]:
        longer = f"{lines[-1]}    {text}"
        if len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(text)
    return "\n".join(lines)


def _legend(answer: Answer, paint: Paint) -> Iterator[str]:
    """Each part of the bar with its size; the cache with its bound."""
    memory = answer.memory
    for part, size in parts(memory):
        if size == 0 and part is not KV_CACHE:
            continue
        note = ""
        if part is KV_CACHE:
            low, high = memory.bound.kv_cache_bytes_low, memory.bound.kv_cache_bytes_high
            note = f"   {gib(low)} to {gib(high)}"
        elif part is UNUSED:
            note = "   beyond the memory fraction"
        letter = paint(part.letter, part.color)
        yield f"  {letter}  {part.label:<{_LABEL_COLUMNS - 3}}{gib(size):>7} GiB{note}".rstrip()
    if memory.shortage_bytes > 0:
        text = f"{SHORTAGE.label:<{_LABEL_COLUMNS - 3}}{gib(memory.shortage_bytes):>7} GiB"
        yield f"  {paint('|', SHORTAGE.color)}  {paint(text, SHORTAGE.color)}"


def _figures(answer: Answer, width: int) -> Iterator[str]:
    memory, setup = answer.memory, answer.asked.setup
    lengths = f"{setup.max_input_len:,} + {setup.max_output_len:,} tokens"
    bound = memory.bound
    each = f"{memory.kv_bytes_per_token / 1024:,.1f} KiB each on a {device(setup)}"
    if pools_windows(setup):
        each += ", the mean over a sequence of the full length limit, as the server counts them"
    tokens = f"{memory.kv_cache_tokens:,}   {bound.kv_cache_tokens_low:,} to "
    yield _row("cache tokens", f"{tokens}{bound.kv_cache_tokens_high:,}; {each}", width)
    yield _row("sequences", f"{memory.max_sequences:,} of {lengths} at once", width)
    yield _row("batch", _batch(answer), width)
    if answer.copies > 1:
        yield _row(
            "copies", f"{answer.copies} on the machine; all of this is for each of them", width
        )
    if isinstance(answer.speed, NoBasis):
        if memory.fits:
            yield _row("speed", f"no estimate: {answer.speed.reason}", width)
    else:
        yield from _speed(answer, width)
    if answer.price is not None:
        price = answer.price
        dated = f"{price.region}, price of {price.as_of}"
        dated += f"; none is known for {answer.region}" if answer.is_price_elsewhere else ""
        yield _row("price", f"${price.usd_per_hour:,.2f} per hour ({dated})", width)
        if (cost := answer.usd_per_million_tokens) is not None:
            span = f"${cost.low:,.2f} to ${cost.high:,.2f}"
            yield _row("", f"${cost.middle:,.2f} ({span}) per million output tokens", width)


def _batch(answer: Answer) -> str:
    """The batch, and the one that is sure: the pass over a larger batch takes from the cache."""
    batch, safe = answer.asked.setup.max_rolling_batch_size, answer.memory.max_safe_batch
    if safe < 1:
        return f"{batch:,}; by the bound no batch is sure to be held at full length"
    sure = f"a server started with up to {safe:,} is sure to hold them all"
    is_chosen = "max_rolling_batch_size" in answer.asked.assumed
    if batch > safe and is_chosen and answer.asked.evidence is None:
        return f"{batch:,}, by the middle estimate; {sure}"
    return f"{batch:,}; {sure}"


def _speed(answer: Answer, width: int) -> Iterator[str]:
    speed = answer.speed
    assert not isinstance(speed, NoBasis)
    each = " a copy" if answer.copies > 1 else ""
    rate = _band(speed.output_tokens_per_second, "tokens per second")
    yield _row("speed", f"{rate}{each}, {speed.concurrency} requests in flight", width)
    yield _row("", f"{_band(speed.itl_seconds, 'ms between tokens', 1000)}", width)
    if speed.ttft_seconds is not None:
        yield _row("", f"{_band(speed.ttft_seconds, 'ms to the first token', 1000)}", width)


def _closing(answer: Answer, width: int) -> Iterator[str]:
    """Why it is so, what would help, and what is not sure."""
    yield _wrapped("Why", answer.why, width)
    if answer.asked.evidence is not None:
        yield _wrapped("", f"it ran so: {answer.asked.evidence}", width)
    for index, way in enumerate(answer.ways_out):
        tokens = f"{way.memory.kv_cache_tokens:,} cache tokens"
        text = f"{way.change}   fits: {tokens}, {way.memory.max_sequences:,} sequences"
        yield _wrapped("Try" if index == 0 else "", text, width)
    if not answer.ways_out and not answer.memory.fits:
        yield _wrapped("Try", "nothing that was tried makes it fit", width)
    yield _wrapped("Basis", f"memory: {answer.memory.bound.basis}", width)
    if not isinstance(answer.speed, NoBasis):
        yield _wrapped("", f"speed: {answer.speed.basis}", width)
    for index, doubt in enumerate(answer.doubts):
        yield _wrapped("Doubt" if index == 0 else "", doubt, width)


def _taken(answer: Answer, width: int) -> str:
    """The settings that nobody gave, each with its value and where that comes from."""
    values = setup_as_json(answer.asked)
    rows = [
        (name, "-" if values[name] is None else str(values[name]), reason)
        for name, reason in sorted(reasons(answer.asked).items())
    ]
    if not rows:
        return ""
    return wrapped([("TAKEN", "VALUE", "BECAUSE"), *rows], width)


def _row(label: str, text: str, width: int) -> str:
    """A figure with its label; what is too long goes on below it."""
    indent = " " * (_LABEL_COLUMNS + 2)
    return textwrap.fill(
        text,
        width,
        initial_indent=f"  {label:<{_LABEL_COLUMNS}}",
        subsequent_indent=indent,
        break_on_hyphens=False,
    )


def _wrapped(label: str, text: str, width: int) -> str:
    indent = " " * 9
    return textwrap.fill(text, width, initial_indent=f"  {label:<7}", subsequent_indent=indent)


def _band(band: Band, unit: str, factor: float = 1) -> str:
    middle, low, high = (_figure(value * factor) for value in (band.middle, band.low, band.high))
    return f"{middle} ({low} to {high}) {unit}"


def _figure(value: float) -> str:
    """Two or three digits that mean something."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"  # noqa: PLR2004 - digits
