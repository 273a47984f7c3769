from __future__ import annotations

import re
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, get_args

import pytest
from pydantic import BaseModel

from lmi_deployer import catalog
from lmi_deployer.checks import RULES, check, check_region, profile_key
from lmi_deployer.findings import CODES, Finding, Place, ProfileError
from lmi_deployer.profile import Settings
from lmi_deployer.sizing.published import every_row
from lmi_deployer.spec import GIB, ResolvedSpec
from tests.specs import make_spec

RowT = TypeVar("RowT")

G5_12X = "instance_type=ml.g5.12xlarge"
G5_48X = "instance_type=ml.g5.48xlarge"
P4D = "instance_type=ml.p4d.24xlarge"
T4 = "instance_type=ml.g4dn.12xlarge"
INF2 = ("instance_type=ml.inf2.8xlarge", "backend=neuronx")
AWQ = ("model.id=TheBloke/Llama-2-7B-AWQ", "backend=vllm", "quantize.method=awq")
GPTQ = ("model.id=TheBloke/Llama-2-7B-GPTQ", "quantize.method=gptq")
LLAMA_13B = "model.id=TheBloke/Llama-2-13B-fp16"
LLAMA_70B = "model.id=TheBloke/Llama-2-70B-fp16"
UNKNOWN = ("model.id=acme/unheard-of", "model.weights_gib=13.5")


def find(spec: ResolvedSpec, code: str) -> Finding:
    """The one finding with this code."""
    found = [item for item in check(spec) if item.code == code]
    assert len(found) == 1, [str(item) for item in check(spec)]
    return found[0]


def changed(row: RowT, **facts: object) -> RowT:
    """A copy of a catalog row with other facts."""
    twin = copy(row)
    vars(twin).update(facts)
    return twin


def stopping(spec: ResolvedSpec) -> list[str]:
    return [item.code for item in check(spec) if item.severity == "error"]


def serious(spec: ResolvedSpec) -> list[str]:
    return [item.code for item in check(spec) if item.severity != "note"]


def test_the_profile_of_these_tests_has_nothing_but_notes() -> None:
    assert serious(make_spec()) == []


@pytest.mark.parametrize("overrides", [AWQ, GPTQ, INF2, ("backend=trtllm", P4D)], ids=str)
def test_good_combinations_have_nothing_but_notes(overrides: tuple[str, ...]) -> None:
    assert serious(make_spec(*overrides)) == []


def test_a_backend_that_the_container_lacks_is_lmi101(monkeypatch: pytest.MonkeyPatch) -> None:
    full = catalog.container("0.25.0")
    backends = dict(full.backends)
    del backends["vllm"]
    smaller = changed(full, backends=backends)
    monkeypatch.setattr(catalog, "container", lambda version: smaller)
    with pytest.raises(ProfileError) as caught:
        make_spec("backend=vllm")
    (finding,) = caught.value.findings
    assert (finding.code, finding.key) == ("LMI101", "backend")
    assert "one of trtllm, lmi-dist" in str(finding.fix)


@pytest.mark.parametrize(
    ("overrides", "key", "fix"),
    [
        (("backend=hf-accelerate", "output_formatter=json"), "output_formatter", "would read it"),
        (("backend=hf-accelerate", "max_rolling_batch_size=8"), "max_rolling_batch_size", "would"),
        (("backend=vllm", f"model.revision={'a' * 40}"), "model.revision", "set model.source"),
        (
            ("backend=deepspeed", "quantize={method: smoothquant, per_token: true}"),
            "quantize",
            "trtllm would read it",
        ),
        ((*GPTQ[:1], "quantize={method: gptq, alpha: 0.5}"), "quantize", "trtllm, deepspeed"),
        (
            ("vllm.max_rolling_batch_prefill_tokens=1",),
            "vllm.max_rolling_batch_prefill_tokens",
            "r",
        ),
        (("trtllm={tokens_per_block: 64}",), "trtllm.tokens_per_block", "remove it"),
    ],
)
def test_a_setting_that_nothing_reads_is_lmi102(
    overrides: tuple[str, ...], key: str, fix: str
) -> None:
    finding = find(make_spec(*overrides), "LMI102")
    assert finding.severity == "error"
    assert finding.key == key
    assert fix in str(finding.fix)
    assert finding.place.file == "--set"


