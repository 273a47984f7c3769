"""Published settings: found for their own model and machine, and what the rules make of them."""

from __future__ import annotations

import pytest

from lmi_deployer import catalog
from lmi_deployer.catalog.versions import versions_in
from lmi_deployer.hardware import load_profile, merge
from lmi_deployer.model_facts import ModelFacts, from_catalog
from lmi_deployer.resolve import resolve
from lmi_deployer.sizing.published import Published, every_row, find
from lmi_deployer.spec import ResolvedSpec
from tests.specs import PROFILE

ROWS = every_row()
ON_GPUS = [item for item in ROWS if item.guide.backend != "neuronx"]
every = pytest.mark.parametrize("item", ROWS, ids=lambda item: item.row.title.replace("/", "-"))


def spec_of(item: Published, *, looks_up: bool) -> ResolvedSpec:
    """What `auto` comes to for the model, machine, backend and lengths of a row."""
    guide, row = item.guide, item.row
    overrides = (
        "max_rolling_batch_size=auto",
        f"model.id={row.model_id}",
        f"container.version={guide.release}",
        f"instance_type={row.instance_type}",
        f"backend={guide.backend}",
        f"traffic.max_input_len={guide.max_input_len}",
        f"traffic.max_output_len={guide.max_output_len}",
        f"quantize={'{method: ' + row.quantize + '}' if row.quantize else 'none'}",
    )
    return resolve(merge(load_profile(PROFILE, "chat.yaml"), "g5", overrides), looks_up=looks_up)


def facts_of(model_id: str) -> ModelFacts:
    model = catalog.find_model(model_id)
    assert model is not None
    return from_catalog(model)


@every
def test_every_row_names_a_known_model_machine_and_versions(item: Published) -> None:
    assert catalog.find_model(item.row.model_id) is not None
    assert catalog.instance_type(item.row.instance_type).hosting
    versions = versions_in(item.guide.versions, catalog.names("containers"))
    assert item.guide.release in versions
    assert all(item.guide.backend in catalog.container(name).backends for name in versions)


def test_no_two_rows_are_about_the_same() -> None:
    keys = [
        (item.guide.backend, item.row.model_id, item.row.quantize, item.row.instance_type)
        for item in ROWS
    ]
    assert len(set(keys)) == len(keys)


@every
def test_a_published_row_is_used_exactly_and_named(item: Published) -> None:
    spec = spec_of(item, looks_up=True)
    assert spec.tensor_parallel_degree == item.row.tensor_parallel_degree
    assert spec.max_rolling_batch_size == item.row.max_rolling_batch_size
    for key in ("tensor_parallel_degree", "max_rolling_batch_size"):
        assert spec.origin[key].reason == f"published: {item.citation}"


def test_the_rules_alone_come_to_the_published_degree_in_26_of_27_rows() -> None:
    assert len(ON_GPUS) == 27
    off = [
        item.row.title
        for item in ON_GPUS
        if spec_of(item, looks_up=False).tensor_parallel_degree != item.row.tensor_parallel_degree
    ]
    assert len(off) <= 1, off


def test_the_rules_alone_come_within_two_times_of_the_batch_in_25_of_27_rows() -> None:
    off = []
    for item in ON_GPUS:
        ours = spec_of(item, looks_up=False).max_rolling_batch_size or 0
        if not item.row.max_rolling_batch_size <= 2 * ours <= 4 * item.row.max_rolling_batch_size:
            off.append((item.row.title, ours))
    assert len(off) <= 2, off


def test_a_model_of_the_same_shape_has_the_same_rows() -> None:
    copy = "TheBloke/Llama-2-70B-fp16"
    found = find(copy, "ml.p4d.24xlarge", "trtllm", facts=facts_of(copy))
    assert [item.row.model_id for item in found] == ["meta-llama/Llama-2-70b-hf"]


@pytest.mark.parametrize(
    ("model_id", "instance", "backend", "quantize", "version"),
    [
        ("TheBloke/Llama-2-70B-GPTQ", "ml.p4d.24xlarge", "trtllm", None, "0.26.0"),
        ("TheBloke/Llama-2-70B-fp16", "ml.p4de.24xlarge", "trtllm", None, "0.26.0"),
        ("TheBloke/Llama-2-70B-fp16", "ml.p4d.24xlarge", "vllm", None, "0.26.0"),
        ("TheBloke/Llama-2-70B-fp16", "ml.p4d.24xlarge", "trtllm", "smoothquant", "0.26.0"),
        ("TheBloke/Llama-2-70B-fp16", "ml.p4d.24xlarge", "trtllm", None, "0.27.0"),
        ("TheBloke/Llama-2-13B-fp16", "ml.p4d.24xlarge", "trtllm", None, "0.26.0"),
    ],
)
def test_another_model_machine_backend_method_or_version_has_none(
    model_id: str, instance: str, backend: str, quantize: str | None, version: str
) -> None:
    facts = facts_of(model_id)
    assert find(model_id, instance, backend, facts=facts, quantize=quantize, version=version) == ()


def test_quantized_weights_find_their_rows_with_and_without_a_word_about_it() -> None:
    model_id = "TheBloke/Llama-2-70B-GPTQ"
    for quantize in (None, "gptq"):
        found = find(
            model_id, "ml.g5.12xlarge", "lmi-dist", facts=facts_of(model_id), quantize=quantize
        )
        assert [item.row.model for item in found] == ["Llama2 70B GPTQ"]


def test_longer_requests_than_were_measured_are_not_covered() -> None:
    (trtllm,) = find("meta-llama/Llama-2-70b-hf", "ml.p4d.24xlarge", "trtllm")
    assert trtllm.covers(1024, 512)
    assert not trtllm.covers(1025, 1)  # the engine is built for prompts of 1024
    (deepspeed,) = find("meta-llama/Llama-2-13b-hf", "ml.g5.12xlarge", "deepspeed")
    assert deepspeed.covers(768, 256)  # every slot has 1024 tokens
    assert not deepspeed.covers(768, 257)
