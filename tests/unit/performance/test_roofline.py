"""The arithmetic of a pass, against figures worked out by hand, and how it must move."""

from dataclasses import replace
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.performance.constants import Hardware, Pace
from lmi_deployer.performance.roofline import Load, first_token, serve
from lmi_deployer.performance.work import Work

IDEAL = Hardware(
    weight_bandwidth=1, cache_bandwidth=1, expert_bandwidth=1, unpacking=0.5, decode_compute=1,
    prefill_compute=1, expert_compute=1, nvlink_seconds=3e-6, nvlink_bandwidth=1,
    pcie_seconds=30e-6, pcie_bytes_per_second=10e9,
)  # fmt: skip
IDLE = Pace(
    per_step=0, per_layer=0, per_prefill_layer=0, per_expert_layer=0, per_sequence=0,
    link_factor=1, rereads=0, first_token_factor=1, first_token_queue=0.5,
)  # fmt: skip
BUSY = replace(
    IDLE, per_step=5e-4, per_layer=2e-5, per_prefill_layer=1e-4, per_expert_layer=1e-5,
    per_sequence=1e-5,
)  # fmt: skip
WORK = Work(
    layers=10, expert_layers=0, hidden_size=1000, degree=1, dense_bytes=2e9, expert_bytes=0,
    idle_share=0, dense_parameters=1e9, expert_parameters=0, head_parameters=0,
    attention_products=0, cache_bytes_per_token=1e6, heads_per_group=4, window_tokens=0,
    window_share=0, bandwidth=1e12, dense_rate=1e14, expert_rate=1e14, plain_rate=1e14,
    is_dense_unpacked=False, is_expert_unpacked=False, link_bytes_per_second=None,
)  # fmt: skip
LOAD = Load(in_flight=1, input_len=100, output_len=100, max_num_tokens=8192)
MIXTURE = replace(WORK, expert_layers=10, expert_bytes=8e9, idle_share=0.75, expert_parameters=1e9)


def test_one_sequence_reads_the_weights_and_its_cache():
    timing = serve(WORK, IDEAL, IDLE, LOAD)
    # 2e9 bytes at 1e12 a second, and 150 tokens of context of 1e6 bytes each.
    assert isclose(timing.decode, 2e-3 + 150e-6, rel_tol=1e-6)


def test_a_large_batch_is_bound_by_products():
    timing = serve(WORK, IDEAL, IDLE, replace(LOAD, in_flight=1000))
    # 1000 tokens x 2 x 1e9 at 1e14 a second, and the cache of 1000 sequences.
    assert isclose(timing.decode, 20e-3 + 150e-3, rel_tol=1e-4)


def test_a_cycle_has_a_pass_for_each_token_and_prompts_ride_along():
    timing = serve(WORK, IDEAL, IDLE, LOAD)
    assert isclose(timing.cycle, 99 * timing.decode + timing.mixed)
    assert isclose(timing.mixed, (2e-3**4 + (2 * 101e9 / 1e14) ** 4) ** 0.25 + 150e-6)


def test_more_requests_than_tokens_share_the_passes_that_take_in_prompts():
    timing = serve(WORK, IDEAL, IDLE, replace(LOAD, in_flight=300, input_len=10))
    assert timing.prompts_per_pass == 3
    assert isclose(timing.cycle, 100 * timing.mixed)


def test_few_tokens_leave_experts_unread():
    def reading(tokens: float) -> float:
        timing = serve(MIXTURE, IDEAL, IDLE, replace(LOAD, in_flight=tokens, input_len=1))
        return timing.decode - tokens * 51e-6 - 2e-3

    assert isclose(reading(1), 8e-3 * 0.25, rel_tol=1e-3)
    assert isclose(reading(2), 8e-3 * (1 - 0.75**2), rel_tol=1e-3)


def test_an_all_reduce_sends_twice_what_the_other_gpus_hold():
    over_pcie = serve(replace(WORK, degree=4), IDEAL, IDLE, LOAD)
    alone = serve(WORK, IDEAL, IDLE, LOAD)
    # 2 a layer; a latency of 30 us grown by 2/3, and 2 x 3/4 x 1000 x 2 bytes at 1e10 a second.
    expected = 2 * 10 * (30e-6 * (1 + 2 / 3) + 3000 / 1e10)
    assert isclose(over_pcie.decode - alone.decode, expected, rel_tol=1e-6)


def test_old_kernels_read_the_keys_and_values_of_a_group_again():
    once = serve(WORK, IDEAL, IDLE, LOAD)
    again = serve(WORK, IDEAL, replace(IDLE, rereads=1), LOAD)
    assert isclose(again.decode - once.decode, 3 * 150e-6)


def test_weights_that_must_be_unpacked_are_read_more_slowly():
    packed = serve(replace(WORK, is_dense_unpacked=True), IDEAL, IDLE, LOAD)
    assert isclose(packed.decode, 4e-3 + 150e-6, rel_tol=1e-4)


def test_the_window_of_a_layer_bounds_what_it_reads():
    windowed = serve(replace(WORK, window_tokens=50, window_share=0.5), IDEAL, IDLE, LOAD)
    assert isclose(windowed.decode, 2e-3 + 100e-6, rel_tol=1e-6)


def test_an_engine_without_measured_first_tokens_has_none():
    timing = serve(WORK, IDEAL, IDLE, LOAD)
    assert first_token(timing, replace(IDLE, first_token_factor=None), 4) is None


LOADS = st.builds(
    Load,
    in_flight=st.floats(1, 2048),
    input_len=st.integers(1, 16000),
    output_len=st.integers(8, 4000),
    max_num_tokens=st.just(8192.0),
)
WORKS = st.sampled_from([WORK, MIXTURE, replace(WORK, degree=8, attention_products=1e6)])


@given(work=WORKS, load=LOADS, times=st.floats(1, 10))
@pytest.mark.parametrize("rate", ["bandwidth", "dense_rate", "expert_rate", "plain_rate"])
def test_a_faster_card_is_never_slower(rate, work, load, times):
    faster = replace(work, **{rate: getattr(work, rate) * times})
    assert serve(faster, IDEAL, BUSY, load).cycle <= serve(work, IDEAL, BUSY, load).cycle


@given(work=WORKS, load=LOADS, more=st.integers(1, 16000))
def test_a_longer_prompt_never_comes_sooner(work, load, more):
    longer = replace(load, input_len=load.input_len + more)
    first, later = (serve(work, IDEAL, BUSY, one) for one in (load, longer))
    assert later.prompt > first.prompt
    assert later.cycle >= first.cycle


@given(work=WORKS, load=LOADS, times=st.floats(1, 4))
def test_more_requests_never_lower_the_tokens_per_second(work, load, times):
    more = replace(load, in_flight=load.in_flight * times)
    few, many = (serve(work, IDEAL, BUSY, one) for one in (load, more))
    assert more.in_flight / many.cycle >= load.in_flight / few.cycle * (1 - 1e-9)
