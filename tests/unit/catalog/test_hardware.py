"""Machines and registries, against what the AWS SDK on this machine says about them."""

from __future__ import annotations

import botocore.session
import pytest
from botocore.model import StringShape

from lmi_deployer import catalog

INSTANCES = catalog.names("instances")
ACCOUNTS = {
    "763104351884": (
        "ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-1 ap-southeast-2 ca-central-1 "
        "eu-central-1 eu-north-1 eu-west-1 eu-west-2 eu-west-3 sa-east-1 us-east-1 us-east-2 "
        "us-west-1 us-west-2"
    ),
    "626614931356": "af-south-1",
    "871362719292": "ap-east-1",
    "975050140332": "ap-east-2",
    "364406365360": "ap-northeast-3",
    "772153158452": "ap-south-2",
    "907027046896": "ap-southeast-3",
    "457447274322": "ap-southeast-4",
    "550225433462": "ap-southeast-5",
    "633930458069": "ap-southeast-6",
    "590183813437": "ap-southeast-7",
    "204538143572": "ca-west-1",
    "727897471807": "cn-north-1 cn-northwest-1",
    "380420809688": "eu-central-2",
    "692866216735": "eu-south-1",
    "503227376785": "eu-south-2",
    "204133271717": "eusc-de-east-1",
    "780543022126": "il-central-1",
    "914824155844": "me-central-1",
    "217643126080": "me-south-1",
    "637423239942": "mx-central-1",
    "446045086412": "us-gov-east-1",
    "442386744353": "us-gov-west-1",
}
"""djl-lmi.json of the SageMaker Python SDK, written down apart from the catalog."""


def hosting_types() -> list[str]:
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.shape_for("ProductionVariantInstanceType")
    assert isinstance(shape, StringShape)
    return list(shape.enum)


def test_hosting_is_what_the_sagemaker_api_takes() -> None:
    hosting = {name for name in INSTANCES if catalog.instance_type(name).hosting}
    assert hosting == set(INSTANCES) & set(hosting_types())


def test_no_gpu_family_that_hosts_llms_has_a_size_missing() -> None:
    families = {catalog.instance_type(name).family for name in INSTANCES}
    sizes = {name for name in hosting_types() if name.split(".")[1] in families}
    assert sizes - set(INSTANCES) == set()


@pytest.mark.parametrize("name", INSTANCES)
def test_an_instance_type_has_a_known_gpu_and_agrees_with_its_own_name(name: str) -> None:
    row = catalog.instance_type(name)
    assert row.gpu in catalog.names("gpus")
    assert row.family == name.split(".")[1]
    assert (row.gpu_link == "none") == (row.gpu_count == 1)


@pytest.mark.parametrize("name", INSTANCES)
def test_a_volume_size_can_be_set_only_without_a_local_disk(name: str) -> None:
    row = catalog.instance_type(name)
    assert not (row.is_volume_size_settable and row.local_disk_gb)


@pytest.mark.parametrize("name", INSTANCES)
def test_a_price_is_dated_before_it_was_checked(name: str) -> None:
    row = catalog.instance_type(name)
    if row.price is not None:
        assert row.price.as_of <= row.checked
        assert row.price.usd_per_hour > 0


def test_the_gpus_of_instance_types_are_those_marked_as_sagemakers() -> None:
    used = {catalog.instance_type(name).gpu for name in INSTANCES}
    marked = {name for name in catalog.names("gpus") if catalog.gpu(name).is_on_sagemaker}
    assert used == marked


@pytest.mark.parametrize("name", INSTANCES)
def test_gpus_that_nvlink_joins_have_the_speed_of_their_link(name: str) -> None:
    row = catalog.instance_type(name)
    if row.gpu_link in {"nvlink", "nvswitch"}:
        assert catalog.gpu(row.gpu).link_gb_per_second is not None
    if row.gpu_link == "pcie":
        assert catalog.gpu(row.gpu).link_gb_per_second is None


def test_no_two_gpus_share_a_name() -> None:
    rows = [catalog.gpu(name) for name in catalog.names("gpus")]
    names = [name.lower() for row in rows for name in (row.name, *row.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", catalog.names("gpus"))
def test_a_gpu_offers_no_more_than_its_nominal_memory(name: str) -> None:
    row = catalog.gpu(name)
    is_nvidia = row.vendor == "nvidia"
    # NVIDIA prints some sizes rounded down: 268 for 268.59.
    assert 0.9 * row.memory_gib < row.usable_memory_gib <= row.memory_gib + 1
    assert (row.compute_capability is not None) == is_nvidia
    assert (row.neuron_cores is None) == is_nvidia


def test_registry_accounts_are_those_of_the_sagemaker_sdk() -> None:
    wanted = {region: account for account, names in ACCOUNTS.items() for region in names.split()}
    found = {region: catalog.registry(region).account for region in catalog.names("registries")}
    assert found == wanted


@pytest.fixture(scope="module")
def aws() -> botocore.session.Session:
    """Shared, because it keeps what it read of the partitions, which takes long."""
    return botocore.session.get_session()


@pytest.mark.parametrize("region", catalog.names("registries"))
def test_a_registry_has_the_domain_of_its_partition(
    aws: botocore.session.Session, region: str
) -> None:
    partition = aws.get_partition_for_region(region)
    domains = {"aws-cn": "amazonaws.com.cn", "aws-eusc": "amazonaws.eu"}
    assert catalog.registry(region).dns_suffix == domains.get(partition, "amazonaws.com")


@pytest.mark.parametrize("name", catalog.names("region_sets"))
def test_no_region_set_offers_ap_east_2(name: str) -> None:
    assert "ap-east-2" in catalog.region_set(name).missing
