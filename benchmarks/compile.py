"""What a cached engine costs, and how fast an artifact is committed.

    python benchmarks/compile.py [--runs 10] [--gib 1]

The first table is wall clock of whole commands against an emulator in this process, reached as any
AWS endpoint is, with the calls that each made. The second commits random files to a folder: hash,
copy, check, manifest; and again, when all of it is there. The emulator would measure itself.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from lmi_deployer.artifact.committing import commit
from lmi_deployer.artifact.folder_store import FolderStore
from lmi_deployer.sandbox import SandboxSettings, running_sandbox

MOST_SECONDS = 1.0
"""Target: a cache hit, start-up included."""
FILES = 8
"""Of one artifact, as many as a p4d has ranks."""
COMPILE = ("compile", "llama2-70b", "-p", "p4d", "--yes")
COMMANDS = {
    "`compile`, cached": COMPILE,
    "`compile -p p4d,g5-trtllm`, both cached": (*COMPILE[:3], "p4d,g5-trtllm", "--yes"),
    "`plan`, cached": ("plan", "llama2-70b", "-p", "p4d"),
    "`cache ls`": ("cache", "ls"),
}


def main() -> None:
    """Print both tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--gib", type=float, default=1.0)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    with running_sandbox() as sandbox:
        _commands(sandbox, options.runs)
    _committing(options.gib)


def _commands(sandbox: SandboxSettings, runs: int) -> None:
    environment = _environment(sandbox)
    first = _timed((*COMPILE[:3], "p4d,g5-trtllm", "--yes"), environment)
    print("\n| command | median s | min | max | calls |\n|---|---:|---:|---:|---|")
    print(f"| `compile`, two jobs with the stand-in | {first:.2f} | | | |")
    for name, words in COMMANDS.items():
        _timed(words, environment)  # fills the file cache and writes the .pyc files
        _admin(sandbox, "DELETE")
        taken = [_timed(words, environment) for _ in range(runs)]
        calls = Counter(operation for _, operation in _admin(sandbox, "GET"))
        each = ", ".join(f"{count // runs} {name}" for name, count in sorted(calls.items()))
        middle = statistics.median(taken)
        print(f"| {name} | {middle:.2f} | {min(taken):.2f} | {max(taken):.2f} | {each} |")
        if words == COMPILE:
            print(f"| target of the line above | {MOST_SECONDS:.2f} | | | no job |")


def _environment(sandbox: SandboxSettings) -> dict[str, str]:
    """Nothing of this machine's AWS settings, and bytecode kept as on any user's machine."""
    left_out = ("AWS_", "LMI_DEPLOY_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {
        **kept,
        "AWS_ENDPOINT_URL": sandbox.endpoint_url,
        "AWS_ACCESS_KEY_ID": sandbox.access_key_id,
        "AWS_SECRET_ACCESS_KEY": sandbox.secret_access_key,
        "AWS_REGION": sandbox.region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "LMI_DEPLOY_ROLE": sandbox.role_arn,
    }


def _timed(words: tuple[str, ...], environment: dict[str, str]) -> float:
    command = [str(Path(sys.executable).with_name("lmi-deploy")), *words]
    start = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def _admin(sandbox: SandboxSettings, method: str) -> list[list[str]]:
    request = urllib.request.Request(f"{sandbox.endpoint_url}/lmi-sandbox/calls", method=method)
    with urllib.request.urlopen(request) as answer:
        calls: list[list[str]] = json.load(answer)
    return calls


def _committing(gib: float) -> None:
    print(f"\n| {gib:g} GiB in {FILES} files, to a folder | seconds | MiB/s |\n|---|---:|---:|")
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "source")
        source.mkdir()
        for rank in range(FILES):
            Path(source, f"rank{rank}.engine").write_bytes(os.urandom(int(gib * 2**30 / FILES)))
        store = FolderStore(Path(scratch, "cache"))
        inputs: dict[str, Any] = {"kind": "benchmark"}
        for name in ("nothing is there", "all of it is there, without a manifest"):
            start = time.perf_counter()
            commit(
                store, "0/", source, inputs=inputs, layout="none", made={}, quality=None, say=_hush
            )
            seconds = time.perf_counter() - start
            print(f"| {name} | {seconds:.1f} | {gib * 1024 / seconds:.0f} |")
            store.delete(["0/manifest.json"])


def _hush(_line: str) -> None:
    """No progress."""


if __name__ == "__main__":
    main()
