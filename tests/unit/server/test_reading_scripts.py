"""Where the conversion scripts of the containers read serving.properties differently."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.server.facts import Row
from lmi_deployer.server.reading_properties import read_properties
from lmi_deployer.server.reading_scripts import script_problems
from tests.unit.server.images import image


def told(version: str, data: bytes) -> list[tuple[int, str]]:
    conversion = image(version, "tensorrtllm").conversion
    found = script_problems(data, read_properties(data), conversion)
    return [(item.line, item.outcome) for item in found]


@pytest.mark.parametrize("version", ["0.25.0", "0.26.0", "0.28.0", "0.29.0"])
def test_plain_lines_mean_the_same_to_everyone(version):
    assert told(version, b"engine=MPI\n# comment\n\noption.model_id=s3://a/b=c\n") == []


def test_spaces_around_the_equals_sign_belong_to_the_key_up_to_0_25():
    assert told("0.25.0", b"engine=MPI\noption.dtype = fp16\n") == [(2, "ignored")]
    assert told("0.26.0", b"engine=MPI\noption.dtype = fp16\n") == []


@pytest.mark.parametrize("line", [b"option.dtype", b"option.dtype:fp16", b"! comment", b" # x"])
def test_a_line_without_an_equals_sign_stops_the_script(line):
    assert (2, "load_error") in told("0.26.0", b"engine=MPI\n" + line + b"\n")


@pytest.mark.parametrize("line", [rb"option.a=b\:c", b"option.a=b\\\nc=d", rb"option\.a=b"])
def test_escapes_and_continued_lines_are_not_understood(line):
    assert told("0.26.0", line) == [(1, "ignored")]


def test_from_0_29_on_the_script_reads_a_copy_that_java_has_escaped():
    data = b"option.model_id=s3://a/b\noption.output_formatter=a:b\n"
    assert told("0.29.0", data) == [(2, "unchecked")]
    assert told("0.28.0", data) == []


CONVERSIONS = st.builds(
    lambda keeps_spaces, reads: {"keeps_spaces": keeps_spaces, "at_load_reads": reads},
    st.booleans(),
    st.sampled_from(["file", "copy"]),
)


@given(st.binary(max_size=100), CONVERSIONS)
def test_no_bytes_raise(data: bytes, conversion: Row):
    lines = data.count(b"\n") + data.count(b"\r") + 1
    for item in script_problems(data, read_properties(data), conversion):
        assert 1 <= item.line <= lines
