from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.findings import ProfileError
from lmi_deployer.hardware import load_profile, merge
from lmi_deployer.secrets import is_secret, redacted
from tests.specs import PROFILE, make_spec

HF_TOKEN = "hf_" + "AbCdEfGh" * 4
AWS_KEY = "AKIA" + "ABCDEFGH" * 2
GITHUB_TOKEN = "ghp_" + "a1B2" * 9
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"
TOKENS = (HF_TOKEN, AWS_KEY, GITHUB_TOKEN, "github_pat_" + "a1B2_" * 8)

tokens = pytest.mark.parametrize("token", TOKENS)


def refusal(text: str) -> ProfileError:
    with pytest.raises(ProfileError) as caught:
        load_profile(text, "p.yaml")
    assert "LMI006" in {finding.code for finding in caught.value.findings}
    return caught.value


@tokens
@pytest.mark.parametrize(
    "line",
    [
        "    model: {id: SECRET}",
        "    model: {dtype: SECRET}",
        "    options: {option.env: HF_TOKEN=SECRET}",
        "    endpoint: {tags: {owner: 'my_SECRET'}}",
        "    endpoint: {vpc: {subnets: [SECRET], security_groups: [a]}}",
        "    SECRET: 1",
        "    options: {SECRET: 1}",
        "    quantize: {method: SECRET}",
        "    extends: SECRET",
        "  SECRET: {}",
    ],
)
def test_a_token_is_refused_anywhere_and_repeated_nowhere(token: str, line: str) -> None:
    error = refusal(f"{PROFILE}{line.replace('SECRET', token)}\n")
    assert token not in str(error)
    assert token not in repr(error.findings)


@tokens
def test_a_token_in_place_of_a_file_is_not_repeated(token: str) -> None:
    with pytest.raises(ProfileError) as caught:
        load_profile(token, "p.yaml")
    assert token not in str(caught.value)


@tokens
@pytest.mark.parametrize("override", ["model.id=SECRET", "SECRET", "SECRET=1", "a.SECRET.b=1"])
def test_a_token_in_an_override_is_refused_and_not_repeated(token: str, override: str) -> None:
    loaded = load_profile(PROFILE, "p.yaml")
    with pytest.raises(ProfileError) as caught:
        merge(loaded, "g5", [override.replace("SECRET", token)])
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "db_password",
        "hf_token",
        "option.hf_token",
        "HF_TOKEN",
        "api_key",
        "aws-secret",
        "private_key",
        "aws_secret_access_key",
        "aws_session_token",
        "HUGGING_FACE_HUB_TOKEN",
    ],
)
def test_a_value_under_a_key_that_promises_a_secret_is_refused(key: str) -> None:
    value = "correct horse battery staple"
    error = refusal(f'{PROFILE}    options: {{"{key}": "{value}"}}\n')
    assert value not in str(error)
    assert any(key in (finding.key or "") for finding in error.findings)


def test_a_number_under_such_a_key_is_a_secret_too() -> None:
    refusal(f"{PROFILE}    endpoint: {{tags: {{password: 12345678}}}}\n")


def test_a_list_under_such_a_key_holds_secrets() -> None:
    error = refusal(f"{PROFILE}    endpoint: {{api_key: [one, two]}}\n")
    assert [item.code for item in error.findings].count("LMI006") == 2


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hf_token", "secretsmanager:prod/hf"),
        ("option.use_auth_token", True),
        ("password", ""),
        ("password", None),
        ("max_num_tokens", 4096),
        ("tokens_per_block", 64),
        ("model.id", "hf-internal-testing/tiny-random-gpt2"),
        ("model.id", "tiiuae/falcon-7b"),
        ("revision", "0123456789abcdef0123456789abcdef01234567"),
    ],
)
def test_what_is_no_secret_is_left_alone(key: str, value: object) -> None:
    assert not is_secret(key, value)


def test_every_shape_of_token_is_redacted_wherever_it_stands() -> None:
    text = " and ".join([*(f"my_{token}," for token in TOKENS), PRIVATE_KEY])
    shown = redacted(text)
    assert not any(token in shown for token in TOKENS)
    assert "MIIEpAIBAAKCAQEA" not in shown


@given(st.text(), st.sampled_from(TOKENS), st.text())
def test_a_token_is_redacted_between_any_other_texts(before: str, token: str, after: str) -> None:
    assert token not in redacted(f"{before} {token} {after}")


@given(st.text(alphabet="abc /-_.:=", max_size=40))
def test_ordinary_text_is_not_touched(text: str) -> None:
    assert redacted(text) == text


def test_a_profile_without_secrets_has_none_in_its_spec() -> None:
    spec = make_spec()
    assert redacted(repr(spec)) == repr(spec)
