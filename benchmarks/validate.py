"""How many profiles `lmi-deploy validate` checks in a second, and how that grows with their number.

    python benchmarks/validate.py [--profile PATH] [SIZE ...]

The files are copies of one shipped profile, each under a name of its own, in a temporary folder.
Each size is one process, start included.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SIZES = (250, 500, 1000)
NAME_LINE = re.compile(r"^name:.*$", re.MULTILINE)


def write_profiles(profile: Path, count: int, folder: Path) -> list[Path]:
    """Write `count` copies of a profile that differ in their names, which are also the files'."""
    text = profile.read_text(encoding="utf-8")
    if NAME_LINE.search(text) is None:
        raise SystemExit(f"{profile}: has no `name:` line to vary")
    paths = [folder / f"{profile.stem}-{number:05}.yaml" for number in range(count)]
    for path in paths:
        path.write_text(NAME_LINE.sub(f"name: {path.stem}", text, count=1), encoding="utf-8")
    return paths


def seconds_to_validate(paths: list[Path]) -> float:
    """Time one `lmi-deploy validate` of all the files. Exits when it finds something wrong."""
    command = [str(Path(sys.executable).with_name("lmi-deploy")), "validate", *map(str, paths)]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        last_lines = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
        raise SystemExit(f"validate ended with status {done.returncode}:\n{last_lines}")
    return seconds


def as_markdown(taken: dict[int, float]) -> str:
    """Write a row a size; growth compares time with time and files with files, 1.00 is linear."""
    lines = [
        "| files | seconds | files per second | growth against the row above |",
        "|---:|---:|---:|---:|",
    ]
    before: tuple[int, float] | None = None
    for size, seconds in taken.items():
        growth = "-" if before is None else f"{seconds / before[1] / (size / before[0]):.2f}"
        lines.append(f"| {size} | {seconds:.2f} | {size / seconds:.0f} | {growth} |")
        before = (size, seconds)
    return "\n".join(lines)


def main() -> None:
    """Generate, validate and print."""
    shipped = sorted((ROOT / "profiles").glob("*.yaml"))
    parser = argparse.ArgumentParser(description="Time `lmi-deploy validate` on many files.")
    parser.add_argument("sizes", metavar="SIZE", nargs="*", type=int, help=f"default: {SIZES}")
    parser.add_argument("--profile", type=Path, default=next(iter(shipped), None))
    options = parser.parse_args()
    if options.profile is None:
        parser.error(f"there is no profile in {ROOT / 'profiles'}; name one with --profile")
    taken = {}
    for size in sorted(options.sizes or SIZES):
        with tempfile.TemporaryDirectory() as folder:
            taken[size] = seconds_to_validate(write_profiles(options.profile, size, Path(folder)))
    print(f"copies of {options.profile.name}\n\n{as_markdown(taken)}")


if __name__ == "__main__":
    main()
