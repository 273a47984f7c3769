"""Fits the constants of the roofline to published measurements, and the bands around it.

    python -m benchmarks.accuracy.calibrate_performance [--observations FOLDER] [--write]

Without --write it only prints. Bands come from rows that the constants had not seen: every model,
every family and every card left out in turn. What nothing measured speaks for gets the errors of
whole engines and whole number formats left out. It takes about two minutes on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.accuracy.left_out import (
    KINDS,
    Miss,
    coverage,
    grouped,
    left_out,
    limits,
    misses,
    strange_misses,
    strange_of,
)
from benchmarks.accuracy.observations import Observations
from benchmarks.accuracy.performance_cases import OBSERVATIONS, Case, read_cases
from benchmarks.accuracy.roofline_fit import Constants, fit_constants, points_of

TABLE = Path(__file__).parents[2] / "lmi_deployer" / "catalog" / "performance.yaml"
FEWEST_ROWS = 4
MOST_WIDTH = 20.0
"""Highest over lowest from which on a band says nothing and is left out."""
CHECKED = "2026-11-21"
FITTED = "fitted to the measurements that the row `hardware` names"
SOURCES = (
    "fitted to: NVIDIA/TensorRT-LLM docs/source/performance.md (release/0.5.0, @77d24b5f for "
    "0.6.1) and docs/source/performance/perf-overview.md (@31ac30e9 for 0.12.0, @258c7540 for "
    "0.17, @00f37686 for 1.0); ai-dynamo/aiconfigurator "
    "aic-core/src/aiconfigurator_core/systems/silicon_sample.csv @095f58a5; "
    "aws-samples/foundation-model-benchmarking-tool data/metrics (@65f17159, @8b8e0278, "
    "@e82f9d9e, @fcfabe8a); philschmid/text-generation-inference-tests results/sagemaker.csv "
    "@f020075c; llmperf on g5.2xlarge, Llama 3 8B; vllm on an RTX 4090, mushfiqrahman.dev"
)
HEADER = """\
# Constants of the roofline in lmi_deployer/performance, and how far its estimates were off.
# Written by benchmarks/accuracy/calibrate_performance.py; do not edit the numbers by hand.
"""


def bands(found: Sequence[Miss]) -> list[dict[str, Any]]:
    """Rows of performance.yaml: the range of ratios that holds most points of a group."""
    rows, groups = [], grouped(found)
    for (group, measure), chosen in groups.items():
        count = len({miss.case.row for miss in chosen})
        if count < FEWEST_ROWS:
            continue
        low, high = limits(chosen, strange_of(groups, group, measure))
        if high > MOST_WIDTH * low:
            continue
        rows.append({
            "kind": "band",
            "name": f"{group}-{measure}",
            "measure": measure,
            "low": low,
            "high": high,
            "rows": count,
            "models": len({miss.case.model for miss in chosen}),
            "cards": len({miss.case.card for miss in chosen}),
        })  # fmt: skip
    return rows


def document(constants: Constants, found: Sequence[Miss], cases: Sequence[Case]) -> str:
    """The text of performance.yaml."""
    rows = [{"kind": "hardware", "name": "hardware", **constants.hardware_row, "source": SOURCES}]
    for name, row in constants.engine_rows.items():
        own = [case for case in cases if case.pace == name]
        counted = f"{len(own)} rows of {len({case.model for case in own})} models"
        source = f"{FITTED}, {counted}"
        rows.append({"kind": "engine", "name": name, **row, "source": source})
    rows += [{**row, "source": f"{FITTED}, without the model or card"} for row in bands(found)]
    return HEADER + "".join("\n" + _row_text(row) for row in rows)


def _row_text(row: dict[str, Any]) -> str:
    rounded = {
        key: float(f"{value:.4g}") if isinstance(value, float) else value
        for key, value in row.items()
    }
    text: str = yaml.safe_dump([rounded], sort_keys=False, width=96)
    return f"{text}  checked: {CHECKED}\n"


def main() -> None:
    """Fit, say what the bands hold, and write the constants when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--observations", type=Path, default=OBSERVATIONS, metavar="FOLDER")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    options = parser.parse_args()
    cases, _ = read_cases(Observations(options.observations))
    points = points_of(cases)
    everything = fit_constants(points)
    found: list[Miss] = []
    for kind in KINDS.values():
        found += misses(points, left_out(points, everything, kind))
    found += strange_misses(points, everything)
    held = coverage(found)
    print("bands, and the points inside when made without the model that they are tried on")
    for row in bands(found):
        group, measure = row["name"].rpartition("-")[0], row["measure"]
        inside, total = held[group, measure]
        share = f"{100 * inside / total:5.1f} % of {total}" if total else "only one model"
        print(f"  {group:20s} {measure:10s} x{row['low']:.2f} to x{row['high']:.2f}  {share}")
    if options.write:
        TABLE.write_text(document(everything, found, cases), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
