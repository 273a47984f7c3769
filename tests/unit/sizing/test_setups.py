"""Setups out of hardware profiles and out of flags, and what flags are refused for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmi_deployer import catalog, known_models
from lmi_deployer.answering.answer import answer
from lmi_deployer.answering.document import as_json
from lmi_deployer.answering.page import page
from lmi_deployer.cards import find_gpu
from lmi_deployer.catalog.rows import Backend, QuantizeMethod
from lmi_deployer.errors import InputError
from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.sizing import setups, weights_bytes_per_gpu
from lmi_deployer.sizing.asked import (
    Machine,
    Understood,
    Wanted,
    machine_of_gpus,
    machine_of_instance,
)
from lmi_deployer.sizing.setup import Setup
from tests.specs import make_spec

LLAMA = "meta-llama/Llama-2-7b-hf"
LLAMA_70B = "meta-llama/Llama-2-70b-hf"
MISTRAL = "mistralai/Mistral-7B-v0.1"


def facts_of(model: str) -> ModelFacts:
    facts = known_models.find(model)
    assert facts is not None
    return facts


def on(instance_type: str) -> Machine:
    return machine_of_instance(catalog.instance_type(instance_type))


def ask(
    model: str = LLAMA, machine: Machine | str = "ml.g5.12xlarge", **settings: Any
) -> Understood:
    place = on(machine) if isinstance(machine, str) else machine
    return setups.of_flags(model, facts_of(model), place, Wanted(**settings))


def of_profile(*overrides: str) -> Setup:
    spec = make_spec(*overrides)
    assert spec.setup is not None
    return spec.setup


def test_a_profile_asks_what_its_container_would_read():
    setup = of_profile("max_rolling_batch_size=16", "instance_type=ml.g5.12xlarge")
    assert (setup.engine, setup.engine_version) == ("lmi-dist", "0.9.4.post0")
    assert (setup.gpu.name, setup.gpu_count, setup.gpu_link) == ("A10G", 4, "pcie")
    assert setup.tensor_parallel_degree == 4
    assert (setup.max_input_len, setup.max_output_len) == (1024, 512)
    assert setup.max_rolling_batch_size == 16
    assert setup.memory_fraction is None


def test_settings_of_a_section_and_raw_options_both_count():
    setup = of_profile(
        'container.version="0.32.0"',
        "backend=vllm",
        "vllm.gpu_memory_utilization=0.8",
        "vllm.max_model_len=2048",
        "vllm.enforce_eager=true",
        "vllm.max_rolling_batch_prefill_tokens=4096",
        "options={option.kv_cache_dtype: fp8_e5m2, option.enable_chunked_prefill: false}",
    )
    assert (setup.engine_version, setup.memory_fraction) == ("0.7.3", 0.8)
    assert (setup.max_model_len, setup.max_num_tokens) == (2048, 4096)
    assert (setup.kv_cache_dtype, setup.has_chunked_prefill, setup.is_eager) == ("fp8", False, True)


@pytest.mark.parametrize("text", ["many", "-3", "1e3", "99999999999999999999", "' '"])
def test_a_raw_option_that_is_no_number_is_left_to_the_engine(text: str):
    setup = of_profile('container.version="0.32.0"', f"options={{option.max_model_len: {text}}}")
    assert setup.max_model_len is None or setup.max_model_len == 1000


def test_weights_quantized_while_loading_are_told_from_a_quantized_checkpoint():
    loading = of_profile(
        'container.version="0.32.0"',
        "instance_type=ml.g6.12xlarge",
        "backend=vllm",
        "quantize={method: fp8}",
    )
    assert loading.weight_format == "fp8"
    stored = of_profile(
        'container.version="0.32.0"',
        "backend=vllm",
        "model.id=TheBloke/Llama-2-7B-AWQ",
        "quantize={method: awq}",
    )
    assert stored.weight_format is None
    assert stored.shape.stored is not None


def test_a_version_without_public_code_has_the_library_of_the_one_it_stands_on():
    newest = catalog.container(catalog.names("containers")[-1])
    assert not newest.is_verified
    assert setups.engine_version(newest, "vllm") is not None


@pytest.mark.parametrize(
    ("gpu", "count", "link"),
    [
        ("A10G", 1, "none"),
        ("A10G", 4, "pcie"),
        ("A100-80GB", 2, "nvswitch"),
        ("V100-32GB", 8, "nvlink"),
        ("A800-80GB", 8, "nvlink"),
        ("RTX4090-24GB", 2, "pcie"),
        ("Inferentia2", 6, "neuronlink"),
    ],
)
def test_a_gpu_and_a_count_are_a_machine_with_the_link_that_such_gpus_have(
    gpu: str, count: int, link: str
):
    machine = machine_of_gpus(find_gpu(gpu), count)
    assert (machine.link, machine.cards) == (link, count)
    assert machine.devices == count * (machine.gpu.neuron_cores or 1)


CASES = [
    (LLAMA, "ml.g5.12xlarge", "0.25.0"),
    (LLAMA, "ml.g5.2xlarge", "0.28.0"),
    (LLAMA_70B, "ml.p4d.24xlarge", "0.25.0"),
    (LLAMA_70B, "ml.p4d.24xlarge", "0.26.0"),
    (LLAMA_70B, "ml.g5.48xlarge", "0.32.0"),
    (MISTRAL, "ml.g6.2xlarge", "0.36.0-lmi27"),
    ("tiiuae/falcon-40b", "ml.p4d.24xlarge", "0.26.0"),
    ("EleutherAI/gpt-j-6b", "ml.g5.2xlarge", "0.27.0"),
    (LLAMA, "ml.inf2.24xlarge", "0.28.0"),
    ("TheBloke/Llama-2-7B-AWQ", "ml.g5.2xlarge", "0.28.0"),
]


@pytest.mark.parametrize(("model", "instance", "version"), CASES)
def test_what_flags_leave_open_is_decided_as_a_profile_decides_auto(
    model: str, instance: str, version: str
):
    asked = ask(model, instance, container_version=version)
    method = facts_of(model).quantization
    quantize = f"{{method: {method}}}" if method else "none"
    spec = make_spec(
        f"model={{id: {model}, source: 's3://acme/copy/'}}",
        f'container.version="{version}"',
        f"instance_type={instance}",
        f"backend={asked.backend}",
        f"quantize={quantize}",
    )
    told = spec.setup
    assert told is not None
    for name in ("tensor_parallel_degree", "max_rolling_batch_size", "dtype", "engine_version"):
        assert getattr(asked.setup, name) == getattr(told, name), name
    assert asked.setup.weight_format == told.weight_format
    assert (asked.evidence is None) == (spec.evidence is None)


def test_everything_that_nobody_gave_has_a_reason():
    assumed = ask().assumed
    for name in (
        "container_version",
        "backend",
        "engine_version",
        "dtype",
        "tensor_parallel_degree",
        "max_input_len",
        "max_output_len",
        "max_rolling_batch_size",
    ):
        assert assumed[name], name
    told = ask(dtype="fp16", max_input_len=100, tensor_parallel_degree=2).assumed
    assert not {"dtype", "max_input_len", "tensor_parallel_degree"} & set(told)


def test_an_engine_version_picks_the_container_that_bundles_it_and_overrules_others():
    assert ask(backend="vllm", engine_version="0.4.2").container.version == "0.28.0"
    other = ask(backend="vllm", engine_version="0.5.4", memory_fraction=0.95)
    assert (other.setup.engine_version, other.setup.memory_fraction) == ("0.5.4", 0.95)


def test_a_limit_on_the_whole_length_is_shared_out_between_prompt_and_answer():
    setup = ask(backend="vllm", max_model_len=2048).setup
    assert (setup.max_input_len, setup.max_output_len) == (1536, 512)
    short = ask(backend="vllm", max_model_len=40).setup
    assert (short.max_input_len, short.max_output_len) == (30, 10)


def test_max_takes_all_devices_that_can_share_a_copy():
    assert ask(tensor_parallel_degree="max").setup.tensor_parallel_degree == 4
    falcon = ask("tiiuae/falcon-7b", backend="vllm", tensor_parallel_degree="max")
    assert falcon.setup.tensor_parallel_degree == 1  # 71 heads


def test_an_open_backend_is_one_that_reads_all_that_is_set():
    assert ask(container_version="0.32.0").backend == "trtllm"
    assert ask(container_version="0.32.0", max_model_len=2048).backend != "trtllm"


def test_a_format_that_no_backend_is_documented_to_load_is_sized_with_that_doubt():
    asked = ask("openai/gpt-oss-20b", "ml.g6e.2xlarge", container_version="0.32.0", backend="vllm")
    assert any("mxfp4" in doubt for doubt in asked.doubts)
    assert not ask("openai/gpt-oss-20b", "ml.g6e.2xlarge").doubts


def test_an_old_gpu_gets_the_newest_container_that_still_has_its_kernels():
    newest = ask(MISTRAL, "ml.g5.2xlarge").container.version
    volta = ask(MISTRAL, "ml.p3.8xlarge").container
    order = catalog.names("containers")
    assert order.index(volta.version) < order.index(newest)
    named = ask(MISTRAL, "ml.p3.8xlarge", container_version=newest, backend="vllm")
    assert any("compute capability" in doubt for doubt in named.doubts)


@pytest.mark.parametrize("method", ["awq", "gptq"])
def test_plain_weights_are_sized_as_if_quantized_with_a_doubt(method: str):
    plain = ask(backend="vllm")
    supposed = ask(backend="vllm", quantize=method)
    stored = supposed.setup.shape.stored
    assert stored is not None
    assert (stored.method, stored.group_size) == (method, 128)
    assert "counted as if" in supposed.doubts[0]
    whole, packed = weights_bytes_per_gpu(plain.setup), weights_bytes_per_gpu(supposed.setup)
    assert 0.25 < packed / whole < 0.35


def test_an_engine_that_quantizes_plain_weights_itself_is_asked_without_a_doubt():
    asked = ask(backend="trtllm", container_version="0.30.0", quantize="awq")
    assert asked.setup.shape.stored is None
    assert asked.setup.weight_format == "awq"


@pytest.mark.parametrize(
    ("settings", "problem", "fix"),
    [
        ({"tensor_parallel_degree": 3}, "does not divide the 32 attention heads", "1, 2, 4"),
        ({"tensor_parallel_degree": 8}, "ml.g5.12xlarge has 4 GPUs", "1, 2, 4"),
        (
            {"tensor_parallel_degree": 4, "pipeline_parallel_degree": 2,
             "container_version": "0.32.0"},
            "4 x 2 stages", "1, 2",
        ),
        ({"backend": "deepspeed", "container_version": "0.32.0"}, "no backend", "vllm"),
        ({"backend": "neuronx", "container_version": "0.28.0"}, "for neuron devices", "trtllm"),
        ({"quantize": "smoothquant", "backend": "vllm"}, "does not take smoothquant", "fp8"),
        ({"quantize": "static_int8", "backend": "vllm"}, "does not take static_int8", "fp8"),
        ({"max_model_len": 9000, "backend": "vllm"}, "the model has 4096", "at most 4096"),
        ({"max_input_len": 4000, "max_output_len": 97}, "the model has 4096", "at most 4096"),
        (
            {"max_input_len": 900, "max_output_len": 200, "max_model_len": 1000},
            "max_model_len is 1000", "a larger --max-model-len",
        ),
        (
            {"memory_fraction": 0.8, "backend": "vllm", "container_version": "0.25.0"},
            "reads no gpu_memory_utilization", "0.27.0 to",
        ),
        (
            {"kv_cache_dtype": "fp8", "backend": "lmi-dist", "container_version": "0.28.0"},
            "reads no kv_cache_dtype", "--engine-version",
        ),
        ({"container_version": "0.99"}, "unknown container version", "did you mean"),
    ],
)  # fmt: skip
def test_what_is_not_possible_is_refused_with_what_is(
    settings: dict[str, Any], problem: str, fix: str
):
    with pytest.raises(InputError) as caught:
        ask(**settings)
    assert problem in caught.value.problem
    assert fix in (caught.value.fix or "")


def test_a_gpu_that_cannot_compute_in_bf16_is_said_so():
    with pytest.raises(InputError, match=r"bf16 needs compute capability 8.0; T4 has 7.5"):
        ask(machine="ml.g4dn.12xlarge", dtype="bf16")


def test_an_image_without_code_for_the_gpu_is_refused():
    with pytest.raises(InputError, match="has no code for B200"):
        ask(machine="ml.p6-b200.48xlarge", container_version="0.25.0")


def test_a_quantized_checkpoint_stays_as_it_is():
    model = "TheBloke/Llama-2-7B-AWQ"
    assert ask(model, backend="vllm").setup.weight_format is None
    for method in ("none", "fp8"):
        with pytest.raises(InputError, match="is quantized with awq already"):
            ask(model, backend="vllm", quantize=method)


def test_every_way_out_has_been_measured_to_fit():
    asked = ask(LLAMA_70B, "ml.g5.12xlarge", backend="vllm", container_version="0.32.0")
    found = answer(LLAMA_70B, asked)
    assert not found.memory.fits
    assert found.ways_out
    assert all(way.memory.verdict == "fits" for way in found.ways_out)
    assert any(way.change.startswith("--instance ml.") for way in found.ways_out)


def test_a_lower_degree_than_fits_offers_the_smallest_that_does():
    asked = ask(LLAMA, tensor_parallel_degree=1, backend="vllm", container_version="0.32.0")
    asked = replace(asked, setup=replace(asked.setup, dtype="fp32"))
    changes = [way.change for way in answer(LLAMA, asked).ways_out]
    assert "--tensor-parallel-degree 2" in changes


NUMBER = st.integers(1, 2000) | st.integers(1, 10_000_000)
OPEN: dict[str, Any] = {
    "container_version": st.sampled_from(catalog.names("containers")),
    "backend": st.sampled_from(get_args(Backend)),
    "engine_version": st.sampled_from(["0.5.4", "", "x", "9" * 50, "0.6.3.post1"]),
    "tensor_parallel_degree": st.sampled_from(["max", 1, 2, 4]) | st.integers(1, 1024),
    "pipeline_parallel_degree": st.sampled_from([1, 2, 1024]),
    "dtype": st.sampled_from(["fp32", "fp16", "bf16"]),
    "quantize": st.sampled_from([*get_args(QuantizeMethod), "none"]),
    "kv_cache_dtype": st.sampled_from(["auto", "fp8", "int8"]),
    "memory_fraction": st.floats(0, 1, exclude_min=True),
    "max_input_len": NUMBER,
    "max_output_len": NUMBER,
    "max_model_len": NUMBER,
    "max_rolling_batch_size": NUMBER,
    "max_num_tokens": NUMBER,
    "enable_chunked_prefill": st.booleans(),
    "enforce_eager": st.booleans(),
}
WANTED = st.lists(st.sampled_from(sorted(OPEN)), max_size=5, unique=True).flatmap(
    lambda names: st.builds(Wanted, **{name: OPEN[name] for name in names})
)
MODELS = [LLAMA, MISTRAL, "tiiuae/falcon-7b", "TheBloke/Llama-2-7B-AWQ", "google/flan-t5-xxl"]


@settings(max_examples=150)
@given(
    model=st.sampled_from(MODELS),
    instance=st.sampled_from(catalog.names("instances")),
    wanted=WANTED,
)
def test_any_question_is_answered_or_refused_in_words(model: str, instance: str, wanted: Wanted):
    refusal = None
    try:
        asked = setups.of_flags(model, facts_of(model), on(instance), wanted)
    except InputError as error:
        refusal = error
    if refusal is not None:
        assert refusal.problem
        assert refusal.fix
        return
    found = answer(model, asked, has_ways_out=False)
    parts = as_json(found)["per_gpu"]
    used = sum(parts[name] for name in ("weights", "activations", "overhead", "kv_cache", "unused"))
    assert used == parts["usable"] + parts["shortage"]
    assert page(found, 100)


def test_a_family_that_vllm_never_had_goes_to_a_version_with_a_backend_for_it():
    asked = ask("google/flan-t5-xxl", "ml.g5.12xlarge")
    assert asked.backend in {"trtllm", "lmi-dist"}
    assert (asked.setup.max_input_len, asked.setup.max_output_len) == (512, 512)


def test_what_was_asked_for_and_costs_memory_is_offered_back_first():
    tight = ask(MISTRAL, "ml.g5.2xlarge", memory_fraction=0.6)
    assert answer(MISTRAL, tight).ways_out[0].change.startswith("--memory-fraction 0.9")
    wide = ask(MISTRAL, "ml.g5.2xlarge", dtype="fp32")
    assert answer(MISTRAL, wide).ways_out[0].change == "--dtype bf16"


def test_quantized_weights_are_refused_on_a_gpu_without_their_kernels():
    with pytest.raises(InputError, match=r"mxfp4 needs compute capability 8\.0; T4 has 7\.5"):
        ask("openai/gpt-oss-20b", "ml.g4dn.12xlarge")


def test_a_family_that_a_backend_refuses_in_fp16_is_loaded_in_fp32_on_an_old_gpu():
    machine = on("ml.g4dn.xlarge")
    newest = ask("google/gemma-2-2b", machine, container_version="0.36.0-lmi27", backend="vllm")
    assert newest.setup.dtype == "fp32"
    assert "refuses gemma2 in fp16" in newest.assumed["dtype"]
    older = ask("google/gemma-2-2b", machine, container_version="0.33.0", backend="vllm")
    assert older.setup.dtype == "fp16"
    with pytest.raises(InputError, match="refuses gemma2 in fp16"):
        ask("google/gemma-2-2b", machine, container_version="0.34.0", dtype="fp16", backend="vllm")


def test_a_checkpoints_own_cache_format_counts_where_the_engine_takes_it_over():
    model, machine = "nvidia/Llama-3.1-8B-Instruct-FP8", "ml.g6e.xlarge"
    newer = ask(model, machine, container_version="0.36.0-lmi27")
    older = ask(model, machine, container_version="0.34.0")
    told = [as_json(answer(model, item))["kv_bytes_per_token"] for item in (newer, older)]
    assert told == [65536, 131072]
    assert newer.assumed["kv_cache_dtype"] == "checkpoint: its own, which the engine takes over"
    assert "only where it is set" in older.assumed["kv_cache_dtype"]


def test_a_pooled_figure_of_the_cache_is_marked_as_one():
    assert as_json(answer(MISTRAL, ask(MISTRAL)))["kv_bytes_per_token_is_pooled"] is True
    assert as_json(answer(LLAMA, ask()))["kv_bytes_per_token_is_pooled"] is False
    text = " ".join(page(answer(MISTRAL, ask(MISTRAL)), 100).split())
    assert "the mean over a sequence of the full length limit" in text


def test_a_version_beyond_all_that_is_known_is_doubted():
    asked = ask(backend="vllm", engine_version="99.0")
    assert any("nothing is known of vllm 99.0" in doubt for doubt in asked.doubts)
    assert not ask(backend="vllm", engine_version="0.8.4").doubts