def test_a_section_of_another_backend_is_welcome_in_defaults_and_when_inherited() -> None:
    text = """\
apiVersion: lmi-deploy/v1
kind: ModelProfile
name: chat
model: {id: TheBloke/Llama-2-7B-fp16}
container: {version: "0.25.0"}
traffic: {max_input_len: 1024, max_output_len: 512}
defaults: {vllm: {max_rolling_batch_prefill_tokens: 2048}}
profiles:
  p4d: {instance_type: ml.p4d.24xlarge, backend: trtllm, trtllm: {tokens_per_block: 64}}
  g5: {extends: p4d, instance_type: ml.g5.2xlarge, backend: lmi-dist}
"""
    assert serious(make_spec(text=text)) == []
    assert serious(make_spec(text=text, hardware="p4d")) == []
    wrong = text.replace("backend: lmi-dist", "backend: lmi-dist, deepspeed: {task: x}")
    assert find(make_spec(text=wrong), "LMI102").place == Place("chat.yaml", 10, 89)


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (("model.id=TheBloke/Llama-2-7B-GPTQ",), "is quantized with gptq"),
        (("quantize.method=gptq",), "loads weights that are quantized with it already"),
        (("quantize.method=awq",), "does not take awq"),
        ((*GPTQ[:1], "quantize.method=bitsandbytes8"), "has gptq already"),
        ((*GPTQ, "model.dtype=fp16"), "stands beside option.quantize"),
        ((*AWQ, "model.dtype=bf16"), "does not go with dtype bf16"),
        (("backend=deepspeed", "quantize.method=smoothquant", "model.dtype=bf16"), "bf16"),
        (
            ("backend=trtllm", "model.id=tiiuae/falcon-7b", "quantize.method=smoothquant"),
            "serves llama; not falcon",
        ),
        ((*AWQ, "instance_type=ml.p3.2xlarge"), "needs compute capability 7.5"),
    ],
)
def test_quantization_that_does_not_go_together_is_lmi103(
    overrides: tuple[str, ...], problem: str
) -> None:
    findings = [item for item in check(make_spec(*overrides)) if item.code == "LMI103"]
    assert {(item.severity, item.key in {"quantize", "model.dtype"}) for item in findings} == {
        ("error", True)
    }
    assert any(problem in item.problem for item in findings)


def test_a_family_that_the_backend_does_not_serve_is_lmi104() -> None:
    finding = find(make_spec("backend=trtllm", "model.id=EleutherAI/gpt-j-6b"), "LMI104")
    assert finding.severity == "error"
    assert "the model is gptj" in finding.problem
    assert "hf-accelerate" in str(finding.fix)


def test_a_backend_that_loads_what_its_library_loads_is_not_judged() -> None:
    assert "LMI104" not in stopping(make_spec("backend=scheduler", "model.id=google/flan-t5-xl"))


@pytest.mark.parametrize(
    ("overrides", "severity", "problem"),
    [
        (("model.dtype=int8",), "error", "does not take int8"),
        ((T4, "model.dtype=bf16", "tensor_parallel_degree=4"), "warning", "8.0"),
        ((T4, "model.dtype=bf16", "backend=vllm", "tensor_parallel_degree=4"), "error", "8.0"),
    ],
)
def test_a_dtype_that_backend_or_gpu_lack_is_lmi105(
    overrides: tuple[str, ...], severity: str, problem: str
) -> None:
    finding = find(make_spec(*overrides), "LMI105")
    assert (finding.severity, finding.key) == (severity, "model.dtype")
    assert problem in finding.problem


def test_an_engine_that_is_compiled_at_each_start_is_the_note_lmi106() -> None:
    finding = find(make_spec("backend=trtllm", P4D), "LMI106")
    assert finding.severity == "note"
    assert " minutes" in finding.problem
    assert "LMI106" not in [item.code for item in check(make_spec())]


