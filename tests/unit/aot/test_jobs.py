"""The job of an engine: what it is told, and the requests that start it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.aot.jobs import compile_step, job_file, make_job, satisfies
from lmi_deployer.aot.optimization_job import override_environment
from lmi_deployer.artifact.manifest import Manifest
from lmi_deployer.entry_point.job import parse
from lmi_deployer.errors import InputError
from lmi_deployer.request_check import check_request
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.steps import CompileEngine
from tests.engines import COMPILED, ON_S3, a_step, an_engine, compiled_spec
from tests.specs import TARGET, make_spec

NEWER = "container.version=0.29.0"
GATE = (
    COMPILED
    + """\
    quality: {prompts: ["Deep learning is"], minimum_agreement: 0.9}
"""
)
VPC = "    endpoint: {vpc: {subnets: [subnet-1], security_groups: [sg-1]}, tags: {team: search}}\n"


def training(*overrides: str, text: str = COMPILED) -> dict[str, Any]:
    spec = compiled_spec(*overrides, text=text)
    step = compile_step(spec, an_engine(spec), TARGET)
    assert step.request is not None
    return dict(step.request)


def optimization(*overrides: str) -> dict[str, Any]:
    return training("compile.runner=optimization", NEWER, ON_S3, *overrides)


def test_the_document_of_a_job_is_one_that_the_entry_point_reads():
    step = a_step()
    job = parse(job_file(step, job="lmi-compile-x-1"))
    assert job.made["job"] == "lmi-compile-x-1"
    assert job.ranks == 4
    assert job.gpu.count == 4
    assert "option.model_id" not in job.serving
    assert job.cache == "s3://acme-lmi/engines/"


@pytest.mark.parametrize("runner", ["docker", "optimization", "native"])
def test_a_job_whose_output_is_collected_is_told_of_no_cache(runner: Any):
    spec = compiled_spec()
    assert make_job(spec, an_engine(spec), runner, "image").cache is None


def test_a_step_survives_being_saved_as_json():
    step = a_step()
    assert json.loads(json.dumps(step.job)) == step.job
    assert json.loads(json.dumps(step.request)) == step.request


def test_a_quality_gate_goes_with_the_job():
    spec = compiled_spec(text=GATE)
    gate = make_job(spec, an_engine(spec), "sagemaker", "image").quality
    assert gate is not None
    assert (gate.prompts, gate.minimum_agreement) == (("Deep learning is",), 0.9)


def test_a_spec_with_nothing_to_compile_is_refused_with_the_reason():
    spec = make_spec(text=COMPILED)
    with pytest.raises(InputError, match="loads weights as they are"):
        compile_step(spec, None, TARGET)  # type: ignore[arg-type]  # not even looked at


def test_a_training_job_runs_the_entry_point_through_the_images_own_entry_script():
    specification = training()["AlgorithmSpecification"]
    assert specification["ContainerEntrypoint"] == ["/usr/local/bin/dockerd-entrypoint.sh"]
    # Without `exec` the shell of the entry script would stay, and pass no SIGTERM on.
    assert specification["ContainerArguments"] == [
        "exec",
        "python3",
        "/opt/ml/input/data/job/compile.pyz",
    ]
    assert specification["TrainingImage"].endswith(":0.25.0-tensorrtllm0.5.0-cu122")


def test_weights_on_s3_are_a_channel_and_copied_to_disk():
    channels = {item["ChannelName"]: item for item in training(ON_S3)["InputDataConfig"]}
    source = channels["model"]["DataSource"]["S3DataSource"]
    assert source["S3Uri"] == "s3://acme-models/llama/"
    assert channels["model"]["InputMode"] == "File"
    assert [item["ChannelName"] for item in training()["InputDataConfig"]] == ["job"]


def test_an_instance_with_local_disks_gets_no_volume_size():
    assert "VolumeSizeInGB" not in training()["ResourceConfig"]


def test_an_instance_without_local_disks_gets_a_volume_that_holds_the_weights():
    machine = training(
        "instance_type=ml.p3.8xlarge", "container.version=0.25.0", "tensor_parallel_degree=4"
    )["ResourceConfig"]
    assert machine["VolumeSizeInGB"] > 13


def test_a_job_that_is_not_spot_says_nothing_of_waiting():
    request = training()
    assert "EnableManagedSpotTraining" not in request
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 6000}


@given(st.integers(600, 2_419_200))
def test_a_spot_job_waits_at_least_as_long_as_it_may_run_and_never_too_long(seconds: int):
    request = training("compile.spot=true", f"compile.max_seconds={seconds}")
    stopping = request["StoppingCondition"]
    assert request["EnableManagedSpotTraining"] is True
    assert seconds <= stopping["MaxWaitTimeInSeconds"] <= 2_419_200


@pytest.mark.parametrize("make", [training, optimization])
def test_a_job_is_in_the_network_of_the_endpoint_and_carries_its_tags(make: Any):
    spec = compiled_spec(ON_S3, NEWER, text=COMPILED + VPC)
    runner: Any = "optimization" if make is optimization else "sagemaker"
    request = compile_step(spec, an_engine(spec), TARGET, runner=runner).request
    assert request is not None
    assert request["VpcConfig"] == {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    assert tags["team"] == "search"
    assert tags["lmi-deploy:engine"] == an_engine(spec).key


@pytest.mark.parametrize(
    ("operation", "name", "make"),
    [
        ("CreateTrainingJob", "TrainingJobName", training),
        ("CreateOptimizationJob", "OptimizationJobName", optimization),
    ],
)
def test_the_request_is_one_that_sagemakers_own_model_takes(operation: str, name: str, make: Any):
    assert not check_request("sagemaker", operation, {name: "lmi-compile-1", **make()})


def test_what_sagemaker_would_refuse_is_told_before_it_is_asked():
    target = replace(TARGET, role_arn="no role")
    spec = compiled_spec()
    with pytest.raises(InputError, match="RoleArn"):
        compile_step(spec, an_engine(spec), target)


@pytest.mark.parametrize("runner", ["docker", "native"])
def test_a_local_runner_needs_no_request_and_no_role(runner: Any):
    target = replace(TARGET, role_arn="")
    spec = compiled_spec()
    assert compile_step(spec, an_engine(spec), target, runner=runner).request is None


def test_an_image_that_is_not_published_in_the_region_is_refused():
    spec = compiled_spec()
    with pytest.raises(InputError, match="not published in ap-east-2"):
        compile_step(spec, an_engine(spec), replace(TARGET, region="ap-east-2"))


def test_an_optimization_job_writes_where_the_artifact_belongs():
    request = optimization()
    assert request["OutputConfig"]["S3OutputLocation"].endswith("/artifact/")
    assert request["ModelSource"] == {"S3": {"S3Uri": "s3://acme-models/llama/"}}
    settings = request["OptimizationConfigs"][0]["ModelCompilationConfig"]["OverrideEnvironment"]
    assert settings["OPTION_TENSOR_PARALLEL_DEGREE"] == "4"
    assert "OPTION_MODEL_ID" not in settings


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ((NEWER,), "model.source names none"),
        ((ON_S3,), "do not run the trtllm image of LMI 0.25.0"),
        ((NEWER, ON_S3, "compile.spot=true"), "no spot instances"),
    ],
)
def test_what_an_optimization_job_cannot_do_is_said(overrides: tuple[str, ...], reason: str):
    spec = compiled_spec(*overrides)
    with pytest.raises(InputError, match=reason):
        compile_step(spec, an_engine(spec), TARGET, runner="optimization")


def test_an_optimization_job_runs_no_quality_gate():
    spec = compiled_spec(NEWER, ON_S3, text=GATE)
    with pytest.raises(InputError, match="no quality gate"):
        compile_step(spec, an_engine(spec), TARGET, runner="optimization")


@given(
    st.dictionaries(
        st.from_regex(r"option\.[a-z_]{1,300}", fullmatch=True),
        st.text("abc/.0123456789", min_size=1, max_size=300),
        max_size=40,
    )
)
def test_options_become_variables_within_the_limits_or_are_named(options: dict[str, str]):
    text = "".join(f"{name}={value}\n" for name, value in options.items())
    own = {name: value for name, value in options.items() if name != "option.model_id"}
    long = [name for name, value in own.items() if max(len(name), len(value)) > 256]
    if long or len(own) > 25:
        with pytest.raises(InputError) as caught:
            override_environment(text)
        assert all(name in caught.value.problem for name in long)
        return
    variables = override_environment(text)
    assert len(variables) <= 25
    assert all(max(len(name), len(value)) <= 256 for name, value in variables.items())
    expected = {name for name in options if name not in {"option.model_id", "option.revision"}}
    assert {f"option.{name[7:].lower()}" for name in variables} == expected


def test_an_option_whose_name_a_variable_cannot_carry_is_refused():
    with pytest.raises(InputError, match=r"option\.someKey has capital letters"):
        override_environment("option.someKey=1\n")


def test_no_secret_of_the_environment_reaches_the_job(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghijklmnopqrstuvwx")
    step = a_step()
    assert "hf_abc" not in json.dumps([step.job, step.request, step.properties])


@pytest.mark.parametrize(("agreement", "is_enough"), [(0.95, True), (0.85, False), (None, False)])
def test_an_artifact_that_was_not_measured_as_the_gate_asks_is_made_anew(
    agreement: float | None, is_enough: bool
):
    spec = compiled_spec(text=GATE)
    step = compile_step(spec, an_engine(spec), TARGET)
    measured = {
        "metric": "greedy-agreement",
        "prompts": ["Deep learning is"],
        "reference": None,
        "max_new_tokens": step.job["quality"]["max_new_tokens"],
        "agreement": agreement,
    }
    quality = None if agreement is None else measured
    assert satisfies(step, _manifest(step, quality)) is is_enough


def test_an_artifact_of_another_key_is_none_of_the_steps():
    step, other = a_step(), a_step("traffic.max_input_len=2048")
    assert satisfies(step, _manifest(step, None))
    assert not satisfies(step, _manifest(other, None))


def _manifest(step: CompileEngine, quality: Any) -> Manifest:
    return Manifest(inputs=step.job["inputs"], layout="", files=(), quality=quality)


def test_a_neuron_job_needs_accelerators_and_its_ranks_are_cores():
    text = COMPILED.replace('"0.25.0"', '"0.28.0"').replace(
        "ml.g5.12xlarge\n    backend: trtllm", "ml.inf2.24xlarge\n    backend: neuronx"
    )
    spec: ResolvedSpec = compiled_spec("tensor_parallel_degree=8", text=text)
    job = make_job(spec, an_engine(spec), "sagemaker", "image")
    assert (job.ranks, job.gpu.count, job.gpu.compute_capability) == (8, 4, None)
