"""`nvidia-smi` of a machine that has the GPUs described in gpus.json beside this module.

Answers `-L`, and `--query-gpu=FIELDS --format=csv[,noheader][,nounits]`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

DRIVER = "550.163.01"


def main(argv: list[str]) -> int:
    """Print what was asked for; 9 where there is no GPU, as nvidia-smi ends without its driver."""
    gpus = json.loads(Path(__file__).with_name("gpus.json").read_text())
    if gpus is None:
        _say("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")
        return 9
    parser = argparse.ArgumentParser(prog="nvidia-smi", allow_abbrev=False)
    parser.add_argument("-L", "--list-gpus", action="store_true")
    parser.add_argument("--query-gpu", default="")
    parser.add_argument("--format", default="csv")
    asked = parser.parse_args(argv)
    if asked.query_gpu:
        return _query(gpus, asked.query_gpu.split(","), asked.format.split(","))
    for index in range(gpus["count"]):
        _say(f"GPU {index}: {gpus['name']} (UUID: {_uuid(index)})")
    return 0


def _query(gpus: dict[str, Any], names: list[str], form: list[str]) -> int:
    names = [name.strip() for name in names]
    rows = [_facts(gpus, index) for index in range(gpus["count"])]
    unknown = [name for name in names if rows and name not in rows[0]]
    if unknown:
        _say(f'Field "{unknown[0]}" is not a valid field to query.')
        return 2
    if "noheader" not in form:
        _say(", ".join(names))
    for row in rows:
        values = [row[name] for name in names]
        if "nounits" in form:
            values = [value.removesuffix(" MiB") for value in values]
        _say(", ".join(values))
    return 0


def _facts(gpus: dict[str, Any], index: int) -> dict[str, str]:
    memory = f"{gpus['memory_mib']} MiB"
    return {
        "index": str(index),
        "name": gpus["name"],
        "gpu_name": gpus["name"],
        "uuid": _uuid(index),
        "gpu_uuid": _uuid(index),
        "count": str(gpus["count"]),
        "driver_version": DRIVER,
        "compute_cap": str(gpus["compute_capability"]),
        "memory.total": memory,
        "memory.used": "0 MiB",
        "memory.free": memory,
    }


def _uuid(index: int) -> str:
    return f"GPU-00000000-0000-0000-0000-{index:012d}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
