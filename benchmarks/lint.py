"""How fast settings are judged: specs a second on one core, many files in one run, hostile input.

    python benchmarks/lint.py [--specs 24000] [--files 1000 2500 5000] [--hostile]

The specs are generated from the catalog of the version, every time the same; none comes twice.
Times are of the processor, so that what else runs on the machine matters little.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lmi_deployer.lint import Target, judge_settings, make_target
from lmi_deployer.model_facts import ModelFacts

ROOT = Path(__file__).parents[1]
TARGET_RATE = 10_000
"""Specs a second on one core."""
SIZES = (1000, 2500, 5000)
KEYS = (8, 16)
"""Fewest and most keys of a spec."""
WRONG = 0.25
"""Share of specs with a key or a value that is wrong."""
HOSTILE_BYTES = (50_000, 100_000)
MODEL = ModelFacts(
    model_type="llama",
    architectures=("LlamaForCausalLM",),
    num_attention_heads=32,
    num_key_value_heads=8,
    num_hidden_layers=32,
    hidden_size=4096,
    head_dim=128,
    max_position_embeddings=8192,
    torch_dtype="bf16",
    has_quantization_known=True,
    needs_remote_code=False,
)
INSTANCE = "ml.g5.12xlarge"
VLLM = {"engine": "Python", "option.rolling_batch": "vllm"}
LMI_DIST = {"engine": "MPI", "option.rolling_batch": "lmi-dist"}
TRTLLM = {"engine": "MPI", "option.rolling_batch": "trtllm"}
ASYNC_VLLM = {
    "engine": "Python",
    "option.async_mode": "true",
    "option.rolling_batch": "disable",
    "option.entryPoint": "djl_python.lmi_vllm.vllm_async_service",
}
PLAIN = {"engine": "Python", "option.rolling_batch": "disable"}
BACKENDS: Mapping[str, tuple[tuple[str, str, Mapping[str, str]], ...]] = {
    "0.25.0": (
        ("deepspeed", "deepspeed", {"engine": "DeepSpeed"}),
        ("deepspeed", "vllm", VLLM),
        ("deepspeed", "lmi-dist", LMI_DIST),
        ("deepspeed", "hf-accelerate", PLAIN),
        ("tensorrtllm", "trtllm", TRTLLM),
    ),
    "0.36.0-lmi27": (
        ("lmi", "vllm", VLLM),
        ("lmi", "vllm", ASYNC_VLLM),
        ("lmi", "hf-accelerate", PLAIN),
    ),
}
"""Version: (flavor, handler, settings that choose it)."""
SAMPLES: Mapping[str, tuple[str, ...]] = {
    "int": ("1", "2", "4", "8", "32", "256"),
    "int_or_max": ("1", "2", "4", "max"),
    "float": ("0.5", "0.8", "0.9"),
    "bool": ("true", "false"),
    "int_list": ("1,2,4",),
    "int_mapping": ("image=1",),
    "size": ("8192", "16k"),
    "text_list": ('["a","b"]',),
    "float_tuple": ("0.5",),
    "json": ('{"a": 1}',),
    "literal": ("{'a': 1}",),
}
"""Type: values that are right."""
SPOILT = ({"option.dtyp": "fp16"}, {"option.dtype": "fp17"}, {"option.paged_atention": "true"},
          {"batch_size": "many"}, {"option.quantize": "int3"})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How fast specs of one version were judged."""

    version: str
    facts: str
    specs: int
    keys: float
    wrong: float
    """Share of the specs with an error."""
    per_second: float


@dataclass(frozen=True, kw_only=True)
class Run:
    """One `lmi-deploy lint` of many files, start included."""

    files: int
    seconds: float
    peak_mib: float


@cache
def target(version: str, flavor: str, has_facts: bool) -> Target:
    """What to judge for, with or without a machine and a model."""
    if has_facts:
        return make_target(version, flavor, INSTANCE, MODEL)
    return make_target(version, flavor)


