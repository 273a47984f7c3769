"""The drivers of hosts: known families, and the machine images that the AWS SDK knows."""

from __future__ import annotations

import botocore.session
import pytest
from botocore.model import StringShape

from lmi_deployer import catalog
from lmi_deployer.request_rules import CUDA_OF_HOST

FAMILIES = {catalog.instance_type(name).family for name in catalog.names("instances")}
HOSTS = catalog.raw_rows("drivers")


def test_every_machine_image_that_sagemaker_takes_has_a_driver() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.shape_for("ProductionVariantInferenceAmiVersion")
    assert isinstance(shape, StringShape)
    assert set(shape.enum) == {name for name in HOSTS if not name.startswith("default-")}


@pytest.mark.parametrize("name", CUDA_OF_HOST)
def test_a_machine_image_runs_the_cuda_that_requests_are_checked_by(name: str) -> None:
    host = catalog.host("g5", name)
    assert host is not None
    assert host.cuda == ".".join(str(part) for part in CUDA_OF_HOST[name])


def test_a_family_starts_with_one_driver_at_most() -> None:
    named = [family for row in HOSTS.values() for family in row["default_for"]]
    assert len(named) == len(set(named))
    assert set(named) <= FAMILIES


def test_a_host_that_is_asked_for_beats_the_default_of_the_family() -> None:
    default, asked = catalog.host("g5"), catalog.host("g5", "al2-ami-sagemaker-inference-gpu-3-1")
    assert default is not None
    assert asked is not None
    assert (default.driver, asked.driver) == (470, 550)


@pytest.mark.parametrize(("family", "ami"), [("g7e", None), ("inf2", None), ("g5", "no-such-ami")])
def test_a_host_that_no_page_describes_is_not_guessed(family: str, ami: str | None) -> None:
    assert catalog.host(family, ami) is None
