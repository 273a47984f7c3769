from __future__ import annotations

from copy import copy

import pytest

from lmi_deployer import catalog
from lmi_deployer.catalog.compiler_rows import Compiler
from lmi_deployer.catalog.rows import Backend
from lmi_deployer.checks import check
from lmi_deployer.findings import Finding
from lmi_deployer.spec import ResolvedSpec
from tests.specs import PROFILE, make_spec

AOT = "compile.mode=aot"
SOURCE = "model.source=s3://acme-models/llama/"
TRTLLM = ("backend=trtllm", "instance_type=ml.g5.12xlarge", SOURCE)
GATE = "quality={prompts: [a, b], minimum_agreement: 0.9}"
INF2 = ("backend=neuronx", "instance_type=ml.inf2.8xlarge", SOURCE)


def found(code: str, *overrides: str, text: str = PROFILE) -> list[Finding]:
    return [item for item in check(make_spec(*overrides, text=text)) if item.code == code]


def find(code: str, *overrides: str) -> Finding:
    """The one finding with this code."""
    found_here = found(code, *overrides)
    assert len(found_here) == 1, [str(item) for item in check(make_spec(*overrides))]
    return found_here[0]


def serious(spec: ResolvedSpec) -> list[str]:
    return [str(item) for item in check(spec) if item.severity != "note"]


def rows(monkeypatch: pytest.MonkeyPatch, **facts: object) -> None:
    """Let every compiler of the catalog have other facts."""
    original = catalog.compiler

    def changed(version: str, backend: Backend) -> Compiler | None:
        row = original(version, backend)
        if row is None:
            return None
        twin = copy(row)
        vars(twin).update(facts)
        return twin

    monkeypatch.setattr(catalog, "compiler", changed)


@pytest.mark.parametrize(
    "overrides",
    [
        (*TRTLLM, AOT),
        (*TRTLLM, AOT, "compile.spot=true", GATE),
        (*TRTLLM, AOT, "compile.instance_type=ml.g5.48xlarge"),
        ("backend=trtllm", "instance_type=ml.p4d.24xlarge", SOURCE, AOT),
        (*TRTLLM, "compile.runner=docker"),
        (*TRTLLM, "compile.mode=jit"),
        (*INF2, "container.version=0.28.0", AOT),
    ],
    ids=str,
)
def test_good_sections_have_nothing_but_notes(overrides: tuple[str, ...]) -> None:
    assert serious(make_spec(*overrides)) == []


def test_an_engine_that_lies_ready_is_no_note_about_compiling_at_start() -> None:
    assert found("LMI106", *TRTLLM)
    assert found("LMI106", *TRTLLM, "compile.mode=jit")
    assert not found("LMI106", *TRTLLM, AOT)


def test_a_version_whose_own_way_is_broken_is_lmi601_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows(monkeypatch, refused="its script fails")
    finding = find("LMI601", *TRTLLM, AOT)
    assert (finding.severity, finding.key) == ("error", "compile.mode")
    assert finding.problem == "LMI 0.25.0 cannot compile this ahead of time: its script fails"
    assert finding.place.file == "--set"
    assert [item.code for item in check(make_spec(*TRTLLM, AOT)) if item.severity == "error"] == [
        "LMI601"
    ]


def test_without_asking_for_it_a_broken_way_is_a_note_or_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows(monkeypatch, refused="its script fails")
    assert find("LMI601", *TRTLLM, "compile.spot=true").severity == "note"
    assert not found("LMI601", *TRTLLM)


@pytest.mark.parametrize(
    ("facts", "overrides", "reason"),
    [
        ({"model_types": ("bloom",)}, (), "makes an artifact of bloom only, not of llama"),
        ({"quantizes": False}, ("quantize.method=smoothquant",), "quantized while it is made"),
    ],
)
def test_a_model_that_the_script_does_not_take_is_lmi601(
    monkeypatch: pytest.MonkeyPatch,
    facts: dict[str, object],
    overrides: tuple[str, ...],
    reason: str,
) -> None:
    rows(monkeypatch, **facts)
    assert reason in find("LMI601", *TRTLLM, *overrides, AOT).problem


