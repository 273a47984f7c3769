"""How long commands take to start, and how that compares with `aws --version`.

    python benchmarks/startup.py [--runs 20] [--json]

Every round runs each command once, so whatever slows the machine down for a while slows all of
them. One round goes before the count, to fill the file cache and write the .pyc files.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

FEWEST_RUNS = 10
AWS = "aws --version"
VERSION = "lmi-deploy --version"
RENDER = "lmi-deploy render llama2-70b -p p4d"
TARGETS: Mapping[str, float] = {VERSION: 0.25, RENDER: 0.8}
"""Command: the most it may take, as a share of `aws --version`."""

CLICK_PROGRAM = "import click{imports}\n@click.command()\ndef main():\n    pass\nmain([])\n"


@dataclass(frozen=True)
class Timing:
    """Wall-clock seconds of one command, one entry for each counted run."""

    command: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one, which a single disturbed run does not move."""
        return statistics.median(self.seconds)


def find_commands(aws: str | None) -> tuple[dict[str, list[str]], list[str]]:
    """Collect the commands to run, and a note for each that is not installed."""
    python = sys.executable
    imports = ", jinja2, pydantic, yaml"
    commands = {
        "python -c pass": [python, "-c", "pass"],
        "a bare click program": [python, "-c", CLICK_PROGRAM.format(imports="")],
        "the same, importing pydantic, jinja2, yaml": [
            python,
            "-c",
            CLICK_PROGRAM.format(imports=imports),
        ],
    }
    notes = []
    if aws is None:
        notes.append(f"`{AWS}`: not installed, so there are no ratios and no targets")
    else:
        commands[AWS] = [aws, "--version"]
        notes.append(f"`{AWS}` is {aws}: {_output([aws, '--version'])}")
    if find_spec("sagemaker") is None:
        notes.append("`import sagemaker.serve`: the SageMaker SDK is not installed here")
    else:
        commands["import sagemaker.serve"] = [python, "-c", "import sagemaker.serve"]
    ours = Path(python).with_name("lmi-deploy")
    if not ours.exists():
        notes.append(f"`lmi-deploy`: not installed beside {python}")
        return commands, notes
    for command in TARGETS:
        commands[command] = [str(ours), *command.split()[1:]]
    return commands, notes


def find_aws() -> str | None:
    """Find the AWS CLI itself: pyenv's stand-in for it spends time of its own on each start."""
    found = shutil.which("aws")
    if found is None or "shims" not in Path(found).parts:
        return found
    answer = subprocess.run(["pyenv", "which", "aws"], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def measure(commands: Mapping[str, list[str]], runs: int) -> tuple[list[Timing], list[str]]:
    """Time the commands in turns, and note each that fails and is therefore left out."""
    working, notes = dict(commands), []
    for name, command in commands.items():
        _, status = _timed(command)
        if status != 0:
            notes.append(f"`{name}`: ends with status {status}, so it was not timed")
            del working[name]
    seconds: dict[str, list[float]] = {name: [] for name in working}
    for _ in range(runs):
        for name, command in working.items():
            seconds[name].append(_timed(command)[0])
    return [Timing(name, tuple(taken)) for name, taken in seconds.items()], notes


def _timed(command: list[str]) -> tuple[float, int]:
    start = time.perf_counter()
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return time.perf_counter() - start, done.returncode


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip()


def ratios(timings: list[Timing]) -> dict[str, float]:
    """Divide each command's median by that of `aws --version`; empty when that was not timed."""
    aws = next((timing.median for timing in timings if timing.command == AWS), None)
    return {} if aws is None else {timing.command: timing.median / aws for timing in timings}


def as_markdown(timings: list[Timing], notes: list[str], runs: int) -> str:
    """Write a table of milliseconds, then the targets, then the notes."""
    shares = ratios(timings)
    where = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    lines = [
        f"{where}, {runs} runs each, in turns, milliseconds",
        "",
        f"| command | median | min | max | ratio to `{AWS}` |",
        "|---|---:|---:|---:|---:|",
    ]
    for timing in timings:
        figures = (timing.median, min(timing.seconds), max(timing.seconds))
        cells = [f"{seconds * 1000:.0f}" for seconds in figures]
        share = f"{shares[timing.command]:.2f}" if shares else "-"
        lines.append(f"| {timing.command} | {' | '.join(cells)} | {share} |")
    lines.append("")
    for command, most in TARGETS.items():
        if command in shares:
            verdict = "met" if shares[command] <= most else "not met"
            share = f"{shares[command]:.2f}"
            lines.append(f"- {verdict}: `{command}` takes {share} of `{AWS}`, at most {most}")
    lines += [f"- note: {note}" for note in notes]
    return "\n".join(lines)


def as_json(timings: list[Timing], notes: list[str]) -> str:
    """Write every single run, for a program to compare."""
    shares = ratios(timings)
    return json.dumps(
        {
            "schema_version": 1,
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}",
            "commands": [
                {
                    "command": timing.command,
                    "median_seconds": timing.median,
                    "min_seconds": min(timing.seconds),
                    "max_seconds": max(timing.seconds),
                    "ratio_to_aws": shares.get(timing.command),
                    "seconds": timing.seconds,
                }
                for timing in timings
            ],
            "targets": [
                {"command": command, "at_most": most, "is_met": shares[command] <= most}
                for command, most in TARGETS.items()
                if command in shares
            ],
            "notes": notes,
        },
        indent=2,
    )


def main() -> None:
    """Measure and print."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its bytecode
    parser = argparse.ArgumentParser(description="Time how long commands take to start.")
    parser.add_argument("--runs", type=int, default=20, help=f"at least {FEWEST_RUNS}")
    parser.add_argument("--aws", default=find_aws(), help="the AWS CLI to compare with")
    parser.add_argument("--json", action="store_true", dest="is_json")
    options = parser.parse_args()
    if options.runs < FEWEST_RUNS:
        parser.error(f"--runs: fewer than {FEWEST_RUNS} say little")
    commands, notes = find_commands(options.aws)
    timings, more_notes = measure(commands, options.runs)
    notes += more_notes
    print(as_json(timings, notes) if options.is_json else as_markdown(timings, notes, options.runs))


if __name__ == "__main__":
    main()
