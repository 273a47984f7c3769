"""What the estimate says, when it says nothing, and how its bands lie."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer import sizing
from lmi_deployer.model_shape import StoredFormat
from lmi_deployer.performance import NoBasis, Performance, estimate, usd_per_million_tokens
from lmi_deployer.performance.scope import group, pace_name, version_numbers
from lmi_deployer.sizing.memory import Memory
from lmi_deployer.sizing.setup import Setup
from tests.unit.performance.setups import memory, setup

MEASURED = setup()
GPTQ = StoredFormat(method="gptq", bits=4, group_size=128)


def performance(
    asked: Setup = MEASURED, *, concurrency: int = 8, cache: Memory | None = None
) -> Performance:
    found = estimate(asked, cache or memory(), concurrency=concurrency)
    assert isinstance(found, Performance)
    return found


def test_every_figure_lies_inside_its_band():
    found = performance()
    assert found.ttft_seconds is not None
    for band in (found.ttft_seconds, found.itl_seconds, found.output_tokens_per_second):
        assert 0 < band.low < band.middle < band.high


def test_the_basis_names_what_was_measured():
    basis = performance().basis
    assert "dense models on NVLink cards" in basis
    assert "each left out in turn" in basis


def test_latency_and_throughput_describe_one_cycle():
    found = performance()
    cycle = 8 * 512 / found.output_tokens_per_second.middle
    answer = found.itl_seconds.middle * 511
    assert 0.5 * cycle < answer < cycle


def test_an_answer_of_one_token_has_the_time_that_the_next_would_take():
    one = performance(replace(MEASURED, max_output_len=1)).itl_seconds.middle
    two = performance(replace(MEASURED, max_output_len=64)).itl_seconds.middle
    assert one == pytest.approx(two, rel=1)


def test_prompts_far_longer_than_any_measured_get_the_width_of_what_nobody_measured():
    assert group(replace(MEASURED, max_input_len=40_000)) == "dense-nvlink"
    assert group(replace(MEASURED, max_input_len=128_000)) == "dense-unmeasured"


def test_a_llama_3_1_8b_on_an_h100_is_within_the_limits_of_its_memory():
    found = performance(concurrency=1)
    # 15 GB of weights at 3.35 TB/s is 4.5 ms for each token at the very best.
    assert 1 / 0.02 < found.output_tokens_per_second.middle < 1 / 0.0045


def test_the_batch_bounds_the_requests_in_flight():
    asked = replace(MEASURED, max_rolling_batch_size=4)
    assert performance(asked, concurrency=64) == performance(asked, concurrency=4)


def test_the_cache_bounds_the_requests_in_flight():
    cache = memory(kv_cache_tokens=3 * (1024 + 512))
    assert performance(concurrency=64, cache=cache).concurrency == 3


def test_a_model_that_does_not_fit_has_no_speed():
    found = estimate(MEASURED, memory(kv_cache_tokens=0), concurrency=1)
    assert found == NoBasis(reason="the model does not fit, or has no cache")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (setup(gpu="Inferentia2", engine="neuronx"), "Inferentia2"),
        (setup(gpu="T4", dtype="fp16"), "before Ampere"),
        (setup(gpu="V100-SXM2-32GB", dtype="fp16"), "before Ampere"),
        (setup(engine="deepspeed", engine_version="0.12.6"), "deepspeed"),
        (setup(engine="hf-accelerate"), "hf-accelerate"),
        (setup(engine="tgi", engine_version="2.0.4"), "tgi 2.0.4"),
        (setup(dtype="fp32"), "fp32"),
        (setup(weight_format="bitsandbytes4"), "bitsandbytes"),
        (setup(pipeline_parallel_degree=2), "pipeline"),
        (replace(MEASURED, shape=replace(MEASURED.shape, num_encoder_layers=12)), "encoder"),
        (replace(MEASURED, shape=replace(MEASURED.shape, model_type="zork")), "family zork"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_nobody_measured_has_no_basis(asked, words):
    found = estimate(asked, memory(), concurrency=1)
    assert isinstance(found, NoBasis)
    assert words in found.reason


def test_engines_and_formats_that_nobody_measured_get_the_width_of_those_left_out():
    old = replace(MEASURED, engine_version="0.4.2")
    packed = replace(MEASURED, shape=replace(MEASURED.shape, stored=GPTQ))
    unsure = replace(MEASURED, shape=replace(MEASURED.shape, doubts=("unknown family",)))
    for asked in (old, packed, unsure):
        assert group(asked) == "dense-unmeasured"
        found, sure = performance(asked), performance()
        assert _width(found) > _width(sure)
        assert "nothing like this was measured" in found.basis


def _width(found: Performance) -> float:
    band = found.output_tokens_per_second
    return band.high / band.low


def test_the_first_token_is_off_where_its_band_would_say_nothing():
    assert performance(setup(gpu="A10G")).ttft_seconds is None
    assert performance(setup(engine="trtllm", engine_version="0.12.0")).ttft_seconds is None


@pytest.mark.parametrize(
    ("engine", "version", "pace"),
    [
        ("trtllm", "0.6.1", "trtllm-0.5"),
        ("trtllm", "0.7.1", "trtllm-0.7"),
        ("trtllm", "0.21.0rc1", "trtllm-0.7"),
        ("trtllm", "1.0.0rc3", "trtllm-1"),
        ("trtllm", "unknown", "trtllm-1"),
        ("vllm", "0.2.1.post1", "no-graphs"),
        ("vllm", "0.11.1", "vllm"),
        ("lmi-dist", "0.9.4.post0", "no-graphs"),
        ("lmi-dist", "13.0.0", "vllm"),
        ("neuronx", "2.20.0", None),
    ],
)
def test_each_version_goes_at_the_pace_of_its_time(engine, version, pace):
    assert pace_name(replace(MEASURED, engine=engine, engine_version=version)) == pace


def test_eager_mode_goes_without_graphs():
    eager = replace(MEASURED, is_eager=True)
    assert pace_name(eager) == "no-graphs"
    assert (
        performance(eager).output_tokens_per_second.middle
        < performance().output_tokens_per_second.middle
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (setup(), "dense-nvlink"),
        (setup(tensor_parallel_degree=4), "dense-nvlink"),
        (setup(gpu="L40S"), "dense-l40s"),
        (setup(gpu="A10G"), "dense-single"),
        (setup(gpu="A10G", tensor_parallel_degree=4), "dense-pcie"),
        (setup("mistralai/Mixtral-8x7B-v0.1", tensor_parallel_degree=2), "moe-nvlink"),
        (setup("mistralai/Mixtral-8x7B-v0.1", gpu="L40S", tensor_parallel_degree=4), "moe-pcie"),
        (setup("mistralai/Mixtral-8x7B-v0.1", gpu="L40S"), "moe-unmeasured"),
        (setup(engine_version="0.2.0"), "no-graphs"),
        (setup(engine_version="0.2.0", tensor_parallel_degree=2), "no-graphs-parallel"),
    ],
)
def test_each_setup_belongs_to_the_measurements_like_it(asked, expected):
    assert group(asked) == expected


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("0.6.3.post1", (0, 6, 3)), ("1.0.0rc3", (1, 0, 0)), ("unknown", ()), ("", ())],
)
def test_a_version_is_read_up_to_what_is_no_number(version, numbers):
    assert version_numbers(version) == numbers


def test_the_price_of_tokens_is_upside_down_to_the_speed():
    found = performance()
    cost = usd_per_million_tokens(found, 3.6, copies=2)
    speed = found.output_tokens_per_second
    assert cost.middle == pytest.approx(1000 / speed.middle / 2)
    assert cost.low == pytest.approx(1000 / speed.high / 2)
    assert cost.low < cost.middle < cost.high


MODELS = st.sampled_from([
    "meta-llama/Meta-Llama-3.1-8B", "meta-llama/Llama-2-70b-hf", "mistralai/Mixtral-8x7B-v0.1",
    "deepseek-ai/DeepSeek-V3", "openai/gpt-oss-120b", "tiiuae/falcon-180B",
])  # fmt: skip
CARDS = st.sampled_from(
    ["A10G", "L4", "L40S", "A100-SXM4-80GB", "H100-SXM5-80GB", "B200-SXM6-180GB"]
)
ENGINES = st.sampled_from([("vllm", "0.12.0"), ("trtllm", "0.12.0"), ("vllm", "0.2.0")])


@given(
    model=MODELS,
    card=CARDS,
    engine=ENGINES,
    degree=st.sampled_from([1, 2, 4, 8]),
    concurrency=st.integers(1, 300),
    more=st.integers(1, 300),
    lengths=st.tuples(st.integers(1, 8000), st.integers(8, 4000)),
)
def test_more_requests_never_lower_the_throughput(
    model, card, engine, degree, concurrency, more, lengths
):
    asked = setup(
        model,
        gpu=card,
        tensor_parallel_degree=degree,
        engine=engine[0],
        engine_version=engine[1],
        max_input_len=lengths[0],
        max_output_len=lengths[1],
        max_rolling_batch_size=1000,
    )
    few = performance(asked, concurrency=concurrency).output_tokens_per_second
    many = performance(asked, concurrency=concurrency + more).output_tokens_per_second
    assert many.middle >= few.middle * (1 - 1e-9)


@given(model=MODELS, prompt=st.integers(1, 20000), more=st.integers(1, 8000))
def test_a_longer_prompt_never_lowers_the_time_to_the_first_token(model, prompt, more):
    short = performance(setup(model, max_input_len=prompt))
    long = performance(setup(model, max_input_len=prompt + more))
    assert short.ttft_seconds is not None
    assert long.ttft_seconds is not None
    assert long.ttft_seconds.middle >= short.ttft_seconds.middle


@given(model=MODELS, card=CARDS, times=st.floats(1, 4))
def test_more_memory_bandwidth_is_never_slower(model, card, times):
    asked = setup(model, gpu=card)
    bandwidth = asked.gpu.memory_bandwidth_gb_per_second * times
    faster = asked.gpu.model_copy(update={"memory_bandwidth_gb_per_second": bandwidth})
    before, after = performance(asked), performance(replace(asked, gpu=faster))
    assert after.output_tokens_per_second.middle >= before.output_tokens_per_second.middle


def test_sizing_and_estimate_agree_on_what_a_setup_is():
    asked = setup("meta-llama/Llama-2-70b-hf", gpu="A100-SXM4-40GB", tensor_parallel_degree=8)
    found = performance(asked, concurrency=16, cache=sizing.measure(asked))
    assert found.concurrency == 16
