from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.findings import Finding, Place, ProfileError
from lmi_deployer.hardware import MergedProfile, load_profile, merge
from lmi_deployer.profile import QuantizeSection
from tests.specs import PROFILE

LAYERS = """\
apiVersion: lmi-deploy/v1
kind: ModelProfile
name: chat
model: {id: TheBloke/Llama-2-7B-fp16, dtype: bf16}
container: {version: "0.25.0"}
traffic: {max_input_len: 1024, max_output_len: 512}
options: {job_queue_size: 1}
defaults:
  model: {dtype: fp32}
  instance_type: ml.g5.2xlarge
  max_rolling_batch_size: 1
  options: {job_queue_size: 2}
  quantize: {method: smoothquant, alpha: 0.5}
  endpoint:
    instances: 3
    vpc: {subnets: [a, b], security_groups: [c]}
profiles:
  g5:
    max_rolling_batch_size: 2
    model: {dtype: fp16}
    options: {job_queue_size: 3, batch_size: 1}
  child:
    extends: g5
    max_rolling_batch_size: 3
    quantize: {method: awq}
    endpoint: {vpc: {subnets: [x], security_groups: [y]}}
  grandchild: {extends: child, max_rolling_batch_size: 4}
  bare: {}
"""


def merged(hardware: str, *overrides: str, text: str = LAYERS) -> MergedProfile:
    return merge(load_profile(text, "p.yaml"), hardware, overrides)


def refusals(*overrides: str) -> tuple[Finding, ...]:
    with pytest.raises(ProfileError) as caught:
        merged("g5", *overrides)
    return caught.value.findings


def refusal(*overrides: str) -> Finding:
    (finding,) = refusals(*overrides)
    return finding


@pytest.mark.parametrize(
    ("hardware", "batch"), [("bare", 1), ("g5", 2), ("child", 3), ("grandchild", 4)]
)
def test_the_nearest_layer_wins(hardware: str, batch: int) -> None:
    assert merged(hardware).settings.max_rolling_batch_size == batch


def test_an_override_wins_over_everything() -> None:
    assert merged("grandchild", "max_rolling_batch_size=9").settings.max_rolling_batch_size == 9


def test_the_last_of_two_overrides_wins() -> None:
    settings = merged("g5", "max_rolling_batch_size=9", "max_rolling_batch_size=10").settings
    assert settings.max_rolling_batch_size == 10


def test_mappings_merge_key_by_key() -> None:
    settings = merged("g5").settings
    assert settings.model is not None
    assert (settings.model.id, settings.model.dtype) == ("TheBloke/Llama-2-7B-fp16", "fp16")
    assert settings.options == {"job_queue_size": 3, "batch_size": 1}


def test_lists_are_replaced() -> None:
    settings = merged("child").settings
    assert settings.endpoint is not None
    assert settings.endpoint.vpc is not None
    assert settings.endpoint.vpc.subnets == ["x"]
    assert settings.endpoint.instances == 3


def test_quantize_is_replaced_whole_so_that_no_setting_of_another_method_stays() -> None:
    assert merged("g5").settings.quantize == QuantizeSection(method="smoothquant", alpha=0.5)
    assert merged("child").settings.quantize == QuantizeSection(method="awq")
    assert merged("child", "quantize=none").settings.quantize == "none"


def test_null_takes_back_what_a_weaker_layer_says() -> None:
    settings = merged("g5", "model.dtype=null", "endpoint.vpc=", "options=~").settings
    assert settings.model is not None
    assert settings.model.dtype is None
    assert settings.endpoint is not None
    assert settings.endpoint.vpc is None
    assert settings.options is None


def test_a_null_option_stays_to_leave_its_line_out_until_a_stronger_layer_writes_it() -> None:
    without = "options.job_queue_size=null"
    assert merged("child", without).settings.options == {"job_queue_size": None, "batch_size": 1}
    again = merged("child", without, "options.job_queue_size=9").settings.options
    assert again == {"job_queue_size": 9, "batch_size": 1}
    text = LAYERS.replace("child:\n", "child:\n    options: {batch_size: ~}\n", 1)
    options = merged("grandchild", text=text).settings.options
    assert options == {"job_queue_size": 3, "batch_size": None}


def test_every_setting_knows_where_it_was_written() -> None:
    origins = merged("grandchild", "model.dtype=fp16").origins
    assert {key: str(origin) for key, origin in origins.items()} == {
        "model.id": "the profile (p.yaml:4:13)",
        "model.dtype": "--set model.dtype=fp16",
        "container.version": "the profile (p.yaml:5:22)",
        "traffic.max_input_len": "the profile (p.yaml:6:26)",
        "traffic.max_output_len": "the profile (p.yaml:6:48)",
        "options.job_queue_size": "profiles.g5 (p.yaml:21:31)",
        "options.batch_size": "profiles.g5 (p.yaml:21:46)",
        "instance_type": "defaults (p.yaml:10:18)",
        "max_rolling_batch_size": "profiles.grandchild (p.yaml:27:56)",
        "quantize": "profiles.child (p.yaml:25:15)",
        "endpoint.instances": "defaults (p.yaml:15:16)",
        "endpoint.vpc.subnets": "profiles.child (p.yaml:26:31)",
        "endpoint.vpc.security_groups": "profiles.child (p.yaml:26:53)",
    }


def test_a_key_without_an_origin_has_the_place_of_the_section_around_it() -> None:
    profile = merged("g5")
    assert profile.place("model.revision") == Place("p.yaml", 4, 13)
    assert profile.place("endpoint") == Place("p.yaml", 15, 16)
    assert profile.place("backend") == Place("p.yaml")


