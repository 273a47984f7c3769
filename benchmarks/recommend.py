"""How long `lmi-deploy recommend` takes, and how many candidates a second it looks at.

    python benchmarks/recommend.py [--runs 10] [--json]

The first table is wall clock from the start of the command to its exit, one round over all rows at
a time. The second is the search alone, in this process: every candidate is measured, what fits is
estimated, and instance types around the same GPUs share an answer, as they do in the command.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lmi_deployer.catalog.rows import QuantizeMethod

FEWEST_RUNS = 5
MOST_SECONDS = 0.5
"""Target: `recommend llama2-70b`, start-up included."""
LEAST_PER_SECOND = 1000
"""Target: candidates a second, in every search."""
TARGET = "recommend llama2-70b"
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "--version": ("--version",),
    TARGET: ("recommend", "llama2-70b"),
    "recommend mistral-7b --goal latency": ("recommend", "mistral-7b", "--goal", "latency"),
    "recommend llama2-70b --container (seven versions)": (
        "recommend",
        "llama2-70b",
        "--container",
        "0.24.0,0.25.0,0.26.0,0.27.0,0.28.0,0.29.0,0.30.0",
    ),
}
EVERY_METHOD: tuple[QuantizeMethod, ...] = (
    "awq",
    "bitsandbytes4",
    "bitsandbytes8",
    "dynamic_int8",
    "fp8",
    "smoothquant",
)
SEARCHES: Mapping[str, tuple[str, int]] = {
    "llama2-70b, its own version": ("llama2-70b", 0),
    "llama2-70b, all versions, six methods": ("llama2-70b", 1),
    "falcon-40b, all versions, six methods": ("falcon-40b", 1),
}


@dataclass(frozen=True)
class Search:
    """One search: its candidates, and the seconds of each run."""

    name: str
    candidates: int
    fits: int
    seconds: tuple[float, ...]

    @property
    def per_second(self) -> float:
        """Candidates a second, by the median run."""
        return self.candidates / statistics.median(self.seconds)


def time_commands(runs: int) -> dict[str, list[float]]:
    """Seconds of each command, run in turns; one round goes before the count."""
    ours = Path(sys.executable).with_name("lmi-deploy")
    if not ours.exists():
        sys.exit(f"there is no lmi-deploy beside {sys.executable}")
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(runs + 1):
        for name, arguments in COMMANDS.items():
            start = time.perf_counter()
            done = subprocess.run([ours, *arguments], capture_output=True, check=False)
            taken = time.perf_counter() - start
            if done.returncode != 0:
                sys.exit(f"lmi-deploy {name} ends with status {done.returncode}")
            if number:
                seconds[name].append(taken)
    return seconds


def time_searches(runs: int) -> list[Search]:
    """The searches, each a number of times in this process."""
    from lmi_deployer import catalog, prices
    from lmi_deployer.recommending import Question, search
    from lmi_deployer.recommending.subject import find

    results = []
    for name, (profile, is_wide) in SEARCHES.items():
        subject = find(profile)
        versions = catalog.names("containers") if is_wide else (subject.container_version or "",)
        question = Question(
            model_id=subject.model_id,
            facts=subject.facts,
            shape=subject.shape,
            containers=tuple(catalog.container(version) for version in versions),
            max_input_len=subject.max_input_len,
            max_output_len=subject.max_output_len,
            prices=prices.known(),
            methods=EVERY_METHOD if is_wide else (),
        )
        taken = []
        for _ in range(runs):
            start = time.perf_counter()
            found = search(question)
            taken.append(time.perf_counter() - start)
        results.append(Search(name, found.tally.seen, len(found.fits), tuple(taken)))
    return results


def as_markdown(commands: Mapping[str, list[float]], searches: list[Search], runs: int) -> str:
    """Two tables, and whether the targets are met."""
    where = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    lines = [
        f"{where}, {runs} runs each",
        "",
        "| command | median ms | min | max |",
        "|---|---:|---:|---:|",
    ]
    for name, seconds in commands.items():
        figures = (statistics.median(seconds), min(seconds), max(seconds))
        cells = " | ".join(f"{item * 1000:.0f}" for item in figures)
        lines.append(f"| lmi-deploy {name} | {cells} |")
    lines += [
        "",
        "| search | candidates | fit | median ms | candidates a second |",
        "|---|---:|---:|---:|---:|",
    ]
    for item in searches:
        middle = statistics.median(item.seconds) * 1000
        lines.append(
            f"| {item.name} | {item.candidates:,} | {item.fits:,} | {middle:.0f} | "
            f"{item.per_second:,.0f} |"
        )
    wall, slowest = statistics.median(commands[TARGET]), min(item.per_second for item in searches)
    is_quick, is_wide = wall <= MOST_SECONDS, slowest >= LEAST_PER_SECOND
    took = f"`{TARGET}` takes {wall:.2f} s, at most {MOST_SECONDS} s"
    looked = f"{slowest:,.0f} candidates a second in the slowest search, at least "
    looked += f"{LEAST_PER_SECOND:,}"
    lines += ["", f"- {_verdict(is_quick)}: {took}", f"- {_verdict(is_wide)}: {looked}"]
    return "\n".join(lines)


def _verdict(is_met: bool) -> str:
    return "met" if is_met else "not met"


def as_json(commands: Mapping[str, list[float]], searches: list[Search]) -> str:
    """Every single run, for a program to compare."""
    return json.dumps(
        {
            "schema_version": 1,
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}",
            "commands": [{"command": name, "seconds": item} for name, item in commands.items()],
            "searches": [
                {
                    "search": item.name,
                    "candidates": item.candidates,
                    "fits": item.fits,
                    "seconds": item.seconds,
                    "candidates_per_second": item.per_second,
                }
                for item in searches
            ],
        },
        indent=2,
    )


def main() -> None:
    """Measure and print."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its bytecode
    parser = argparse.ArgumentParser(description="Time `lmi-deploy recommend` and its search.")
    parser.add_argument("--runs", type=int, default=10, help=f"at least {FEWEST_RUNS}")
    parser.add_argument("--json", action="store_true", dest="is_json")
    options = parser.parse_args()
    if options.runs < FEWEST_RUNS:
        parser.error(f"--runs: fewer than {FEWEST_RUNS} say little")
    commands, searches = time_commands(options.runs), time_searches(options.runs)
    print(
        as_json(commands, searches)
        if options.is_json
        else as_markdown(commands, searches, options.runs)
    )


if __name__ == "__main__":
    main()
