"""The whole answer: logs of real servers, and laws that hold for every setup."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmi_deployer import catalog
from lmi_deployer.sizing import measure
from lmi_deployer.sizing.setup import Setup
from tests.unit.sizing.memory_setups import (
    DEEPSEEK_R1,
    FALCON_7B,
    GEMMA_3,
    GIB,
    LLAMA_8B,
    LLAMA_70B,
    MIXTRAL,
    setup_of,
)

ENGINES = {
    "vllm": ("0.2.7", "0.5.4", "0.6.6", "0.8.4", "0.10.2", "0.20.1"),
    "lmi-dist": ("8.0.0", "9.0.0", "13.0.0"),
    "trtllm": ("0.7.1", "0.9.0", "0.21.0rc1"),
    "deepspeed": ("0.12.6",),
    "hf-accelerate": ("0.28.0",),
    "scheduler": ("0.1.0",),
    "neuronx": ("2.18.2",),
    "sglang": ("0.4.0",),
    "tgi": ("1.4.5",),
}
SHAPES = (LLAMA_8B, LLAMA_70B, FALCON_7B, MIXTRAL, DEEPSEEK_R1, GEMMA_3)


def with_memory(setup: Setup, gib: float) -> Setup:
    return replace(setup, gpu=setup.gpu.model_copy(update={"usable_memory_gib": gib}))


@st.composite
def setups(draw):
    engine = draw(st.sampled_from(sorted(ENGINES)))
    return setup_of(
        shape=draw(st.sampled_from(SHAPES)),
        card=draw(st.sampled_from(["T4", "A10G", "A100-SXM4-40GB", "H100-SXM5-80GB"])),
        gpu_link=draw(st.sampled_from(["pcie", "nvswitch"])),
        tensor_parallel_degree=draw(st.sampled_from([1, 2, 4, 8])),
        engine=engine,
        engine_version=draw(st.sampled_from(ENGINES[engine])),
        memory_fraction=draw(st.sampled_from([None, 0.5, 0.95])),
        max_input_len=draw(st.integers(1, 16384)),
        max_output_len=draw(st.integers(1, 4096)),
        max_model_len=draw(st.sampled_from([None, 20480])),
        max_rolling_batch_size=draw(st.integers(1, 512)),
    )


def test_an_engine_that_passes_over_an_image_of_every_sequence_has_room_for_few():
    # https://github.com/vllm-project/vllm/issues/9445: 256 ran out on an A100, 32 served
    vision = replace(LLAMA_8B, model_type="mllama")
    by_batch = {
        batch: measure(
            setup_of(
                shape=vision,
                card="A100-SXM4-80GB",
                engine="vllm",
                engine_version="0.6.3",
                max_model_len=1024,
                max_input_len=512,
                max_output_len=512,
                max_rolling_batch_size=batch,
            )
        )
        for batch in (32, 256)
    }
    assert by_batch[32].verdict == "fits"
    assert by_batch[256].verdict == "does_not_fit"


def test_an_8b_on_one_a10g_has_the_cache_that_its_server_logged():
    """LMI 0.31 on ml.g5.4xlarge, batch 16, chunked prefill: 45200 tokens can be stored."""
    asked = setup_of(
        engine_version="0.6.3.post1",
        max_model_len=131072,
        max_num_tokens=2048,
        memory_fraction=0.95,
    )
    memory = measure(asked)
    assert memory.kv_cache_tokens == pytest.approx(45200, rel=0.05)
    assert memory.verdict == "does_not_fit"
    assert memory.shortage_bytes == 0  # there is a cache, but 131072 tokens do not fit in it


def test_a_longer_limit_leaves_more_room_once_prompts_come_in_chunks():
    """https://github.com/vllm-project/vllm/issues/10517: 6592 tokens at 24000, 23968 at 131072."""
    asked = setup_of(
        shape=LLAMA_70B, card="H100-SXM5-80GB", tensor_parallel_degree=2, gpu_link="nvswitch",
        engine_version="0.5.4", max_rolling_batch_size=256, max_model_len=24000,
    )  # fmt: skip
    assert measure(asked).kv_cache_tokens == pytest.approx(6592, rel=0.1)
    longer = replace(asked, max_model_len=131072)
    assert measure(longer).kv_cache_tokens == pytest.approx(23968, rel=0.1)


def test_a_full_prompt_in_one_piece_runs_out_of_memory():
    """131072 tokens x 2 x 14336 x 2 bytes are 7 GiB for one matrix alone."""
    asked = setup_of(engine_version="0.6.3.post1", max_model_len=131072, has_chunked_prefill=False)
    memory = measure(asked)
    assert memory.activation_bytes > 7 * GIB
    assert memory.shortage_bytes > 0
    assert not memory.fits


def test_the_sampler_of_a_large_batch_takes_a_quarter_of_a_small_cards_cache():
    small = measure(setup_of(max_model_len=2048, max_rolling_batch_size=16))
    large = measure(setup_of(max_model_len=2048, max_rolling_batch_size=256))
    difference = small.kv_cache_bytes - large.kv_cache_bytes
    assert 0.15 < difference / small.kv_cache_bytes < 0.35


@pytest.mark.parametrize(
    ("card", "gib"), [("A100-SXM4-40GB", 6 * 0.27), ("H200-SXM5-141GB", 6 * 0.75)]
)
def test_ranks_behind_an_nvswitch_have_buffers_for_each_other(card, gib):
    setup = setup_of(card=card, tensor_parallel_degree=8, engine_version="0.7.1")
    switched = measure(replace(setup, gpu_link="nvswitch"))
    difference = switched.overhead_bytes - measure(setup).overhead_bytes
    assert difference == pytest.approx(gib * GIB, abs=2)


