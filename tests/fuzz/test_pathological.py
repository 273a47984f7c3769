"""Input that is made to be slow, or to fill memory, gets its verdict all the same.

How time grows is measured by benchmarks/lint.py; here only what is clearly out of step fails.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import pathological, targets
from tests.fuzz.pathological import CASES, cost

SIZE = 10_000
SECONDS_AT_MOST = 120
"""For all cases together; they take three where nothing grows faster than its input."""
PEAK_AT_MOST = 1000
"""Bytes of memory for each byte of input: half of the lines may bring a finding."""
STARTED = 2_000_000
"""Bytes that the first use of a thing takes, whatever the input."""
HUNGRY = (
    "backslashes", "unicode escapes", "one long key", "one key again and again",
    "lines beyond ASCII", "control characters, compiled", "names alone", "one long JSON text",
    "JSON lists", "one JSON name", "wrong hardware profiles", "flow lists",
)  # fmt: skip


def test_no_input_takes_much_longer_than_it_is_long():
    command = [sys.executable, "-m", pathological.__name__, str(SIZE)]
    root = Path(__file__).parents[2]
    try:
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, timeout=SECONDS_AT_MOST, check=True
        )
    except subprocess.TimeoutExpired as expired:
        output = expired.stdout or b""
        finished = [json.loads(line)["name"] for line in output.decode().splitlines()]
        slow = next((name for name in CASES if name not in finished), None)
        pytest.fail(f"{slow!r} did not end")
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == list(CASES)


@pytest.mark.parametrize("name", HUNGRY)
def test_memory_stays_in_proportion_to_the_input(name: str):
    found = cost(name, SIZE)
    assert found.peak_bytes <= STARTED + PEAK_AT_MOST * found.size


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 1_000_000,
        b"{" * 1_000_000,
        b'{"a":' * 200_000,
        b'"' + b"\\" * 1_000_000,
        b"-" * 10**6,
    ],
    ids=lambda data: ascii(data[:5]),
)
def test_a_megabyte_of_nesting_is_refused_or_read_by_all_that_take_it(data: bytes):
    targets.model_facts(data)
    targets.environment(data)
    targets.profile(data)
    targets.values(data[:20_000])
