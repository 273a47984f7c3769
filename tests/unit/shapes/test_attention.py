"""Heads, windows and positions, as each family states or leaves them out."""

from __future__ import annotations

import pytest

from lmi_deployer import shapes
from lmi_deployer.model_shape import SlidingWindow
from lmi_deployer.shapes.attention import positions
from lmi_deployer.shapes.reading import read
from tests.unit.shapes import configs


@pytest.mark.parametrize(
    ("config", "heads"),
    [
        (configs.FALCON_7B, 1),
        ({**configs.FALCON_7B, "multi_query": False}, 71),
        (configs.PUBLISHED["starcoder"][0], 1),
        (configs.PUBLISHED["chatglm3-6b"][0], 2),
        ({key: value for key, value in configs.MISTRAL_7B.items()
          if key != "num_key_value_heads"}, 8),
        ({key: value for key, value in configs.LLAMA_8B.items()
          if key != "num_key_value_heads"}, 32),
    ],
)  # fmt: skip
def test_key_value_heads_follow_the_family_where_they_are_not_stated(config, heads):
    assert shapes.from_config(config).num_key_value_heads == heads


@pytest.mark.parametrize(
    ("config", "window"),
    [
        (configs.MISTRAL_7B, SlidingWindow(tokens=4096, layers=32)),
        ({**configs.MISTRAL_7B, "sliding_window": None}, None),
        ({**configs.MISTRAL_7B, "sliding_window": 32768}, None),
        (configs.QWEN_7B, None),
        (
            {**configs.QWEN_7B, "use_sliding_window": True, "sliding_window": 4096,
             "max_window_layers": 20},
            SlidingWindow(tokens=4096, layers=8),
        ),
        (configs.GPT_OSS_20B, SlidingWindow(tokens=128, layers=12)),
        (configs.GEMMA_3_4B, SlidingWindow(tokens=1024, layers=29)),
        (configs.LLAMA_4_SCOUT, SlidingWindow(tokens=8192, layers=36)),
        (configs.PUBLISHED["gpt-neo-2.7b"][0], SlidingWindow(tokens=256, layers=16)),
        (configs.LLAMA_8B, None),
    ],
)  # fmt: skip
def test_a_window_counts_for_the_layers_that_have_it(config, window):
    assert shapes.from_config(config).window == window


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        (None, 32768),
        ({"type": "linear", "factor": 4.0}, 131072),
        ({"type": "dynamic", "factor": 2}, 65536),
        ({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}, 131072),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8192}, 32768),
        ({"type": "yarn", "factor": 4.0}, 32768),
        ({"type": "longrope", "short_factor": [1.0], "long_factor": [1.0]}, 32768),
        ({"type": "su", "factor": 4.0}, 32768),
        ({"rope_type": "llama3", "factor": 8.0}, 32768),
        ({"rope_type": "default", "type": "mrope", "mrope_section": [16, 24, 24]}, 32768),
        ({"type": "linear", "factor": 0.5}, 32768),
    ],
)
def test_rope_scaling_stretches_the_positions_as_vllm_does(scaling, expected):
    config = {**configs.QWEN_7B, "rope_scaling": scaling}
    assert shapes.from_config(config).max_position_embeddings == expected


def test_positions_that_are_stated_as_stretched_are_not_stretched_again():
    assert shapes.from_config(configs.DEEPSEEK_V3).max_position_embeddings == 163840
    assert shapes.from_config(configs.GPT_OSS_20B).max_position_embeddings == 131072
    assert shapes.from_config(configs.GEMMA_3_4B).max_position_embeddings == 131072


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"max_position_embeddings": 8192, "model_max_length": 131072}, 8192),
        ({"model_type": "qwen", "max_position_embeddings": 32768, "seq_length": 8192}, 8192),
        ({"model_type": "baichuan", "model_max_length": 4096}, 4096),
        ({"model_type": "falcon"}, 2048),
        ({"n_ctx": 1024}, 1024),
        ({"model_type": "t5"}, None),
    ],
)
def test_the_smallest_stated_limit_counts(config, expected):
    assert positions(read(config)) == expected


def test_the_head_size_of_latent_attention_is_that_of_queries_and_keys():
    assert shapes.from_config(configs.DEEPSEEK_V3).head_dim == 128 + 64
