from __future__ import annotations

import re
from itertools import takewhile

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lmi_deployer import api, catalog
from lmi_deployer.errors import InputError
from lmi_deployer.findings import errors_among
from lmi_deployer.hardware import load_profile, merge
from lmi_deployer.resolve import resolve
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.starting import Start, Wish, start

FALCON = "tiiuae/falcon-7b"
LLAMA_70B = "TheBloke/Llama-2-70B-fp16"
FOLDER = "s3://acme-models/weights/"
PLAIN_OR_NAMED = (None, "awq", "gptq")
"""How weights may be published that every backend of the newest version takes."""


def specs(made: Start) -> list[ResolvedSpec]:
    """The decided specs of a profile that is without errors."""
    loaded = load_profile(made.text, f"{made.name}.yaml")
    assert loaded.profile.name == made.name
    assert loaded.hardware_names == made.hardware
    checked = [api.check(loaded, hardware) for hardware in made.hardware]
    assert [errors_among(item.findings) for item in checked] == [()] * len(checked)
    return [item.spec for item in checked if item.spec is not None]


def spec_of(model: str, **wish: object) -> ResolvedSpec:
    (spec,) = specs(start(Wish(model=model, **wish)))  # type: ignore[arg-type]
    return spec


def refusal(model: str, **wish: object) -> str:
    with pytest.raises(InputError) as caught:
        start(Wish(model=model, **wish))  # type: ignore[arg-type]
    return str(caught.value)


def is_served(wish: Wish) -> bool:
    """False for a model that is refused with findings as the reasons."""
    try:
        start(wish)
    except InputError as error:
        return "[LMI" not in str(error)
    return True


def one_of_each_kind() -> list[str]:
    """A model of the catalog for each family and format, and each that needs something special."""
    kinds: dict[object, str] = {}
    for name in catalog.names("models"):
        row = catalog.find_model(name)
        assert row is not None
        kind = (row.model_type, row.quantization, row.is_gated, row.needs_remote_code)
        kinds.setdefault(kind, name)
    return list(kinds.values())


@pytest.mark.parametrize("model", one_of_each_kind())
def test_every_kind_of_model_gets_a_profile_without_errors_or_reasons(model: str) -> None:
    facts = catalog.find_model(model)
    assert facts is not None
    wish = Wish(model=model, source=FOLDER if facts.is_gated else None)
    if facts.quantization not in PLAIN_OR_NAMED and not is_served(wish):
        return
    made = start(wish)
    (spec,) = specs(made)
    positions = facts.max_position_embeddings
    assert positions is None or spec.max_input_len + spec.max_output_len <= positions
    assert max(map(len, made.text.splitlines())) <= 100


def test_every_setting_of_the_profile_says_what_it_means() -> None:
    lines = start(Wish(model="TheBloke/Llama-2-70B-AWQ")).text.splitlines()
    assert lines[0] == "# yaml-language-server: $schema=profile.schema.json"
    assert any("lmi-deploy validate llama-2-70b-awq" in line for line in lines[:5])
    assert any("lmi-deploy explain llama-2-70b-awq -p" in line for line in lines[:5])
    for number, line in enumerate(lines):
        is_setting = re.match(r" +[a-z_]+: \S", line)
        assert not is_setting or " # " in line or lines[number - 1].lstrip().startswith("# ")


def test_the_cheapest_machine_that_no_check_speaks_against_is_taken() -> None:
    made = start(Wish(model=FALCON))
    (spec,) = specs(made)
    price = spec.usd_per_hour
    assert price is not None
    for name in catalog.names("instances"):
        row = catalog.instance_type(name)
        is_gpu = catalog.gpu(row.gpu).vendor == "nvidia"
        if not is_gpu or row.price is None or row.price.usd_per_hour >= price:
            continue
        loaded = load_profile(made.text.replace(spec.instance.name, name), "p.yaml")
        findings = api.check(loaded, made.hardware[0]).findings
        assert any(item.severity != "note" for item in findings)


def test_the_machine_is_large_enough_for_the_weights_with_room_beside_them() -> None:
    spec = spec_of(LLAMA_70B)
    assert spec.weights_gib_per_gpu < 0.85 * spec.usable_gib_per_gpu


@pytest.mark.parametrize("instance", ["ml.g5.2xlarge", "ml.inf2.48xlarge", "ml.trn1.32xlarge"])
def test_without_a_version_the_newest_that_serves_the_model_there_is_taken(instance: str) -> None:
    model = "TheBloke/Llama-2-7B-fp16"
    made = start(Wish(model=model, instances=(instance,)))
    (spec,) = specs(made)
    newest_first = list(reversed(catalog.names("containers")))
    newer = takewhile(lambda version: version != spec.container.version, newest_first)
    assert spec.container.is_verified
    for version in newer:
        if catalog.container(version).is_verified:
            assert "nothing serves it" in refusal(model, instances=(instance,), container=version)


def test_a_version_that_is_named_is_kept() -> None:
    assert spec_of(FALCON, container="0.27.0").container.version == "0.27.0"
    assert "unknown container version '0.27'" in refusal(FALCON, container="0.27")


