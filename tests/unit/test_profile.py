from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.findings import CODES, Finding, Place, ProfileError
from lmi_deployer.hardware import load_profile
from lmi_deployer.profile import LATER, ModelProfile, Settings, json_schema
from tests.specs import PROFILE

HARDWARE_KEYS = ("instance_type", "backend")


def problems(text: str) -> tuple[Finding, ...]:
    with pytest.raises(ProfileError) as caught:
        load_profile(text, "p.yaml")
    return caught.value.findings


def findings_of(text: str) -> tuple[Finding, ...]:
    try:
        load_profile(text, "p.yaml")
    except ProfileError as error:
        return error.findings
    return ()


def problem(text: str) -> Finding:
    (finding,) = problems(text)
    return finding


def with_line(line: str) -> str:
    """The valid profile with one more line in its hardware profile, or with another value."""
    key = line.partition(":")[0]
    kept = [text for text in PROFILE.splitlines() if text.strip().partition(":")[0] != key]
    return (
        "\n".join([*kept, f"    {line}"]) + "\n"
        if key in HARDWARE_KEYS
        else f"{PROFILE}    {line}\n"
    )


LAST_LINE = PROFILE.count("\n") + 1


def test_the_profile_of_these_tests_is_valid() -> None:
    loaded = load_profile(PROFILE, "p.yaml")
    assert loaded.hardware_names == ("g5",)
    assert loaded.profile.profiles["g5"].backend == "lmi-dist"


@pytest.mark.parametrize("text", ["", "# nothing\n", "[1, 2]", "hello", "5", "null"])
def test_what_is_no_mapping_is_refused_once(text: str) -> None:
    assert problem(text).code == "LMI003"


def test_every_problem_of_a_file_is_reported_at_once_in_the_order_of_the_file() -> None:
    text = (
        PROFILE.replace("kind: ModelProfile", "kind: Pod")
        .replace("name: chat", "name: My_Chat")
        .replace("max_input_len: 1024", "max_input_len: -1")
        .replace("backend: lmi-dist", "bakend: lmi-dist")
    )
    found = [(item.code, item.place.line, item.key) for item in problems(text)]
    assert found == [
        ("LMI003", 2, "kind"),
        ("LMI003", 3, "name"),
        ("LMI003", 6, "traffic.max_input_len"),
        ("LMI002", 10, "profiles.g5.bakend"),
    ]