def test_weights_that_move_are_the_note_lmi107() -> None:
    assert find(make_spec(), "LMI107").severity == "note"
    assert "model.revision" in str(find(make_spec(), "LMI107").fix)
    assert "model.revision" not in str(find(make_spec("backend=vllm"), "LMI107").fix)
    for pinned in (f"model.revision={'a' * 40}", "model.source=s3://bucket/llama/"):
        assert "LMI107" not in [item.code for item in check(make_spec(pinned))]


@pytest.mark.parametrize(
    ("degree", "severity", "problem"),
    [
        (8, "error", "is 8, but ml.g5.12xlarge has 4 GPUs"),
        (3, "warning", "leaves 1 of 4 GPUs idle"),
    ],
)
def test_a_degree_that_does_not_fit_the_instance_is_lmi201(
    degree: int, severity: str, problem: str
) -> None:
    spec = make_spec(G5_12X, "model.id=openai-community/gpt2", f"tensor_parallel_degree={degree}")
    finding = find(spec, "LMI201")
    assert (finding.severity, finding.problem) == (severity, problem)


def test_neuron_cores_are_counted_where_there_are_no_gpus() -> None:
    assert (
        "has 2 NeuronCores" in find(make_spec(*INF2, "tensor_parallel_degree=4"), "LMI201").problem
    )


def test_a_degree_that_does_not_divide_the_heads_is_lmi202() -> None:
    spec = make_spec("model.id=tiiuae/falcon-7b", G5_12X, "tensor_parallel_degree=4")
    finding = find(spec, "LMI202")
    assert finding.problem == "is 4, which does not divide the 71 attention heads"
    assert finding.fix == "one of 1"


@pytest.mark.parametrize(
    ("overrides", "severity"),
    [
        ((LLAMA_13B,), "error"),
        ((LLAMA_70B, P4D, "tensor_parallel_degree=2"), "error"),
        ((*UNKNOWN[:1], "model.weights_gib=20"), "warning"),
    ],
)
def test_weights_that_do_not_fit_the_gpus_are_lmi203(
    overrides: tuple[str, ...], severity: str
) -> None:
    finding = find(make_spec(*overrides), "LMI203")
    assert (finding.severity, finding.key) == (severity, "instance_type")


def test_a_cache_that_holds_no_sequence_is_lmi203() -> None:
    long = ("traffic.max_input_len=3000", "traffic.max_output_len=1000")
    fitting = make_spec("backend=vllm", *long)
    assert serious(fitting) == []
    assert fitting.memory is not None
    room = fitting.memory.kv_cache_bytes
    smaller = changed(
        fitting.gpu, usable_memory_gib=fitting.gpu.usable_memory_gib - room / 0.9 / GIB + 1.5
    )
    finding = find(replace(fitting, gpu=smaller), "LMI203")
    assert "one request may take 4000" in finding.problem
    assert finding.severity == "warning"  # within the error of the estimate


def test_more_memory_than_there_is_even_with_luck_is_an_error() -> None:
    spec = make_spec("backend=vllm", LLAMA_13B)
    finding = find(spec, "LMI203")
    assert finding.severity == "error"
    assert finding.problem.startswith("weights 24.")
    assert "quantized weights" in str(finding.fix)


def test_slots_that_are_laid_out_in_full_have_to_fit() -> None:
    finding = find(make_spec("backend=deepspeed", "max_rolling_batch_size=12"), "LMI203")
    assert "of the 12 slots" in finding.problem
    assert "max_rolling_batch_size: " in str(finding.fix)


def test_the_memory_is_told_once() -> None:
    small = ("backend=vllm", "container.version=0.32.0", "instance_type=ml.g4dn.xlarge")
    assert find(make_spec(*small), "LMI203").key == "instance_type"