def test_a_raw_option_that_contradicts_what_is_compiled_is_lmi601_with_the_key_to_write() -> None:
    """The script gets the profile's degree, and the server would look for another one's engines."""
    raw = "options.option.tensor_parallel_degree=2"
    finding = find("LMI601", *TRTLLM, raw, AOT)
    assert finding.severity == "error"
    assert "tensor_parallel_degree in place of option.tensor_parallel_degree" in str(finding.fix)
    assert not found("LMI601", *TRTLLM, "tensor_parallel_degree=2", AOT)
    assert [item.severity for item in found("LMI601", *TRTLLM, raw, "compile.mode=jit")] == ["note"]


@pytest.mark.parametrize(
    ("override", "key"), [(AOT, "compile.mode"), (GATE, "quality.prompts")], ids=str
)
def test_a_section_where_nothing_is_compiled_is_lmi602(override: str, key: str) -> None:
    finding = find("LMI602", "backend=vllm", override)
    assert (finding.severity, finding.key) == ("error", key)
    assert "or backend: trtllm" in str(finding.fix)


def test_sections_in_defaults_are_for_the_hardware_profiles_that_compile() -> None:
    sections = "{compile: {mode: aot}, quality: {prompts: [a], minimum_agreement: 0.9}}"
    text = PROFILE.replace("profiles:", f"defaults: {sections}\nprofiles:")
    assert not found("LMI602", text=text)
    spec = make_spec("backend=trtllm", text=text)
    assert spec.compilation is not None
    assert spec.compilation.mode == "aot"


def test_a_section_of_a_profile_that_is_extended_is_no_section_of_its_own() -> None:
    """g5 extends g5-base, whose name begins alike."""
    text = PROFILE.replace("    instance_type", "    extends: g5-base\n    instance_type")
    text += "  g5-base: {instance_type: ml.g5.2xlarge, backend: trtllm, compile: {mode: aot}}\n"
    assert not found("LMI602", text=text)
    assert found("LMI602", AOT, text=text)


@pytest.mark.parametrize(
    ("section", "key", "problem"),
    [
        ("{runner: native}", "compile.runner", "built by its own image only"),
        ("{runner: optimization}", "compile.runner", "do not run trtllm of LMI 0.25.0"),
        ("{runner: docker, spot: true}", "compile.spot", "only training jobs run on spot"),
        (
            "{runner: docker, instance_type: ml.g5.12xlarge}",
            "compile.instance_type",
            "docker compiles on the machine that the command runs on",
        ),
    ],
)
def test_a_runner_that_cannot_do_it_is_lmi603(section: str, key: str, problem: str) -> None:
    finding = find("LMI603", *TRTLLM, f"compile={section}")
    assert (finding.severity, finding.key) == ("error", key)
    assert problem in finding.problem
    assert finding.fix is not None


def test_an_optimization_job_needs_weights_on_s3_and_runs_no_gate() -> None:
    job = ("backend=trtllm", "container.version=0.30.0", "compile.runner=optimization")
    big = "instance_type=ml.g5.12xlarge"
    assert "from S3 only" in find("LMI603", *job, big).problem
    assert not found("LMI603", *job, big, SOURCE)
    assert "no quality gate" in find("LMI603", *job, big, SOURCE, GATE).problem


def test_another_gpu_is_lmi604_with_both_sides_and_the_machines_to_take() -> None:
    finding = find("LMI604", *TRTLLM, AOT, "compile.instance_type=ml.g6.12xlarge")
    assert (finding.severity, finding.key) == ("error", "compile.instance_type")
    assert "ml.g6.12xlarge compiles for L4 (Ada" in finding.problem
    assert "ml.g5.12xlarge serves on A10G (Ampere 8.6, 24 GiB)" in finding.problem
    assert "ml.g5." in str(finding.fix)