def specs(version: str, count: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Generate (flavor, settings) of all backends in turn, each once."""
    chance = random.Random(version)
    seen: set[frozenset[tuple[str, str]]] = set()
    while len(seen) < count:
        flavor, handler, base = BACKENDS[version][len(seen) % len(BACKENDS[version])]
        settings = {**base, "option.model_id": f"s3://models/{chance.randrange(count)}/"}
        entries = target(version, flavor, False).table.handler(handler).entries
        used = [key for key, entry in entries.items() if entry.is_used and entry.advice is None]
        chance.shuffle(used)
        wanted = chance.randint(*KEYS)
        while len(settings) < wanted:
            key = used.pop()
            settings.setdefault(key, value(entries[key].readings[-1], chance))
        if chance.random() < WRONG:
            settings |= chance.choice(SPOILT)
        marks = frozenset(settings.items())
        if marks not in seen:
            seen.add(marks)
            yield flavor, settings


def value(reading: Mapping[str, Any], chance: random.Random) -> str:
    """Choose a value that a reading takes."""
    samples = SAMPLES.get(reading["type"], ("text", "s3://bucket/path/"))
    if reading["type"] in {"int", "float"}:
        minimum, maximum = reading.get("minimum", 0), reading.get("maximum", float("inf"))
        fitting = [text for text in samples if minimum <= float(text) <= maximum]
        return chance.choice(fitting or [f"{minimum:g}"])
    return str(chance.choice(reading.get("choices") or samples))


def rate(version: str, count: int, has_facts: bool) -> Rate:
    """Judge every spec of a version once, after a few others that fill the caches."""
    wanted = list(specs(version, count))
    targets = {flavor: target(version, flavor, has_facts) for flavor, _, _ in BACKENDS[version]}
    for flavor, settings in wanted[:100]:
        judge_settings(targets[flavor], {**settings, "option.model_id": "warm/up"}, {})
    errors = 0
    start = time.process_time()
    for flavor, settings in wanted:
        issues = judge_settings(targets[flavor], settings, {}).issues
        errors += any(issue.severity == "error" for issue in issues)
    seconds = time.process_time() - start
    return Rate(
        version=version,
        facts=f"{INSTANCE} and a Llama" if has_facts else "none",
        specs=count,
        keys=statistics.mean(len(settings) for _, settings in wanted),
        wrong=errors / count,
        per_second=count / seconds,
    )


def lint_files(count: int) -> Run:
    """Run `lmi-deploy lint` once over so many files of LMI 0.25.0's deepspeed image."""
    command = [str(Path(sys.executable).with_name("lmi-deploy")), "lint"]
    command += ["--container", "0.25.0", "--flavor", "deepspeed"]
    with tempfile.TemporaryDirectory() as folder:
        some = (
            settings for flavor, settings in specs("0.25.0", 2 * count) if flavor != "tensorrtllm"
        )
        for number, (settings, _) in enumerate(zip(some, range(count), strict=False)):
            text = "".join(f"{key}={text}\n" for key, text in settings.items())
            Path(folder, f"{number:05}.properties").write_text(text, encoding="utf-8")
        paths = sorted(str(path) for path in Path(folder).iterdir())
        process = subprocess.Popen([*command, *paths], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 2}:
        raise SystemExit(f"lint ended with status {process.returncode}")
    seconds = used.ru_utime + used.ru_stime
    return Run(files=count, seconds=seconds, peak_mib=used.ru_maxrss / 1024)


def hostile() -> list[tuple[str, float, float]]:
    """List (case, seconds of the larger input, growth of time against that of the size)."""
    taken: list[dict[str, dict[str, Any]]] = []
    for size in HOSTILE_BYTES:
        command = [sys.executable, "-m", "tests.fuzz.pathological", str(size)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        taken.append({row["name"]: row for row in map(json.loads, done.stdout.splitlines())})
    found = []
    for name, small in taken[0].items():
        large = taken[1][name]
        growth = large["seconds"] / max(small["seconds"], 1e-9) / (large["size"] / small["size"])
        found.append((name, large["seconds"], growth))
    return sorted(found, key=lambda row: -row[1])


def as_markdown(rates: list[Rate], runs: list[Run], cases: list[tuple[str, float, float]]) -> str:
    """Write the tables, and whether the target is met."""
    lines = ["| version | machine and model | specs | keys | with errors | specs per second |",
             "|---|---|---:|---:|---:|---:|"]  # fmt: skip
    lines += [
        f"| {row.version} | {row.facts} | {row.specs:,} | {row.keys:.1f} | {row.wrong:.0%} "
        f"| {row.per_second:,.0f} |"
        for row in rates
    ]
    slowest = min((row.per_second for row in rates), default=0.0)
    verdict = "met" if slowest >= TARGET_RATE else "not met"
    lines += ["", f"- {verdict}: {slowest:,.0f} a second at least, of {TARGET_RATE:,}", ""]
    lines += ["| files | seconds | files per second | growth against the row above | peak MiB |",
              "|---:|---:|---:|---:|---:|"]  # fmt: skip
    before: Run | None = None
    for run in runs:
        growth = "-"
        if before is not None:
            growth = f"{run.seconds / before.seconds / (run.files / before.files):.2f}"
        lines.append(f"| {run.files:,} | {run.seconds:.2f} | {run.files / run.seconds:,.0f} "
                     f"| {growth} | {run.peak_mib:.0f} |")  # fmt: skip
        before = run
    if cases:
        lines += ["", "| hostile input | seconds | growth |", "|---|---:|---:|"]
        lines += [f"| {name} | {seconds:.2f} | {growth:.2f} |" for name, seconds, growth in cases]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time the checks of hand-written settings.")
    parser.add_argument("--specs", type=int, default=24_000, help="of each version")
    parser.add_argument("--files", type=int, nargs="*", default=SIZES, help="in one run each")
    parser.add_argument("--hostile", action="store_true", help="time tests/fuzz/pathological.py")
    options = parser.parse_args()
    rates = [rate(name, options.specs, facts) for name in BACKENDS for facts in (False, True)]
    runs = [lint_files(count) for count in sorted(options.files)]
    cases = hostile() if options.hostile else []
    print(as_markdown(rates, runs, cases))


if __name__ == "__main__":
    main()
