"""What can change a deployment is among the decided values, each under a key of its own."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.aot.inputs import engine_inputs
from lmi_deployer.decided import LEFT_OUT, DecidedValue, decided_values, values_of
from lmi_deployer.deployment import make_deployment
from lmi_deployer.profile import Settings
from lmi_deployer.render import properties
from lmi_deployer.spec import ResolvedSpec
from tests.specs import TARGET, make_spec
from tests.unit.generated_overrides import decided, leaves, overrides, profiles


def outcome(spec: ResolvedSpec) -> str:
    """Everything that is rendered, asked of SageMaker or compiled."""
    wanted = make_deployment(spec, TARGET)
    compilation, digest = spec.compilation, "0" * 64 if spec.weights.source else None
    return json.dumps(
        {
            "properties": properties(spec),
            "files": wanted.bundle.digest,
            "requests": [wanted.model, wanted.endpoint_config, wanted.endpoint],
            "engine": compilation and engine_inputs(spec, digest).document(),
            "compiling": compilation
            and {
                "mode": compilation.mode,
                "runner": compilation.runner,
                "cache": compilation.cache,
                "machine": compilation.instance.name,
                "spot": compilation.is_spot,
                "seconds": compilation.max_seconds,
                "disk": compilation.volume_gb,
                "quality": compilation.quality and asdict(compilation.quality),
            },
        },
        sort_keys=True,
    )


def fingerprint(spec: ResolvedSpec) -> str:
    """The values, with a number told from a text and from a flag."""
    return json.dumps(values_of(spec), sort_keys=True)


def test_every_setting_of_the_schema_is_tried() -> None:
    tried = {override.partition("=")[0] for override in overrides()}
    untried = {key for key in leaves(Settings) if key not in tried}
    sections = {key for key in untried if any(other.startswith(f"{key}.") for other in tried)}
    whole = ("quantize.", "endpoint.instances.", "endpoint.vpc.")
    assert [key for key in untried - sections if not key.startswith(whole)] == []


@pytest.mark.parametrize("kind", profiles(), ids="-".join)
def test_equal_values_are_equal_renders_requests_and_engines(kind: tuple[str, str]) -> None:
    outcomes: dict[str, tuple[str, str]] = {}
    for override in ("", *overrides()):
        spec = decided(*profiles()[kind], *filter(None, [override]))
        if spec is not None:
            first, expected = outcomes.setdefault(fingerprint(spec), (override, outcome(spec)))
            assert outcome(spec) == expected, f"{first or 'nothing'} and {override}"


@given(st.data())
def test_one_more_override_never_changes_a_deployment_without_changing_a_value(
    data: st.DataObject,
) -> None:
    loaded, hardware = data.draw(st.sampled_from(list(profiles().values())))
    some = st.sampled_from(overrides())
    chosen = data.draw(st.lists(some, max_size=4))
    before = decided(loaded, hardware, *chosen)
    after = decided(loaded, hardware, *chosen, data.draw(some))
    if before is not None and after is not None and fingerprint(before) == fingerprint(after):
        assert outcome(before) == outcome(after)


def told(*chosen: str, **fields: str) -> dict[str, DecidedValue]:
    return {item.key: item for item in decided_values(make_spec(*chosen, **fields))}


def shown(*chosen: str) -> dict[str, object]:
    return {key: item.value for key, item in told(*chosen).items()}


def changed(first: tuple[str, ...], second: tuple[str, ...]) -> set[str]:
    """The keys whose values differ."""
    before, after = shown(*first), shown(*second)
    return {key for key in {**before, **after} if before.get(key) != after.get(key)}


@pytest.mark.parametrize(
    ("first", "second", "keys"),
    [
        ((), ("endpoint.tags.team=a",), {"endpoint.tags.team"}),
        (("endpoint.tags={cost.center: a}",), (), {"endpoint.tags.cost.center"}),
        ((), ("model.trust_remote_code=true",), {"model.trust_remote_code"}),
        ((), ("options.option.foo=null",), {"options.option.foo"}),
        (("options.option.foo=true",), ("options.option.foo=1",), {"options.option.foo"}),
        (("options.option.foo='1'",), ("options.option.foo=1",), set()),
        (
            ("endpoint.vpc={subnets: [a], security_groups: [b]}",),
            ("endpoint.vpc={subnets: [a], security_groups: [c]}",),
            {"endpoint.vpc.security_groups"},
        ),
        (
            ("endpoint.vpc={subnets: [a, b], security_groups: [c]}",),
            ("endpoint.vpc={subnets: ['a, b'], security_groups: [c]}",),
            {"endpoint.vpc.subnets"},
        ),
    ],
)
def test_only_the_value_that_was_changed_differs(
    first: tuple[str, ...], second: tuple[str, ...], keys: set[str]
) -> None:
    assert changed(first, second) == keys


def test_an_option_that_is_left_out_is_not_one_that_reads_so() -> None:
    texts = ("null", f"'{LEFT_OUT}'", f"'\"{LEFT_OUT}\"'", "null ")
    values = [shown(f"options.option.foo={text}")["options.option.foo"] for text in texts]
    assert values[0] == values[3] == LEFT_OUT
    assert len(set(values)) == 3


SMOOTH = ("container.version=0.25.0", "backend=trtllm", "instance_type=ml.g5.12xlarge")


def test_what_quantizing_is_told_stands_beside_its_method() -> None:
    method = "{method: smoothquant, alpha: 0.5, per_token: true, per_channel: false}"
    values = told(*SMOOTH, f"quantize={method}")
    keys = ("quantize", "quantize.alpha", "quantize.per_token", "quantize.per_channel")
    assert [values[key].value for key in keys] == ["smoothquant", 0.5, True, False]
    assert {values[key].origin.place.file for key in keys} == {"--set"}
    assert "option.smoothquant_alpha" in values["quantize.alpha"].properties


@pytest.mark.parametrize(
    ("version", "backend", "name"),
    [("0.25.0", "deepspeed", "max_tokens"), ("0.33.0", "trtllm", "max_seq_len")],
)
def test_a_limit_on_both_lengths_stands_beside_them(version: str, backend: str, name: str) -> None:
    machine = "instance_type=ml.g5.12xlarge"
    values = told(f"container.version={version}", f"backend={backend}", machine)
    lengths = ("traffic.max_input_len", "traffic.max_output_len", f"traffic.{name}")
    assert [values[key].value for key in lengths] == [1024, 512, 1536]
    limit = values[f"traffic.{name}"]
    assert f"option.{name}" in limit.properties
    assert limit.origin.reason.startswith("rule: ")


def test_a_timeout_that_is_left_to_the_container_differs_from_the_same_one_written() -> None:
    cards = ("instance_type=ml.g4dn.12xlarge", "model.dtype=fp16")
    left = ("predict_timeout_seconds=auto", *cards)
    written = ("predict_timeout_seconds=240", *cards)
    assert properties(make_spec(*left)) != properties(make_spec(*written))
    assert changed(left, written) == {"serving.properties:option.predict_timeout"}
    line = told(*left)["serving.properties:option.predict_timeout"]
    assert (line.value, line.origin.reason) == (
        LEFT_OUT,
        told(*left)["predict_timeout_seconds"].origin.reason,
    )


def test_a_dtype_that_is_rendered_only_where_it_is_written_is_told_apart() -> None:
    quantized = ("container.version=0.25.0", "quantize={method: bitsandbytes8}")
    dtype = shown(*quantized)["model.dtype"]
    assert changed(quantized, (*quantized, f"model.dtype={dtype}")) == {
        "serving.properties:option.dtype"
    }


GATE = "quality={{prompts: [{}], reference: [{}], minimum_agreement: 0.9}}"


@pytest.mark.parametrize(
    ("other", "key"), [(("a, c", "x, y"), "prompts"), (("a, b", "x, z"), "reference")]
)
def test_another_text_of_a_quality_gate_is_another_value(other: tuple[str, str], key: str) -> None:
    first = (*SMOOTH, GATE.format("a, b", "x, y"))
    assert changed(first, (*SMOOTH, GATE.format(*other))) == {f"quality.{key}"}
    assert str(shown(*first)["quality.prompts"]).startswith("2 prompts (sha256 ")
    assert str(shown(*first)["quality.reference"]).startswith("2 answers (sha256 ")


def test_a_machine_that_may_be_taken_away_is_told_either_way() -> None:
    assert shown(*SMOOTH)["compile.spot"] is False
    assert changed(SMOOTH, (*SMOOTH, "compile.spot=true")) == {"compile.spot"}


def test_the_host_image_that_an_image_needs_is_told() -> None:
    spec = make_spec("container.version=0.33.0", "backend=vllm")
    assert spec.image.inference_ami is not None
    item = told("container.version=0.33.0", "backend=vllm")["container.inference_ami"]
    assert (item.value, item.origin.reason.partition(":")[0]) == (
        spec.image.inference_ami,
        "catalog",
    )


def test_a_spec_that_serves_an_engine_differs_from_the_one_that_makes_it() -> None:
    from lmi_deployer.aot.commands import served_from

    spec = make_spec(*SMOOTH)
    served = served_from(spec, "s3://acme/engines/0123456789abcdef/artifact/")
    values = values_of(served)
    assert values["serving.properties:option.model_id"] == served.settings["model_id"]
    assert values["model.id"] == values_of(spec)["model.id"]
