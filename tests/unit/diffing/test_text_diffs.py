from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.diffing.text_diffs import MOST_LINES, MOST_SHOWN, masked, text_diff

SECRET = "correct-horse-battery"
TOKEN = "hf_abcdefghijklmnopqrstuvwx"


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
        f"option.hf_token: [{SECRET},",
        f"option.hf_token: [one,\n{SECRET},\n  {SECRET}]\nb: [",
        f'option.hf_token: ["]", \n{SECRET}]',
        f"option.secrets:\n  - one\n  - {SECRET}\n",
        f"option.secrets:\n- one\n# between\n- {SECRET}\n",
        f"option.secrets:\n- user: one\n  pass: {SECRET}\n",
        f"option.access_key: {{user: u, pass: {SECRET}}}",
        f"option.access_key: {{user: u,\nmore: {SECRET}}}",
        f"option.access_key:\n  user: u\n  more: {SECRET}\n",
        f"? hf_token\n: {SECRET}",
        f"? 'hf_token'\n\n:\n  {SECRET}",
        f"? |\n  hf_token\n: {SECRET}",
        f"hf_token: &anchor {SECRET}",
        f"x: &anchor {SECRET}\nhf_token: *anchor",
        f"x: &one [a, &two\n{SECRET}]\ny: {{hf_token: *two}}",
        f"!!str hf_token: !!str\n  {SECRET}",
        f"a:\n  - hf_token: >-\n      one\n      {SECRET}",
        f"hf_token: 'it''s\n{SECRET}'",
        f'hf_token: "a \\" b\n{SECRET}"',
        f'hf_token: !!str "one\n\n{SECRET}',
        f"\thf_token:\n  {SECRET}",
        f"        hf_token: |\n\t\t{SECRET}",
        f"    hf_token:\n{SECRET}",
        f"    hf_token:\n- {SECRET}",
        f'{{"hf_token":\n"{SECRET}", "b": 1}}',
        f'"hf\\x5ftoken": {SECRET}',
        f"hf_token:{SECRET}",
        f"hf_token : {SECRET}",
        f"# hf_token:\n#   {SECRET}",
        f"hf_token: one\x0c{SECRET}",
        f"hf_token: 'one\u2028{SECRET}'",
        f"hf_token: secretsmanager:hub, password: {SECRET}",
        f"option.hf_token=one \\\n  {SECRET}",
        f"environment:\r\n  API_KEY:\r\n    {SECRET}\r\n",
    ],
)
def test_what_stands_under_the_key_of_a_secret_is_hidden_however_it_is_written(text):
    assert SECRET not in masked(text)
    assert SECRET not in masked(f"name: chat\n{text}\nother: 1\n")


@pytest.mark.parametrize("text", [f"x: {TOKEN}", f"# {TOKEN}", f"a: [{TOKEN}]", TOKEN])
def test_what_looks_like_a_token_is_hidden_anywhere(text):
    assert TOKEN not in masked(text)


def test_a_private_key_is_hidden_to_its_end():
    text = "a: |\n  -----BEGIN RSA PRIVATE KEY-----\n  MIIE\n  -----END\n"
    assert "MIIE" not in masked(text)


def test_what_is_no_secret_stays():
    text = "# a comment\nname: chat\nmodel: {id: a/b, dtype: fp16}\nprofiles:\n  g5:\n    x: 1"
    assert masked(text) == text
    assert masked("hf_token: secretsmanager:hub") == "hf_token: secretsmanager:hub"


def test_what_follows_a_secret_on_its_own_level_is_shown():
    assert masked(f"a:\n  hf_token: {SECRET}\n  b: 1").endswith("\n  b: 1")


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


@pytest.mark.parametrize(
    "text",
    [
        "max_num_tokens: 8192\ntokens: [a, b]\nkey: {a: 1}\n",
        "tokenizer: x\nkeys:\n- a\n",
        "? name\n: chat\n",
        "x: &anchor {a: 1}\ny: *anchor\n",
        "a: b # it's [\nc: 1\n",
        "",
    ],
)
def test_other_keys_promise_nothing(text):
    assert masked(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "hf_token: [a,\n  b]\nname: chat\n",
        "hf_token: 'a\n  b'\nname: chat\n",
        "hf_token: it's\nname: chat\n",
        "hf_token: |\n  a\n\nname: chat\n",
        "hf_token:\n- a\n- b\nname: chat\n",
        "hf_token: {a: 1}\n---\nname: chat\n",
        "a:\n  - hf_token: x\n    b: 1\n  - name: chat\n",
        "option.hf_token=x\noption.name=chat\n",
    ],
)
def test_what_comes_behind_a_secret_is_shown(text):
    shown = masked(text)
    assert "***" in shown
    assert shown.splitlines()[-1] == text.splitlines()[-1]


KEYS = st.sampled_from(
    ["hf_token", "option.hf_token", '"api_key"', "'PASSWORD'", "secrets", "access_key", "MY_SECRET"]
)
SPACE = st.sampled_from(["", " ", "    "])
FORMS = st.sampled_from(
    [
        "{key}: {value}", "{key}: '{value}'", '{key}: "{value}"', "{key}: &a !!str {value}",
        "{key}: [x, {value}]", "{key}: [x,\n{in}{value},\n{in}y]", "{key}: {{a: b, c: {value}}}",
        "{key}:\n{in}  - x\n{in}  - {value}", "{key}:\n{in}- x\n{in}- {value}",
        "{key}:\n{in}  a: b\n{in}  c: {value}", "{key}: |\n{in}  x\n\n{in}  {value}",
        "{key}: >-\n{in}  {value}\n{in}  x", '{key}: "x\n{in}  {value}"', "{key}: 'x\n\n{value}'",
        "{key}: x\n{in}  {value}", "? {key}\n{in}: {value}", "? {key}\n{in}: - x\n{in}  - {value}",
        "a: {{{key}: {value}, b: c}}", "a: {{b: [c], {key}: [x,\n{value}]}}", "- {key}: {value}",
        "- - {key}:\n{in}      {value}", "{key}:\n{in}  ? a\n{in}  : {value}",
    ]
)  # fmt: skip
OTHERS = st.sampled_from(["name: chat", "model: {id: a/b}", "# a comment", "- x", "", "b: [1, 2]"])
BREAKS = st.sampled_from(["\n", "\r\n", "\r"])


@given(
    form=FORMS, key=KEYS, space=SPACE, before=st.lists(OTHERS), after=st.lists(OTHERS), end=BREAKS,
    cut=st.integers(0, 3),
)  # fmt: skip
def test_no_secret_comes_out_of_any_form_of_yaml_be_it_cut_off(
    form, key, space, before, after, end, cut
):
    node = form.format(key=key, value=SECRET, **{"in": space})
    text = end.join([*before, f"{space}{node}", *after]).replace("\n", end)
    assert SECRET in text
    assert SECRET not in masked(text)
    assert SECRET not in masked(text[: len(text) - cut])
    assert SECRET not in masked(text.replace("  ", "\t"))
    assert SECRET not in "\n".join(
        text_diff("", text, file_before="a", file_after="b")
        + text_diff(text, end.join(before), file_before="a", file_after="b")
    )


@given(st.text())
def test_any_text_keeps_its_number_of_lines(text):
    assert len(masked(text).splitlines()) == len(text.splitlines())