def test_a_server_that_runs_another_handler_than_is_meant_is_lmi104() -> None:
    glm = ("model.id=THUDM/glm-4-9b-chat", "container.version=0.36.0-lmi19", "backend=vllm")
    finding = find(make_spec(*glm, "model.trust_remote_code=true"), "LMI104")
    assert finding.fix == "backend: hf-accelerate"


def test_a_way_out_is_told_in_the_words_of_the_profile() -> None:
    finding = find(make_spec("model.id=Qwen/Qwen-14B-Chat", "backend=hf-accelerate"), "LMI404")
    assert finding.fix == "model.trust_remote_code: true"


def test_weights_in_a_format_that_no_profile_can_name_are_for_another_container() -> None:
    old = ("model.id=openai/gpt-oss-20b", "container.version=0.32.0", "backend=vllm")
    finding = find(make_spec(*old), "LMI103")
    assert finding.fix == "another container version, or a copy with plain weights"


def test_what_a_guide_ran_is_never_called_impossible() -> None:
    published = [
        make_spec(
            "max_rolling_batch_size=auto",
            f"model.id={item.row.model_id}",
            f"backend={item.guide.backend}",
            f"container.version={item.guide.release}",
            f"instance_type={item.row.instance_type}",
            f"traffic.max_input_len={item.guide.max_input_len}",
            f"traffic.max_output_len={item.guide.max_output_len}",
            f"quantize={'{method: ' + item.row.quantize + '}' if item.row.quantize else 'none'}",
        )
        for item in every_row()
    ]
    for spec in published:
        said = [item for item in check(spec) if item.code in {"LMI203", "LMI212"}]
        assert {item.severity for item in said} <= {"note"}, spec.weights.model_id
        assert all("tuning guide" in item.problem for item in said if item.code == "LMI203")


def test_a_batch_that_the_cache_cannot_hold_is_the_note_lmi212() -> None:
    finding = find(make_spec("max_rolling_batch_size=64"), "LMI212")
    assert (finding.severity, finding.key) == ("note", "max_rolling_batch_size")
    assert "is 64; the cache holds " in finding.problem
    assert "LMI212" not in [item.code for item in check(make_spec("max_rolling_batch_size=2"))]
    assert "LMI212" not in [item.code for item in check(make_spec("max_rolling_batch_size=auto"))]


def test_a_model_of_unknown_shape_is_lmi403() -> None:
    spec = make_spec()
    assert spec.weights.facts is not None
    nameless = replace(spec.weights.facts, shape=None, shape_problem="no such architecture")
    strange = replace(spec, weights=replace(spec.weights, facts=nameless))
    finding = find(strange, "LMI403")
    assert (finding.severity, finding.key) == ("warning", "model.id")
    assert "no such architecture" in finding.problem


def test_assumptions_about_a_model_are_told() -> None:
    spec = make_spec()
    facts = spec.weights.facts
    assert facts is not None
    assert facts.shape is not None
    doubtful = replace(facts, shape=replace(facts.shape, doubts=("heads are taken to be split",)))
    finding = find(replace(spec, weights=replace(spec.weights, facts=doubtful)), "LMI403")
    assert finding.severity == "note"
    assert "heads are taken to be split" in finding.problem


def test_a_model_that_contradicts_itself_is_lmi413() -> None:
    spec = make_spec()
    facts = spec.weights.facts
    assert facts is not None
    assert facts.shape is not None
    told = ("7 KV heads do not divide 32 attention heads",)
    wrong = replace(facts, shape=replace(facts.shape, contradictions=told))
    finding = find(replace(spec, weights=replace(spec.weights, facts=wrong)), "LMI413")
    assert (finding.severity, finding.key) == ("warning", "model.id")
    assert finding.problem == told[0]
    assert finding.fix is not None


def test_weights_that_do_not_fit_the_disk_are_lmi204() -> None:
    spec = make_spec(*UNKNOWN[:1], "model.weights_gib=300")
    finding = find(spec, "LMI204")
    assert finding.severity == "error"
    assert "GB of disk" in finding.problem


def test_an_accelerator_of_another_kind_is_lmi205() -> None:
    assert "needs gpu devices" in find(make_spec("instance_type=ml.inf2.8xlarge"), "LMI205").problem
    assert "needs neuron devices" in find(make_spec("backend=neuronx"), "LMI205").problem


