from __future__ import annotations

from contextlib import suppress

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from lmi_deployer.findings import Finding, Place, ProfileError
from lmi_deployer.yaml_source import MAX_CHARACTERS, MAX_DEPTH, parse_yaml, scalar


def parse(text: str) -> object:
    return parse_yaml(text, "p.yaml").data


def refusal(text: str) -> Finding:
    with pytest.raises(ProfileError) as caught:
        parse(text)
    (finding,) = caught.value.findings
    assert finding.code == "LMI001"
    return finding


def test_plain_yaml_becomes_plain_data() -> None:
    text = "a: {b: [1, 0.5, true, null, text]}\nc: 'yes'\nd: |\n  two\n  lines\n"
    assert parse(text) == {
        "a": {"b": [1, 0.5, True, None, "text"]},
        "c": "yes",
        "d": "two\nlines\n",
    }


@pytest.mark.parametrize("text", ["on", "off", "yes", "no", "y", "1_000", "0x10", "12:30:00"])
def test_what_only_yaml_1_1_converts_stays_text(text: str) -> None:
    assert parse(f"a: {text}") == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [("True", True), ("FALSE", False), ("Null", None), ("", None), ("0777", 777), ("-3", -3)],
)
def test_words_and_numbers_are_those_of_the_core_schema(text: str, value: object) -> None:
    parsed = scalar(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize("text", ["1e999", "-1e999", ".inf", ".nan", "9" * 400])
def test_no_number_is_infinite_or_nan(text: str) -> None:
    assert scalar(text) == text


def test_a_quoted_number_is_text() -> None:
    assert parse("version: \"0.30\"\nother: '8'") == {"version": "0.30", "other": "8"}


def test_keys_are_always_text() -> None:
    assert parse("1: a\ntrue: b\n~: c\n") == {"1": "a", "true": "b", "~": "c"}


def test_the_place_of_every_key_and_value_is_known() -> None:
    source = parse_yaml("a:\n  b: [x, y]\n", "p.yaml")
    assert source.key_place(("a", "b")) == Place("p.yaml", 2, 3)
    assert source.place(("a", "b")) == Place("p.yaml", 2, 6)
    assert source.place(("a", "b", 1)) == Place("p.yaml", 2, 10)


def test_what_does_not_stand_in_the_file_has_the_place_of_what_is_around_it() -> None:
    source = parse_yaml("a:\n  b: 1\n", "p.yaml")
    assert source.place(("a", "missing", "deeper")) == source.place(("a",))
    assert source.key_place(("a", "missing")) == source.place(("a",))
    assert parse_yaml("", "p.yaml").place(("a",)) == Place("p.yaml")


def test_columns_count_characters_not_bytes() -> None:
    assert parse_yaml("é: ü", "p.yaml").place(("é",)) == Place("p.yaml", 1, 4)


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "\ufeff"])
def test_a_file_without_content_is_none(text: str) -> None:
    assert parse(text) is None


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    assert parse("\ufeffa: 1\r\nb: 2\r\n") == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("text", "problem", "line", "column"),
    [
        ("a: 1\nb: 2\na: 3", "repeats the key of line 1", 3, 1),
        ("a: 1\n'a': 3", "repeats the key of line 1", 2, 1),
        ("a: &x 1", "uses a YAML anchor or alias", 1, 4),
        ("&x a: 1", "uses a YAML anchor or alias", 1, 1),
        ("a: *x", "uses a YAML anchor or alias", 1, 4),
        ("*x : 1", "uses a YAML anchor or alias", 1, 1),
        ("a: {<<: *x}", "uses a YAML anchor or alias", 1, 9),
        ("a: !!python/object/apply:os.system [ls]", "uses a YAML tag", 1, 4),
        ("a: !!str 5", "uses a YAML tag", 1, 4),
        ("!mine a: 5", "uses a YAML tag", 1, 1),
        ("a: 1\n---\nb: 2", "holds more than one document", 2, 1),
        ("[a]: 1", "has a key that is not plain text", 1, 1),
        ("{a: 1}: 1", "has a key that is not plain text", 1, 1),
        ("a: 1\nb: \x00", "holds the character 0x0000, which YAML does not allow", 2, 4),
        ("a: \ud800", "holds the character 0xd800, which YAML does not allow", 1, 4),
        ("a: \x1b[31m", "holds the character 0x001b, which YAML does not allow", 1, 4),
    ],
)
def test_what_would_surprise_a_reviewer_is_refused_at_its_place(
    text: str, problem: str, line: int, column: int
) -> None:
    finding = refusal(text)
    assert finding.problem == problem
    assert finding.place == Place("p.yaml", line, column)


@pytest.mark.parametrize(
    "text", ["a: [1, 2", "a: 'open", "a: b: c", "\ta: 1", "a: }", "%YAML 9", "- a\nb: 1"]
)
def test_broken_syntax_is_refused_with_a_line(text: str) -> None:
    finding = refusal(text)
    assert finding.problem.startswith("is not valid YAML: ")
    assert finding.place.line >= 1


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_refused_before_anything_is_built(opening: str) -> None:
    finding = refusal(opening * 30_000)
    assert finding.problem == f"is nested more than {MAX_DEPTH} levels deep"


def test_nesting_up_to_the_limit_is_read() -> None:
    levels = MAX_DEPTH - 1
    assert parse("[" * levels + "]" * levels) is not None


def test_a_huge_file_is_refused_unread() -> None:
    assert "larger than" in refusal("a" * (MAX_CHARACTERS + 1)).problem


def test_an_alias_bomb_is_refused() -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    assert refusal(bomb).place.line == 1


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text("abc xyz:#-", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdef", min_size=1, max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(plain)
def test_what_a_yaml_writer_writes_is_read_back(data: object) -> None:
    assert parse(yaml.safe_dump(data)) == data


@given(st.text())
@example("\ud800")
@example("a: !<")
@example("? ")
@example("!!binary =")
def test_no_text_raises_anything_but_a_profile_error(text: str) -> None:
    with suppress(ProfileError):
        parse(text)


@given(st.text(alphabet="{}[]:,-?!&*|>'\"%@`#ab \n\t~", max_size=60))
def test_no_mixture_of_yaml_signs_raises_anything_but_a_profile_error(text: str) -> None:
    with suppress(ProfileError):
        parse(text)
