from __future__ import annotations

import subprocess
import sys

import pytest

from lmi_deployer import catalog
from lmi_deployer.decided import decided_values
from lmi_deployer.findings import ProfileError
from lmi_deployer.spec import Compilation, ResolvedSpec
from tests.specs import PROFILE, make_spec

TRTLLM = ("backend=trtllm", "instance_type=ml.g5.12xlarge")
NEURON = ("backend=neuronx", "instance_type=ml.inf2.8xlarge", "container.version=0.28.0")
GATE = "quality={prompts: [a, b], minimum_agreement: 0.9}"


def compiled(*overrides: str) -> tuple[ResolvedSpec, Compilation]:
    spec = make_spec(*overrides)
    assert spec.compilation is not None
    return spec, spec.compilation


def refusal(*overrides: str) -> tuple[str, str | None, str]:
    with pytest.raises(ProfileError) as caught:
        make_spec(*overrides)
    (finding,) = caught.value.findings
    return finding.code, finding.key, str(finding)


@pytest.mark.parametrize("backend", ["lmi-dist", "vllm", "scheduler", "hf-accelerate"])
def test_a_backend_that_loads_weights_as_they_are_has_nothing_to_compile(backend: str) -> None:
    assert make_spec(f"backend={backend}").compilation is None


def test_left_out_it_takes_what_lies_ready_and_starts_nothing() -> None:
    spec, compilation = compiled(*TRTLLM)
    assert (compilation.mode, compilation.runner) == ("auto", "sagemaker")
    assert compilation.instance == spec.instance
    assert (compilation.cache, compilation.is_spot, compilation.quality) == (None, False, None)
    assert spec.compiles_at_start


def test_what_is_written_is_taken() -> None:
    section = (
        "compile={mode: aot, runner: docker, cache: s3://acme/engines/, max_seconds: 7200,"
        " instance_type: ml.g5.48xlarge, spot: true}"
    )
    _, compilation = compiled(*TRTLLM, section)
    assert (compilation.mode, compilation.runner) == ("aot", "docker")
    assert compilation.cache == "s3://acme/engines/"
    assert compilation.instance.name == "ml.g5.48xlarge"
    assert (compilation.max_seconds, compilation.is_spot) == (7200, True)


@pytest.mark.parametrize(("mode", "compiles"), [("auto", True), ("jit", True), ("aot", False)])
def test_an_endpoint_with_an_engine_starts_sooner(mode: str, compiles: bool) -> None:
    spec, _ = compiled(*TRTLLM, f"compile.mode={mode}")
    as_it_is = make_spec("backend=lmi-dist", "instance_type=ml.g5.12xlarge")
    assert spec.compiles_at_start == compiles
    loading = spec.endpoint.model_loading_timeout_seconds
    assert (loading > as_it_is.endpoint.model_loading_timeout_seconds) == compiles
    assert spec.settings["model_loading_timeout"] == loading


def test_the_disk_of_an_endpoint_with_an_engine_has_no_room_for_compiling() -> None:
    at_load, _ = compiled(*NEURON)
    ahead, _ = compiled(*NEURON, "compile.mode=aot")
    assert at_load.endpoint.volume_gb is not None
    assert ahead.endpoint.volume_gb is not None
    assert ahead.endpoint.volume_gb < at_load.endpoint.volume_gb


def test_inferentia_is_compiled_for_on_the_smallest_machine_with_its_cores() -> None:
    """No training job runs on inf2; Trainium has the same NeuronCores."""
    spec, compilation = compiled(*NEURON)
    assert not spec.instance.training
    assert compilation.instance.name == "ml.trn1.2xlarge"
    assert spec.origin["compile.instance_type"].runners_up[0].value == "ml.inf2.8xlarge"
    wide, larger = compiled(
        *NEURON, "instance_type=ml.inf2.48xlarge", "tensor_parallel_degree=8", "compile.mode=aot"
    )
    assert larger.instance.name == "ml.trn1.32xlarge"
    assert wide.ranks == 8


def test_trainium_compiles_for_inferentia_only_where_so_many_of_its_cores_join() -> None:
    _, compilation = compiled(*NEURON, "instance_type=ml.inf2.24xlarge", "tensor_parallel_degree=4")
    assert compilation.instance.name == "ml.inf2.24xlarge"


@pytest.mark.parametrize("key", ["runner", "instance_type", "max_seconds"])
def test_auto_says_what_leaving_out_says(key: str) -> None:
    spec, left_out = compiled(*TRTLLM, "compile.mode=aot")
    auto, compilation = compiled(*TRTLLM, "compile.mode=aot", f"compile.{key}=auto")
    assert compilation == left_out
    assert auto.origin[f"compile.{key}"].rule == spec.origin[f"compile.{key}"].rule


@pytest.mark.parametrize(
    "option",
    [
        "option.model_id=acme/other",
        "option.revision=main",
        "option.tensor_parallel_degree=2",
    ],
)
def test_an_engine_of_the_profile_is_not_served_for_a_raw_option_that_says_otherwise(
    option: str,
) -> None:
    assert make_spec(*TRTLLM, f"options.{option}").compilation is None
    assert make_spec(*TRTLLM, "options.option.max_beam_width=2").compilation is not None


