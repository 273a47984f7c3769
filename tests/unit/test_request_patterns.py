from __future__ import annotations

import pytest

from lmi_deployer.request_check import check_request
from lmi_deployer.request_patterns import FORMS, agrees
from lmi_deployer.request_service_model import service_model
from tests.unit.test_request_check import config_request, of_model, the_only


def test_a_pattern_written_for_java_is_not_held_against_a_value() -> None:
    request = {**config_request(), "Tags": [{"Key": "größe", "Value": "70B ✓"}]}
    assert check_request("sagemaker", "CreateEndpointConfig", request) == ()


@pytest.mark.parametrize("pattern", ["(a+)+", "([a-z]?[a-z]+)*", "((a|b+)c?)*", ".*(?: .*)*"])
def test_a_pattern_that_might_never_end_is_not_tried(pattern: str) -> None:
    assert agrees(pattern, "\n", longest=None)


def test_the_patterns_of_every_name_and_address_are_tried() -> None:
    for pattern in FORMS:
        assert not agrees(pattern, " !", longest=None)
    shapes = service_model("sagemaker")["shapes"]
    assert FORMS.keys() <= {shape.get("pattern") for shape in shapes.values()}


def test_a_very_long_text_is_not_tried_against_its_pattern() -> None:
    problem = the_only(of_model(ModelPackageName="-" * 100_000))
    assert problem.problem == "has 100000 characters, more than 176"
