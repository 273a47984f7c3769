"""Values are read as the container's parsers read them."""

from __future__ import annotations

import pydantic
import pydantic.v1
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lmi_deployer.settings.values import canonical, checker, describe, shown

NUMBER_LIKE = st.text("0123456789+-_. eEnaif\u0661\u00a0", max_size=8) | st.integers().map(str)
WORDS = st.sampled_from(["true", "True", "1", "yes", "ON", "t", "n", "off", "2", "", " true"])
PARSED_BY_PYDANTIC = {
    "pydantic1": pydantic.v1.parse_obj_as,
    "pydantic2": lambda kind, text: pydantic.TypeAdapter(kind).validate_python(text),
}


def takes(text: str, **reading) -> bool:
    return checker({"bad_value": "load_error", **reading})(text) is None


def pydantic_takes(parser: str, kind: type, text: str) -> bool:
    try:
        PARSED_BY_PYDANTIC[parser](kind, text)
    except (pydantic.ValidationError, pydantic.v1.ValidationError):
        return False
    return True


@pytest.mark.parametrize("parser", PARSED_BY_PYDANTIC)
@given(text=NUMBER_LIKE)
@example(text="1.0")
@example(text="1_000")
@example(text="\u0661")
@example(text=" 7 ")
def test_whole_numbers_are_taken_exactly_when_pydantic_takes_them(parser, text):
    assert takes(text, type="int", parser=parser) == pydantic_takes(parser, int, text)


@pytest.mark.parametrize("parser", PARSED_BY_PYDANTIC)
@given(text=NUMBER_LIKE.filter(lambda text: "_" not in text) | st.floats().map(str))
@example(text="nan")
@example(text="1_0.5")
@example(text="\u0665")
def test_numbers_are_taken_exactly_when_pydantic_takes_them(parser, text):
    assert takes(text, type="float", parser=parser) == pydantic_takes(parser, float, text)


@pytest.mark.parametrize("parser", PARSED_BY_PYDANTIC)
@given(text=WORDS | st.text(max_size=5))
def test_booleans_are_taken_exactly_when_pydantic_takes_them(parser, text):
    assert takes(text, type="bool", parser=parser) == pydantic_takes(parser, bool, text)


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        *[(text, True) for text in ("8", "+8", "-2147483648", "2147483647")],
        *[(text, False) for text in (" 8", "8_0", "2147483648", "8.0", "", "9" * 99)],
    ],
)
def test_java_takes_32_bit_numbers_without_spaces_or_underscores(text, is_taken):
    assert takes(text, type="int", parser="java") is is_taken


def test_java_takes_every_word_but_true_for_false():
    fault = checker({"type": "bool", "parser": "java"})("yes")
    assert fault is not None
    assert (fault.outcome, fault.replacement) == ("fallback", "false")


@pytest.mark.parametrize("text", ["true", "TRUE", "false", "False"])
def test_java_takes_true_and_false_in_any_case(text):
    assert takes(text, type="bool", parser="java")


def test_max_stands_beside_a_number_of_devices():
    assert takes("max", type="int_or_max", parser="java")
    assert not takes("MAX", type="int_or_max", parser="java")


def test_choices_are_exact_unless_the_server_lowers_them():
    choices = ["fp16", "bf16"]
    assert not takes("FP16", type="choice", choices=choices)
    assert takes("FP16", type="choice", choices=choices, ignores_case=True)
    assert not takes("fp17", type="choice", choices=choices, ignores_case=True)


def test_a_number_beyond_its_range_has_an_outcome_of_its_own():
    find = checker({"type": "int", "minimum": 1, "bad_value": "load_error"})
    fault = find("0")
    assert fault is not None
    assert (fault.outcome, fault.allowed) == ("unchecked", "a whole number from 1")
    assert find("x").outcome == "load_error"  # type: ignore[union-attr]
    assert find("1") is None


def test_a_bad_value_that_is_replaced_names_the_replacement():
    reading = {"type": "choice", "choices": ["auto"], "bad_value": "fallback", "fallback": "auto"}
    assert checker(reading)("foo").replacement == "auto"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("int_list", "128,256", "[128]"),
        ("int_mapping", "image=1,audio=2", "image"),
        ("int_mapping", "image=1,image=1", "image=1,image=2"),
        ("text_list", '["a","b"]', "a,b"),
        ("float_tuple", "(1.0, 2)", "one"),
        ("json", '{"a": 1}', "{a: 1}"),
        ("literal", "{'a': 1}", "[1]"),
    ],
)
def test_structured_values_are_parsed(kind, good, bad):
    assert takes(good, type=kind)
    assert not takes(bad, type=kind)


@pytest.mark.parametrize("kind", ["literal", "json", "float_tuple", "int_list", "int"])
@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 100_000, "-" * 100_000, "\x00", "{" * 9_999])
def test_hostile_values_are_refused_quickly_and_without_an_exception(kind, text):
    assert not takes(text, type=kind) or kind == "json"


@given(text=st.text())
def test_messages_stay_on_one_line_and_short(text):
    message = shown(text)
    assert message.isprintable()
    assert message.isascii()
    assert len(message) < 1000


def test_messages_hide_secrets():
    assert "hf_" not in shown("hf_" + "a" * 34)


def test_one_value_has_one_spelling():
    boolean = {"type": "bool", "parser": "pydantic2"}
    assert {canonical(boolean, text) for text in ("1", "yes", "True")} == {"true"}
    assert canonical({"type": "choice", "ignores_case": True}, "FP16") == "fp16"
    assert canonical({"type": "bool", "parser": "java"}, "yes") == "false"


@given(minimum=st.integers(-5, 5), value=st.integers(-10, 10))
def test_what_describes_a_range_is_what_is_checked(minimum, value):
    reading = {"type": "int", "minimum": minimum, "out_of_range": "load_error"}
    assert (checker(reading)(str(value)) is None) == (value >= minimum)
    assert describe(reading) == f"a whole number from {minimum}"


def test_a_number_that_is_none_is_in_no_range():
    assert not takes("nan", type="float", parser="pydantic2", minimum=0, maximum=1)
