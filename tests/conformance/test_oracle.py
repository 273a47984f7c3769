"""The oracle itself: known verdicts, and that no case leaves a trace for the next."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.conformance import recording
from tests.conformance.cases import Changes, make_case
from tests.conformance.classify import Verdict
from tests.conformance.oracle import open_oracle, repository
from tests.conformance.server_table import load_table
from tests.conformance.vllm_fields import vllm_fields_of

REPOSITORY = repository() or Path()
needs_the_server = pytest.mark.skipif(
    repository() is None, reason="DJL_SERVING_REPOSITORY names no repository of djl-serving"
)
REJECTED = "rejected"
KEPT: dict[str, str | None] = {}

# version, backend, settings -> REJECTED, or the keys that are ignored (None) or replaced
KNOWN: list[tuple[str, str, Changes, object]] = [
    ("0.25.0", "deepspeed", {"option.quantize": "smoothquant"}, KEPT),
    ("0.25.0", "deepspeed", {"option.quantize": "no-such"}, {"option.quantize": None}),
    (
        "0.25.0",
        "deepspeed",
        {"option.dtype": "bf16", "option.quantize": "smoothquant"},
        REJECTED,
    ),
    ("0.25.0", "hf-accelerate", {"option.rolling_batch": "tnx"}, {"option.rolling_batch": "auto"}),
    ("0.25.0", "hf-accelerate", {"option.rolling_batch": "trtllm"}, REJECTED),
    (
        "0.25.0",
        "hf-accelerate",
        {"option.entryPoint": "djl_python.huggingface", "option.rolling_batch": "trtllm"},
        {"option.rolling_batch": "auto"},
    ),
    ("0.25.0", "vllm", {"option.tensor_parallel_degree": None}, REJECTED),
    ("0.25.0", "vllm", {"option.dtype": "float16"}, REJECTED),
    ("0.25.0", "lmi-dist", {"option.dtype": "fp16", "option.quantize": "gptq"}, REJECTED),
    ("0.25.0", "lmi-dist", {"option.quantize": "awq"}, REJECTED),
    ("0.26.0", "lmi-dist", {"option.quantize": "awq"}, KEPT),
    ("0.26.0", "vllm", {"engine": "MPI", "option.rolling_batch": "vllm"}, REJECTED),
    ("0.26.0", "hf-accelerate", {"option.rolling_batch": "trtllm"}, REJECTED),
    ("0.26.0", "vllm", {"option.data_type": "fp16"}, {"option.data_type": None}),
    ("0.27.0", "vllm", {"option.quantize": "squeezellm"}, REJECTED),
    (
        "0.27.0",
        "neuronx",
        {"option.enable_saturate_infinity": "false"},
        {"option.enable_saturate_infinity": "true"},
    ),
    ("0.28.0", "vllm", {"batch_size": "4"}, {"option.rolling_batch": "disable"}),
    ("0.29.0", "lmi-dist", {"option.input_formatter": "abc"}, REJECTED),
    ("0.30.0", "trtllm", {"option.rolling_batch": "disable"}, REJECTED),
    ("0.32.0", "vllm", {"option.max_num_seqs": "256"}, REJECTED),
    ("0.32.0", "vllm", {"option.dtype": "float16"}, REJECTED),
    ("0.33.0", "vllm", {"option.rolling_batch": "lmi-dist"}, {"option.rolling_batch": "vllm"}),
    ("0.35.0", "vllm", {"option.no_such_key": "1"}, {"option.no_such_key": None}),
    ("0.36.0-lmi27", "vllm-async", {"option.task": "text-generation"}, KEPT),
]


def outcome(verdict: Verdict | None) -> object:
    assert verdict is not None
    return REJECTED if verdict.is_rejected else verdict.changed


@needs_the_server
@pytest.mark.parametrize(("version", "backend", "settings", "expected"), KNOWN)
def test_the_oracle_gives_known_verdicts(version, backend, settings, expected):
    case = make_case(version, load_table().backend(version, backend), settings)
    with open_oracle(REPOSITORY, version, vllm_fields_of) as oracle:
        assert outcome(oracle.judge([case])[0]) == expected


@pytest.mark.parametrize(
    ("version", "backend", "settings", "expected"),
    [known for known in KNOWN if "no-such" in str(known) or "smoothquant" in str(known)],
)
def test_known_verdicts_stand_in_the_recording(version, backend, settings, expected):
    found = [
        outcome(verdict)
        for case, verdict in recording.read(version)
        if (case.backend, case.changes) == (backend, settings) and case.devices == 4
    ]
    assert found == [expected]


@needs_the_server
@pytest.mark.parametrize("version", load_table().order)
def test_every_backend_loads_with_its_smallest_file(version):
    cases = [make_case(version, row, {}) for row in load_table().backends_of(version)]
    with open_oracle(REPOSITORY, version) as oracle:
        verdicts = oracle.judge(cases)
    assert [(v and v.message, v and v.changed) for v in verdicts] == [("", {})] * len(cases)


@needs_the_server
@pytest.mark.parametrize("version", ["0.25.0", "0.27.0", "0.30.0", "0.35.0"])
def test_the_order_of_cases_does_not_matter(version):
    recorded = list(recording.read(version))
    random.Random(version).shuffle(recorded)
    cases = [case for case, _ in recorded[:1500]]
    with open_oracle(REPOSITORY, version) as oracle:
        there, back = oracle.judge(cases), oracle.judge(cases[::-1])[::-1]
    assert there == back


@needs_the_server
@pytest.mark.parametrize("version", load_table().order)
def test_the_table_names_the_classes_that_a_handler_builds(version):
    with open_oracle(REPOSITORY, version) as oracle:
        known = set(oracle.fields())
    for row in load_table().backends_of(version):
        assert set(row.classes) <= known, row.backend
