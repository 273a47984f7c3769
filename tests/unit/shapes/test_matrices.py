"""Parameters by kind of matrix: what parallelism and quantization treat differently."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lmi_deployer import catalog, shapes
from lmi_deployer.model_shape import ModelShape
from tests.unit.shapes import configs

LLAMA = shapes.from_config(configs.LLAMA_8B)


def from_row(model_id: str) -> ModelShape:
    row = catalog.find_model(model_id)
    assert row is not None
    return shapes.from_catalog(row)


def test_a_grouped_query_model_has_small_keys_and_values():
    parts = shapes.matrices(LLAMA)
    assert parts.query == 32 * 4096 * 4096
    assert parts.key_value == 32 * 2 * 4096 * 1024
    assert parts.attention_output == 32 * 4096 * 4096
    assert parts.dense_mlp == 32 * 3 * 4096 * 14336
    assert parts.input_embedding == parts.output_embedding == 128256 * 4096
    assert parts.small == 65 * 4096
    assert parts.expert == parts.router == parts.encoder == parts.latent_down == 0
    assert parts.unexplained == 0


def test_tied_embeddings_are_there_once():
    parts = shapes.matrices(shapes.from_config(configs.GPT2))
    assert parts.input_embedding == 50257 * 768
    assert parts.output_embedding == 0


def test_latent_attention_has_a_part_that_every_gpu_repeats():
    parts = shapes.matrices(shapes.from_config(configs.DEEPSEEK_V3))
    assert parts.latent_down == 61 * 7168 * (1536 + 512 + 64)
    assert parts.latent_up == 61 * 128 * (1536 * (128 + 64) + 512 * (128 + 128))
    assert parts.query == parts.key_value == 0
    assert parts.attention_output == 61 * 128 * 128 * 7168


def test_latent_attention_without_a_query_rank_has_plain_queries():
    parts = shapes.matrices(from_row("deepseek-ai/DeepSeek-V2-Lite"))
    assert parts.query == 27 * 2048 * 16 * 192
    assert parts.latent_down == 27 * 2048 * (512 + 64)


def test_experts_and_their_dense_first_layers_are_told_apart():
    parts = shapes.matrices(shapes.from_config(configs.DEEPSEEK_V3))
    assert parts.dense_mlp == 3 * 3 * 7168 * 18432
    assert parts.expert == 58 * 256 * 3 * 7168 * 2048
    assert parts.shared_expert == 58 * 3 * 7168 * 2048
    assert parts.router == 58 * 7168 * 256


def test_biases_of_experts_stand_apart_from_what_is_quantized():
    parts = shapes.matrices(shapes.from_config(configs.GPT_OSS_20B))
    assert parts.expert_bias == 24 * 32 * (2 * 2880 + 2880)
    assert parts.expert == 24 * 32 * 3 * 2880 * 2880


def test_a_decoder_that_reads_an_encoder_has_two_attentions():
    shape = from_row("google/flan-t5-xxl")
    parts = shapes.matrices(shape)
    attention = 4096 * 64 * 64
    assert parts.query == parts.attention_output == 2 * 24 * attention
    assert parts.key_value == 2 * 2 * 24 * attention
    assert parts.encoder == 24 * (4 * attention + 3 * 4096 * 10240)


def test_layers_are_what_a_quantization_method_covers():
    parts = shapes.matrices(LLAMA)
    assert parts.layers == parts.total - 2 * 128256 * 4096 - parts.small


def test_what_weight_files_hold_beyond_the_matrices_is_unexplained():
    parts = shapes.matrices(replace(LLAMA, parameter_count=LLAMA.parameter_count + 1000))
    assert parts.unexplained == 1000
    assert parts.total == LLAMA.parameter_count + 1000


@pytest.mark.parametrize(
    ("changed", "layers_of_experts"),
    [
        ({"decoder_sparse_step": 2}, 12),
        ({"decoder_sparse_step": 2, "mlp_only_layers": [1, 2]}, 11),
        ({"mlp_only_layers": [0, 5, 99, "x", True, -1]}, 22),
        ({"decoder_sparse_step": 7}, 3),
    ],
)
def test_experts_may_stand_in_every_nth_layer_only(changed, layers_of_experts):
    config = {**configs.PUBLISHED["qwen1.5-moe"][0], **changed}
    shape = shapes.from_config(config)
    assert shape.experts is not None
    assert shape.num_hidden_layers - shape.experts.dense_layers == layers_of_experts


def test_llama_4_alternates_experts_with_wider_ordinary_layers():
    config = {**configs.LLAMA_4_SCOUT["text_config"], "interleave_moe_layer_step": 2}
    shape = shapes.from_config({"model_type": "llama4", "text_config": config})
    assert shape.experts is not None
    assert shape.experts.dense_layers == 24
    assert shapes.matrices(shape).dense_mlp == 24 * 3 * 5120 * 16384
    listed = {**config, "moe_layers": list(range(1, 48, 2))}
    assert shapes.from_config({"model_type": "llama4", "text_config": listed}) == shape
