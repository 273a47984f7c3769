"""What a failure says: the reason, the way out, and the lines that tell most."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.entry_point.causes import CAUSES, HOST_MEMORY, find_cause
from lmi_deployer.entry_point.failures import (
    FAILURE_CHARACTERS,
    JobError,
    failed,
    failure_text,
    write_failure,
)
from lmi_deployer.entry_point.log import Log, secrets_of

SAID = [
    ("OSError: [Errno 28] No space left on device", "no space left"),
    (
        "huggingface_hub.errors.GatedRepoError: Access to model acme/x is restricted",
        "gated",
    ),
    ("huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error.", "no such model"),
    ("huggingface_hub.errors.RevisionNotFoundError: 404 Client Error.", "no such revision"),
    (
        "ConnectionError: (host='huggingface.co'): Temporary failure in name resolution",
        "cannot be reached",
    ),
    ("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "GPU memory"),
    ("[TRT] [E] 1: [defaultAllocator.cpp::allocate] Cuda Runtime (out of memory)", "GPU memory"),
    ("terminate called after throwing an instance of 'std::bad_alloc'", "host memory"),
    ("mpirun noticed that process rank 3 exited on signal 9 (Killed).", "host memory"),
    ("RuntimeError: unable to open shared memory object </torch_1> in read-write", "/dev/shm"),
    (
        "[TRT] [E] 6: The engine plan file is not compatible with this version of TensorRT",
        "another TensorRT version",
    ),
    ("CUDA driver version is insufficient for CUDA runtime version", "driver"),
    ("ValueError: quant_algo INT3 is not supported", "does not quantize"),
    ("ValueError: Unsupported quantize method: gptq", "does not quantize"),
    ("NotImplementedError: model type 'mamba' is not supported", "does not know how to compile"),
    ("KeyError: 'MambaForCausalLM'", "does not know how to compile"),
    ("Exception: DeepSpeed does not support partitioning. Please use", "does not know how"),
    ("ValueError: set the option `trust_remote_code=True` to remove this error", "Python code"),
    ("AssertionError: 71 attention heads must be divisible by 2", "cannot be split"),
    (
        "error: the following arguments are required: --pipeline_parallel_degree",
        "does not take these arguments",
    ),
    ("ModuleNotFoundError: No module named 'tensorrt_llm_toolkit'", "should hold"),
    ("NoCredentialsError: Unable to locate credentials", "credentials"),
    (
        "ClientError: An error occurred (AccessDenied) when calling the PutObject operation",
        "may not use the cache",
    ),
    ("ClientError: An error occurred (403) when calling the HeadObject operation", "may not use"),
    ("EndpointConnectionError: Could not connect to the endpoint URL", "S3 cannot be reached"),
    ("NoSuchBucket: The specified bucket does not exist", "bucket of the cache"),
    ("429 Client Error: Too Many Requests for url", "too many requests"),
]


@pytest.mark.parametrize(("line", "cause"), SAID)
def test_a_line_of_a_program_is_understood(line, cause):
    found = find_cause(["before", line, "after"])
    assert found is not None
    assert cause in found.cause
    assert found.line == line


def test_every_cause_has_a_line_that_shows_it():
    shown = {found.cause for line, _ in SAID if (found := find_cause([line])) is not None}
    assert shown == {row.cause for row in CAUSES}


@pytest.mark.parametrize(
    "line",
    [
        "Loading checkpoint shards: 100%",
        "[TensorRT-LLM] [I] Set bert_attention_plugin to float16.",
        "WARNING: quantization of weights done, saving int8 scales",
        "Rank 0 uses 43.2 GiB of memory",
        "Setting tp_size to 4, which all heads share",
    ],
)
def test_an_ordinary_line_shows_no_cause(line):
    assert find_cause([line]) is None


@given(
    reason=st.text(),
    fix=st.none() | st.text(),
    lines=st.lists(st.text(max_size=400), max_size=30),
    telling=st.text(max_size=3000),
)
def test_a_failure_never_says_more_than_sagemaker_shows(reason, fix, lines, telling):
    error = JobError(reason, fix=fix, lines=lines, telling=telling)
    assert len(failure_text(error)) <= FAILURE_CHARACTERS


def test_the_last_lines_give_way_to_the_reason():
    error = JobError("why", fix="this", lines=[f"line {i}" for i in range(500)], telling="there")
    text = failure_text(error).splitlines()
    assert text[:4] == ["why", "fix: this", "log: there", "last lines:"]
    assert text[-1] == "line 499"


def test_a_failure_without_a_known_cause_still_has_its_lines():
    assert failure_text(failed("it failed", ["one", "", "two"], None)).splitlines() == [
        "it failed",
        "last lines:",
        "one",
        "two",
    ]


def test_a_cause_comes_with_its_fix():
    error = failed("the script failed", ["x"], HOST_MEMORY)
    assert error.reason == f"the script failed: {HOST_MEMORY.cause}"
    assert error.fix == HOST_MEMORY.fix


def test_the_failure_file_is_ascii_wherever_it_is(tmp_path):
    path = tmp_path / "output" / "failure"
    write_failure(path, "caf\u00e9 " * 400)
    assert len(path.read_text(encoding="ascii")) == FAILURE_CHARACTERS


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("via http://me:hunter2@proxy.acme:3128/", "via http://***@proxy.acme:3128/"),
        (
            "GET https://cdn/x?Expires=1&Signature=abc~_&Key-Pair-Id=K",
            "Signature=***&Key-Pair-Id=K",
        ),
        ("https://b.s3/x?X-Amz-Security-Token=IQoJ%2F&X-Amz-Signature=0a1b", "Token=***&X-Amz-"),
        ("s3://bucket/a@b:c", "s3://bucket/a@b:c"),
    ],
)
def test_addresses_show_no_password_and_no_signature(line: str, shown: str):
    assert shown in Log({}).clean(line)


def test_variables_with_telling_names_are_secrets():
    environment = {
        "HF_TOKEN": "abcdefgh",
        "AWS_SECRET_ACCESS_KEY": "abcdefghij",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/secrets/token",
        "USE_TOKENIZER": "true",
        "PATH": "/usr/bin:/bin",
    }
    assert secrets_of(environment) == ["abcdefghij", "abcdefgh"]


def test_tokens_are_struck_out_wherever_they_come_from(capsys):
    Log({}).say(f"read hf_{'a' * 34} with AKIA{'B' * 16}")
    assert capsys.readouterr().out == "lmi-deploy: read *** with ***\n"


def test_phases_are_timed_and_named(capsys):
    log = Log({})
    with log.timed("compile"):
        assert log.phase == "compile"
    assert list(log.seconds) == ["compile"]
    assert capsys.readouterr().out.startswith("lmi-deploy: compile: done in ")