@pytest.mark.parametrize(
    ("before", "after"),
    [("0.3.0", "0.3.1"), ("0.6.4", "0.6.5"), ("0.9.0", "0.9.1"), ("0.19.0", "0.20.0")],
)
def test_releases_that_count_less_or_take_more_of_the_card_have_a_larger_cache(before, after):
    setup = setup_of(max_model_len=2048, card="L4", is_eager=True)
    first, second = (measure(replace(setup, engine_version=each)) for each in (before, after))
    assert second.kv_cache_bytes > first.kv_cache_bytes


def test_tensorrt_llm_takes_its_fraction_of_what_is_free():
    asked = setup_of(engine="trtllm", engine_version="0.9.0", tensor_parallel_degree=4)
    half, most = (measure(replace(asked, memory_fraction=share)) for share in (0.45, 0.9))
    assert most.kv_cache_bytes == pytest.approx(2 * half.kv_cache_bytes, rel=1e-6)


def test_a_neuron_core_has_its_part_of_the_accelerator():
    asked = setup_of(card="Inferentia2", engine="neuronx", engine_version="2.18.2")
    assert measure(asked).usable_bytes == 16 * GIB


def test_every_slot_of_a_static_engine_must_fit():
    asked = setup_of(engine="deepspeed", engine_version="0.12.6", tensor_parallel_degree=4)
    memory = measure(asked)
    assert measure(replace(asked, max_rolling_batch_size=memory.max_safe_batch)).fits
    assert not measure(replace(asked, max_rolling_batch_size=10_000)).fits


def test_heads_that_do_not_divide_are_refused_with_the_reason():
    memory = measure(setup_of(shape=LLAMA_70B, card="H100-SXM5-80GB", tensor_parallel_degree=3))
    assert memory.verdict == "does_not_fit"
    assert any("do not divide" in doubt for doubt in memory.doubts)


def test_the_default_length_of_a_model_is_named_where_it_is_what_does_not_fit():
    memory = measure(setup_of(max_model_len=None))
    assert any("131072" in doubt for doubt in memory.doubts)


@pytest.mark.parametrize("kind", ["fits", "tight", "does_not_fit"])
def test_near_the_edge_an_answer_is_tight(kind):
    needed_gib = {"fits": 40.0, "tight": 18.35, "does_not_fit": 17.0}[kind]
    asked = with_memory(setup_of(max_model_len=4096), needed_gib)
    assert measure(asked).verdict == kind


@settings(deadline=None, max_examples=150)
@given(setups())
def test_the_parts_add_up_to_the_card(asked):
    memory = measure(asked)
    parts = memory.weights_bytes + memory.activation_bytes + memory.overhead_bytes
    parts += memory.kv_cache_bytes + memory.unused_bytes - memory.shortage_bytes
    assert parts == memory.usable_bytes
    assert memory.unused_bytes >= 0
    assert memory.kv_cache_bytes == 0 or memory.shortage_bytes == 0


@settings(deadline=None, max_examples=150)
@given(setups(), st.floats(4, 80), st.floats(0, 80))
def test_more_memory_never_holds_fewer_tokens_or_sequences(asked, gib, more):
    small, large = measure(with_memory(asked, gib)), measure(with_memory(asked, gib + more))
    assert small.kv_cache_tokens <= large.kv_cache_tokens
    assert small.max_sequences <= large.max_sequences
    order = ["does_not_fit", "tight", "fits"]
    assert order.index(small.verdict) <= order.index(large.verdict)


@settings(deadline=None, max_examples=150)
@given(setups(), st.integers(0, 4096), st.integers(0, 4096))
def test_longer_requests_never_allow_a_larger_batch(asked, more_input, more_output):
    longer = replace(
        asked,
        max_input_len=asked.max_input_len + more_input,
        max_output_len=asked.max_output_len + more_output,
    )
    assert measure(longer).max_safe_batch <= measure(asked).max_safe_batch
    assert measure(longer).max_sequences <= measure(asked).max_sequences


@settings(deadline=None, max_examples=150)
@given(setups())
def test_a_safe_batch_leaves_its_cache_at_the_lower_edge(asked):
    safe = measure(asked).max_safe_batch
    if safe:
        memory = measure(replace(asked, max_rolling_batch_size=safe))
        assert memory.max_sequences >= safe
        assert memory.bound.kv_cache_bytes_low > 0


@settings(deadline=None, max_examples=100)
@given(setups())
def test_the_point_lies_inside_its_bound(asked):
    memory = measure(asked)
    bound = memory.bound
    assert bound.kv_cache_bytes_low <= memory.kv_cache_bytes <= bound.kv_cache_bytes_high
    assert bound.kv_cache_tokens_low <= bound.kv_cache_tokens_high
    assert bound.basis


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_every_engine_of_every_age_has_an_answer(engine):
    for version in (*ENGINES[engine], "0.0.1", "999", "unknown", ""):
        assert measure(setup_of(engine=engine, engine_version=version)).usable_bytes


def test_every_backend_of_the_catalog_is_known_to_sizing():
    engines = {row["engine"] for row in catalog.raw_rows("memory").values()}
    for version in catalog.names(catalog.CONTAINERS):
        assert set(catalog.container(version).backends) <= engines
