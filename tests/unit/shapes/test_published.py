"""A config.json, read and counted, comes to the parameters that the publisher counts."""

from __future__ import annotations

import pytest

from lmi_deployer import catalog, shapes
from tests.unit.shapes import configs

BILLION = 10**9


@pytest.mark.parametrize("name", configs.PUBLISHED)
def test_a_configuration_comes_to_the_published_count(name):
    config, published = configs.PUBLISHED[name]
    shape = shapes.from_config(config)
    assert shape.parameter_count + shape.vision_parameters == published
    assert shape.doubts == ()
    assert shape.contradictions == ()


def test_llama_with_cross_attention_misses_only_its_gates_and_extra_tokens():
    shape = shapes.from_config(configs.LLAMA_3_2_VISION)
    total = shape.parameter_count + shape.vision_parameters
    # 8 more rows of the input embedding, 2 norms of heads and 2 gates in each of 8 layers.
    assert 10_670_220_835 - total == 8 * 4096 + 8 * 2 * 128 + 8 * 2


def test_a_catalog_row_comes_to_its_own_count():
    wrong = []
    for name in catalog.names("models"):
        row = catalog.find_model(name)
        assert row is not None
        shape = shapes.from_catalog(row)
        total = row.parameter_count + row.vision_parameters
        found = (shape.parameter_count, shapes.matrices(shape).total, shape.doubts)
        if found != (row.parameter_count, total, ()):
            wrong.append(name)
    assert not wrong


@pytest.mark.parametrize(
    ("model_id", "active"),
    [
        ("mistralai/Mixtral-8x7B-v0.1", 12_879_925_248),
        ("Qwen/Qwen3-30B-A3B", 3_353_032_704),
        ("deepseek-ai/DeepSeek-V3", 37_552_297_472),
        ("openai/gpt-oss-120b", 5_711_982_912),
        ("meta-llama/Llama-4-Scout-17B-16E-Instruct", 17_172_894_720),
        ("meta-llama/Llama-2-7b-hf", 6_738_415_616),
    ],
)
def test_a_token_passes_only_the_experts_that_it_is_sent_to(model_id, active):
    row = catalog.find_model(model_id)
    assert row is not None
    assert shapes.active_parameters(shapes.from_catalog(row)) == active


SAME_MODELS = {
    "mistralai/Mistral-7B-v0.1": configs.MISTRAL_7B,
    "openai-community/gpt2": configs.GPT2,
    "deepseek-ai/DeepSeek-V3": configs.DEEPSEEK_V3,
    "openai/gpt-oss-20b": configs.GPT_OSS_20B,
    "google/gemma-3-4b-it": configs.GEMMA_3_4B,
    "meta-llama/Llama-4-Scout-17B-16E-Instruct": configs.LLAMA_4_SCOUT,
    "Qwen/Qwen2.5-VL-7B-Instruct": {
        **configs.QWEN2_5_VL_7B, "max_position_embeddings": 128000
    },
    "tiiuae/falcon-7b": {**configs.FALCON_7B, "model_type": "falcon"},
}  # fmt: skip


@pytest.mark.parametrize("model_id", SAME_MODELS)
def test_the_catalog_and_a_config_json_give_one_shape(model_id):
    row = catalog.find_model(model_id)
    assert row is not None
    from_row, from_config = shapes.from_catalog(row), shapes.from_config(SAME_MODELS[model_id])
    untold = {"stored_bytes", "stored_dtype"}
    for name in set(type(from_row).__slots__) - untold:
        assert getattr(from_config, name) == getattr(from_row, name), name
