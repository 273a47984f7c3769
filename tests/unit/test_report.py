"""Results as text: what a deployment costs, and where that is known from."""

from __future__ import annotations

from lmi_deployer.report import cost_text
from tests.specs import make_spec


def test_a_price_of_another_region_is_said_to_be_one():
    spec = make_spec("instance_type=ml.p4d.24xlarge")
    first, second = cost_text(spec, "us-east-1").splitlines()
    assert first.endswith("hours for 1 x ml.p4d.24xlarge")
    assert second.strip().startswith("price of us-west-2 of 20")
    assert second.endswith(", none for us-east-1 known")


def test_the_price_is_that_of_the_region_where_one_is_known():
    text = cost_text(make_spec("instance_type=ml.g5.48xlarge", "endpoint.instances=2"), "us-east-1")
    assert "2 x ml.g5.48xlarge (us-east-1, price of 20" in text
