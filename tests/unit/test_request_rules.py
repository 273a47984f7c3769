from __future__ import annotations

import pytest

from lmi_deployer import catalog
from lmi_deployer.request_check import RequestProblem, check_endpoint_requests, check_request
from lmi_deployer.request_rules import CUDA_OF_HOST, NEURON_HOST, START_UP_TIMEOUTS
from lmi_deployer.request_service_model import service_model
from tests.unit.test_request_check import (
    REGISTRY,
    config_request,
    model_request,
    of_config,
    of_model,
    s3_source,
    the_only,
)


def test_a_volume_size_is_refused_beside_local_disks_only() -> None:
    problem = the_only(of_config(VolumeSizeInGB=256))
    assert problem.path == "ProductionVariants[0].VolumeSizeInGB"
    assert "ml.g5.12xlarge" in problem.problem
    assert of_config(VolumeSizeInGB=256, InstanceType="ml.inf2.48xlarge") == ()
    assert of_config(VolumeSizeInGB=256, InstanceType="ml.m5.xlarge") == ()


def test_a_volume_size_is_refused_when_one_type_of_a_pool_has_local_disks() -> None:
    pools = [
        {"InstanceType": "ml.p3.8xlarge", "Priority": 1},
        {"InstanceType": "ml.p4d.24xlarge", "Priority": 2},
    ]
    request = config_request(VolumeSizeInGB=256, InstancePools=pools)
    del request["ProductionVariants"][0]["InstanceType"]
    problem = the_only(check_request("sagemaker", "CreateEndpointConfig", request))
    assert "ml.p4d.24xlarge" in problem.problem
    assert "ml.p3.8xlarge" not in problem.problem


@pytest.mark.parametrize("name", START_UP_TIMEOUTS)
def test_a_variant_with_a_model_sends_both_start_up_timeouts(name: str) -> None:
    request = config_request()
    variant = request["ProductionVariants"][0]
    del variant[name]
    problem = the_only(check_request("sagemaker", "CreateEndpointConfig", request))
    assert problem.path == f"ProductionVariants[0].{name}"
    del variant["ModelName"]
    assert check_request("sagemaker", "CreateEndpointConfig", request) == ()


def test_all_environments_of_a_model_share_32_kilobytes() -> None:
    def problems_of(entries: int) -> tuple[RequestProblem, ...]:
        environment = {f"K{n:03}": "x" * 1020 for n in range(entries)}
        return check_request(
            "sagemaker",
            "CreateModel",
            {"ModelName": "pipeline", "Containers": [{"Environment": environment}] * 2},
        )

    assert problems_of(16) == ()
    assert the_only(problems_of(17)).path == "Containers[0].Environment"


@pytest.mark.parametrize("place", ["ModelDataSource", "AdditionalModelDataSources"])
def test_a_prefix_of_weights_ends_with_a_slash(place: str) -> None:
    def problems_of(uri: str, data_type: str = "S3Prefix") -> tuple[RequestProblem, ...]:
        source = s3_source(uri, data_type)
        is_main = place == "ModelDataSource"
        return of_model(**{place: source if is_main else [{"ChannelName": "draft", **source}]})

    assert problems_of("s3://acme/llama/") == ()
    assert problems_of("s3://acme/llama.bin", "S3Object") == ()
    problem = the_only(problems_of("s3://acme/llama"))
    assert problem.path.endswith("S3DataSource.S3Uri")
    assert problem.fix == "'s3://acme/llama/'"


@pytest.mark.parametrize(
    ("tag", "ami", "fix"),
    [
        ("0.25.0-tensorrtllm0.5.0-cu122", "al2-ami-sagemaker-inference-gpu-2", None),
        ("0.25.0-tensorrtllm0.5.0-cu122", "al2-ami-sagemaker-inference-gpu-3-1", None),
        ("0.25.0-deepspeed0.11.0-cu118", None, None),
        ("0.33.0-lmi15.0.0-cu128", "al2-ami-sagemaker-inference-gpu-2", "gpu-3-1"),
        ("0.33.0-lmi15.0.0-cu128", "al2023-ami-sagemaker-inference-gpu-4-1", "gpu-3-1"),
        ("0.36.0-lmi27.0.0-cu130", "al2023-ami-sagemaker-inference-gpu-4-1", None),
        ("0.36.0-lmi27.0.0-cu130", "al2-ami-sagemaker-inference-gpu-3-1", "gpu-4-1"),
        ("0.36.0-lmi27.0.0-cu130", None, "gpu-4-1"),
        ("0.25.0-neuronx-sdk2.15.0", "al2-ami-sagemaker-inference-gpu-2", "neuron-2"),
        ("0.25.0-tensorrtllm0.5.0-cu122", "al2-ami-sagemaker-inference-neuron-2", "gpu-3-1"),
        ("latest", "al2-ami-sagemaker-inference-gpu-2", None),
    ],
)
def test_the_host_has_the_driver_that_the_image_needs(
    tag: str, ami: str | None, fix: str | None
) -> None:
    variant = {} if ami is None else {"InferenceAmiVersion": ami}
    problems = check_endpoint_requests(
        model_request(Image=f"{REGISTRY}:{tag}"), config_request(**variant)
    )
    if fix is None:
        assert problems == ()
    else:
        problem = the_only(problems)
        assert problem.operation == "CreateEndpointConfig"
        assert problem.path == "ProductionVariants[0].InferenceAmiVersion"
        assert problem.fix is not None
        assert problem.fix.endswith(fix)


def test_an_image_named_by_its_digest_and_a_variant_of_another_model_say_nothing() -> None:
    wrong = config_request(InferenceAmiVersion="al2-ami-sagemaker-inference-gpu-2")
    assert check_endpoint_requests(model_request(Image=f"{REGISTRY}@sha256:00"), wrong) == ()
    tagged = model_request(Image=f"{REGISTRY}:0.36.0-lmi27.0.0-cu130@sha256:00")
    assert len(check_endpoint_requests(tagged, wrong)) == 1
    assert check_endpoint_requests({**tagged, "ModelName": "other"}, wrong) == ()


def test_every_image_of_the_catalog_runs_on_the_host_that_the_catalog_gives_it() -> None:
    for version in catalog.names("containers"):
        for image in catalog.container(version).flavors.values():
            variant = {"InferenceAmiVersion": image.inference_ami} if image.inference_ami else {}
            model = model_request(Image=f"{REGISTRY}:{image.tag}")
            assert check_endpoint_requests(model, config_request(**variant)) == ()


def test_the_known_hosts_are_those_of_the_model() -> None:
    enum = service_model("sagemaker")["shapes"]["ProductionVariantInferenceAmiVersion"]["enum"]
    assert {*CUDA_OF_HOST, NEURON_HOST} == set(enum)
