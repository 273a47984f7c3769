"""The picture of `lmi-deploy size`: a bar of memory for each answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lmi_deployer.cli.output import say

if TYPE_CHECKING:
    from lmi_deployer.answering.answer import Answer

SHOWN_THAT_DO_NOT_FIT = 12
"""Bars of a picture, where nothing fits."""


def draw(answers: Sequence[Answer], path: Path, title: str) -> None:
    """A bar for each answer; of many, those that fit, or else those that nearly do."""
    from lmi_deployer.plotting import ChartRow, memory_chart

    fitting = [item for item in answers if item.memory.fits]
    nearly = sorted(answers, key=lambda item: item.memory.shortage_bytes)[:SHOWN_THAT_DO_NOT_FIT]
    shown = answers if len(answers) <= SHOWN_THAT_DO_NOT_FIT else fitting or nearly
    rows = [ChartRow(label=_label(item, title), memory=item.memory) for item in shown]
    setup = answers[0].asked.setup
    lengths = f"{setup.max_input_len:,} + {setup.max_output_len:,} tokens"
    is_one = all(item.asked.setup.max_input_len == setup.max_input_len for item in answers)
    title = f"{title}, {lengths}" if is_one else title
    dated = {f"{item.price.region} {item.price.as_of}" for item in shown if item.price}
    memory_chart(
        rows, path, title=f"{title}\nprices of {', '.join(sorted(dated))}" if dated else title
    )
    say(f"Wrote {path}.")


def _label(item: Answer, title: str) -> str:
    """Machine, price and verdict; below them how the model is loaded."""
    from lmi_deployer.answering.page import verdict

    asked, setup = item.asked, item.asked.setup
    machine = asked.machine.name if item.title == title else f"{item.title}: {asked.machine.name}"
    price = f", ${item.price.usd_per_hour:,.2f} an hour" if item.price else ""
    stored = setup.shape.stored
    weights = setup.weight_format or (stored.method if stored else None)
    loaded = f"LMI {asked.container.version}, {asked.backend}, degree "
    loaded += f"{setup.tensor_parallel_degree}, {setup.dtype}{f', {weights}' if weights else ''}"
    return f"{machine}{price}: {verdict(item.memory)}\n{loaded}"
