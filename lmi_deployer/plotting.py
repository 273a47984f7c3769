"""Pictures of memory and of recommendations, as SVG or PNG; matplotlib comes with an extra."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmi_deployer.errors import InputError, MissingExtraError
from lmi_deployer.memory_bar import KV_CACHE, SHORTAGE, UNUSED, parts
from lmi_deployer.spec import GIB

if TYPE_CHECKING:
    from lmi_deployer.performance.estimate import Band
    from lmi_deployer.sizing.memory import Memory

FORMATS = (".svg", ".png")
MOST_ROWS = 40
"""More bars than that nobody can read."""
_WIDTH, _BAR_HEIGHT, _DOTS_PER_INCH = 10.0, 0.42, 150
"""Inches, inches and dots."""
_MUTED = "#555555"
_ROOM_FOR_A_NUMBER = 0.05
"""Share of the width that a part must have to hold its size as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRow:
    """One way to serve a model, as a picture shows it."""

    label: str
    """What it is, in a few words: `ml.g5.12xlarge, vllm, degree 4`."""
    memory: Memory
    usd_per_hour: float | None = None
    price_of: str | None = None
    """Region and day of the price."""
    output_tokens_per_second: Band | None = None
    """Of the whole machine, all copies together."""
    is_chosen: bool = False


def memory_chart(rows: Sequence[ChartRow], path: Path, *, title: str) -> None:
    """Write a picture of where the memory of one GPU goes, a bar for each row.

    Raises InputError for a file that cannot be written or that names no format, and
    MissingExtraError where matplotlib is not installed.
    """
    figure = _figure(path)
    shown = rows[:MOST_ROWS]
    figure.set_size_inches(_WIDTH, 1.7 + _BAR_HEIGHT * len(shown))
    _memory_bars(figure.subplots(), shown)
    _finish(figure, path, title)


def recommendation_chart(rows: Sequence[ChartRow], path: Path, *, title: str) -> None:
    """Write a picture of candidates: their memory, and price against throughput where known.

    Raises as `memory_chart`.
    """
    figure = _figure(path)
    shown = rows[:MOST_ROWS]
    known = [row for row in shown if row.usd_per_hour and row.output_tokens_per_second]
    bars = max(len(shown), 8 if known else 1)
    figure.set_size_inches(_WIDTH * (1.7 if known else 1), 1.7 + _BAR_HEIGHT * bars)
    if known:
        left, right = figure.subplots(1, 2, width_ratios=[1.2, 1])
        _price_against_speed(right, known)
    else:
        left = figure.subplots()
    _memory_bars(left, shown)
    _finish(figure, path, title)


def check_path(path: Path) -> None:
    """Raise InputError for a name that says no format of a picture, and for a missing folder."""
    if path.suffix.lower() not in FORMATS:
        problem = f"{path} does not say which format the picture gets"
        raise InputError(problem, fix=f"a name that ends in {' or '.join(FORMATS)}")
    if not path.parent.is_dir():
        fix = f"mkdir -p {shlex.quote(str(path.parent))}"
        raise InputError(f"{path.parent} is no folder", fix=fix)


def _figure(path: Path) -> Any:
    check_path(path)
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        problem = "pictures are drawn by matplotlib, which is not installed"
        raise MissingExtraError(problem, fix='pip install "lmi-deploy[plot]"') from error
    return Figure(layout="constrained")


def _memory_bars(axes: Any, rows: Sequence[ChartRow]) -> None:
    """Stacked bars in GiB, the first row on top, with the size of each larger part inside."""
    longest = max(_reach(row.memory) for row in rows) / GIB
    is_any_short = any(row.memory.shortage_bytes > 0 for row in rows)
    for position, row in zip(range(len(rows) - 1, -1, -1), rows, strict=True):
        start = 0.0
        for part, size in _drawn(row.memory):
            gib = size / GIB
            axes.barh(
                position,
                gib,
                left=start,
                height=0.72,
                color=part.hex_color,
                edgecolor="white",
                linewidth=0.6,
                label=part.label if part.label not in axes.get_legend_handles_labels()[1] else None,
            )
            if gib > _ROOM_FOR_A_NUMBER * longest:
                color = _MUTED if part is UNUSED else "white"
                center = (start + gib / 2, position)
                axes.annotate(f"{gib:.1f}", center, ha="center", va="center", color=color, size=9)
            start += gib
        _ends(axes, position, row.memory)
    axes.set_yticks(range(len(rows) - 1, -1, -1), [row.label for row in rows])
    for text, row in zip(axes.get_yticklabels(), rows, strict=True):
        text.set_fontweight("bold" if row.is_chosen else "normal")
    said = "; what is beyond the upright line has no room" if is_any_short else ""
    axes.set_xlabel(f"GiB on each GPU; the thin line is how far the KV cache may be off{said}")
    axes.set_xlim(0, longest * (1.25 if is_any_short else 1.03))
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.tick_params(axis="y", length=0)
    _plain_frame(axes)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=6,
        frameon=False,
        fontsize=9,
        handlelength=1.1,
        columnspacing=1.2,
    )


