from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.findings import Finding, Place, ProfileError
from lmi_deployer.loading import (
    MAX_LOADING_SECONDS,
    MAX_STARTUP_SECONDS,
    MAX_VOLUME_GB,
    MIN_VOLUME_GB,
    disk_bytes,
    loading_timeout_seconds,
    volume_gb,
)
from lmi_deployer.spec import GIB, Weights
from tests.specs import make_spec

P4D_TRTLLM = ("instance_type=ml.p4d.24xlarge", "backend=trtllm")
LLAMA_70B = "model.id=TheBloke/Llama-2-70B-fp16"
AUTO_BATCH = "max_rolling_batch_size=auto"
UNHEARD_OF = ("model.id=acme/unheard-of", "model.weights_gib=13.5")


@pytest.mark.parametrize(("method", "gib"), [("none", 40.0), ("{method: bitsandbytes8}", 20.0)])
def test_weights_of_stated_size_shrink_as_they_are_quantized(method: str, gib: float) -> None:
    stated = ("model.id=acme/own", "model.weights_gib=40", f"quantize={method}")
    assert make_spec(*stated).weights.gpu_bytes == pytest.approx(gib * GIB)


def test_a_model_that_nearly_is_in_the_catalog_is_offered() -> None:
    assert "did you mean 'tiiuae/falcon-40b'?" in str(refusal("model.id=tiiuae/falcon-40"))


def refusals(*overrides: str) -> tuple[Finding, ...]:
    with pytest.raises(ProfileError) as caught:
        make_spec(*overrides)
    return caught.value.findings


def refusal(*overrides: str) -> Finding:
    (finding,) = refusals(*overrides)
    return finding


def weights_of(gib: float) -> Weights:
    size = int(gib * GIB)
    return Weights(
        model_id="a/b",
        revision=None,
        source=None,
        dtype="fp16",
        quantize=None,
        download_bytes=size,
        gpu_bytes=size,
        facts=None,
    )


def test_nothing_is_left_open() -> None:
    spec = make_spec()
    assert not {None, "auto", "max"} & set(spec.settings.values())
    assert spec.tensor_parallel_degree == 1
    assert spec.max_rolling_batch_size == spec.settings["max_rolling_batch_size"]


def test_what_the_profile_says_is_kept_with_its_place() -> None:
    spec = make_spec()
    assert spec.backend == "lmi-dist"
    assert spec.origin["backend"].reason == "profiles.g5"
    assert spec.place("backend") == Place("chat.yaml", 10, 14)


def test_all_that_nothing_can_derive_is_asked_for_at_once() -> None:
    found = refusals(
        "model.id=", "container.version=", "instance_type=", "traffic.max_input_len=", "traffic="
    )
    assert [item.key for item in found] == [
        "model.id",
        "container.version",
        "instance_type",
        "traffic.max_input_len",
        "traffic.max_output_len",
    ]
    assert {item.code for item in found} == {"LMI004"}
    assert all(item.fix for item in found)


def test_unknown_names_are_reported_together_with_the_nearest() -> None:
    found = refusals("container.version=0.25.1", "instance_type=ml.g5.3xlarge")
    assert [(item.code, item.key) for item in found] == [
        ("LMI007", "container.version"),
        ("LMI007", "instance_type"),
    ]
    assert found[0].fix == "did you mean '0.25.0'?"
    assert "ml.g5." in str(found[1].fix)


@pytest.mark.parametrize(
    ("overrides", "backend"),
    [
        ((), "trtllm"),
        (("model.id=EleutherAI/gpt-neox-20b",), "lmi-dist"),
        (("model.id=mistralai/Mistral-7B-v0.1",), "vllm"),
        (("model.id=TheBloke/Llama-2-7B-GPTQ", "quantize.method=gptq"), "lmi-dist"),
        (("model.id=TheBloke/Llama-2-7B-AWQ", "quantize.method=awq"), "vllm"),
        (("quantize.method=dynamic_int8",), "deepspeed"),
        (("quantize.method=bitsandbytes4",), "scheduler"),
        (("instance_type=ml.inf2.8xlarge",), "neuronx"),
        (("model.id=Qwen/Qwen2.5-7B",), "scheduler"),
    ],
)
def test_an_open_backend_is_the_first_that_serves_model_method_and_machine(
    overrides: tuple[str, ...], backend: str
) -> None:
    spec = make_spec("backend=auto", *overrides)
    assert spec.backend == backend
    assert spec.origin["backend"].reason.startswith("rule: first backend of LMI 0.25.0")