def test_an_optimization_job_names_the_machine_that_serves() -> None:
    spec, compilation = compiled(*NEURON, "compile.runner=optimization")
    assert compilation.instance == spec.instance


def test_a_job_gets_more_time_for_more_work() -> None:
    seconds = [
        compiled(*TRTLLM, *more)[1].max_seconds
        for more in (
            (),
            ("quantize.method=smoothquant",),
            ("quantize.method=smoothquant", GATE),
            ("model.id=TheBloke/Llama-2-13B-fp16", "quantize.method=smoothquant", GATE),
        )
    ]
    assert seconds == sorted(set(seconds))
    assert all(each % 600 == 0 for each in seconds)
    _, huge = compiled(*TRTLLM, "model.id=acme/huge", "model.weights_gib=90000")
    assert huge.max_seconds == 28 * 24 * 3600


def test_the_gate_has_the_prompts_and_a_number_of_tokens() -> None:
    _, compilation = compiled(*TRTLLM, GATE, "quality.reference=[x, y]")
    quality = compilation.quality
    assert quality is not None
    assert (quality.prompts, quality.reference) == (("a", "b"), ("x", "y"))
    assert (quality.minimum_agreement, quality.max_new_tokens) == (0.9, 32)


def test_a_gate_may_be_written_in_parts() -> None:
    text = PROFILE.replace("backend: lmi-dist", "backend: trtllm").replace(
        "profiles:", "defaults: {quality: {prompts: [a], max_new_tokens: 8}}\nprofiles:"
    )
    spec = make_spec("quality.minimum_agreement=0.5", text=text)
    assert spec.compilation is not None
    quality = spec.compilation.quality
    assert quality is not None
    assert (quality.prompts, quality.max_new_tokens) == (("a",), 8)


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("quality.prompts=[a]", "quality.minimum_agreement"),
        ("quality.minimum_agreement=0.9", "quality.prompts"),
    ],
)
def test_half_a_gate_is_lmi004(override: str, key: str) -> None:
    code, found, text = refusal(*TRTLLM, override)
    assert (code, found) == ("LMI004", key)
    assert "fix: " in text


def test_an_unknown_machine_is_lmi007_with_the_nearest_name() -> None:
    code, key, text = refusal(*TRTLLM, "compile.instance_type=ml.g5.12xlrge")
    assert (code, key) == ("LMI007", "compile.instance_type")
    assert "ml.g5.12xlarge" in text


def test_a_version_that_cannot_compile_ahead_counts_only_where_it_is_asked_to() -> None:
    broken = ("backend=neuronx", "instance_type=ml.inf2.8xlarge", "container.version=0.25.0")
    compiler = catalog.compiler("0.25.0", "neuronx")
    assert compiler is not None
    assert compiler.refused
    assert make_spec(*broken).compilation is None
    _, compilation = compiled(*broken, "compile.mode=aot")
    assert compilation.compiler.refused


def test_a_model_that_the_script_does_not_split_has_nothing_in_the_cache() -> None:
    old = ("backend=deepspeed", "container.version=0.22.1", "instance_type=ml.g5.12xlarge")
    assert make_spec(*old).compilation is None
    assert make_spec(*old, "model.id=EleutherAI/gpt-j-6b").compilation is not None


def test_explain_shows_every_value_with_where_it_comes_from() -> None:
    spec, _ = compiled(*TRTLLM, "compile.cache=s3://acme/engines/", GATE)
    told = {item.key: item for item in decided_values(spec)}
    assert told["compile.mode"].value == "auto"
    assert told["compile.mode"].origin.rule == "what-is-ready"
    assert told["compile.runner"].origin.rule == "compile-on-sagemaker"
    assert told["compile.instance_type"].origin.rule == "compile-where-it-is-served"
    assert told["compile.max_seconds"].origin.rule == "time-for-compiling"
    assert told["compile.cache"].origin.place.file == "--set"
    assert str(told["quality.prompts"].value).startswith("2 prompts (sha256 ")
    plain = {item.key for item in decided_values(make_spec())}
    assert not [key for key in plain if key.startswith(("compile.", "quality."))]


@pytest.mark.parametrize(
    ("option", "degree"), [(None, 1), ("2", 2), ('"2"', 2), ("0", 1), ("max", 1)]
)
def test_the_pipeline_degree_is_the_raw_option_or_one(option: str | None, degree: int) -> None:
    more = () if option is None else (f"options.option.pipeline_parallel_degree={option}",)
    spec = make_spec(*TRTLLM, "container.version=0.30.0", *more)
    assert spec.pipeline_parallel_degree == degree
    assert spec.ranks == spec.tensor_parallel_degree * degree


def test_a_profile_that_compiles_nothing_loads_no_module_for_it() -> None:
    code = (
        "import sys; from lmi_deployer.hardware import load_profile, merge;"
        "from lmi_deployer.resolve import resolve; from lmi_deployer.checks import check;"
        f"check(resolve(merge(load_profile({PROFILE!r}, 'p.yaml'), 'g5')));"
        "assert not [name for name in sys.modules if name.startswith(("
        "'lmi_deployer.aot', 'lmi_deployer.artifact', 'lmi_deployer.compiling',"
        "'lmi_deployer.rules.compilation', 'lmi_deployer.catalog.compiler_rows',"
        "'lmi_deployer.checks.compilation'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
