"""What weights take on one GPU: measured sizes, and what no size may contradict."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer import catalog
from lmi_deployer.model_shape import StoredFormat
from lmi_deployer.shapes import from_catalog
from lmi_deployer.sizing import weights_bytes_per_gpu
from lmi_deployer.sizing.allocation import MIB, lost_bytes
from tests.unit.sizing.memory_setups import (
    DEEPSEEK_R1,
    FALCON_7B,
    GIB,
    LLAMA_8B,
    LLAMA_70B,
    MIXTRAL,
    setup_of,
    shape_of,
)

FP8 = StoredFormat(method="fp8", bits=8)
OPT_125M = shape_of(
    model_type="opt", num_hidden_layers=12, hidden_size=768, intermediate_size=3072,
    num_attention_heads=12, num_key_value_heads=12, head_dim=64, vocab_size=50272,
    max_position_embeddings=2048, has_tied_embeddings=True, has_gated_mlp=False,
    small_parameters=1_695_744,
)  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "degree", "logged_gib"),
    [
        (LLAMA_8B, 1, 14.9888),  # vllm#15360 and others
        (LLAMA_70B, 8, 16.4605),  # vllm#10702
        (replace(LLAMA_70B, stored=StoredFormat(method="int8", bits=8)), 1, 67.7229),  # pull 12569
        (OPT_125M, 1, 0.2389),  # vllm#16348: 2 % of it is the allocator's rounding
    ],
    ids=["8b", "70b on eight", "70b int8", "opt-125m"],
)
def test_weights_are_what_vllm_logged(shape, degree, logged_gib):
    size = weights_bytes_per_gpu(setup_of(shape=shape, tensor_parallel_degree=degree))
    assert size / GIB == pytest.approx(logged_gib, rel=0.004)


def test_embeddings_keep_sixteen_bits_beside_four_bit_layers():
    plain = setup_of(weight_format="bitsandbytes4", dtype="fp16")
    assert weights_bytes_per_gpu(plain) / GIB == pytest.approx(5.3128, rel=0.007)  # vllm#5569


def test_a_group_of_awq_shares_a_scale_and_a_zero_point():
    stored = StoredFormat(method="awq", bits=4, group_size=128)
    four = weights_bytes_per_gpu(setup_of(shape=replace(LLAMA_70B, stored=stored)))
    bare = replace(stored, group_size=None)
    without = weights_bytes_per_gpu(setup_of(shape=replace(LLAMA_70B, stored=bare)))
    linear = 80 * (2 * 8192 * 8192 + 2 * 8192 * 1024 + 3 * 8192 * 28672)
    assert four - without == pytest.approx(linear * 2.5 / 128, rel=1e-6)


def test_key_and_value_projections_are_repeated_beyond_the_kv_heads():
    shape = replace(FALCON_7B, stored=FP8)
    projections = 2 * 32 * 4544 * 64  # key and value of every layer, a byte each
    fixed = shape.small_parameters * 2 + 2048 * 64 * 2
    one = weights_bytes_per_gpu(setup_of(shape=shape))
    four = weights_bytes_per_gpu(setup_of(shape=shape, tensor_parallel_degree=4))
    evenly = (one - fixed) / 4 + fixed
    assert four - evenly == pytest.approx(projections * 3 / 4, rel=1e-4)


def test_down_projections_of_latent_attention_are_on_every_gpu():
    setup = setup_of(shape=replace(DEEPSEEK_R1, stored=FP8), engine_version="0.7.3")
    down = 61 * 7168 * (1536 + 512 + 64)
    one = weights_bytes_per_gpu(setup)
    many = weights_bytes_per_gpu(replace(setup, tensor_parallel_degree=8))
    assert many - one / 8 > 0.87 * down


def test_the_first_versions_with_latent_attention_kept_absorbed_products():
    setup = setup_of(shape=replace(DEEPSEEK_R1, stored=FP8), tensor_parallel_degree=8)
    first = weights_bytes_per_gpu(replace(setup, engine_version="0.7.1"))
    later = weights_bytes_per_gpu(replace(setup, engine_version="0.7.3"))
    assert first - later == 61 * 128 // 8 * 512 * (1536 + 7168) * 2


def test_experts_that_are_quantized_alone_leave_attention_wide():
    stored = StoredFormat(method="mxfp4", bits=4, group_size=32, covers_experts_only=True)
    alone = weights_bytes_per_gpu(setup_of(shape=replace(MIXTRAL, stored=stored)))
    every = replace(stored, covers_experts_only=False)
    attention = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024)
    difference = alone - weights_bytes_per_gpu(setup_of(shape=replace(MIXTRAL, stored=every)))
    assert difference == pytest.approx(attention * (2 - 0.5 - 1 / 32), abs=2)


@pytest.mark.parametrize(
    ("model", "degree", "logged_gib"),
    [("gpt-oss-120b", 1, 65.9651), ("gpt-oss-120b", 4, 17.2217), ("gpt-oss-20b", 1, 13.72)],
)
def test_experts_in_mxfp4_are_padded_as_the_kernel_wants_them(model, degree, logged_gib):
    known = catalog.find_model(f"openai/{model}")
    assert known is not None
    setup = setup_of(
        shape=from_catalog(known), tensor_parallel_degree=degree, engine_version="0.11.0"
    )
    assert weights_bytes_per_gpu(setup) / 2**30 == pytest.approx(logged_gib, rel=0.005)
    bare = weights_bytes_per_gpu(replace(setup, engine="sglang", engine_version="0.4.9"))
    assert bare / 2**30 < 0.96 * logged_gib


def test_tensorrt_llm_holds_the_input_embedding_whole():
    degree = {"tensor_parallel_degree": 4, "engine_version": "0.9.0"}
    trtllm = weights_bytes_per_gpu(setup_of(engine="trtllm", **degree))
    vllm = weights_bytes_per_gpu(setup_of(**degree))
    assert trtllm - vllm == pytest.approx(128256 * 4096 * 2 * 3 / 4, rel=0.03)


def test_stages_of_a_pipeline_share_the_layers():
    whole = weights_bytes_per_gpu(setup_of())
    stage = weights_bytes_per_gpu(setup_of(pipeline_parallel_degree=4))
    assert whole / 4 < stage < whole / 3


@pytest.mark.parametrize("shape", [LLAMA_8B, LLAMA_70B, FALCON_7B, MIXTRAL, DEEPSEEK_R1, OPT_125M])
@pytest.mark.parametrize(
    "engine", ["vllm", "trtllm", "lmi-dist", "deepspeed", "hf-accelerate", "neuronx"]
)
def test_a_higher_degree_never_puts_more_weights_on_a_gpu(shape, engine):
    setups = [setup_of(shape=shape, engine=engine, tensor_parallel_degree=n) for n in (1, 2, 4, 8)]
    sizes = [weights_bytes_per_gpu(setup) for setup in setups]
    assert sizes == sorted(sizes, reverse=True)


@given(st.lists(st.integers(0, 64 * MIB), max_size=40))
def test_rounding_loses_at_most_a_mebibyte_for_each_matrix(sizes):
    assert 0 <= lost_bytes(sizes) <= MIB * len(sizes)