def test_no_backend_at_all_is_said() -> None:
    finding = refusal("backend=auto", "instance_type=ml.inf2.8xlarge", "quantize.method=awq")
    assert finding.code == "LMI104"
    assert "trtllm: runs on gpu devices only" in finding.problem
    assert "neuronx: does not take awq" in finding.problem


@pytest.mark.parametrize(
    ("overrides", "dtype"),
    [
        ((), "fp16"),
        (("model.id=codellama/CodeLlama-7b-hf",), "bf16"),
        (("model.id=codellama/CodeLlama-7b-hf", "instance_type=ml.g4dn.xlarge"), "fp16"),
        (("model.id=codellama/CodeLlama-7b-hf", "model.dtype=fp16"), "fp16"),
        (("model.id=EleutherAI/gpt-j-6b", "backend=hf-accelerate"), "fp16"),
        (("model.id=mistralai/Mistral-7B-v0.1", "backend=vllm"), "bf16"),
    ],
)
def test_an_open_dtype_is_the_published_one_where_the_gpu_computes_in_it(
    overrides: tuple[str, ...], dtype: str
) -> None:
    assert make_spec(*overrides).weights.dtype == dtype


def test_quantization_decides_which_dtype_is_written_beside_it() -> None:
    awq = make_spec("model.id=TheBloke/Llama-2-7B-AWQ", "backend=vllm", "quantize.method=awq")
    assert awq.settings["dtype"] == "fp16"
    gptq = make_spec("model.id=TheBloke/Llama-2-7B-GPTQ", "quantize.method=gptq")
    assert "dtype" not in gptq.settings


@pytest.mark.parametrize(
    ("overrides", "degree", "reason"),
    [
        (("instance_type=ml.g5.12xlarge",), 4, "rule: all 4 GPUs of ml.g5.12xlarge"),
        (("instance_type=ml.p4d.24xlarge",), 8, "rule: all 8 GPUs of ml.p4d.24xlarge"),
        (("instance_type=ml.inf2.8xlarge", "backend=neuronx"), 2, "rule: all 2 NeuronCores"),
        (
            ("instance_type=ml.inf2.24xlarge", "backend=neuronx"),
            8,
            "published: tuning guide of 0.26.0, row Llama2 7b on inf2.24xlarge",
        ),
        (
            ("instance_type=ml.inf2.24xlarge", "backend=neuronx", "container.version=0.28.0"),
            8,
            "rule: the largest power of two of the 12 NeuronCores that divides",
        ),
        (
            ("instance_type=ml.g5.12xlarge", "model.id=tiiuae/falcon-7b"),
            1,
            "rule: as many of the 4 GPUs as divide the attention heads",
        ),
        (("instance_type=ml.g5.12xlarge", "tensor_parallel_degree=2"), 2, "--set"),
    ],
)
def test_an_open_degree_takes_as_much_of_the_machine_as_the_model_divides_into(
    overrides: tuple[str, ...], degree: int, reason: str
) -> None:
    spec = make_spec(*overrides)
    assert spec.tensor_parallel_degree == degree
    assert spec.origin["tensor_parallel_degree"].reason.startswith(reason)


@pytest.mark.parametrize(
    ("overrides", "batch"),
    [
        ((AUTO_BATCH, "backend=hf-accelerate"), None),
        (("backend=deepspeed", "max_rolling_batch_size=7"), 7),
        ((*UNHEARD_OF, AUTO_BATCH, "backend=lmi-dist"), 32),
        ((*UNHEARD_OF, "backend=deepspeed", "max_rolling_batch_size=auto"), 4),
    ],
)
def test_a_batch_is_the_containers_own_where_nobody_knows_the_memory(
    overrides: tuple[str, ...], batch: int | None
) -> None:
    spec = make_spec(*overrides)
    assert spec.max_rolling_batch_size == batch
    assert spec.settings.get("max_rolling_batch_size") == batch