@pytest.mark.parametrize(
    ("line", "code", "key", "column", "message"),
    [
        ("backend: vlm", "LMI003", "backend", 14, "did you mean 'vllm'?"),
        ("tensor_parallel_degree: 0", "LMI003", "tensor_parallel_degree", 29, "or equal to 1"),
        ("tensor_parallel_degree: 1.5", "LMI003", "tensor_parallel_degree", 29, "valid integer"),
        ('tensor_parallel_degree: "2"', "LMI003", "tensor_parallel_degree", 29, "valid integer"),
        ("tensor_parallel_degree: atuo", "LMI003", "tensor_parallel_degree", 29, "'auto'?"),
        ("tensor_parallel_degree: true", "LMI003", "tensor_parallel_degree", 29, "is True, but"),
        ("instance_type: g5.2xlarge", "LMI003", "instance_type", 20, "match pattern"),
        ("instance_type: [ml.g5.2xlarge]", "LMI003", "instance_type", 20, "is a list, but"),
        ("quantize: {method: ~}", "LMI003", "quantize.method", 24, "is empty, but"),
        ("max_rolling_batch_sise: 8", "LMI002", "max_rolling_batch_sise", 5, "batch_size'?"),
        ("zzzz: 8", "LMI002", "zzzz", 5, "one of backend, compile, container"),
        ("model: {dtype: fp8}", "LMI003", "model.dtype", 20, "'bf16'"),
        ("model: {revision: main}", "LMI003", "model.revision", 23, "40 characters"),
        ("model: {source: s3://b-b/x}", "LMI003", "model.source", 21, "ending in '/'"),
        ("model: {source: http://x/}", "LMI003", "model.source", 21, "must be of the form"),
        ('model: {id: ""}', "LMI003", "model.id", 17, "at least 1 character"),
        ("model: {weights_gib: 1e999}", "LMI003", "model.weights_gib", 26, "valid number"),
        ("model: {weights_gib: 1e300}", "LMI003", "model.weights_gib", 26, "less than"),
        ("model: {idd: x}", "LMI002", "model.idd", 13, "did you mean 'id'?"),
        ("container: {version: 0.30}", "LMI003", "container.version", 26, "quote it"),
        ("quantize: awq", "LMI003", "quantize", 15, "'none' or 'auto' or a mapping"),
        ("quantize: {method: awg}", "LMI003", "quantize.method", 24, "did you mean 'awq'?"),
        ("quantize: {method: awq, alpha: 2}", "LMI003", "quantize.alpha", 36, "less than or eq"),
        ("quantize: {alpha: 0.5}", "LMI004", "quantize.method", 5, "is required in"),
        ("trtllm: {use_custom_all_reduce: yes}", "LMI003", "trtllm.use_custom_all_reduce", 37, "b"),
        ("trtllm: {block_tokens: 1}", "LMI002", "trtllm.block_tokens", 14, "one of batch_sch"),
        ("options: {option.a: [1]}", "LMI003", "options.option.a", 25, "is a list, but"),
        ("options: {option.a: {b: 1}}", "LMI003", "options.option.a", 25, "is a mapping, but"),
        ("endpoint: {instances: 0}", "LMI003", "endpoint.instances", 27, "or equal to 1"),
        ("endpoint: {instances: {min: 1}}", "LMI004", "endpoint.instances.max", 16, "required"),
        ("endpoint: {name: a_b}", "LMI003", "endpoint.name", 22, "match pattern"),
        ("endpoint: {tags: {a: 1}}", "LMI003", "endpoint.tags.a", 26, "valid string"),
        ("endpoint: {role: admin}", "LMI003", "endpoint.role", 22, "match pattern"),
        ("endpoint: {mode: async}", "LMI005", "endpoint.mode", 16, "other than realtime"),
    ],
)
def test_a_wrong_line_is_reported_with_place_key_and_a_way_out(
    line: str, code: str, key: str, column: int, message: str
) -> None:
    finding = problem(with_line(line))
    assert finding.code == code
    assert finding.key == f"profiles.g5.{key}"
    assert finding.place.file == "p.yaml"
    assert finding.place.column == column
    assert message in str(finding)


def test_a_problem_stands_at_its_line() -> None:
    assert problem(with_line("zzzz: 8")).place == Place("p.yaml", LAST_LINE, 5)


@pytest.mark.parametrize(
    "key", ["apiVersion", "kind", "name", "model", "container", "traffic", "profiles"]
)
def test_a_missing_section_is_named(key: str) -> None:
    data = {name: value for name, value in yaml.safe_load(PROFILE).items() if name != key}
    finding = problem(yaml.safe_dump(data))
    assert (finding.code, finding.key) == ("LMI004", key)
    assert "is required in the profile" in finding.problem


def test_a_file_without_hardware_profiles_is_refused() -> None:
    text = PROFILE.partition("profiles:")[0] + "profiles: {}\n"
    assert "at least 1 item" in problem(text).problem


@pytest.mark.parametrize("name", ["G5", "g 5", "g5-", "-", "g_5", "a" * 24, "all", ""])
def test_a_hardware_profile_needs_a_plain_short_name(name: str) -> None:
    finding = problem(PROFILE.replace("  g5:", f'  "{name}":'))
    assert finding.code == "LMI003"
    assert finding.place == Place("p.yaml", 8, 3)
    assert "is not a name" in finding.problem


def test_a_hardware_profile_may_be_called_like_a_key() -> None:
    finding = problem(with_line("backnd: vllm").replace("  g5:", "  trtllm:"))
    assert finding.fix == "did you mean 'backend'?"


def test_both_names_together_make_the_name_of_an_endpoint() -> None:
    text = PROFILE.replace("name: chat", f"name: {'a' * 30}").replace("  g5:", f"  {'b' * 23}:")
    load_profile(text, "p.yaml")
    assert len("a" * 30 + "-" + "b" * 23) <= 63 - len("-01234567")


@pytest.mark.parametrize("key", sorted(LATER))
def test_a_key_of_a_later_version_is_refused_by_name(key: str) -> None:
    finding = problem(with_line(f"{key}:"))
    assert finding.code == "LMI005"
    assert finding.key == f"profiles.g5.{key}"
    assert LATER[key] in finding.problem
    assert finding.place == Place("p.yaml", LAST_LINE, 5)


