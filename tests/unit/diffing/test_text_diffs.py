from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.diffing.text_diffs import MOST_LINES, MOST_SHOWN, text_diff, without_secrets

SECRET = "correct-horse-battery"
TOKEN = "hf_abcdefghijklmnopqrstuvwx"


def hidden(text: str) -> str:
    return "\n".join(without_secrets(text))


@pytest.mark.parametrize(
    "text",
    [
        f"hf_token: {SECRET}",
        f"'hf_token': \"{SECRET}\"",
        f"environment: {{A: b, API_KEY: {SECRET}, C: d}}",
        f"  - password: {SECRET}",
        f"a:\n  secret: |\n    {SECRET}\n\n    {SECRET}\n  b: 1",
        f"a:\n  hf_token:\n    {SECRET}\n",
        f"a: {{b: {{c: d, api_token: {SECRET}}}}}",
        f"option.hf_token={SECRET}",
        f'{{"password": "{SECRET}"}}',
    ],
)
def test_what_stands_under_the_key_of_a_secret_is_hidden_however_it_is_written(text):
    assert SECRET not in hidden(text)


@pytest.mark.parametrize("text", [f"x: {TOKEN}", f"# {TOKEN}", f"a: [{TOKEN}]", TOKEN])
def test_what_looks_like_a_token_is_hidden_anywhere(text):
    assert TOKEN not in hidden(text)


def test_a_private_key_is_hidden_to_its_end():
    text = "a: |\n  -----BEGIN RSA PRIVATE KEY-----\n  MIIE\n  -----END\n"
    assert "MIIE" not in hidden(text)


def test_what_is_no_secret_stays():
    text = "# a comment\nname: chat\nmodel: {id: a/b, dtype: fp16}\nprofiles:\n  g5:\n    x: 1"
    assert hidden(text) == text
    assert hidden("hf_token: secretsmanager:hub") == "hf_token: secretsmanager:hub"


def test_what_follows_a_secret_on_its_own_level_is_shown():
    assert hidden(f"a:\n  hf_token: {SECRET}\n  b: 1").endswith("\n  b: 1")


def test_a_diff_is_like_that_of_git():
    lines = text_diff("a\nb\n", "a\nc\n", file_before="x.yaml", file_after="y.yaml")
    assert lines == ("--- x.yaml", "+++ y.yaml", "@@ -1,2 +1,2 @@", " a", "-b", "+c")


def test_a_long_diff_is_cut_and_says_so():
    text = "".join(f"{number}\n" for number in range(MOST_LINES))
    lines = text_diff("", text, file_before="x", file_after="x")
    assert len(lines) == MOST_SHOWN + 1
    assert "only the first" in lines[-1]


def test_a_file_that_is_too_large_has_none():
    text = "x\n" * (MOST_LINES + 1)
    assert text_diff(text, "", file_before="x", file_after="x") == ()


@given(st.text())
def test_any_text_keeps_its_number_of_lines(text):
    assert len(list(without_secrets(text))) == len(text.splitlines())