@pytest.mark.parametrize(
    ("instance", "degree", "written", "value"),
    [
        ("ml.p4d.24xlarge", 8, None, True),
        ("ml.p4d.24xlarge", 8, "auto", True),
        ("ml.p4d.24xlarge", 8, "false", False),
        ("ml.p4d.24xlarge", 1, None, None),
        ("ml.g5.48xlarge", 8, None, None),
        ("ml.g5.48xlarge", 8, "true", True),
    ],
)
def test_custom_all_reduce_follows_the_links_between_gpus_unless_written(
    instance: str, degree: int, written: str | None, value: bool | None
) -> None:
    overrides = [f"instance_type={instance}", "backend=trtllm", f"tensor_parallel_degree={degree}"]
    if written is not None:
        overrides.append(f"trtllm.use_custom_all_reduce={written}")
    assert make_spec(*overrides).settings.get("use_custom_all_reduce") == value


@pytest.mark.parametrize("overrides", [(), ("backend=vllm",), ("backend=deepspeed",)])
def test_an_open_batch_is_the_largest_power_of_two_that_the_memory_holds(
    overrides: tuple[str, ...],
) -> None:
    spec = make_spec(AUTO_BATCH, *overrides)
    batch, memory = spec.max_rolling_batch_size, spec.memory
    assert batch is not None
    assert memory is not None
    assert batch & (batch - 1) == 0
    assert batch <= memory.max_sequences
    assert memory.fits
    twice = make_spec(*overrides, f"max_rolling_batch_size={2 * batch}").memory
    assert twice is not None
    assert not (twice.fits and twice.max_sequences >= 2 * batch)


def test_shorter_requests_never_lower_an_open_batch() -> None:
    long = make_spec(AUTO_BATCH).max_rolling_batch_size or 0
    short = make_spec(AUTO_BATCH, "traffic.max_input_len=128", "traffic.max_output_len=128")
    assert (short.max_rolling_batch_size or 0) > long


def test_published_settings_of_the_same_model_and_machine_go_first() -> None:
    spec = make_spec(*P4D_TRTLLM, LLAMA_70B, AUTO_BATCH)
    assert (spec.tensor_parallel_degree, spec.max_rolling_batch_size) == (8, 128)
    origin = spec.origin["max_rolling_batch_size"]
    row = "published: tuning guide of 0.26.0, row Llama2 70B on p4d.24xlarge"
    assert (origin.rule, origin.reason) == ("published-tuning-row", row)


@pytest.mark.parametrize(
    "other",
    [
        "traffic.max_input_len=2048",
        "container.version=0.27.0",
        "instance_type=ml.p4de.24xlarge",
        "quantize.method=smoothquant",
        "tensor_parallel_degree=4",
    ],
)
def test_published_settings_are_for_nothing_else(other: str) -> None:
    spec = make_spec(*P4D_TRTLLM, LLAMA_70B, AUTO_BATCH, other)
    assert spec.origin["max_rolling_batch_size"].rule == "largest-batch-that-fits"


def test_every_choice_names_its_rule_and_tells_what_else_there_was() -> None:
    spec = make_spec("backend=auto", AUTO_BATCH, "instance_type=ml.g5.12xlarge")
    chosen = {key: origin for key, origin in spec.origin.items() if origin.rule}
    assert chosen["backend"].rule == "first-backend-that-serves"
    assert chosen["tensor_parallel_degree"].rule == "all-devices"
    assert {item.value for item in chosen["tensor_parallel_degree"].runners_up} == {"1", "2"}
    against = {item.value: item.why_not for item in chosen["backend"].runners_up}
    assert against["neuronx"] == "runs on neuron devices only"
    assert against["lmi-dist"] == "serves it too, after trtllm"
    assert chosen.keys() >= {"max_rolling_batch_size", "model.dtype", "output_formatter"}


