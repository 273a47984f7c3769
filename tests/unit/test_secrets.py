from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lmi_deployer.findings import ProfileError
from lmi_deployer.hardware import load_profile, merge
from lmi_deployer.resources import data_folder
from lmi_deployer.secrets import is_secret, may_hold, redacted
from tests.specs import PROFILE, make_spec

HF_TOKEN = "hf_" + "AbCdEfGh" * 4
AWS_KEY = "AKIA" + "ABCDEFGH" * 2
GITHUB_TOKEN = "ghp_" + "a1B2" * 9
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"
JWT = ".".join(["eyJ" + "hbGciOiJI" * 3, "eyJ" + "zdWIiOiIx" * 4, "dBjftJeZ4-CVP_mB" * 2])
TOKENS = (
    HF_TOKEN,
    AWS_KEY,
    GITHUB_TOKEN,
    "github_pat_" + "a1B2_" * 8,
    "glpat-" + "a1B2_" * 4,
    "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD",
    "sk-" + "a1B2" * 12,
    "sk-ant-api03-" + "a1-B2_" * 8,
    "sk_live_" + "a1B2" * 6,
    "xoxb-1234567890-" + "a1B2" * 6,
    "nvapi-" + "a1-B2_" * 8,
    "AIza" + "a1-B2" * 7,
    JWT,
)
NAMED = (
    "HF_TOKEN={}",
    "aws_secret_access_key = {}",
    "AccountKey={}",
    "--api-key={}",
    '{{"password": "{}"}}',
    "{{'hf_token': '{}'}}",
    '{{"x": 1, "secret" : "{}", "y": 2}}',
    r"{{\"private_key\": \"{}\"}}",
    '{{"api_key": [{}]}}',
    "https://me:{}@a.example/b",
    "https://a.example/b?token={}&x=1",
    "https://a.example/b?x=1&access_token={}",
    "https://a.example/b?X-Amz-Signature={}",
    "Authorization: Bearer {}",
)
"""Texts that say of a part of them that it is a secret."""

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
        ("digest", "sha256:" + "0123456789abcdef" * 4),
        ("container.image", "123456789012.dkr.ecr.us-east-1.amazonaws.com/djl:0.29@sha256:0a1b"),
        ("container.image", "docker://djl-serving:0.27@sha256:0a1b2c3d"),
        ("tag", "0.29.0-tensorrtllm0.11.0-cu124"),
        ("model.id", "s3://acme-models/sk-learn/llama-2-70b-chat-hf/"),
        ("model.id", "s3://acme@models/key=value/part-0:1@2"),
        ("model.id", "mistralai/Mixtral-8x7B-Instruct-v0.1"),
        ("endpoint.name", "task-desk-risk-abcdefghijklmnopqrstuvwx"),
        ("env", "HF_TOKEN=$HF_TOKEN"),
        ("env", "HF_TOKEN=${HF_TOKEN} X=1"),
        ("env", "HF_TOKEN=secretsmanager:prod/hf"),
        ("env", "HF_TOKEN=***"),
        ("env", "use_auth_token=true, max_tokens=512"),
        ("json", '{"password": null, "max_tokens": 512, "tokens": "abc", "key": "value"}'),
        ("json", '{"api_token": "<your token>"}'),
        ("url", "https://a.example:8080/b?max_tokens=512&monkey=1"),
        ("prompt", "I forgot my password: what now? The secret: read the bearer token rules."),
        ("prompt", "Is password == secret? A token='abc', the key = 7."),
    ],
)
def test_what_is_no_secret_is_left_alone(key: str, value: object) -> None:
    assert not is_secret(key, value)


def test_every_shape_of_token_is_redacted_wherever_it_stands() -> None:
    text = " and ".join([*(f"my_{token}," for token in TOKENS), PRIVATE_KEY])
    shown = redacted(text)
    assert not any(token in shown for token in TOKENS)
    assert "MIIEpAIBAAKCAQEA" not in shown


@pytest.mark.parametrize("text", NAMED)
def test_what_a_text_itself_calls_a_secret_is_refused_and_redacted(text: str) -> None:
    secret = "Tr0ub4dor.and-3+words"
    whole = text.format(secret)
    assert is_secret("option.x", whole)
    assert may_hold({"option.x": whole})
    expected = text.format("***").replace("Bearer ***", "***").replace("me:***", "***")
    assert redacted(whole) == expected
    assert redacted(redacted(whole)) == redacted(whole)
    assert not is_secret("option.x", redacted(whole))


def test_a_password_with_quotes_in_it_is_redacted_whole() -> None:
    assert redacted('{"password": "a\\"b c"}') == '{"password": "***"}'


def test_a_token_of_another_service_is_refused_in_a_profile() -> None:
    token = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"
    assert token not in str(refusal(f'{PROFILE}    options: {{option.modelName: "{token}"}}\n'))


def test_no_shipped_profile_is_taken_to_hold_a_secret() -> None:
    for path in sorted(data_folder("profiles").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        assert redacted(text) == text


AROUND = st.text() | st.sampled_from(NAMED) | st.sampled_from(['"', "'", "\\", "***", "?token="])


@given(AROUND, st.sampled_from(TOKENS), AROUND)
def test_a_token_is_redacted_between_any_other_texts(before: str, token: str, after: str) -> None:
    text = f"{before} {token} {after}"
    assert token not in redacted(text)
    assert is_secret("x", text)
    assert may_hold({"x": text})


SECRETS = st.text(alphabet="abcXYZ0189+_.-!%()", min_size=8, max_size=40).filter(
    lambda text: len(set(text)) > 4
)


@given(st.text(), st.sampled_from(NAMED[:-1]), SECRETS, st.text())
def test_a_named_secret_is_redacted_between_any_other_texts(
    before: str, named: str, secret: str, after: str
) -> None:
    text = f"{before} {named.format(secret)} {after}"
    assume(secret not in f"{before} {after}")
    assert secret not in redacted(text)
    assert is_secret("x", text)
    assert may_hold({"x": text, "y": "1"})


@given(st.dictionaries(st.text(), st.text() | st.sampled_from([*TOKENS, *NAMED])))
def test_the_quick_look_misses_no_secret(texts: dict[str, str]) -> None:
    if not may_hold(texts):
        assert not any(is_secret(key, text) or is_secret("", key) for key, text in texts.items())


@given(st.text(alphabet="abc /-_.:=", max_size=40))
def test_ordinary_text_is_not_touched(text: str) -> None:
    assert redacted(text) == text


def test_a_profile_without_secrets_has_none_in_its_spec() -> None:
    spec = make_spec()
    assert redacted(repr(spec)) == repr(spec)
