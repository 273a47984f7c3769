"""What is known of a model in one line, which differs wherever memory does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lmi_deployer import catalog, model_facts
from lmi_deployer.decided_facts import shape_text
from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.model_shape import Experts, LatentAttention, ModelShape, SlidingWindow
from lmi_deployer.model_shape import StoredFormat as Stored
from lmi_deployer.sizing import measure
from lmi_deployer.spec import ResolvedSpec
from tests.specs import make_spec


def facts_of(name: str = "tiiuae/falcon-7b") -> ModelFacts:
    row = catalog.find_model(name)
    assert row is not None
    return model_facts.from_catalog(row)


def test_a_model_that_nobody_knows_has_no_text():
    assert shape_text(None) is None
    assert shape_text(ModelFacts()) is None


def test_a_model_is_told_by_what_memory_follows_from():
    assert shape_text(facts_of()) == (
        "32 layers, 71 heads, 1 KV head, head dimension 64, 6.922e9 parameters, 2048 positions"
    )


def test_where_no_shape_can_be_told_the_numbers_of_the_configuration_are():
    assert shape_text(ModelFacts(num_hidden_layers=1, hidden_size=64)) == "1 layer"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"num_encoder_layers": 24}, "24 layers of an encoder"),
        ({"experts": Experts(num_experts=8, experts_per_token=2, intermediate_size=64)},
         "8 experts, 2 per token"),
        ({"latent": LatentAttention(kv_lora_rank=512, q_lora_rank=None, qk_nope_head_dim=1,
                                    qk_rope_head_dim=1, v_head_dim=1)},
         "latent attention of rank 512"),
        ({"window": SlidingWindow(tokens=4096, layers=16)},
         "a window of 4096 tokens in 16 layers"),
        ({"vision_parameters": 123_456_789}, "1.235e8 parameters for pictures"),
        ({"stored": Stored(method="gptq", bits=4.0)}, "stored as gptq of 4 bits"),
    ],
)  # fmt: skip
def test_what_few_models_have_is_told_of_those(fields: dict[str, Any], words: str):
    facts = facts_of()
    assert facts.shape is not None
    shape: ModelShape = replace(facts.shape, **fields)
    assert words in str(shape_text(replace(facts, shape=shape))).split(", 6.922e9 parameters, ")[1]
    assert words not in str(shape_text(facts))


def with_facts(spec: ResolvedSpec, facts: ModelFacts) -> ResolvedSpec:
    return replace(spec, weights=replace(spec.weights, facts=facts))


@pytest.mark.parametrize("field", ["num_hidden_layers", "num_key_value_heads", "head_dim"])
def test_facts_that_take_other_memory_are_another_text(field: str):
    spec = make_spec()
    facts = spec.weights.facts
    assert facts is not None
    assert facts.shape is not None
    count = getattr(facts.shape, field) // 2
    other = replace(facts, **{field: count}, shape=replace(facts.shape, **{field: count}))
    sides = spec, with_facts(spec, other)
    assert sides[0].setup is not None
    assert sides[1].setup is not None
    assert measure(sides[0].setup) != measure(sides[1].setup)
    assert shape_text(other) != shape_text(facts)