def test_deepspeed_shares_a_copy_no_further_than_memory_asks_for() -> None:
    deepspeed = ("backend=deepspeed", "instance_type=ml.g5.12xlarge")
    assert make_spec(*deepspeed).tensor_parallel_degree == 2
    large = make_spec(*deepspeed, "model.id=TheBloke/Llama-2-13B-fp16")
    assert large.tensor_parallel_degree == 4
    again = make_spec(
        *deepspeed, "model.id=TheBloke/Llama-2-13B-fp16", "quantize.method=smoothquant"
    )
    assert again.tensor_parallel_degree == 4  # it is loaded in 16 bits, and then quantized


def test_quantization_is_for_those_who_ask_and_need_it() -> None:
    assert make_spec("model.id=TheBloke/Llama-2-13B-fp16").weights.quantize is None
    assert make_spec("quantize=auto").weights.quantize is None
    reason = make_spec("quantize=auto").origin["quantize"].reason
    assert reason == "rule: none, since the plain weights fit with lmi-dist"


def test_quantization_that_is_asked_for_is_the_mildest_that_fits() -> None:
    spec = make_spec(
        "quantize=auto", AUTO_BATCH, "backend=auto", "model.id=TheBloke/Llama-2-13B-fp16"
    )
    assert spec.weights.quantize == "smoothquant"
    assert spec.settings["quantize"] == "smoothquant"
    assert spec.memory is not None
    assert spec.memory.verdict == "fits"
    origin = spec.origin["quantize"]
    assert origin.rule == "mildest-quantization-that-fits"
    against = {item.value: item.why_not for item in origin.runners_up}
    assert against["none"] == "3.5 GiB short on each GPU, before any cache"
    assert against["fp8"] == "does not take fp8"


def test_weights_that_are_quantized_already_stay_as_they_are() -> None:
    spec = make_spec("model.id=TheBloke/Llama-2-7B-GPTQ", "quantize=auto")
    assert spec.weights.quantize == "gptq"
    assert spec.origin["quantize"].rule == "as-the-checkpoint-is-stored"


@pytest.mark.parametrize(
    ("model", "lengths"),
    [
        ("TheBloke/Llama-2-7B-fp16", (1024, 512)),
        ("openai-community/gpt2", (768, 256)),
    ],
)
def test_lengths_that_are_left_to_the_rules_fit_the_positions(
    model: str, lengths: tuple[int, int]
) -> None:
    spec = make_spec(
        f"model.id={model}", "traffic={max_input_len: auto, max_output_len: auto}", "backend=vllm"
    )
    assert (spec.max_input_len, spec.max_output_len) == lengths
    assert spec.origin["traffic.max_input_len"].rule == "usual-lengths-within-positions"


def test_a_context_that_the_cache_cannot_hold_is_cut_to_what_requests_need() -> None:
    vllm = ("backend=vllm", "container.version=0.33.0")
    long = (*vllm, "model.id=meta-llama/Meta-Llama-3.1-8B", "instance_type=ml.g5.2xlarge")
    spec = make_spec(*long)
    assert spec.settings["max_model_len"] == 1536
    assert spec.origin["vllm.max_model_len"].rule == "context-that-fits"
    assert "max_model_len" not in make_spec(*vllm).settings
    assert make_spec(*long, "vllm.max_model_len=8192").settings["max_model_len"] == 8192


def test_smoothquant_of_grouped_query_attention_is_told_of_the_shared_heads() -> None:
    smoothquant = "quantize.method=smoothquant"
    assert make_spec(*P4D_TRTLLM, LLAMA_70B, smoothquant).settings["multi_query_mode"] is True
    assert "multi_query_mode" not in make_spec(*P4D_TRTLLM, smoothquant).settings
    assert "multi_query_mode" not in make_spec(*P4D_TRTLLM, LLAMA_70B).settings


