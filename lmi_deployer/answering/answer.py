"""The whole answer to a sizing question: memory, speed, price, and ways out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmi_deployer.answering.ways_out import WayOut, ways_out
from lmi_deployer.performance.estimate import Band, NoBasis, Performance
from lmi_deployer.prices import usd_per_million_tokens
from lmi_deployer.sizing.engines import engine_memory
from lmi_deployer.sizing.measuring import needed_cache_bytes
from lmi_deployer.spec import GIB

if TYPE_CHECKING:
    from lmi_deployer.catalog.rows import Price
    from lmi_deployer.prices import PriceTable
    from lmi_deployer.sizing.asked import Machine, Understood
    from lmi_deployer.sizing.memory import Memory
    from lmi_deployer.sizing.setup import Setup


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One question, and everything that is said to it."""

    title: str
    """The model, as it was asked for."""
    asked: Understood
    memory: Memory
    speed: Performance | NoBasis
    price: Price | None = None
    """Of the instance, in the region that was asked for or else in another."""
    region: str | None = None
    """The one that was asked for."""
    ways_out: tuple[WayOut, ...] = ()

    @property
    def copies(self) -> int:
        """Copies of the model that the machine serves side by side."""
        setup = self.asked.setup
        one = setup.tensor_parallel_degree * setup.pipeline_parallel_degree
        return max(1, setup.gpu_count // one)

    @property
    def usd_per_million_tokens(self) -> Band | None:
        """What a million output tokens cost at that load; None where nobody knows."""
        if self.price is None or isinstance(self.speed, NoBasis):
            return None
        usd = self.price.usd_per_hour / self.copies
        return usd_per_million_tokens(usd, self.speed.output_tokens_per_second)

    @property
    def is_price_elsewhere(self) -> bool:
        """Whether the region that was asked for has no price, so that another's stands for it."""
        return self.price is not None and self.region not in {None, self.price.region}

    @property
    def why(self) -> str:
        """The one reason for the verdict, in words."""
        return _why(self.memory, self.asked.setup)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What was assumed or is not modelled, each once."""
        said = (*self.asked.doubts, *self.memory.doubts, *self.asked.setup.shape.doubts)
        return tuple(dict.fromkeys(said))


def answer(
    title: str,
    asked: Understood,
    *,
    concurrency: int | None = None,
    region: str | None = None,
    known: PriceTable | None = None,
    has_ways_out: bool = True,
) -> Answer:
    """Everything that is said to a question.

    `concurrency` is the number of requests in flight on each copy that the speed is for; the
    rolling batch where it is not given. `known` is the price lists, the usual ones if None. Without
    `has_ways_out`, nothing else is tried.
    """
    from lmi_deployer import prices
    from lmi_deployer.sizing import measure

    memory = measure(asked.setup)
    return Answer(
        title=title,
        asked=asked,
        memory=memory,
        speed=_speed(asked, memory, concurrency or asked.setup.max_rolling_batch_size),
        price=_price(asked.machine, region, known or prices.known()),
        region=region,
        ways_out=ways_out(asked) if has_ways_out and memory.verdict != "fits" else (),
    )


def _speed(asked: Understood, memory: Memory, concurrency: int) -> Performance | NoBasis:
    from lmi_deployer.performance.estimate import estimate

    if not memory.fits:
        return NoBasis(reason="it does not fit")
    return estimate(asked.setup, memory, concurrency=concurrency)


def _price(machine: Machine, region: str | None, known: PriceTable) -> Price | None:
    if machine.instance is None:
        return None
    return known.quote(machine.instance.name, region).nearest


def _why(memory: Memory, setup: Setup) -> str:
    kind = device(setup)
    if memory.shortage_bytes > 0:
        needed = memory.weights_bytes + memory.activation_bytes + memory.overhead_bytes
        room = memory.usable_bytes - memory.unused_bytes
        taken = f"weights, activations and overhead take {gib(needed)} GiB"
        return f"{taken}; the engine may take {gib(room)} on each {kind}"
    needed = needed_cache_bytes(setup, engine_memory(setup))
    cache = f"the cache gets {gib(memory.kv_cache_bytes)} GiB on each {kind}"
    if memory.verdict == "does_not_fit":
        return f"{cache}; to start, the server needs {gib(needed)}"
    if memory.verdict == "tight":
        low = gib(memory.bound.kv_cache_bytes_low)
        return f"{cache}, or {low} by the bound; to start, the server needs {gib(needed)}"
    share = memory.weights_bytes / memory.usable_bytes
    longest = setup.max_input_len + setup.max_output_len
    held = f"the cache holds {memory.max_sequences:,} sequences of {longest:,} tokens"
    return f"weights take {share:.0%} of the memory, and {held}"


def device(setup: Setup) -> str:
    """What a tensor parallel degree counts on this machine."""
    return "NeuronCore" if setup.gpu.neuron_cores else "GPU"


def gib(size: int) -> str:
    """Bytes in GiB, as people read them."""
    return f"{size / GIB:,.1f}"