def test_an_instance_type_that_hosts_nothing_is_lmi205() -> None:
    spec = make_spec()
    closed = changed(spec.instance, hosting=False)
    finding = find(replace(spec, instance=closed), "LMI205")
    assert finding.problem == "SageMaker does not offer ml.g5.2xlarge for hosting"


def test_custom_all_reduce_without_nvlink_is_lmi206() -> None:
    wanted = ("backend=trtllm", "trtllm.use_custom_all_reduce=true")
    finding = find(make_spec(G5_48X, *wanted), "LMI206")
    assert (finding.severity, finding.key) == ("error", "trtllm.use_custom_all_reduce")
    assert "LMI206" not in stopping(make_spec(P4D, *wanted))


def test_several_copies_are_the_note_lmi207() -> None:
    finding = find(make_spec(G5_12X, "tensor_parallel_degree=1"), "LMI207")
    assert finding.severity == "note"
    assert "makes 4 copies" in finding.problem


def test_more_requests_than_sequences_in_flight_is_the_note_lmi208() -> None:
    batches = ("max_rolling_batch_size=16", "endpoint.instances=2")
    finding = find(make_spec("traffic.concurrency=33", *batches), "LMI208")
    assert finding.severity == "note"
    assert "is 33, but 32 sequences run at once" in finding.problem
    enough = check(make_spec("traffic.concurrency=32", *batches))
    assert "LMI208" not in {item.code for item in enough}


def test_a_timeout_that_sagemaker_does_not_wait_for_is_the_warning_lmi209() -> None:
    finding = find(make_spec("predict_timeout_seconds=240"), "LMI209")
    assert finding.severity == "warning"
    assert serious(make_spec("predict_timeout_seconds=60")) == []


@pytest.mark.parametrize("option", ["minWorkers", "gpu.maxWorkers", "load_on_devices"])
def test_a_raw_option_that_changes_the_copies_is_the_warning_lmi305(option: str) -> None:
    finding = find(make_spec(f"options.{option}=1"), "LMI305")
    assert (finding.severity, finding.key) == ("warning", f"options.{option}")


def test_an_arm_machine_runs_no_lmi_image() -> None:
    spec = make_spec("instance_type=ml.p6e-gb200.36xlarge")
    assert any("is arm64" in item.problem for item in check(spec) if item.code == "LMI205")


@pytest.mark.parametrize("machine", ["ml.p6-b200.48xlarge", "ml.g7e.2xlarge"])
def test_a_gpu_newer_than_the_images_cuda_is_lmi205(machine: str) -> None:
    spec = make_spec(f"instance_type={machine}")
    assert any("has no code beyond 9.0" in item.problem for item in check(spec))
    assert "LMI205" in stopping(spec)


def test_a_gpu_older_than_the_backends_kernels_is_a_warning() -> None:
    assert find(make_spec(T4), "LMI205").severity == "warning"
    assert "LMI205" not in serious(make_spec(T4, "lmi_dist.paged_attention=false"))


def test_too_little_host_memory_to_compile_is_the_warning_lmi210() -> None:
    assert find(make_spec("backend=trtllm"), "LMI210").severity == "warning"
    assert "LMI210" not in serious(make_spec("backend=trtllm", G5_12X))


def test_an_unknown_disk_is_said_and_not_taken_for_none() -> None:
    spec = make_spec()
    unknown = replace(spec, instance=changed(spec.instance, local_disk_gb=None))
    assert find(unknown, "LMI403").severity == "warning"
    assert "LMI204" not in stopping(unknown)


def test_an_unknown_raw_option_is_lmi301_with_the_nearest() -> None:
    finding = find(make_spec("options.option.predict_timout=1"), "LMI301")
    assert (finding.severity, finding.key) == ("error", "options.option.predict_timout")
    assert finding.fix == "did you mean option.predict_timeout?"