def test_each_named_instance_type_becomes_a_hardware_profile() -> None:
    types = ("ml.g5.2xlarge", "ml.g5.12xlarge", "ml.p4d.24xlarge", "ml.g5.2xlarge")
    made = start(Wish(model=FALCON, instances=types))
    assert made.hardware == ("g5-2xlarge", "g5-12xlarge", "p4d")
    assert [spec.instance.name for spec in specs(made)] == list(types[:3])
    assert "unknown instance type" in refusal(FALCON, instances=("ml.g5.3xlarge",))


def test_a_machine_that_the_first_version_cannot_serve_gets_one_of_its_own() -> None:
    made = start(
        Wish(model="TheBloke/Llama-2-7B-fp16", instances=("ml.g5.2xlarge", "ml.inf2.48xlarge"))
    )
    on_gpu, on_neuron = specs(made)
    assert on_gpu.container.version != on_neuron.container.version
    assert on_neuron.image.accelerator == "neuron"
    assert made.text.count("version:") == 2


def test_a_machine_that_is_too_small_is_refused_with_the_reason() -> None:
    words = refusal(LLAMA_70B, instances=("ml.g5.2xlarge",))
    assert "[LMI203] instance_type: weights 128.5, activations" in words


def test_a_gated_model_needs_a_copy_on_s3() -> None:
    gated = "meta-llama/Llama-2-7b-hf"
    assert "is gated" in refusal(gated)
    spec = spec_of(gated, source="s3://acme-models/llama")
    assert (spec.weights.model_id, spec.weights.source) == (gated, "s3://acme-models/llama/")
    assert "must be of the form" in refusal(gated, source="s3://UPPER/x/")


def test_a_folder_is_taken_for_the_model_whose_name_it_has() -> None:
    spec = spec_of("s3://acme-models/hub/Falcon-7B")
    assert (spec.weights.model_id, spec.weights.source) == (
        FALCON,
        "s3://acme-models/hub/Falcon-7B/",
    )
    spec = spec_of("s3://acme-models/chat-3b/")
    assert (spec.weights.model_id, spec.weights.facts) == ("chat-3b", None)


@pytest.mark.parametrize(
    ("model", "gib"),
    [
        ("acme/chat-7b", 13.1),
        ("acme/Chat-1.5B-Instruct", 2.8),
        ("acme/moe-8x7B-v0.1", 104.4),
        ("acme/moe-30B-A3B", 55.9),
        ("acme/chat_70b", 130.4),
    ],
)
def test_the_size_of_an_unknown_model_is_estimated_from_its_name(model: str, gib: float) -> None:
    made = start(Wish(model=model))
    assert f"weights_gib: {gib}  # estimated" in made.text
    assert "The catalog does not hold this model" in made.text
    assert [warning.code for warning in made.warnings] == ["LMI403"]


@pytest.mark.parametrize(
    "model", ["acme/chat", "acme/chat-7b-AWQ", "acme/b7", "acme/7b4", "acme/x0b"]
)
def test_a_name_that_tells_no_size_is_not_guessed_from(model: str) -> None:
    assert "--weights-gib" in refusal(model)
    made = start(Wish(model=model, weights_gib=4.5))
    assert "weights_gib: 4.5  # size of the weight files" in made.text


def test_a_model_of_nearly_that_id_is_pointed_out() -> None:
    assert start(Wish(model="tiiuae/falkon-7b")).near == FALCON
    assert start(Wish(model=FALCON)).near is None
    assert "did you mean" in refusal("google/flan-t5-xxxl")


def test_a_model_with_few_positions_gets_shorter_lengths() -> None:
    spec = spec_of("google/flan-t5-xxl")
    assert (spec.max_input_len, spec.max_output_len) == (384, 128)


def test_a_model_with_code_of_its_own_may_run_it_and_the_profile_warns_of_it() -> None:
    made = start(Wish(model="Qwen/Qwen-7B-Chat"))
    assert "trust_remote_code: true  # " in made.text
    assert "LMI404" in {warning.code for warning in made.warnings}


@pytest.mark.parametrize(
    "model",
    ["", "a b", "org/model/x", "https://huggingface.co/org/m", "../m-7b", "org/", "s3://B/m"],
)
def test_what_is_no_model_is_refused(model: str) -> None:
    refusal(model)


@settings(max_examples=50, deadline=None)
@given(st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,60}\Z"))
def test_every_model_id_gives_a_name_that_a_profile_may_have(model: str) -> None:
    assume(catalog.find_model(model) is None)
    made = start(Wish(model=f"acme/{model}", weights_gib=1))
    assert load_profile(made.text, "p.yaml").profile.name == made.name


@pytest.mark.parametrize("name", ["Chat", "a" * 31, "a_b", "-a"])
def test_a_name_that_no_profile_may_have_is_refused(name: str) -> None:
    assert "is no name for a profile" in refusal(FALCON, name=name)


def test_a_name_that_is_given_is_kept() -> None:
    assert start(Wish(model=FALCON, name="chat")).name == "chat"


def test_the_finished_profile_resolves_as_it_was_chosen() -> None:
    made = start(Wish(model=LLAMA_70B, instances=("ml.p4d.24xlarge",), container="0.25.0"))
    loaded = load_profile(made.text, "p.yaml")
    spec = resolve(merge(loaded, "p4d"))
    assert (spec.instance.name, spec.container.version) == ("ml.p4d.24xlarge", "0.25.0")
    assert f"backend: {spec.backend}" in made.text
