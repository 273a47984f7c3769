"""What keys and values take, for every kind of attention."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lmi_deployer.model_shape import SlidingWindow
from lmi_deployer.sizing import kv_bytes_per_token, measure
from lmi_deployer.sizing.engines import engine_memory
from lmi_deployer.sizing.kv_cache import grouped_layers, sequence_bytes
from tests.unit.sizing.memory_setups import (
    DEEPSEEK_R1,
    FALCON_7B,
    GEMMA_3,
    LLAMA_70B,
    setup_of,
    shape_of,
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tensor_parallel_degree": 4}, 2 * 32 * 2 * 128 * 2),  # 32768
        ({}, 131072),
        ({"tensor_parallel_degree": 16}, 2 * 32 * 1 * 128 * 2),  # one head each, repeated
        ({"shape": LLAMA_70B}, 327680),
        ({"shape": FALCON_7B, "tensor_parallel_degree": 8}, 2 * 32 * 64 * 2),
        ({"kv_cache_dtype": "fp8"}, 65536),
        ({"pipeline_parallel_degree": 3}, 2 * 11 * 8 * 128 * 2),
        ({"dtype": "fp32"}, 262144),
    ],
)
def test_a_token_takes_its_heads_in_every_layer(changes, expected):
    assert kv_bytes_per_token(setup_of(**changes)) == expected


def test_latent_attention_is_cached_compressed_from_vllm_0_7_1_on():
    setup = setup_of(shape=DEEPSEEK_R1, tensor_parallel_degree=8, engine_version="0.7.1")
    assert kv_bytes_per_token(setup) == 61 * (512 + 64) * 2
    before = replace(setup, engine_version="0.6.6")
    assert kv_bytes_per_token(before) == 2 * 61 * 128 // 8 * 192 * 2


def test_layers_with_a_window_cache_only_that_where_the_engine_pools_them():
    setup = setup_of(shape=GEMMA_3, max_model_len=32768)
    layer = 2 * 16 * 128 * 2
    assert kv_bytes_per_token(setup) == 62 * layer
    pooled = replace(setup, engine_version="0.10.2")
    whole = sequence_bytes(pooled, engine_memory(pooled), 32768)
    # 52 layers in groups of 10 take 60; a window less one, a pass, and one block more
    assert whole == layer * (10 * 32768 + 60 * (1024 + 2048 + 16))


@pytest.mark.parametrize(
    ("version", "layers", "windowed", "expected"),
    [
        ("0.9.0", 36, 18, (36, 0)),
        ("0.9.1", 36, 18, (18, 18)),
        ("0.11.0", 62, 52, (10, 60)),
        ("0.11.0", 22, 12, (10, 20)),
        ("0.12.0", 22, 12, (12, 12)),  # joined, as 12 is less than 1.25 times 10
        ("0.12.0", 24, 14, (10, 20)),
        ("0.19.0", 24, 14, (14, 14)),
        ("0.19.0", 32, 32, (0, 32)),
    ],
)
def test_layers_of_both_kinds_are_dealt_out_to_groups_of_one_size(
    version, layers, windowed, expected
):
    window = SlidingWindow(tokens=1024, layers=windowed)
    shape = shape_of(num_hidden_layers=layers, window=window)
    setup = setup_of(shape=shape, engine_version=version)
    assert grouped_layers(setup, engine_memory(setup)) == expected


def test_an_encoder_counts_once_for_a_prompt_and_the_decoder_for_the_answer():
    t5 = shape_of(num_hidden_layers=24, num_encoder_layers=24, num_key_value_heads=64, head_dim=64)
    assert kv_bytes_per_token(setup_of(shape=t5)) == 2 * 24 * 64 * 64 * 2


def test_tokens_come_in_whole_blocks():
    assert measure(setup_of()).kv_cache_tokens % 16 == 0
