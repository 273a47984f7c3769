"""One model on every instance type that may host it: what fits, and why the others do not."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lmi_deployer import catalog
from lmi_deployer.answering import document
from lmi_deployer.answering.answer import answer, gib
from lmi_deployer.answering.page import verdict
from lmi_deployer.columns import folded
from lmi_deployer.errors import InputError
from lmi_deployer.sizing import setups
from lmi_deployer.sizing.asked import machine_of_instance

if TYPE_CHECKING:
    from lmi_deployer.answering.answer import Answer
    from lmi_deployer.model_facts import ModelFacts
    from lmi_deployer.prices import PriceTable
    from lmi_deployer.sizing.asked import Wanted

_NO_PRICE = float("inf")
ELSEWHERE = "*"
"""Behind a price of another region than the one asked for."""
WIDEST_TEXT = 100
NO_LIMIT = 10_000
"""Columns of what is no terminal, where each machine stays in one line."""
_COLUMNS = ("INSTANCE TYPE", "GPUS", "DEGREE", "COPIES", "TOKENS", "SEQUENCES", "SAFE BATCH",
            "VERDICT", "BACKEND", "LMI", "USD/HOUR", "PRICE OF")  # fmt: skip
"""Tokens, sequences and the safe batch are those of one copy."""
_SAID_ONLY_OF_SOME = {"COPIES": "1", "VERDICT": "fits"}
"""Columns that are left out where they hold nothing but this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The answers for all machines, the cheapest that fits first."""

    title: str
    answers: tuple[Answer, ...]
    refused: tuple[tuple[str, str], ...]
    """(instance type, why the question makes no sense there)."""

    @property
    def fitting(self) -> tuple[Answer, ...]:
        """Those that hold at least one sequence."""
        return tuple(item for item in self.answers if item.memory.fits)


def overview(
    title: str,
    facts: ModelFacts,
    wanted: Wanted,
    *,
    concurrency: int | None = None,
    region: str | None = None,
    known: PriceTable | None = None,
) -> Overview:
    """The question, asked of every instance type that SageMaker offers for hosting."""
    answers: list[Answer] = []
    refused: list[tuple[str, str]] = []
    for name in catalog.names("instances"):
        instance = catalog.instance_type(name)
        if not instance.hosting:
            continue
        try:
            asked = setups.of_flags(title, facts, machine_of_instance(instance), wanted)
        except InputError as error:
            refused.append((name, error.problem))
            continue
        answers.append(
            answer(
                title,
                asked,
                concurrency=concurrency,
                region=region,
                known=known,
                has_ways_out=False,
            )
        )
    return Overview(title=title, answers=tuple(sorted(answers, key=_order)), refused=tuple(refused))


def _order(item: Answer) -> tuple[bool, float, str]:
    price = item.price.usd_per_hour if item.price else _NO_PRICE
    machine = item.asked.machine
    return (not item.memory.fits, price, machine.name)


def as_text(found: Overview, width: int = NO_LIMIT) -> str:
    """A line for each machine that fits, and the others in short."""
    blocks = [f"{found.title} fits no instance type so"]
    if found.fitting:
        blocks = [_table(found, width)]
    lacking: dict[str, list[str]] = {}
    for item in sorted(found.answers, key=lambda item: item.memory.shortage_bytes):
        if not item.memory.fits:
            lacking.setdefault(_lack(item), []).append(item.asked.machine.name)
    blocks += [f"Does not fit, {text}: {', '.join(names)}" for text, names in lacking.items()]
    reasons: dict[str, list[str]] = {}
    for name, problem in found.refused:
        reasons.setdefault(problem, []).append(name)
    blocks += [f"Not possible: {', '.join(names)}: {text}" for text, names in reasons.items()]
    if any(item.is_price_elsewhere for item in found.fitting):
        blocks.insert(1, f"{ELSEWHERE} no price is known for {found.fitting[0].region}")
    table, *rest = blocks
    wrapped = [
        textwrap.fill(
            block, min(width, WIDEST_TEXT), subsequent_indent="  ", break_on_hyphens=False
        )
        for block in rest
    ]
    return "\n\n".join([table, "\n".join(wrapped)]).rstrip()


def as_json(found: Overview) -> dict[str, Any]:
    """The same as plain data: the answer of each machine, and the machines without one."""
    return {
        "model": found.title,
        "answers": [document.as_json(item) for item in found.answers],
        "refused": [{"instance_type": name, "reason": text} for name, text in found.refused],
    }


def _table(found: Overview, width: int) -> str:
    setup = found.fitting[0].asked.setup
    lengths = f"{setup.max_input_len:,} + {setup.max_output_len:,} tokens"
    rows = [_COLUMNS, *map(_row, found.fitting)]
    shown = [
        column
        for column in zip(*rows, strict=True)
        if set(column[1:]) != {_SAID_ONLY_OF_SOME.get(column[0])}
    ]
    table = folded(list(zip(*shown, strict=True)), width)
    return f"{found.title} at {lengths}\n\n{table}"


def _row(item: Answer) -> tuple[str, ...]:
    memory, machine, price = item.memory, item.asked.machine, item.price
    mark = ELSEWHERE if item.is_price_elsewhere else ""
    return (
        machine.name,
        f"{machine.cards} x {machine.gpu.name}",
        str(item.asked.setup.tensor_parallel_degree),
        str(item.copies),
        f"{memory.kv_cache_tokens:,}",
        f"{memory.max_sequences:,}",
        f"{memory.max_safe_batch:,}",
        verdict(memory),
        item.asked.backend,
        item.asked.container.version,
        f"{price.usd_per_hour:,.2f}{mark}" if price else "-",
        f"{price.region} {price.as_of}" if price else "-",
    )


def _lack(item: Answer) -> str:
    """What is missing, in a few words."""
    memory = item.memory
    if memory.shortage_bytes > 0:
        return f"{gib(memory.shortage_bytes)} GiB short on each"
    return f"with room for {memory.kv_cache_tokens:,} tokens"
