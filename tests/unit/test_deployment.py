"""Names and requests: the same content has the same name, anything else another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lmi_deployer import catalog
from lmi_deployer.api import check_file
from lmi_deployer.deployment import image_uri, make_deployment
from lmi_deployer.errors import InputError
from lmi_deployer.request_check import check_endpoint_requests, check_request
from lmi_deployer.resources import shipped_profiles
from tests.specs import PROFILE, TARGET, a_deployment, make_spec


def variant_of(*overrides: str) -> dict[str, object]:
    variants = a_deployment(*overrides).endpoint_config["ProductionVariants"]
    assert len(variants) == 1
    return dict(variants[0])


def test_the_same_profile_gives_the_same_names_and_requests():
    assert a_deployment() == a_deployment()


def test_the_endpoint_keeps_its_name_whatever_changes():
    names = {
        a_deployment(change).name for change in ("max_rolling_batch_size=24", "model.dtype=bf16")
    }
    assert names == {"chat-g5"}


def test_a_changed_setting_gives_model_and_configuration_new_names():
    before, after = a_deployment(), a_deployment("max_rolling_batch_size=24")
    assert before.model_name != after.model_name
    assert before.endpoint_config_name != after.endpoint_config_name
    assert before.bundle_folder != after.bundle_folder


def test_a_setting_of_the_endpoint_alone_leaves_the_model_as_it_is():
    before, after = a_deployment(), a_deployment("endpoint.instances=2")
    assert before.model_name == after.model_name
    assert before.endpoint_config_name != after.endpoint_config_name


def test_another_role_is_another_model():
    role = "arn:aws:iam::123456789012:role/other"
    other = a_deployment(target=replace(TARGET, role_arn=role))
    assert other.model_name != a_deployment().model_name


def test_tags_can_be_changed_without_making_anything_anew():
    before, after = a_deployment(), a_deployment('endpoint.tags={"team": "search"}')
    assert before.endpoint_config_name == after.endpoint_config_name
    assert before.tags != after.tags


def test_something_belongs_to_one_hardware_profile_of_one_profile():
    wanted = a_deployment()
    assert wanted.identity.owns(wanted.tags)
    for key in ("lmi-deploy:deployment", "lmi-deploy:profile", "lmi-deploy:hardware"):
        assert not wanted.identity.owns({**wanted.tags, key: "other"})


def test_every_part_carries_the_tags_that_find_it_again():
    wanted = a_deployment('endpoint.tags={"team": "search"}')
    for request in (wanted.model, wanted.endpoint_config, wanted.endpoint):
        tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        assert tags == {
            "lmi-deploy:deployment": "chat-g5",
            "lmi-deploy:profile": "chat",
            "lmi-deploy:hardware": "g5",
            "lmi-deploy:folder": "s3://acme-models/lmi-deploy/chat-g5/",
            "team": "search",
        }


def test_loose_files_are_given_to_sagemaker_as_an_uncompressed_prefix():
    source = a_deployment().model["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]
    assert source["S3DataType"] == "S3Prefix"
    assert source["CompressionType"] == "None"
    assert source["S3Uri"] == f"{a_deployment().bundle_folder}model/"


def test_an_archive_is_given_to_sagemaker_as_one_object():
    wanted = a_deployment("endpoint.packaging=tar.gz")
    url = wanted.model["PrimaryContainer"]["ModelDataUrl"]
    assert url == f"{wanted.bundle_folder}model.tar.gz"
    assert list(wanted.bundle.files) == ["model.tar.gz"]


def test_both_timeouts_are_always_sent():
    variant = variant_of()
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] >= 900  # type: ignore[operator]
    assert variant["ModelDataDownloadTimeoutInSeconds"] == 600


def test_a_volume_size_is_sent_only_where_there_is_no_local_disk():
    assert "VolumeSizeInGB" not in variant_of()
    on_ebs = ("instance_type=ml.p3.8xlarge", "model.dtype=fp16")
    assert variant_of(*on_ebs)["VolumeSizeInGB"] == 57


def test_the_host_image_follows_from_the_cuda_version_of_the_container():
    assert "InferenceAmiVersion" not in variant_of()  # CUDA 11.8
    on_cuda_12 = variant_of("backend=trtllm")
    assert on_cuda_12["InferenceAmiVersion"] == "al2-ami-sagemaker-inference-gpu-2"


def test_a_network_is_put_on_the_model():
    vpc = 'endpoint.vpc={"subnets": ["subnet-1"], "security_groups": ["sg-1"]}'
    assert a_deployment(vpc).model["VpcConfig"] == {
        "SecurityGroupIds": ["sg-1"],
        "Subnets": ["subnet-1"],
    }


def test_the_image_comes_from_the_account_of_the_region():
    spec = make_spec()
    tag = "djl-inference:0.25.0-deepspeed0.11.0-cu118"
    assert image_uri(spec, "us-east-1") == f"763104351884.dkr.ecr.us-east-1.amazonaws.com/{tag}"
    china = f"727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn/{tag}"
    assert image_uri(spec, "cn-north-1") == china


def test_a_region_without_the_image_is_refused():
    missing = catalog.region_set(make_spec().image.region_set).missing[0]
    with pytest.raises(InputError, match="is not published in"):
        image_uri(make_spec(), missing)


def test_the_longest_names_of_a_profile_still_make_names_that_sagemaker_takes():
    name, hardware = "m" * 30, "h" * 23
    text = PROFILE.replace("name: chat", f"name: {name}").replace("  g5:", f"  {hardware}:")
    wanted = make_deployment(make_spec(text=text, hardware=hardware), TARGET)
    assert len(wanted.endpoint_config_name) == 63
    assert check_request("sagemaker", "CreateEndpointConfig", wanted.endpoint_config) == ()


@pytest.mark.parametrize("path", shipped_profiles().values(), ids=lambda path: path.stem)
def test_sagemaker_would_take_every_request_of_every_shipped_profile(path):
    for checked in check_file(path):
        assert checked.spec is not None
        wanted = make_deployment(checked.spec, TARGET)
        assert check_request("sagemaker", "CreateModel", wanted.model) == ()
        assert check_request("sagemaker", "CreateEndpointConfig", wanted.endpoint_config) == ()
        assert check_request("sagemaker", "CreateEndpoint", wanted.endpoint) == ()
        assert check_endpoint_requests(wanted.model, wanted.endpoint_config) == ()


@pytest.mark.parametrize(
    "overrides",
    [
        ("endpoint.name=engines",),
        ("backend=trtllm", "compile.cache=s3://acme-models/lmi-deploy/chat-g5/"),
        ("backend=trtllm", "compile.cache=s3://acme-models/lmi-deploy/chat-g5/engines/"),
        (
            "backend=trtllm",
            "compile.cache=s3://acme-models/lmi-deploy/",
            "endpoint.name=a123456789abcdef",
        ),
    ],
)
def test_no_deployment_has_engines_in_its_folder_or_the_folder_of_an_engine(overrides):
    with pytest.raises(InputError, match="is for compiled engines"):
        a_deployment(*overrides)


def test_deployments_and_engines_may_lie_side_by_side():
    cache = "compile.cache=s3://acme-models/lmi-deploy/"
    assert a_deployment("backend=trtllm", cache).identity.folder.startswith(cache[14:])
