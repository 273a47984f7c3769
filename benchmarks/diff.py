"""How long `lmi-deploy diff` takes in a real git repository, and how that grows.

    python benchmarks/diff.py [--files 500] [--touched 5 50 500] [--growth 125 250 ...] [--runs 3]

The profiles are made from the shipped ones, four hardware profiles a file, each file with lengths,
batches and endpoints of its own: no two hardware profiles of a repository are the same. A branch
touches some of them, as pull requests do: a batch, the lengths of a whole file, a comment alone, a
section taken over by `extends`. Each time is that of a process, start included.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
FILES = 500
TOUCHED = (5, 50, 500)
GROWTH = (125, 250, 500, 1000)
HARDWARE = 4
"""Hardware profiles of a file."""
TARGETS = {5: 1.0, 500: 10.0}
"""Files touched out of 500: seconds at most."""
GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "benchmark",
    "GIT_AUTHOR_EMAIL": "benchmark@localhost",
    "GIT_COMMITTER_NAME": "benchmark",
    "GIT_COMMITTER_EMAIL": "benchmark@localhost",
}
MIB_OF_RSS = 1024
"""ru_maxrss is in KiB on Linux."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One kind of call."""

    files: int
    touched: int
    seconds: float
    """Median, by the clock."""
    slowest: float
    peak_mib: float
    """Of lmi-deploy, or of the git that it starts, whichever is larger."""


def profiles(count: int) -> Iterator[dict[str, Any]]:
    """Generate profiles, every time the same, no two alike."""
    chance = random.Random(count)
    shipped = sorted((ROOT / "profiles").glob("*.yaml"))
    bases = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in shipped]
    for number in range(count):
        base = bases[number % len(bases)]
        name = f"{base['name'][:24]}-{number:04}"
        kept = dict(list(base["profiles"].items())[:HARDWARE])
        sections = {
            key: dict(section)
            for key, section in kept.items()
            if section.get("extends", key) in kept
        }
        first = next(iter(sections))
        for extra in range(HARDWARE - len(sections)):
            batch = chance.randrange(1, 9) + extra
            sections[f"tuned-{extra}"] = {"extends": first, "max_rolling_batch_size": batch}
        traffic = {
            "max_input_len": 256 + number % 512,
            "max_output_len": 128 + chance.randrange(0, 256, 8),
        }
        yield {**base, "name": name, "traffic": traffic, "profiles": sections}


def write_repository(folder: Path, count: int) -> list[Path]:
    """Make a repository with a branch `main` that holds so many profiles, and check out another."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    home = folder / "profiles"
    home.mkdir()
    (home / "lmi.lock").write_bytes((ROOT / "profiles" / "lmi.lock").read_bytes())
    paths = []
    for profile in profiles(count):
        path = home / f"{profile['name']}.yaml"
        path.write_text(yaml.safe_dump(profile, sort_keys=False), encoding="utf-8")
        paths.append(path)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=profiles")
    git(folder, "checkout", "--quiet", "-b", "change")
    return paths


LENGTHS = 1
"""The way to touch a file that changes every hardware profile of it."""


def touch(path: Path, number: int) -> None:
    """Change a profile in one of four ways."""
    text = path.read_text(encoding="utf-8")
    profile = yaml.safe_load(text)
    last = list(profile["profiles"])[-1]
    match number % 4:
        case 0:
            profile["profiles"][last]["max_rolling_batch_size"] = 3
        case 1:
            profile["traffic"]["max_output_len"] += 8
        case 2:
            path.write_text(f"# reviewed\n{text}", encoding="utf-8")
            return
        case _:
            profile["profiles"]["added"] = {"extends": last}
    path.write_text(yaml.safe_dump(profile, sort_keys=False), encoding="utf-8")


def measure(count: int, touched: int, runs: int, *, way: int | None = None) -> Run:
    """Time the default call in a repository where a branch touches some files.

    `way` is the one in which all of them are touched; else they take turns.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_repository(folder, count)
        step = max(1, len(paths) // touched)
        for number, path in enumerate(paths[::step][:touched]):
            touch(path, number if way is None else way)
        git(folder, "commit", "--quiet", "--all", "--message=change")
        times, peaks = zip(*(once(folder) for _ in range(runs)), strict=True)
    return Run(
        files=count,
        touched=touched,
        seconds=statistics.median(times),
        slowest=max(times),
        peak_mib=max(peaks),
    )


def once(folder: Path) -> tuple[float, float]:
    """Run `lmi-deploy diff` once: seconds, and MiB at most."""
    command = [str(Path(sys.executable).with_name("lmi-deploy")), "diff"]
    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **GIT}, stdout=output, stderr=output
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            said = output.read()[-2000:].decode(errors="replace")
            raise SystemExit(f"diff ended with status {process.returncode}:\n{said}")
    return seconds, used.ru_maxrss / MIB_OF_RSS


def git(folder: Path, *arguments: str) -> None:
    """Run git, without the user's configuration."""
    subprocess.run(["git", "-C", str(folder), *arguments], env={**os.environ, **GIT}, check=True)


def as_markdown(title: str, rows: list[Run]) -> str:
    """Write a table; growth compares time with time and touched with touched, 1.00 is linear."""
    lines = [
        f"| {title} | hardware profiles | touched | seconds | slowest | growth | peak MiB |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    before: Run | None = None
    for row in rows:
        growth = "-"
        if before is not None:
            work = row.touched / before.touched
            growth = f"{row.seconds / before.seconds / work:.2f}"
        lines.append(
            f"| {row.files:,} | {row.files * HARDWARE:,} | {row.touched:,} | {row.seconds:.2f} "
            f"| {row.slowest:.2f} | {growth} | {row.peak_mib:.0f} |"
        )
        before = row
    return "\n".join(lines)


def verdicts(rows: list[Run]) -> Iterator[str]:
    """Say of each target whether it is met."""
    for row in rows:
        most = TARGETS.get(row.touched) if row.files == FILES else None
        if most is not None:
            verdict = "met" if row.seconds <= most else "not met"
            took = f"{row.touched} of {row.files} files: {row.seconds:.2f} s"
            yield f"- {verdict}: {took}, at most {most:g} s"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time `lmi-deploy diff`.")
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--touched", type=int, nargs="*", default=TOUCHED)
    parser.add_argument("--growth", type=int, nargs="*", default=GROWTH, help="all files touched")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    rows = [measure(options.files, touched, options.runs) for touched in options.touched]
    print(as_markdown("files", rows), "", *verdicts(rows), sep="\n")
    whole = measure(options.files, options.files, options.runs, way=LENGTHS)
    print(f"\n{as_markdown('files, every hardware profile changed', [whole])}")
    if options.growth:
        grown = [measure(count, count, options.runs) for count in options.growth]
        print(f"\n{as_markdown('files, all touched', grown)}")


if __name__ == "__main__":
    main()
