"""Shapes and setups that the tests of sizing start from; a test changes the field it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lmi_deployer import catalog
from lmi_deployer.model_shape import Experts, LatentAttention, ModelShape, SlidingWindow
from lmi_deployer.shapes.matrices import computed_parameters
from lmi_deployer.sizing.setup import Setup

GIB = 1 << 30


def shape_of(**changes: Any) -> ModelShape:
    """Llama 3.1 8B, changed; its parameters counted anew."""
    fields: dict[str, Any] = {
        "model_type": "llama",
        "num_hidden_layers": 32,
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 128256,
        "max_position_embeddings": 131072,
        "has_tied_embeddings": False,
        "has_gated_mlp": True,
        "small_parameters": 65 * 4096,
        "parameter_count": 0,
    }
    shape = ModelShape(**fields | changes)
    return replace(shape, parameter_count=computed_parameters(shape))


LLAMA_8B = shape_of()
LLAMA_70B = shape_of(
    num_hidden_layers=80, hidden_size=8192, intermediate_size=28672, num_attention_heads=64,
    small_parameters=161 * 8192,
)  # fmt: skip
FALCON_7B = shape_of(
    model_type="falcon", hidden_size=4544, intermediate_size=4 * 4544, num_attention_heads=71,
    num_key_value_heads=1, head_dim=64, vocab_size=65024, max_position_embeddings=2048,
    has_tied_embeddings=True, has_gated_mlp=False,
)  # fmt: skip
MIXTRAL = shape_of(
    model_type="mixtral", vocab_size=32000, max_position_embeddings=32768,
    experts=Experts(num_experts=8, experts_per_token=2, intermediate_size=14336),
)  # fmt: skip
DEEPSEEK_R1 = shape_of(
    model_type="deepseek_v3", num_hidden_layers=61, hidden_size=7168, intermediate_size=18432,
    num_attention_heads=128, num_key_value_heads=128, head_dim=192, vocab_size=129280,
    max_position_embeddings=163840,
    experts=Experts(num_experts=256, experts_per_token=8, intermediate_size=2048,
                    shared_intermediate_size=2048, dense_layers=3),
    latent=LatentAttention(kv_lora_rank=512, q_lora_rank=1536, qk_nope_head_dim=128,
                           qk_rope_head_dim=64, v_head_dim=128),
)  # fmt: skip
GEMMA_3 = shape_of(
    model_type="gemma3", num_hidden_layers=62, hidden_size=5376, intermediate_size=21504,
    num_key_value_heads=16, vocab_size=262208, window=SlidingWindow(tokens=1024, layers=52),
)  # fmt: skip


def setup_of(**changes: Any) -> Setup:
    """Llama 3.1 8B with vLLM 0.6.6 on one A10G, changed."""
    fields: dict[str, Any] = {
        "shape": LLAMA_8B,
        "gpu": catalog.gpu(changes.pop("card", "A10G")),
        "gpu_count": 8,
        "gpu_link": "pcie",
        "tensor_parallel_degree": 1,
        "engine": "vllm",
        "engine_version": "0.6.6",
        "dtype": "bf16",
        "max_input_len": 1024,
        "max_output_len": 512,
        "max_model_len": 8192,
        "max_rolling_batch_size": 16,
    }
    return Setup(**fields | changes)