def test_a_finding_stands_at_the_line_of_the_file_that_it_is_about() -> None:
    lines = """\
    compile:
      mode: aot
      instance_type: ml.g6.12xlarge
"""
    text = PROFILE.replace("backend: lmi-dist", "backend: trtllm") + lines
    (finding,) = found("LMI604", text=text)
    assert str(finding.place) == "chat.yaml:13:22"


def test_another_size_of_memory_is_another_gpu() -> None:
    p4d = ("backend=trtllm", "instance_type=ml.p4d.24xlarge", SOURCE, AOT)
    finding = find("LMI604", *p4d, "compile.instance_type=ml.p4de.24xlarge")
    assert "40 GiB" in finding.problem
    assert "80 GiB" in finding.problem


def test_a_machine_that_no_training_job_has_is_lmi605() -> None:
    neuron = (*INF2, "container.version=0.28.0", AOT)
    finding = find("LMI605", *neuron, "compile.instance_type=ml.inf2.24xlarge")
    assert finding.problem == "SageMaker has no ml.inf2.24xlarge for training jobs"
    assert finding.fix == "compile.instance_type: ml.trn1.32xlarge or ml.trn1n.32xlarge"


@pytest.mark.parametrize(("degree", "joins"), [(2, True), (4, False), (8, True), (12, False)])
def test_cores_of_trainium_that_do_not_work_together_are_lmi605(degree: int, joins: bool) -> None:
    model = ("model.id=acme/wide", "model.weights_gib=12")
    neuron = ("backend=neuronx", "container.version=0.28.0", SOURCE, *model, AOT)
    machines = ("instance_type=ml.inf2.24xlarge", "compile.instance_type=ml.trn1.32xlarge")
    findings = found("LMI605", *neuron, *machines, f"tensor_parallel_degree={degree}")
    assert [item.key for item in findings] == ([] if joins else ["compile.instance_type"])
    assert all("runner: docker" in str(item.fix) for item in findings)
    assert all("degree: 1 or 2 or 8 or 16" in str(item.fix) for item in findings)
    here = (*neuron, "instance_type=ml.inf2.24xlarge", f"tensor_parallel_degree={degree}")
    assert not found("LMI605", *here, "compile.runner=docker")


def test_a_type_that_optimization_jobs_make_nothing_for_is_lmi605() -> None:
    old = ("backend=trtllm", "container.version=0.30.0", "compile.runner=optimization", SOURCE)
    small = (*old, "instance_type=ml.p5.4xlarge")
    finding = find("LMI605", *small)
    assert finding.problem == "SageMaker has no ml.p5.4xlarge for optimization jobs"
    assert finding.key == "instance_type"
    assert not found("LMI605", *small, "compile.runner=sagemaker")  # as the fix says


def test_an_optimization_job_is_for_the_machine_that_serves_and_no_other() -> None:
    job = ("backend=trtllm", "container.version=0.30.0", "compile.runner=optimization", SOURCE)
    big = (*job, "instance_type=ml.g5.12xlarge")
    finding = find("LMI603", *big, "compile.instance_type=ml.g5.24xlarge")
    assert (finding.key, finding.fix) == ("compile.instance_type", "remove it")
    spec = make_spec(*big, "compile.instance_type=ml.g5.24xlarge")
    assert spec.compilation is not None
    assert spec.compilation.instance == spec.instance
    assert not found("LMI603", *big, "compile.instance_type=auto")


def test_fewer_devices_than_parts_is_lmi605() -> None:
    finding = find("LMI605", *TRTLLM, AOT, "compile.instance_type=ml.g5.xlarge")
    assert "has 1 devices, and the engine has 4 parts" in finding.problem
    assert "tensor parallel degree 4, pipeline parallel degree 1" in finding.problem