def test_an_unknown_hardware_profile_offers_the_nearest() -> None:
    with pytest.raises(ProfileError) as caught:
        merged("chld")
    (finding,) = caught.value.findings
    assert finding.code == "LMI007"
    assert finding.fix == "did you mean 'child'?"


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("tensor_parallel_degree=4", 4),
        ("tensor_parallel_degree= 4 ", 4),
        (" tensor_parallel_degree =4", 4),
        ("tensor_parallel_degree=auto", "auto"),
        ('tensor_parallel_degree="auto"', "auto"),
        ("instance_type=ml.g5.48xlarge", "ml.g5.48xlarge"),
        ("instance_type='ml.g5.48xlarge'", "ml.g5.48xlarge"),
        ("trtllm.use_custom_all_reduce=true", True),
        ("trtllm.kv_cache_free_gpu_mem_fraction=0.5", 0.5),
        ("container.version=0.26.0", "0.26.0"),
        ('container.version="0.30"', "0.30"),
        ("endpoint.tags={team: search}", {"team": "search"}),
        ("endpoint.vpc.subnets=[a, b]", ["a", "b"]),
        ("options.option.env.x=a=b", "a=b"),
        ("options={option.env: a}", "a"),
    ],
)
def test_an_override_has_the_type_that_yaml_gives_it(override: str, value: object) -> None:
    settings = merged("g5", override).settings
    found: Any = settings.model_dump()
    if override.startswith("options"):
        assert value in found["options"].values()
        return
    for part in override.partition("=")[0].strip().split("."):
        found = found[part]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("override", "code", "key"),
    [
        ("tensor_paralel_degree=4", "LMI002", "tensor_paralel_degree"),
        ("model.idd=x", "LMI002", "model.idd"),
        ("profiles.g5.backend=vllm", "LMI002", "profiles"),
        ("extends=child", "LMI002", "extends"),
        ("name=other", "LMI002", "name"),
        ("budget.max_usd_per_hour=1", "LMI005", "budget"),
        ("compile.mode=later", "LMI003", "compile.mode"),
        ("compile.cache=bucket/engines", "LMI003", "compile.cache"),
        ("compile.max_seconds=10", "LMI003", "compile.max_seconds"),
        ("quality.prompts=[]", "LMI003", "quality.prompts"),
        ("quality.minimum_agreement=90", "LMI003", "quality.minimum_agreement"),
        ("quality.minimum_agrement=0.9", "LMI002", "quality.minimum_agrement"),
        ("endpoint.mode=async", "LMI005", "endpoint.mode"),
        ("tensor_parallel_degree=two", "LMI003", "tensor_parallel_degree"),
        ("tensor_parallel_degree=4.0", "LMI003", "tensor_parallel_degree"),
        ("container.version=0.30", "LMI003", "container.version"),
        ("model=falcon", "LMI003", "model"),
        ("model.id.deeper=1", "LMI003", "model.id"),
        ("quantize.alpha=0.4", "LMI004", "quantize.method"),
        ("endpoint.instances.min=2", "LMI004", "endpoint.instances.max"),
        ("options.option.x={a: 1}", "LMI003", "options.option.x"),
    ],
)
def test_an_override_that_the_schema_refuses_is_named(override: str, code: str, key: str) -> None:
    finding = refusal(override)
    assert (finding.code, finding.key) == (code, key)
    assert finding.place.file == "--set"


@pytest.mark.parametrize(
    "override",
    ["", "=", "x", "=1", ".=1", "a..b=1", ".a=1", "a.=1", "options.=1", "a." * 50 + "b=1"],
)
def test_an_override_that_names_nothing_is_refused(override: str) -> None:
    finding = refusal(override)
    assert finding.code == "LMI003"
    assert "is not of the form key=value" in finding.problem


@pytest.mark.parametrize("override", ["model={id: [", 'model.id="open', "model={id: &x y}"])
def test_an_override_that_is_no_yaml_is_refused(override: str) -> None:
    assert refusal(override).code == "LMI001"


def test_all_wrong_overrides_are_reported_at_once() -> None:
    assert [item.code for item in refusals("x", "model={", "model.id=1")] == ["LMI003", "LMI001"]
    found = refusals("tensor_parallel_degree=two", "model.idd=1", "backend=vlm")
    assert sorted(item.code for item in found) == ["LMI002", "LMI003", "LMI003"]


def test_a_very_long_override_is_refused_without_exhausting_the_stack() -> None:
    finding = refusal("a." * 100_000 + "b=1")
    assert len(finding.problem) < 200


def test_merging_does_not_change_what_was_loaded() -> None:
    loaded = load_profile(LAYERS, "p.yaml")
    before = repr(loaded.source.data)
    merge(loaded, "child", ["model.dtype=fp16", "endpoint.vpc.subnets=[z]"])
    assert repr(loaded.source.data) == before


def test_the_order_of_the_file_does_not_matter_to_extends() -> None:
    text = PROFILE + "  late: {max_rolling_batch_size: 7}\n"
    text = text.replace("    backend: lmi-dist", "    extends: late")
    assert merged("g5", text=text).settings.max_rolling_batch_size == 7


@given(st.text())
def test_no_override_raises_anything_but_a_profile_error(override: str) -> None:
    with suppress(ProfileError):
        merged("g5", override)


@given(
    st.sampled_from(["model", "model.id", "endpoint", "quantize", "options", "trtllm", "traffic"]),
    st.text(alphabet="{}[]:,'\"a1. \ud800", max_size=12),
)
def test_no_value_raises_anything_but_a_profile_error(key: str, value: str) -> None:
    with suppress(ProfileError):
        merged("g5", f"{key}={value}")