@pytest.mark.parametrize(
    ("overrides", "fix"),
    [
        (("options.option.model_id=x",), "use model.id instead"),
        (("options.option.dtype=fp16",), "use model.dtype instead"),
        (("options.option.tensor_parallel_degree=8",), "use tensor_parallel_degree instead"),
        (("options.option.model_loading_timeout=9",), "use model_loading_timeout_seconds instead"),
        ((*INF2, "options.option.batch_size=4"), "use max_rolling_batch_size instead"),
    ],
)
def test_a_raw_option_over_what_the_profile_decides_is_the_warning_lmi302(
    overrides: tuple[str, ...], fix: str
) -> None:
    finding = find(make_spec(*overrides), "LMI302")
    assert (finding.severity, finding.fix) == ("warning", f"{fix}, where it can say the same")


@pytest.mark.parametrize(
    "option", ["rolling_batch=scheduler", "rolling_batch=vllm", "entryPoint=model.py"]
)
def test_a_raw_option_that_changes_the_backend_is_the_error_lmi302(option: str) -> None:
    finding = find(make_spec(f"options.option.{option}"), "LMI302")
    assert (finding.severity, finding.fix) == ("error", "use backend instead")


@pytest.mark.parametrize(
    "override", ["options.option.model_loading_timeout=null", "options.option.rolling_batch=auto"]
)
def test_a_line_may_be_left_out_or_spelt_otherwise_where_the_backend_stays(override: str) -> None:
    assert "LMI302" not in [item.code for item in check(make_spec(override))]


def test_a_raw_option_of_another_backend_is_lmi303() -> None:
    finding = find(make_spec("options.option.max_sparsity=0.3"), "LMI303")
    assert finding.problem == "is read by scheduler on LMI 0.25.0; lmi-dist ignores it"


@pytest.mark.parametrize("option", ["job_queue_size=100", "option.parallel_loading=true"])
def test_an_option_that_the_server_reads_is_fine(option: str) -> None:
    assert serious(make_spec(f"options.{option}")) == []


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("model.id=tête", "outside ASCII"),
        ('model.id="a\\tb"', "control character"),
        ('model.id="a\\nb=c"', "line break"),
        ("model.id=a\\b", "read differently"),
        ('model.id=" a"', "read differently"),
        ('model.id="a "', "read differently"),
        ('options.option.env=""', "is empty"),
        ("options={'a b': c}", "read differently"),
        ("options={'#a': c}", "read differently"),
        ("options={'!a': c}", "read differently"),
        ("options={'a:b': c}", "read differently"),
        ("options={'a=b': c}", "read differently"),
    ],
)
def test_what_the_two_readers_take_differently_is_lmi304(override: str, reason: str) -> None:
    finding = find(make_spec("model.weights_gib=13", override), "LMI304")
    assert finding.severity == "error"
    assert reason in finding.problem
    assert str(finding.key).startswith(("model.id", "options."))


def test_lengths_beyond_the_positions_are_lmi401() -> None:
    finding = find(make_spec("traffic.max_input_len=4000"), "LMI401")
    assert finding.problem == "prompt and answer may take 4512 tokens; the model has 4096"
    assert "LMI401" not in stopping(make_spec("traffic.max_input_len=3584"))


def test_prompts_that_an_encoder_reads_share_no_positions_with_the_answers() -> None:
    t5 = (G5_12X, "model.id=google/flan-t5-xxl", "traffic.max_input_len=400")
    assert "LMI401" not in [item.code for item in check(make_spec(*t5))]
    longer = find(make_spec(*t5, "traffic.max_input_len=1024"), "LMI401")
    assert (longer.severity, longer.key) == ("warning", "traffic.max_input_len")


def test_a_written_limit_below_the_lengths_is_lmi401() -> None:
    finding = find(make_spec(*INF2, "neuronx.n_positions=512"), "LMI401")
    assert (finding.severity, finding.key) == ("error", "neuronx.n_positions")