def test_every_setting_of_smoothquant_reaches_the_container() -> None:
    spec = make_spec(
        *P4D_TRTLLM,
        "quantize={method: smoothquant, alpha: 0.7, per_token: true, per_channel: false}",
    )
    assert spec.settings["smoothquant_alpha"] == 0.7
    assert spec.settings["smoothquant_per_token"] is True
    assert spec.settings["smoothquant_per_channel"] is False


def test_the_lengths_reach_each_backend_under_the_names_it_has_for_them() -> None:
    assert make_spec(*P4D_TRTLLM).settings["max_input_len"] == 1024
    assert make_spec(*P4D_TRTLLM).settings["max_output_len"] == 512
    assert make_spec("backend=deepspeed").settings["max_tokens"] == 1536
    short = make_spec("backend=deepspeed", "traffic={max_input_len: 8, max_output_len: 256}")
    assert short.settings["max_tokens"] == 1024  # the container's own; longer requests would fail
    neuron = ("instance_type=ml.inf2.8xlarge", "backend=neuronx")
    assert make_spec(*neuron).settings["n_positions"] == 1536
    assert make_spec(*neuron, "neuronx.n_positions=2048").settings["n_positions"] == 2048
    assert not {"max_tokens", "n_positions", "max_input_len"} & set(make_spec().settings)


def test_a_copy_on_s3_takes_the_place_of_the_hub() -> None:
    revision = "a" * 40
    hub = make_spec(f"model.revision={revision}")
    assert hub.settings["revision"] == revision
    copied = make_spec(f"model.revision={revision}", "model.source=s3://bucket/llama/")
    assert copied.settings["model_id"] == "s3://bucket/llama/"
    assert "revision" not in copied.settings
    assert copied.weights.facts is not None


def test_a_model_that_the_catalog_does_not_hold_needs_a_size() -> None:
    finding = refusal("model.id=acme/unheard-of")
    assert (finding.code, finding.key) == ("LMI004", "model.weights_gib")
    spec = make_spec("model.id=acme/unheard-of", "model.weights_gib=13.5")
    assert spec.weights.facts is None
    assert spec.weights_gib_per_gpu == pytest.approx(13.5)


@pytest.mark.parametrize(
    ("overrides", "gib"),
    [
        ((), 12.55),
        (("backend=deepspeed", "quantize.method=smoothquant"), 6.28),
        (("model.dtype=fp32", "backend=vllm"), 25.1),
        (("model.id=TheBloke/Llama-2-7B-GPTQ", "quantize.method=gptq"), 3.62),
        (("model.weights_gib=10",), 10),
    ],
)
def test_the_weights_on_the_gpus_follow_dtype_and_quantization(
    overrides: tuple[str, ...], gib: float
) -> None:
    assert make_spec(*overrides).weights.gpu_bytes / GIB == pytest.approx(gib, abs=0.01)


def test_the_output_format_is_one_json_document_unless_written() -> None:
    assert make_spec().settings["output_formatter"] == "json"
    assert make_spec("output_formatter=jsonlines").settings["output_formatter"] == "jsonlines"
    assert "output_formatter" not in make_spec("backend=hf-accelerate").settings


def test_the_settings_of_the_backends_own_section_reach_the_container() -> None:
    spec = make_spec("lmi_dist.max_rolling_batch_prefill_tokens=4096", "predict_timeout_seconds=60")
    assert spec.settings["max_rolling_batch_prefill_tokens"] == 4096
    assert spec.settings["predict_timeout"] == 60
    assert "paged_attention" not in spec.settings


def test_the_endpoint_is_named_after_profile_and_hardware_unless_written() -> None:
    assert make_spec().endpoint.name == "chat-g5"
    assert make_spec("endpoint.name=mine").endpoint.name == "mine"


def test_the_endpoint_has_sagemakers_defaults() -> None:
    endpoint = make_spec().endpoint
    assert (endpoint.instance_count, endpoint.packaging) == (1, "prefix")
    assert (endpoint.role, endpoint.artifacts, endpoint.subnets) == (None, None, ())