def test_a_host_that_is_too_small_to_compile_is_lmi210_of_the_machine_that_compiles() -> None:
    small = ("backend=trtllm", SOURCE)
    at_start = find("LMI210", *small)
    assert "compile.instance_type" in str(at_start.fix)
    ahead = find("LMI210", *small, AOT)
    assert ahead.key == "instance_type"
    assert "ml.g5.4xlarge" in str(ahead.fix)
    assert not found("LMI210", *small, AOT, "compile.instance_type=ml.g5.12xlarge")
    there = find(
        "LMI210", *TRTLLM, "tensor_parallel_degree=1", AOT, "compile.instance_type=ml.g5.2xlarge"
    )
    assert there.key == "compile.instance_type"


def test_a_disk_that_is_too_small_to_compile_is_lmi204_of_the_machine_that_compiles() -> None:
    big = ("model.id=acme/big", "model.weights_gib=200", "compile.instance_type=ml.g5.xlarge")
    keys = {item.key for item in found("LMI204", *TRTLLM, *big, AOT)}
    assert keys == {"compile.instance_type"}


def test_of_a_machine_that_only_the_user_knows_nothing_is_said() -> None:
    codes = {"LMI210", "LMI204", "LMI604", "LMI605"}
    local = check(make_spec("backend=trtllm", SOURCE, "compile={mode: aot, runner: docker}"))
    assert not codes & {item.code for item in local}


def test_weights_without_a_commit_are_lmi606_and_the_container_downloads_nothing() -> None:
    hub = ("backend=trtllm", "instance_type=ml.g5.12xlarge")
    finding = find("LMI606", *hub, AOT)
    assert finding.severity == "warning"
    assert "`lmi-deploy lock`" in str(finding.fix)
    assert not found("LMI107", *hub, AOT)
    assert found("LMI107", *hub)
    pinned = (*hub, f"model.revision={'a' * 40}")
    assert serious(make_spec(*pinned, AOT)) == []
    assert "compile.mode: aot" in str(find("LMI102", *pinned).fix)


def test_gated_weights_are_compiled_by_a_job_that_has_the_token_of_this_machine() -> None:
    gated = ("backend=trtllm", "instance_type=ml.g5.12xlarge", "model.id=meta-llama/Llama-2-7b-hf")
    assert find("LMI402", *gated, AOT).severity == "error"
    assert find("LMI402", *gated, "compile.runner=docker").severity == "error"  # mode: auto
    here = find("LMI402", *gated, AOT, "compile.runner=docker")
    assert here.severity == "warning"
    assert "HF_TOKEN" in str(here.fix)
    assert not found("LMI402", *gated, AOT, SOURCE)


def test_references_that_do_not_match_the_prompts_are_lmi607() -> None:
    finding = find("LMI607", *TRTLLM, AOT, GATE, "quality.reference=[x]")
    assert (finding.severity, finding.problem) == ("error", "has 1 answers for 2 prompts")
    assert not found("LMI607", *TRTLLM, AOT, GATE, "quality.reference=[x, y]")


def test_a_reference_of_empty_answers_is_refused_before_a_job_is_paid_for():
    assert "empty" in find("LMI607", *TRTLLM, AOT, GATE, "quality.reference=['', ' ']").problem
    assert not found("LMI607", *TRTLLM, AOT, GATE, "quality.reference=['', y]")


@pytest.mark.parametrize(
    ("mode", "severity"), [("jit", "error"), ("auto", "warning"), ("aot", None)]
)
def test_a_gate_that_is_gone_around_is_lmi608(mode: str, severity: str | None) -> None:
    findings = found("LMI608", *TRTLLM, GATE, f"compile.mode={mode}")
    assert [item.severity for item in findings] == ([severity] if severity else [])


def test_quantizing_without_a_gate_is_lmi609() -> None:
    quantized = (*TRTLLM, "quantize.method=smoothquant")
    assert find("LMI609", *quantized, AOT).severity == "warning"
    assert not found("LMI609", *quantized)
    assert not found("LMI609", *quantized, AOT, GATE)
