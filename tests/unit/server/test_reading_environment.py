"""Environment files: lines as docker takes them, shell scripts of exports, and JSON objects."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lmi_deployer.server.reading_environment import read_environment
from lmi_deployer.server.reading_properties import Duplicate


def variables(text: str) -> dict[str, str]:
    return read_environment(text.encode()).variables


def outcomes(data: bytes) -> list[tuple[int, str]]:
    return [(item.line, item.outcome) for item in read_environment(data).problems]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("A=1", {"A": "1"}),
        ("A=", {"A": ""}),
        ("A=b=c", {"A": "b=c"}),
        ("  A=1", {"A": "1"}),
        ("A=1  ", {"A": "1  "}),
        ("A= 1", {"A": " 1"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("# A=1\n  # A=1\n\n", {}),
        ("A=1 # 2", {"A": "1 # 2"}),
        ('A="1"', {"A": '"1"'}),
        ("A={'a': 1}", {"A": "{'a': 1}"}),
        ("A", {}),
        ("\ufeffA=1", {"A": "1"}),
    ],
)
def test_how_docker_reads_a_line(text, read):
    assert variables(text) == read
    assert not read_environment(text.encode()).problems


def test_an_export_is_tolerated_with_a_note_and_loses_its_quotes_as_in_a_shell():
    found = read_environment(b"export A='x y'\nexport\tB=2\nexported=3\n")
    assert found.variables == {"A": "x y", "B": "2", "exported": "3"}
    assert [note.line for note in found.notes] == [1, 2]
    assert not found.problems


@pytest.mark.parametrize("text", ['A="1"', "A='1'", "A"])
def test_quotes_and_bare_names_deserve_a_note(text):
    assert [note.line for note in read_environment(text.encode()).notes] == [1]


@pytest.mark.parametrize("text", ["A B=1", "A =1", "=1", "  =1"])
def test_docker_refuses_names_with_spaces_and_no_name(text):
    assert outcomes(b"X=1\n" + text.encode()) == [(2, "load_error")]


def test_the_last_of_two_equal_names_wins_and_the_first_is_reported():
    found = read_environment(b"A=1\n\nA=2\n")
    assert found.variables == {"A": "2"}
    assert found.lines == {"A": 3}
    assert found.duplicates == (Duplicate("A", "1", 1, 3),)


def test_an_object_of_strings_is_read_with_its_lines():
    found = read_environment(b' {\n "A": "1",\n "B": "x\\ny"\n}\n')
    assert found.variables == {"A": "1", "B": "x\ny"}
    assert found.lines == {"A": 2, "B": 3}
    assert not found.problems


@pytest.mark.parametrize(("value", "read"), [("4", "4"), ("4.50", "4.50"), ("true", "true")])
def test_a_value_without_quotes_is_refused_and_read_all_the_same(value, read):
    data = f'{{"A": {value}}}'.encode()
    assert outcomes(data) == [(1, "load_error")]
    assert read_environment(data).variables == {"A": read}


@pytest.mark.parametrize("value", ["null", "[1]", '{"B": "1"}'])
def test_a_value_that_is_no_text_is_left_out(value):
    data = f'{{"A": {value},\n"C": "1"}}'.encode()
    assert outcomes(data) == [(1, "load_error")]
    assert read_environment(data).variables == {"C": "1"}
    assert read_environment(data).lines == {"C": 2}


@pytest.mark.parametrize("data", [b"{", b'{"A": }', b'{"A": "1"} x', b'{"A": "1",}'])
def test_what_is_no_json_is_told_at_its_line(data):
    assert outcomes(b"\n" + data) == [(2, "load_error")]


def test_bytes_that_are_no_utf_8_are_told_at_their_line():
    assert outcomes(b"A=1\nB=\xff\n") == [(2, "load_error")]


def test_no_variable_can_hold_a_nul():
    assert outcomes(b"A=1\nB=\x00\n") == [(2, "load_error")]


@given(st.one_of(st.binary(max_size=100), st.binary(max_size=100).map(lambda data: b"{" + data)))
@example(b"{" * 100_000)
@example(b'{"a":' + b"[" * 100_000)
@example(b'{"a":' + b"1" * 10_000 + b"}")
def test_no_bytes_raise(data):
    found = read_environment(data)
    assert set(found.lines) == set(found.variables)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=6), st.booleans())
def test_a_json_object_is_read_back(pairs, is_indented):
    text = json.dumps(pairs, indent=1 if is_indented else None)
    found = read_environment(text.encode())
    assert found.variables == pairs
    assert not [item for item in found.problems if "U+0000" not in item.problem]


@pytest.mark.parametrize(
    "data",
    [b'"' * 10**6, b"a" * 10**6, b"\n" * 10**6, b'A="' + b'" ' * 10**6, b'{"' + b"\\" * 10**6,
     b"{" + b'"a":' * 10**5, b"export " * 10**5],
    ids=lambda data: repr(data[:6]),
)  # fmt: skip
def test_a_large_file_is_read_in_linear_time(data):
    begin = time.perf_counter()
    read_environment(data)
    assert time.perf_counter() - begin < 5