def test_everything_about_the_endpoint_can_be_written() -> None:
    endpoint = make_spec(
        "endpoint={instances: 2, packaging: tar.gz, role: 'arn:aws:iam::123456789012:role/r',"
        " artifacts: 's3://bucket/here/', tags: {team: search},"
        " vpc: {subnets: [subnet-1], security_groups: [sg-1]}}"
    ).endpoint
    assert (endpoint.instance_count, endpoint.packaging) == (2, "tar.gz")
    assert endpoint.artifacts == "s3://bucket/here/"
    assert endpoint.tags == {"team": "search"}
    assert (endpoint.subnets, endpoint.security_groups) == (("subnet-1",), ("sg-1",))


def test_a_range_of_instances_is_for_a_later_version() -> None:
    assert make_spec("endpoint.instances={min: 2, max: 2}").endpoint.instance_count == 2
    finding = refusal("endpoint.instances={min: 1, max: 2}")
    assert (finding.code, finding.key) == ("LMI005", "endpoint.instances")


def test_a_written_loading_timeout_is_kept_and_startup_waits_longer() -> None:
    endpoint = make_spec("model_loading_timeout_seconds=900").endpoint
    assert endpoint.model_loading_timeout_seconds == 900
    assert endpoint.startup_timeout_seconds > 900


def test_a_disk_is_sized_only_where_sagemaker_takes_a_size() -> None:
    assert make_spec("instance_type=ml.g5.2xlarge").endpoint.volume_gb is None
    inferentia = make_spec("instance_type=ml.inf2.8xlarge", "backend=neuronx").endpoint
    assert inferentia.volume_gb is not None
    assert MIN_VOLUME_GB <= inferentia.volume_gb <= MAX_VOLUME_GB


sizes = st.floats(0.1, 2000)


@given(sizes, st.floats(0, 500), st.booleans())
def test_more_weights_never_get_less_time_or_disk(gib: float, more: float, compiles: bool) -> None:
    small, large = weights_of(gib), weights_of(gib + more)
    assert loading_timeout_seconds(small, compiles=compiles) <= loading_timeout_seconds(
        large, compiles=compiles
    )
    assert disk_bytes(small, compiles=compiles) <= disk_bytes(large, compiles=compiles)
    assert volume_gb(small, compiles=compiles) <= volume_gb(large, compiles=compiles)


@given(sizes, st.booleans())
def test_times_and_disks_stay_within_sagemakers_limits(gib: float, compiles: bool) -> None:
    seconds = loading_timeout_seconds(weights_of(gib), compiles=compiles)
    assert seconds % 60 == 0
    assert 60 <= seconds <= MAX_LOADING_SECONDS < MAX_STARTUP_SECONDS
    assert MIN_VOLUME_GB <= volume_gb(weights_of(gib), compiles=compiles) <= MAX_VOLUME_GB


@given(sizes)
def test_compiling_never_shortens_the_wait(gib: float) -> None:
    plain, compiled = (loading_timeout_seconds(weights_of(gib), compiles=c) for c in (False, True))
    assert plain <= compiled


def test_the_same_profile_gives_the_same_spec() -> None:
    assert make_spec() == make_spec()


def test_the_timeout_of_a_request_follows_from_its_longest_answer() -> None:
    key, asked = "predict_timeout_seconds", "predict_timeout_seconds=auto"
    fast = ("backend=vllm", "container.version=0.36.0-lmi27", asked)
    short = make_spec(*fast, "traffic.max_output_len=32")
    long = make_spec(*fast, "traffic.max_output_len=2000")
    seconds = short.settings["predict_timeout"]
    assert isinstance(seconds, int)
    assert 0 < seconds < 60 == long.settings["predict_timeout"]
    assert short.origin[key].rule == "time-for-the-longest-answer"
    assert "SageMaker ends a request" in long.origin[key].runners_up[0].why_not


def test_a_timeout_without_a_basis_is_left_to_the_container() -> None:
    asked = ("predict_timeout_seconds=auto", "instance_type=ml.g4dn.12xlarge")
    spec = make_spec(*asked, "model.dtype=fp16")
    assert "predict_timeout" not in spec.settings
    assert spec.origin["predict_timeout_seconds"].reason.startswith("container: its own 240")
    assert "predict_timeout" not in make_spec().settings
