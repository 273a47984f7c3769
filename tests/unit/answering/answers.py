"""A sizing answer made by hand, of which a test changes what it is about."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from lmi_deployer import catalog
from lmi_deployer.answering.answer import Answer
from lmi_deployer.catalog.rows import Price
from lmi_deployer.model_shape import ModelShape
from lmi_deployer.performance.estimate import Band, Performance
from lmi_deployer.sizing.asked import Understood, machine_of_instance
from lmi_deployer.sizing.memory import Bound, Memory
from lmi_deployer.sizing.setup import Setup

GIB = 1024**3
SHAPE = ModelShape(
    model_type="llama",
    num_hidden_layers=32,
    hidden_size=4096,
    intermediate_size=11008,
    num_attention_heads=32,
    num_key_value_heads=32,
    head_dim=128,
    vocab_size=32000,
    max_position_embeddings=4096,
    has_tied_embeddings=False,
    has_gated_mlp=True,
    parameter_count=6_738_415_616,
)
BOUND = Bound(
    kv_cache_bytes_low=5 * GIB,
    kv_cache_bytes_high=7 * GIB,
    kv_cache_tokens_low=10_000,
    kv_cache_tokens_high=14_000,
    basis="logs of a test",
)
MEMORY = Memory(
    usable_bytes=22 * GIB,
    weights_bytes=12 * GIB,
    activation_bytes=1 * GIB,
    overhead_bytes=1 * GIB,
    kv_cache_bytes=6 * GIB,
    unused_bytes=2 * GIB,
    shortage_bytes=0,
    kv_bytes_per_token=524_288,
    kv_cache_tokens=12_288,
    max_sequences=8,
    max_safe_batch=6,
    verdict="fits",
    bound=BOUND,
)
TOO_LARGE = replace(
    MEMORY,
    weights_bytes=26 * GIB,
    kv_cache_bytes=0,
    shortage_bytes=8 * GIB,
    kv_cache_tokens=0,
    max_sequences=0,
    max_safe_batch=0,
    verdict="does_not_fit",
)
SPEED = Performance(
    ttft_seconds=Band(low=0.1, middle=0.2, high=0.4),
    itl_seconds=Band(low=0.02, middle=0.03, high=0.04),
    output_tokens_per_second=Band(low=200, middle=300, high=400),
    concurrency=8,
    basis="runs of a test",
)
PRICE = Price(
    usd_per_hour=1.5, region="us-east-1", as_of=dt.date(2026, 8, 17), source="a price list"
)


def make_setup(instance_type: str = "ml.g5.2xlarge", **changes: Any) -> Setup:
    """Llama 2 7B on vLLM of LMI 0.28.0."""
    machine = machine_of_instance(catalog.instance_type(instance_type))
    setup = Setup(
        shape=SHAPE,
        gpu=machine.gpu,
        gpu_count=machine.devices,
        gpu_link=machine.link,
        tensor_parallel_degree=machine.devices,
        engine="vllm",
        engine_version="0.4.2",
        dtype="fp16",
        max_input_len=1024,
        max_output_len=512,
        max_rolling_batch_size=8,
    )
    return replace(setup, **changes)


def make_answer(
    memory: Memory = MEMORY, instance_type: str = "ml.g5.2xlarge", **changes: Any
) -> Answer:
    """The answer with this memory; changes are fields of the setup or of the answer."""
    own = {name: changes.pop(name) for name in ("speed", "price", "ways_out") if name in changes}
    assumed = changes.pop("assumed", {"dtype": "rule: as published"})
    machine = machine_of_instance(catalog.instance_type(instance_type))
    asked = Understood(
        setup=make_setup(instance_type, **changes),
        machine=machine,
        container=catalog.container("0.28.0"),
        backend="vllm",
        assumed=assumed,
    )
    answer = Answer(title="acme/chat-7b", asked=asked, memory=memory, speed=SPEED, price=PRICE)
    return replace(answer, **own)