def _drawn(memory: Memory) -> list[tuple[Any, int]]:
    """The parts of a bar; where they do not fit, nothing is unused."""
    is_short = memory.shortage_bytes > 0
    return [(part, size) for part, size in parts(memory) if not (is_short and part is UNUSED)]


def _reach(memory: Memory) -> int:
    return max(memory.usable_bytes, sum(size for _, size in _drawn(memory)))


def _ends(axes: Any, position: int, memory: Memory) -> None:
    """The bound of the cache as a thin line; or where the memory ends that does not suffice."""
    if memory.shortage_bytes > 0:
        room = (memory.usable_bytes - memory.unused_bytes) / GIB
        axes.plot([room, room], [position - 0.45, position + 0.45], color=SHORTAGE.hex_color, lw=2)
        text = f"{memory.shortage_bytes / GIB:.1f} GiB too much"
        right = (_reach(memory) / GIB, position)
        axes.annotate(
            text,
            right,
            (6, 0),
            textcoords="offset points",
            va="center",
            color=SHORTAGE.hex_color,
            size=9,
            weight="bold",
        )
        return
    start = sum(size for part, size in parts(memory) if part not in {KV_CACHE, UNUSED})
    low = (start + memory.bound.kv_cache_bytes_low) / GIB
    high = (start + memory.bound.kv_cache_bytes_high) / GIB
    room = memory.usable_bytes / GIB  # beyond it, the other parts would have to be smaller
    end = min(high, room)
    axes.plot([low, end], [position - 0.2] * 2, color="black", lw=1, solid_capstyle="butt")
    for edge in (low, high):
        if edge <= room:
            axes.plot([edge, edge], [position - 0.27, position - 0.13], color="black", lw=1)


def _price_against_speed(axes: Any, rows: Sequence[ChartRow]) -> None:
    """A point for each candidate, with its band; left and up is better."""
    prices = sorted(row.usd_per_hour or 0 for row in rows)
    middle = (prices[0] * prices[-1]) ** 0.5
    for row in rows:
        price, band = row.usd_per_hour, row.output_tokens_per_second
        assert price is not None
        assert band is not None
        color = SHORTAGE.hex_color if row.is_chosen else KV_CACHE.hex_color
        spread = [[band.middle - band.low], [band.high - band.middle]]
        axes.errorbar(
            [price], [band.middle], yerr=spread, fmt="o", color=color, capsize=3, markersize=6
        )
        is_right = price > middle
        axes.annotate(
            row.label.partition("\n")[0],
            (price, band.middle),
            (-7 if is_right else 7, 4),
            textcoords="offset points",
            ha="right" if is_right else "left",
            size=8,
            color=_MUTED,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    dated = dict.fromkeys(row.price_of for row in rows if row.price_of)
    axes.set_xlabel("\n".join(["USD per hour", *([f"({', '.join(dated)})"] if dated else [])]))
    axes.set_ylabel("output tokens per second, with their band")
    axes.grid(visible=True, which="major", color="#E5E5E5", linewidth=0.8)
    axes.set_axisbelow(True)
    _plain_numbers(axes)
    _plain_frame(axes)


def _plain_numbers(axes: Any) -> None:
    """Ticks as people write them: 1, 2, 5, 10 rather than powers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:,g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.15, y=0.12)


def _plain_frame(axes: Any) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _finish(figure: Any, path: Path, title: str) -> None:
    """Write the file; the same rows give the same bytes."""
    import matplotlib as mpl

    figure.suptitle(title, x=0.01, ha="left", weight="bold", size=12)
    is_svg = path.suffix.lower() == ".svg"
    metadata = {"Date": None} if is_svg else {"Software": None}
    try:
        with mpl.rc_context({"svg.hashsalt": "lmi-deploy", "svg.fonttype": "none"}):
            figure.savefig(path, dpi=_DOTS_PER_INCH, metadata=metadata)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error
