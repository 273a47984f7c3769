"""The command ends with a status and text that any reader takes, whatever the files hold."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmi_deployer.cli import run
from tests.fuzz.demands import SECRET, check_secret
from tests.fuzz.generators import ENVIRONMENT_FILES, PROPERTIES_FILES

IMAGE = ("--container", "0.25.0", "--flavor", "deepspeed")
FORMS = ("text", "json", "sarif", "github")
STATUSES = (0, 2)
FILES = {
    "odd-keys": b"option.\\ud800=1\noption.\\u001b[31m\\u000aX=1\n\xc3\xa9=1\n",
    "secrets": f"{SECRET}=1\noption.model_id={SECRET}\noption.password={SECRET}\n".encode(),
    "bare-secrets": f"option.token\n{SECRET}\n{SECRET}={SECRET}".encode(),
    "long": b"option." + b"x" * 100_000 + b"=1\n",
    "no-utf-8": b"option.model_id=\xff\xfe\n",
    "nothing": b"",
}


def outcome(*arguments: str, stdin: bytes = b"") -> tuple[int, str]:
    """Status and all output of one call, from streams as strict as those of a terminal."""
    given = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with (
        mock.patch("sys.stdin", given),
        mock.patch("sys.stdout", out),
        mock.patch("sys.stderr", err),
    ):
        status = run(arguments)
    written = [stream.buffer.getvalue() for stream in (out, err)]
    return status, b"".join(written).decode()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", FILES)
def test_an_odd_file_can_be_reported_in_every_form(tmp_path: Path, name: str, form: str):
    path = tmp_path / "serving.properties"
    path.write_bytes(FILES[name])
    status, output = outcome("lint", str(path), *IMAGE, "-o", form)
    assert status in STATUSES
    assert "\x1b" not in output
    assert "x" * 2000 not in output
    check_secret("output", output)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [b"x\xff.properties", b"a\nb.properties", b"\x1b[31m.properties"])
def test_a_file_with_an_odd_name_can_be_reported_in_every_form(
    tmp_path: Path, name: bytes, form: str
):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    try:
        path.write_bytes(FILES["odd-keys"])
    except OSError:
        pytest.skip("this file system has no such names")
    status, output = outcome("lint", str(path), *IMAGE, "-o", form)
    assert status == 2
    assert "\x1b" not in output


@pytest.mark.parametrize("name", ["x" * 5000, "nothing/here", "", "\n"])
def test_a_path_that_leads_nowhere_is_a_finding(name: str):
    status, output = outcome("lint", name, *IMAGE)
    assert status == 2
    assert "LMI315" in output


def test_a_folder_of_anything_gets_a_verdict(tmp_path: Path):
    (tmp_path / "serving.properties").mkdir()
    (tmp_path / "environment").mkdir()
    status, output = outcome("lint", str(tmp_path), *IMAGE)
    assert (status, "LMI315" in output) == (2, True)


def test_more_than_a_file_may_hold_is_refused_without_reading_on():
    status, output = outcome("lint", "-", *IMAGE, stdin=b"=" * 4_000_001)
    assert (status, "is larger than" in output) == (2, True)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(PROPERTIES_FILES, ENVIRONMENT_FILES, st.binary(max_size=60)), st.sampled_from(FORMS)
)
def test_standard_input_may_hold_anything(data: bytes, form: str):
    status, output = outcome("lint", "-", *IMAGE, "-o", form, stdin=data)
    assert status in STATUSES
    check_secret("output", output)
    if form in {"json", "sarif"}:
        json.loads(output)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.none() | PROPERTIES_FILES, st.none() | ENVIRONMENT_FILES)
def test_a_folder_may_hold_anything(file: bytes | None, variables: bytes | None):
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path, data in ((folder / "serving.properties", file), (folder / ".env", variables)):
            if data is not None:
                path.write_bytes(data)
        status, output = outcome("lint", name, *IMAGE)
    assert status in STATUSES
    check_secret("output", output)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"null", b"1e9999", b"NaN", b'{"num_attention_heads": NaN}', b"{" * 100_000,
        b"[" * 100_000, b'"' + b"\\" * 999, b"9" * 5000, b"\xff", b"\xef\xbb\xbf{}",
        b'{"num_attention_heads": 1000000007, "model_type": "llama"}',
        b'{"model_type": "\\ud800", "architectures": ["\\u001b[31mForCausalLM"]}',
        b'{"num_attention_heads": ' + b"9" * 4000 + b', "model_type": "llama"}',
    ],
    ids=range(15),
)  # fmt: skip
def test_a_model_s_facts_may_hold_anything(tmp_path: Path, data: bytes):
    file, facts = tmp_path / "serving.properties", tmp_path / "config.json"
    file.write_bytes(b"option.model_id=a/b\noption.tensor_parallel_degree=7\nengine=MPI\n")
    facts.write_bytes(data)
    status, output = outcome("lint", str(file), *IMAGE, "--model-facts", str(facts))
    assert status in STATUSES
    assert "\x1b" not in output