def test_gated_weights_without_a_copy_are_lmi402() -> None:
    gated = "model.id=meta-llama/Llama-2-7b-hf"
    finding = find(make_spec(gated), "LMI402")
    assert (finding.severity, finding.key) == ("error", "model.id")
    assert stopping(make_spec(gated, "model.source=s3://bucket/llama/")) == []


def test_a_model_without_facts_is_the_warning_lmi403() -> None:
    finding = find(make_spec(*UNKNOWN), "LMI403")
    assert finding.severity == "warning"
    assert "attention heads" in finding.problem


def test_code_from_a_moving_commit_is_the_warning_lmi404() -> None:
    wanted = ("model.id=tiiuae/falcon-7b", "model.trust_remote_code=true")
    finding = find(make_spec(*wanted), "LMI404")
    assert finding.severity == "warning"
    assert serious(make_spec(*wanted, f"model.revision={'a' * 40}")) == []
    assert serious(make_spec(*wanted, "model.source=s3://bucket/falcon/")) == []


def test_a_model_that_needs_its_own_code_is_lmi404_until_that_is_allowed() -> None:
    wanted = ("model.id=Qwen/Qwen-7B-Chat", "backend=vllm", "model.source=s3://bucket/qwen/")
    finding = find(make_spec(*wanted), "LMI404")
    assert (finding.severity, finding.key) == ("error", "model.trust_remote_code")
    assert "LMI404" not in stopping(make_spec(*wanted, "model.trust_remote_code=true"))


def test_a_region_without_the_image_is_said() -> None:
    spec = make_spec()
    missing = catalog.region_set(spec.image.region_set).missing
    assert missing
    assert str(check_region(spec, missing[0])).startswith(spec.image.tag)
    assert check_region(spec, "us-east-1") is None


def test_errors_come_first_and_each_finding_once() -> None:
    spec = make_spec(LLAMA_70B, "model.dtype=int8", "options.option.nonsense=1")
    found = check(spec)
    order = ["error", "warning", "note"]
    assert [item.severity for item in found] == sorted(
        (item.severity for item in found), key=order.index
    )
    assert len(set(found)) == len(found)
    assert found == check(spec)


def test_every_finding_has_a_place_in_the_users_file_or_command() -> None:
    spec = make_spec(LLAMA_70B, "model.dtype=int8", "options.option.nonsense=1")
    assert {item.place.file for item in check(spec)} <= {"chat.yaml", "--set"}


def test_every_setting_that_an_image_reads_has_a_key_in_the_profile() -> None:
    spec = make_spec()
    for version in catalog.names("containers"):
        container = catalog.container(version)
        for backend, support in container.backends.items():
            for setting in support.property_names:
                key = profile_key(replace(spec, backend=backend), setting)
                assert has_key(Settings, key.split(".")), f"{version} {backend} {setting}: {key}"


def has_key(model: type[BaseModel], path: list[str]) -> bool:
    if path[0] not in model.model_fields:
        return False
    inside = get_args(model.model_fields[path[0]].annotation)
    sections = [item for item in inside if isinstance(item, type) and issubclass(item, BaseModel)]
    return len(path) == 1 or any(has_key(section, path[1:]) for section in sections)


def test_every_code_is_exercised_by_a_test() -> None:
    tests = Path(__file__).parents[1].rglob("test_*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in tests)
    assert [code for code in CODES if not re.search(rf'"{code}"|\[{code}\]', text)] == []


def test_every_rule_says_which_codes_it_gives() -> None:
    for rule in RULES:
        named = re.findall(r"LMI\d{3}", str(rule.__doc__))
        assert named, rule.__name__
        assert set(named) <= set(CODES)


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (("traffic.max_input_len=40000", "traffic.max_output_len=auto"), "traffic.max_input_len"),
        (("traffic.max_input_len=4000",), "traffic.max_input_len"),
        (("traffic.max_output_len=4000",), "traffic.max_output_len"),
    ],
)
def test_lengths_that_are_too_long_are_blamed_on_what_was_asked_for(
    overrides: tuple[str, ...], key: str
) -> None:
    found = find(make_spec(*overrides), "LMI401")
    assert (found.key, found.place.file) == (key, "--set")
