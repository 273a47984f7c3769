"""One sequence against the KV cache, and connectors that hand the cache on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.lint import judge_settings, make_target
from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.settings.view import Issue

GIB = 1024**3
LLAMA = ModelFacts(
    model_type="llama",
    architectures=("LlamaForCausalLM",),
    num_attention_heads=32,
    num_key_value_heads=8,
    num_hidden_layers=32,
    head_dim=128,
    max_position_embeddings=131072,
    torch_dtype="bf16",
    has_quantization_known=True,
    weight_bytes=15 * GIB,
)
"""A token takes 2 x 32 layers x 8 heads x 128 x 2 bytes: 128 KiB of KV cache. On the A10G of
ml.g5.2xlarge 0.9 x 21.98 - 15 GiB are left, which is room for some 39,000 tokens."""
KEY = "option.max_model_len"


def issues(
    settings: dict[str, str] | None = None,
    *,
    version: str = "0.31.0",
    instance: str = "ml.g5.2xlarge",
    model: ModelFacts = LLAMA,
    weight_bytes: int | None = None,
) -> list[Issue]:
    flavor = "deepspeed" if version < "0.28.0" else "lmi"
    target = make_target(version, flavor, instance, model)
    written = {
        "engine": "Python",
        "option.model_id": "s3://acme-models/chat/",
        "option.rolling_batch": "vllm",
        "option.tensor_parallel_degree": "1",
    }
    written |= settings or {}
    return judge_settings(replace(target, weight_bytes=weight_bytes), written, {}).issues


def verdicts(*arguments: Any, **facts: Any) -> list[str]:
    """Severities of what is said about the room for one sequence."""
    return [
        issue.severity
        for issue in issues(*arguments, **facts)
        if (issue.code, issue.key) == ("LMI203", KEY)
    ]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [("32768", []), ("38000", ["warning"]), ("45000", ["error"]), ("2147483648", [])],
)
def test_a_sequence_is_held_against_what_the_weights_leave(tokens, expected):
    assert verdicts({KEY: tokens}) == expected


@pytest.mark.parametrize("version", ["0.26.0", "0.27.0", "0.28.0", "0.33.0", "0.36.0-lmi27"])
def test_without_a_limit_the_positions_of_the_model_have_to_fit(version):
    assert verdicts(version=version) == ["error"]
    assert verdicts(version=version, instance="ml.p4de.24xlarge") == []


def test_the_finding_says_what_would_fit():
    (issue,) = [issue for issue in issues() if issue.key == KEY]
    assert "16.0 GiB" in issue.problem
    assert issue.fix is not None
    assert issue.fix.startswith("less than 39168, ")


def test_lmi_dist_is_judged_since_it_is_built_on_vllm():
    settings = {"engine": "MPI", "option.rolling_batch": "lmi-dist"}
    assert verdicts(settings, version="0.26.0") == []
    assert verdicts(settings, version="0.27.0") == ["error"]


def test_a_degree_shares_weights_and_heads_out():
    degree = {"option.tensor_parallel_degree": "4"}
    assert verdicts(degree, instance="ml.g5.12xlarge") == []
    few_heads = replace(LLAMA, num_key_value_heads=1, num_hidden_layers=32 * 10)
    assert verdicts(degree, instance="ml.g5.12xlarge", model=few_heads) == ["error"]


def test_an_eight_bit_cache_takes_half():
    settings = {KEY: "60000", "option.kv_cache_dtype": "fp8"}
    assert verdicts({KEY: "60000"}, version="0.33.0") == ["error"]
    assert verdicts(settings, version="0.33.0") == []


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "mistral"},
        {"model_type": "deepseek_v2"},
        {"architectures": ("LlamaForSequenceClassification",)},
        {"num_hidden_layers": None},
        {"max_position_embeddings": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_models_that_the_formula_does_not_fit_are_not_judged(change):
    assert verdicts(model=replace(LLAMA, **change)) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"option.cpu_offload_gb": "16"},
        {"option.num_gpu_blocks_override": "1000"},
        {"option.gpu_memory_utilization": "nan"},
        {KEY: "many"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_settings_that_the_formula_does_not_know_are_not_judged(settings):
    assert verdicts(settings, version="0.33.0") == []


def test_weights_that_are_quantized_while_they_load_count_as_nothing():
    limit = {KEY: "60000", "option.quantize": "fp8"}
    assert verdicts(limit) == []
    assert verdicts(limit, weight_bytes=15 * GIB) == ["error"]


@given(fewer=st.integers(1, 200_000), more=st.integers(1, 200_000))
def test_a_longer_sequence_is_never_judged_more_kindly(fewer, more):
    ranks = {(): 0, ("warning",): 1, ("error",): 2}
    fewer, more = sorted((fewer, more))
    model = replace(LLAMA, max_position_embeddings=200_000)
    short, long = (tuple(verdicts({KEY: str(item)}, model=model)) for item in (fewer, more))
    assert ranks[short] <= ranks[long]


# ------------------------------------------------------------------ who hands the cache on


@pytest.mark.parametrize(
    ("config", "is_refused"),
    [
        ('{"kv_connector":"LMCacheConnectorV1"}', True),
        ('{"kv_connector":"LMCacheConnectorV1","kv_role":"kv_all"}', True),
        ('{"kv_connector":"LMCacheConnectorV1","kv_role":["kv_both"]}', True),
        ('{"kv_connector":"LMCacheConnectorV1","kv_role":"kv_both"}', False),
        ('{"kv_connector":null}', False),
        ("[" * 100_000, False),
        ("[]", False),
    ],
)
def test_a_connector_without_a_role_stops_the_load(config, is_refused):
    found = issues({"option.kv_transfer_config": config}, version="0.35.0")
    codes = {issue.code for issue in found if issue.key == "option.kv_transfer_config"}
    assert ("LMI306" in codes) is is_refused


def test_a_connector_that_the_handler_replaces_needs_no_role():
    settings = {
        "option.kv_transfer_config": '{"kv_connector":"LMCacheConnectorV1"}',
        "option.lmcache_auto_config": "true",
    }
    found = issues(settings, version="0.36.0-lmi27")
    assert not any(issue.code == "LMI306" for issue in found)
