"""What is in a config.json and cannot be is told by key and value, and never filled in."""

from __future__ import annotations

import math

import pytest

from lmi_deployer import model_facts, shapes
from lmi_deployer.errors import InputError
from lmi_deployer.shapes.believing import impossible
from lmi_deployer.shapes.defaults import DEFAULTS
from lmi_deployer.shapes.reading import read
from tests.unit.shapes import configs

NONE_OF_A_MODEL: tuple[object, ...] = (
    -32,
    0,
    "many",
    True,
    1e30,
    math.nan,
    10**400,
    32.5,
    {},
    [],
    ["a"],
)


@pytest.mark.parametrize("value", NONE_OF_A_MODEL, ids=lambda value: str(value)[:10])
@pytest.mark.parametrize(
    "key", ["hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
            "intermediate_size", "vocab_size", "head_dim", "max_position_embeddings"]
)  # fmt: skip
def test_a_value_that_cannot_be_is_told_rather_than_replaced(key, value):
    with pytest.raises(InputError) as caught:
        shapes.from_config({**configs.LLAMA_8B, key: value})
    assert f"{key} is {repr(value)[:20]}" in caught.value.problem
    facts = model_facts.from_config({**configs.LLAMA_8B, key: value})
    assert facts.shape is None
    assert len(facts.impossible) == 1


@pytest.mark.parametrize("key", ["num_hidden_layers", "vocab_size", "max_position_embeddings"])
def test_null_is_as_absent(key):
    left_out = {name: value for name, value in configs.LLAMA_8B.items() if name != key}
    assert shapes.from_config({**left_out, key: None}) == shapes.from_config(left_out)
    facts = model_facts.from_config({**left_out, key: None})
    default = DEFAULTS["llama"][key]
    assert facts.shape is not None
    assert getattr(facts.shape, key) == default


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings is 'yes'"),
        ({"rope_scaling": {"type": "linear", "factor": "4"}}, "rope_scaling.factor is '4'"),
        ({"rope_scaling": {"type": "linear", "factor": math.nan}}, "rope_scaling.factor is nan"),
        ({"quantization_config": {"quant_method": "gptq", "bits": "four"}}, "bits is 'four'"),
        ({"quantization_config": {"quant_method": "gptq", "group_size": -4}}, "group_size is -4"),
        ({"num_local_experts": -8}, "num_local_experts is -8"),
        ({"kv_lora_rank": 512, "qk_nope_head_dim": -1}, "qk_nope_head_dim is -1"),
        ({"text_config": {"hidden_size": -4}}, "hidden_size is -4"),
        ({"model_max_length": 1e30, "max_position_embeddings": None}, "model_max_length is 1e+30"),
    ],
)
def test_other_values_that_decide_the_size_are_told_too(changed, words):
    with pytest.raises(InputError, match="which no model has") as caught:
        shapes.from_config({**configs.LLAMA_8B, **changed})
    assert words in caught.value.problem


@pytest.mark.parametrize(
    "changed",
    [
        {"num_local_experts": 0, "n_shared_experts": 0},
        {"sliding_window": -1},
        {"kv_lora_rank": None, "qk_nope_head_dim": 0, "v_head_dim": 0},
        {"model_max_length": 1e30},
        {"n_inner": None},
        {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": -1}},
        {"rope_scaling": {"type": "longrope", "factor": None}},
    ],
)
def test_what_says_that_there_is_no_such_part_is_no_mistake(changed):
    assert shapes.from_config({**configs.LLAMA_8B, **changed}).parameter_count


def test_numbers_by_layer_are_neither_impossible_nor_replaced():
    config = {**configs.LLAMA_8B, "num_key_value_heads": [8, 4] * 16}
    assert impossible(read(config)) == ()
    with pytest.raises(InputError, match="num_key_value_heads has a value for each layer"):
        shapes.from_config(config)


def test_the_layers_of_an_encoder_count_as_well():
    config = {"model_type": "t5", "num_decoder_layers": 24, "num_layers": -24, "d_model": 1024,
              "num_heads": 16, "d_kv": 64, "d_ff": 2816, "vocab_size": 32128}  # fmt: skip
    with pytest.raises(InputError, match="num_layers is -24"):
        shapes.from_config(config)


def test_no_published_configuration_is_called_impossible():
    assert [
        name for name, (config, _) in configs.PUBLISHED.items() if impossible(read(config))
    ] == []
