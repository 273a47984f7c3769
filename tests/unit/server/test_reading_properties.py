"""serving.properties is read as java.util.Properties reads it, whatever bytes it holds."""

from __future__ import annotations

import time
from random import Random

import javaproperties
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lmi_deployer.server.reading_properties import Duplicate, read_properties
from tests.java_properties import NO_JAVA, has_java, read_with_java

TEXTS = st.text(max_size=20)
PIECES = [
    "a", "b", "=", ":", " ", "\t", "\f", "\\", "\n", "\r", "\r\n", "#", "!", "\\u0041", "\x0b",
    "\xe9", "\\n", "\\\\", "\x00", "\x85",
]  # fmt: skip


def values(text: str | bytes) -> dict[str, str]:
    data = text if isinstance(text, bytes) else text.encode("latin-1")
    return read_properties(data).properties


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a=b", {"a": "b"}),
        ("a = b", {"a": "b"}),
        ("a:b", {"a": "b"}),
        ("a b", {"a": "b"}),
        ("a", {"a": ""}),
        ("a=", {"a": ""}),
        ("=b", {"": "b"}),
        ("a==b", {"a": "=b"}),
        ("a = = b", {"a": "= b"}),
        ("a : = b", {"a": "= b"}),
        ("  a=b", {"a": "b"}),
        ("a=b  ", {"a": "b  "}),
        ("a=b # no comment", {"a": "b # no comment"}),
        ("# a=b\n! a=b\n  # a=b\n\n \t\f\n", {}),
        (r"a\=b=c", {"a=b": "c"}),
        (r"a\ b=c", {"a b": "c"}),
        (r"a\:=c", {"a:": "c"}),
        (r"a=\u0041\t\n\x\\", {"a": "A\t\nx\\"}),
        ("a=b\\\n   c", {"a": "bc"}),
        ("a=b\\\r\n\tc", {"a": "bc"}),
        ("a=b\\\\\nc=d", {"a": "b\\", "c": "d"}),
        ("a=b\\\n# c", {"a": "b# c"}),
        ("a=b\\\n\nc=d", {"a": "b", "c": "d"}),
        ("\\\n# c\na=b", {"a": "b"}),
        ("a=b\\", {"a": "b"}),
        ("a=b\n\\", {"a": "b", "": ""}),
        ("a=b\n\\\n", {"a": "b", "": ""}),
        ("a=b\n\\\r\n", {"a": "b"}),
        ("a=b\rc=d", {"a": "b", "c": "d"}),
        ("a=b\x0bc", {"a": "b\x0bc"}),
        ("a=b\x85c", {"a": "b\x85c"}),
    ],
)
def test_how_java_reads_a_line(text, read):
    assert values(text) == read


def test_characters_come_out_as_bytes_since_java_reads_iso_8859_1():
    assert values("a=\xe9".encode()) == {"a": "\xc3\xa9"}


def test_two_escapes_can_make_one_character():
    assert values(r"a=\ud83d\ude00") == {"a": "\U0001f600"}


def test_every_key_knows_the_line_on_which_it_begins():
    found = read_properties(b"# one\n\na=1\\\n  2\n\nb=3\n")
    assert found.lines == {"a": 3, "b": 6}


def test_the_last_of_two_equal_keys_wins_and_the_first_is_reported():
    found = read_properties(b"a=1\nb=2\na=3\n")
    assert found.properties == {"a": "3", "b": "2"}
    assert found.lines["a"] == 3
    assert found.duplicates == (Duplicate("a", "1", 1, 3),)


@pytest.mark.parametrize("text", [r"a=\u12", r"a=\u12g4", r"\u=1", r"a=\uu0041", "a=\\u12\\\n"])
def test_a_malformed_escape_stops_the_load(text):
    found = read_properties(b"x=1\n" + text.encode())
    assert [(item.line, item.outcome) for item in found.problems] == [(2, "load_error")]
    assert found.properties["x"] == "1"


def test_an_escaped_backslash_before_a_u_is_no_escape():
    found = read_properties(rb"a=C:\\users")
    assert found.properties == {"a": "C:\\users"}
    assert not found.problems


def test_bytes_that_are_no_utf_8_stop_the_load_at_their_line():
    found = read_properties(b"a=1\r\nb=\xe9\n")
    assert [(item.line, item.outcome) for item in found.problems] == [(2, "load_error")]


def test_characters_beyond_ascii_are_told_outside_comments():
    found = read_properties("# \xe9\na=\xe9\n".encode())
    assert [(item.line, item.outcome) for item in found.problems] == [(2, "unchecked")]


def test_a_byte_order_mark_becomes_part_of_the_first_key():
    found = read_properties(b"\xef\xbb\xbfengine=MPI\na=1\n")
    assert "engine" not in found.properties
    assert [(item.line, item.outcome) for item in found.problems] == [(1, "ignored")]


def test_control_characters_are_told_with_their_line():
    found = read_properties(b"a=1\nb=\x00\x01\n# \x00\n")
    assert [(item.line, item.outcome) for item in found.problems] == [(2, "unchecked")]
    assert "U+0000" in found.problems[0].problem


@given(st.binary(max_size=200))
@example(b"\\")
@example(b"\\\n")
@example(b"\xff\xfea\x00=\x00")
def test_no_bytes_raise(data):
    found = read_properties(data)
    assert set(found.lines) == set(found.properties)


@given(st.dictionaries(TEXTS, TEXTS, max_size=8))
def test_what_java_writes_is_read_back(pairs):
    text = javaproperties.dumps(pairs, timestamp=False)
    assert values(text) == pairs


def is_malformed(text: str) -> bool:
    return any(item.outcome == "load_error" for item in read_properties(text.encode()).problems)


@pytest.mark.skipif(not has_java(), reason=NO_JAVA)
def test_the_reader_agrees_with_java(tmp_path):
    source = Random(0)
    texts = ["".join(source.choices(PIECES, k=source.randrange(15))) for _ in range(4000)]
    texts = [text for text in texts if not is_malformed(text)]
    paths = [tmp_path / str(number) for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text.encode("latin-1"))
    for text, expected in zip(texts, read_with_java(paths), strict=True):
        assert values(text) == expected, text


@pytest.mark.parametrize(
    "data",
    [b"\\", b"a\\\n", b"a", b"\\u", b" ", b"\\\n", b"=", b"a=\\\\", b"\n", b"\xc3\xa9", b"\x00\n"],
    ids=repr,
)  # fmt: skip
def test_a_large_file_is_read_in_linear_time(data):
    begin = time.perf_counter()
    read_properties(data * 300_000)
    assert time.perf_counter() - begin < 10
