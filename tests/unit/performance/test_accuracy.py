"""The shipped constants against the measurements that the repository carries."""

import statistics
from collections import defaultdict

import pytest

from benchmarks.accuracy.left_out import Judged
from benchmarks.accuracy.observations import Observations
from benchmarks.accuracy.performance_cases import OBSERVATIONS, read_cases
from benchmarks.accuracy.roofline_fit import shipped
from benchmarks.accuracy.throughput import BAND_TARGET, TARGET_GROUPS
from lmi_deployer.performance.constants import factors


@pytest.fixture(scope="module")
def ratios():
    """Measured over estimated throughput of every case, by group and engine."""
    cases, _ = read_cases(Observations(OBSERVATIONS))
    constants, found = shipped(), defaultdict(list)
    for case in cases:
        ratio = Judged.of(case, constants).ratios()["throughput"]
        found[case.group, case.pace].append(ratio)
    return found


def test_most_rows_are_in_scope(ratios):
    assert sum(map(len, ratios.values())) > 1600


def test_dense_models_on_nvlink_cards_and_on_one_l40s_are_off_by_at_most_15_percent(ratios):
    judged = {key: found for key, found in ratios.items() if key[0] in TARGET_GROUPS}
    assert len(judged) >= 6
    for key, found in judged.items():
        assert statistics.mean(abs(1 / ratio - 1) for ratio in found) <= 0.15, key


def test_bands_hold_at_least_80_of_100_rows(ratios):
    for (group, pace), found in ratios.items():
        band = factors(group, "throughput")
        assert band is not None
        if len(found) >= 10:
            held = 100 * sum(band.low <= ratio <= band.high for ratio in found) / len(found)
            assert held >= BAND_TARGET, (group, pace)


def test_rows_that_cannot_be_judged_are_counted_and_stop_nothing(tmp_path):
    header = (OBSERVATIONS / "perf-observations.csv").read_text(encoding="utf-8").splitlines()[0]
    good = (
        "vllm,0.12.0,meta-llama/Meta-Llama-3.1-8B,H100-80GB,1,,bf16,,8,concurrency,128,128,500"
        ",,,,,,,"
    )
    rows = [
        good,
        good.replace("vllm,", "novel-engine,", 1),
        good.replace("meta-llama/Meta-Llama-3.1-8B", "someone/new"),
        good.replace("H100-80GB", "Z900"),
        good.replace(",bf16,", ",int3,"),
        good.replace(",128,128,", ",,,"),
        good.replace(",128,128,", ",128,1,"),
        good.replace(",500,", ",nan,"),
        good.replace(",8,concurrency", ",,concurrency"),
        good.replace("H100-80GB,1,", "H100-80GB,64,"),
        good.replace("H100-80GB", "T4-16GB").replace("bf16", "fp16"),
        "vllm",
    ]
    (tmp_path / "perf-observations.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    cases, skipped = read_cases(Observations(tmp_path))
    assert len(cases) == 1
    assert sum(skipped.values()) == len(rows) - 1
