"""The batch that memory allows, for memories of every kind."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer import catalog
from lmi_deployer.catalog.rows import Backend
from lmi_deployer.rules import Case, max_rolling_batch_size
from lmi_deployer.rules.batch import ceiling
from lmi_deployer.sizing.memory import Bound, Memory
from lmi_deployer.sizing.published import find

NO_BOUND = Bound(
    kv_cache_bytes_low=0,
    kv_cache_bytes_high=0,
    kv_cache_tokens_low=0,
    kv_cache_tokens_high=0,
    basis="none",
)
ROOMY = Memory(
    usable_bytes=100,
    weights_bytes=50,
    activation_bytes=0,
    overhead_bytes=0,
    kv_cache_bytes=50,
    unused_bytes=0,
    shortage_bytes=0,
    kv_bytes_per_token=1,
    kv_cache_tokens=50,
    max_sequences=50,
    max_safe_batch=50,
    verdict="fits",
    bound=NO_BOUND,
)


def case(backend: Backend, version: str = "0.26.0", instance: str = "ml.g5.12xlarge") -> Case:
    machine = catalog.instance_type(instance)
    return Case(
        container=catalog.container(version),
        backend=backend,
        instance=machine,
        gpu=catalog.gpu(machine.gpu),
        facts=None,
        method=None,
        max_input_len=1024,
        max_output_len=512,
    )


@given(sequences=st.integers(0, 500), cost=st.floats(0, 10))
def test_the_batch_is_held_and_twice_as_much_is_not(sequences: int, cost: float) -> None:
    def measure(batch: int) -> Memory:  # a larger pass leaves less for the cache
        return replace(ROOMY, max_sequences=max(0, int(sequences - cost * batch)))

    batch = max_rolling_batch_size(case("trtllm"), 4, measure).value
    assert batch is not None
    assert batch & (batch - 1) == 0
    assert batch == 1 or measure(batch).max_sequences >= batch
    assert batch == 128 or measure(2 * batch).max_sequences < 2 * batch


def test_a_batch_with_which_the_server_does_not_start_is_not_taken() -> None:
    def measure(batch: int) -> Memory:
        return replace(
            ROOMY, max_sequences=500, verdict="does_not_fit" if batch > 8 else "tight",
            max_safe_batch=5,
        )  # fmt: skip

    choice = max_rolling_batch_size(case("trtllm"), 4, measure)
    assert choice.value == 8
    against = {item.value: item.why_not for item in choice.runners_up}
    assert against["16"] == "leaves too little memory to start"
    assert against["4"].startswith("is sure to start")
    assert "32" in against  # the container's own


@pytest.mark.parametrize(
    ("backend", "version", "most"),
    [
        ("trtllm", "0.26.0", 128),
        ("trtllm", "0.28.0", 256),
        ("lmi-dist", "0.26.0", 64),
        ("vllm", "0.27.0", 256),
        ("vllm", "0.36.0-lmi27", 64),
        ("scheduler", "0.26.0", 32),
        ("neuronx", "0.26.0", 4),
        ("neuronx", "0.28.0", 8),
    ],
)
def test_no_more_is_tried_than_documents_or_the_container_start_with(
    backend: Backend, version: str, most: int
) -> None:
    assert ceiling(case(backend, version)) == most
    choice = max_rolling_batch_size(
        case(backend, version), 4, lambda _: replace(ROOMY, max_sequences=10_000)
    )
    assert choice.value == most
    assert choice.runners_up[0].value == str(2 * most)


def test_a_published_batch_goes_first_and_names_what_it_beat() -> None:
    rows = find("meta-llama/Llama-2-13b-hf", "ml.g5.12xlarge", "trtllm")
    choice = max_rolling_batch_size(replace(case("trtllm"), published=rows), 4, lambda _: ROOMY)
    assert (choice.value, choice.rule) == (32, "published-tuning-row")
    assert choice.runners_up == ()  # the rules come to the same
    tighter = replace(ROOMY, max_sequences=9)
    choice = max_rolling_batch_size(replace(case("trtllm"), published=rows), 4, lambda _: tighter)
    assert [item.value for item in choice.runners_up] == ["8"]


def test_a_published_batch_is_for_its_own_degree() -> None:
    rows = find("meta-llama/Llama-2-13b-hf", "ml.g5.12xlarge", "trtllm")
    choice = max_rolling_batch_size(replace(case("trtllm"), published=rows), 2, lambda _: ROOMY)
    assert choice.rule == "largest-batch-that-fits"
