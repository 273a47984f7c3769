"""Coverage-guided fuzzing with atheris: `make fuzz`, or `python -m tests.fuzz.guided [TARGET ...]`.

Each target runs in a process of its own, from seeds made out of the tests' data. What breaks is
minimized and saved as a file below regressions/, which the tests replay from then on; the status is
1 when there is any. atheris is needed for nothing else (dependency group `fuzz`).
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REGRESSIONS = HERE / "regressions"
PACKAGE = "lmi_deployer"
LONGEST_INPUT = 4096
SLOWEST_SECONDS = 20
MOST_MEMORY_MIB = 2048
STARTS_AT_MOST = 5
"""Each input that hangs or eats memory ends a process; after so many a target is given up."""
MINIMIZING_SECONDS = 30

Target = Callable[[bytes], None]


def signature(error: Exception) -> str:
    """What tells one way of breaking from another: the error, and the function it came out of."""
    what = str(getattr(error, "what", ""))
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"/{PACKAGE}/" in frame.filename]
    where = f"{Path(ours[-1].filename).stem}-{ours[-1].name}" if ours else "demands"
    text = f"{type(error).__name__}-{where}-{what}"
    return re.sub(r"[^A-Za-z0-9]+", "-", re.sub(r"\d{4,}", "N", text)).strip("-")


def broken(target: Target, data: bytes) -> str | None:
    """The signature of what an input breaks; None where it gets its verdict."""
    try:
        target(data)
    except Exception as error:  # noqa: BLE001 - whatever escapes is what is looked for
        return signature(error)
    return None


def minimized(target: Target, data: bytes, wanted: str) -> bytes:
    """The input without all that it breaks the same way without."""
    end = time.monotonic() + MINIMIZING_SECONDS
    size = max(len(data) // 2, 1)
    while size and time.monotonic() < end:
        start, is_shorter = 0, False
        while start < len(data) and time.monotonic() < end:
            less = data[:start] + data[start + size :]
            if broken(target, less) == wanted:
                data, is_shorter = less, True
            else:
                start += size
        if not is_shorter:
            size //= 2
    return data


def fuzz_here(name: str, seconds: int, folder: Path) -> None:
    """Fuzz one target in this process, which libFuzzer ends; what breaks goes to `folder`."""
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=[PACKAGE]):
        target: Target = import_module("tests.fuzz.targets").TARGETS[name]
    corpus = import_module("tests.fuzz.corpus")
    seeds = folder / "corpus"
    seeds.mkdir(exist_ok=True)
    for data in corpus.SEEDS[name]():
        (seeds / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    dictionary = folder / "words"
    dictionary.write_text("\n".join(corpus.words()))
    seen = {path.name for path in folder.glob("found-*")}

    def once(data: bytes) -> None:
        found = broken(target, data)
        path = folder / f"found-{found}"
        if found is not None and path.name not in seen:
            seen.add(path.name)
            path.write_bytes(data)

    options = {
        "max_total_time": seconds,
        "max_len": LONGEST_INPUT,
        "timeout": SLOWEST_SECONDS,
        "rss_limit_mb": MOST_MEMORY_MIB,
        "dict": dictionary,
        "artifact_prefix": f"{folder}/ended-",
        "verbosity": 0,
        "print_final_stats": 1,
    }
    atheris.Setup([name, str(seeds), *(f"-{key}={value}" for key, value in options.items())], once)
    atheris.Fuzz()


def fuzz(name: str, seconds: int, say: Callable[[str], None]) -> list[Path]:
    """Fuzz one target for a time, and save what broke it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        end = time.monotonic() + seconds
        for _ in range(STARTS_AT_MOST):
            left = round(end - time.monotonic())
            if left <= 0:
                break
            command = [sys.executable, "-m", "tests.fuzz.guided", name, "--here", str(folder)]
            command += ["--seconds", str(left)]
            done = subprocess.run(
                command, cwd=HERE.parents[1], capture_output=True, text=True, errors="replace",
                check=False,
            )  # fmt: skip
            runs = re.search(r"number_of_executed_units: *(\d+)", done.stderr)
            say(f"{name}: {runs[1] if runs else 'unknown'} inputs, status {done.returncode}")
            if done.returncode != 0:
                say(done.stderr[-2000:])
        return saved(name, folder)


def saved(name: str, folder: Path) -> list[Path]:
    """Each input of a run that broke the target, minimized, in its folder of regressions."""
    target: Target = import_module("tests.fuzz.targets").TARGETS[name]
    found = []
    for path in sorted(folder.glob("found-*")):
        wanted = path.name.removeprefix("found-")
        data = path.read_bytes()
        if broken(target, data) == wanted:
            data = minimized(target, data, wanted)
        found.append((wanted, data))
    found += [(path.name[:20], path.read_bytes()) for path in sorted(folder.glob("ended-*"))]
    written = []
    for title, data in found:
        path = REGRESSIONS / name / title[:100]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        written.append(path)
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz the named targets, or all of them, and tell what was found."""
    parser = argparse.ArgumentParser(description="Fuzz what reads settings, profiles and models.")
    parser.add_argument("names", metavar="TARGET", nargs="*")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.here is not None:
        fuzz_here(options.names[0], options.seconds, options.here)
        return 0
    targets = import_module("tests.fuzz.targets").TARGETS
    unknown = [name for name in options.names if name not in targets]
    if unknown:
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(targets)}")
    status = 0
    for name in options.names or targets:
        for path in fuzz(name, options.seconds, lambda line: print(line, flush=True)):  # noqa: T201
            print(f"{name}: broken by {path.relative_to(HERE)}", flush=True)  # noqa: T201
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