def test_another_schema_version_is_refused_before_its_keys_look_unknown() -> None:
    text = PROFILE.replace("lmi-deploy/v1", "lmi-deploy/v9") + "novelty: 1\n"
    finding = problem(text)
    assert finding.code == "LMI008"
    assert finding.place == Place("p.yaml", 1, 13)


def test_extending_what_is_not_there_offers_the_nearest_name() -> None:
    text = PROFILE + "  g6:\n    extends: g55\n"
    finding = problem(text)
    assert (finding.code, finding.key) == ("LMI007", "profiles.g6.extends")
    assert finding.fix == "did you mean 'g5'?"
    assert finding.place == Place("p.yaml", 12, 14)


@pytest.mark.parametrize(
    "others", ["", "  a: {extends: g5}\n", "  a: {extends: b}\n  b: {extends: g5}\n"]
)
def test_a_cycle_of_inheritance_is_refused(others: str) -> None:
    start = "a" if others else "g5"
    found = problems(with_line(f"extends: {start}") + others)
    assert {item.code for item in found} == {"LMI007"}
    assert len(found) == 1 + others.count("\n")
    assert any(f"g5 -> {start}" in item.problem for item in found)


def test_a_profile_beside_a_cycle_is_not_blamed_for_it() -> None:
    text = with_line("extends: g5") + "  other: {extends: g5}\n"
    assert [item.key for item in problems(text)] == ["profiles.g5.extends"]


def test_one_finding_says_all_that_a_value_may_be() -> None:
    finding = problem(with_line("tensor_parallel_degree: two"))
    assert finding.problem == "is 'two', but should be a valid integer or 'auto'"


def test_a_long_value_is_not_repeated_in_full() -> None:
    finding = problem(with_line(f"backend: {'x' * 5000}"))
    assert len(finding.problem) < 300


def test_findings_have_the_same_order_every_time() -> None:
    text = with_line("quantize: {c: 1, b: 1, a: 1}")
    assert problems(text) == problems(text)
    assert len(problems(text)) == 4


def test_every_finding_of_a_file_has_a_known_code() -> None:
    text = with_line("quantize: {c: 1}") + "novelty: 1\n"
    assert {item.code for item in problems(text)} <= set(CODES)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
fields = st.sampled_from(sorted(Settings.model_fields))


@given(st.dictionaries(fields | st.text(max_size=8), json_values, max_size=4))
def test_whatever_a_section_holds_only_a_profile_error_is_raised(section: dict[str, Any]) -> None:
    data = yaml.safe_load(PROFILE)
    data["profiles"]["g5"] |= section
    data["defaults"] = section
    found = findings_of(yaml.safe_dump(data))
    assert all(item.code in CODES for item in found)
    assert all(item.place.line for item in found)


def test_the_json_schema_takes_what_the_parser_takes() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(PROFILE), schema)


def test_the_json_schema_knows_that_a_null_leaves_a_raw_line_out() -> None:
    data = yaml.safe_load(with_line("options: {option.dtype: null}"))
    jsonschema.validate(data, json_schema())
    load_profile(yaml.safe_dump(data), "p.yaml")


def test_the_json_schema_refuses_what_the_parser_refuses() -> None:
    data = yaml.safe_load(with_line("bakend: vllm"))
    with pytest.raises(jsonschema.ValidationError, match="bakend"):
        jsonschema.validate(data, json_schema())


def test_every_pattern_of_the_schema_works_in_editors_too() -> None:
    def patterns(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["pattern"]] if isinstance(node.get("pattern"), str) else []
            return own + [item for value in node.values() for item in patterns(value)]
        return (
            [item for value in node for item in patterns(value)] if isinstance(node, list) else []
        )

    found = patterns(json_schema())
    assert found
    for pattern in found:
        re.compile(pattern)


def test_a_profile_cannot_be_changed_once_read() -> None:
    profile = load_profile(PROFILE, "p.yaml").profile
    assert isinstance(profile, ModelProfile)
    with pytest.raises(ValueError, match="frozen"):
        setattr(profile, "name", "other")  # noqa: B010 - mypy refuses the plain assignment too
