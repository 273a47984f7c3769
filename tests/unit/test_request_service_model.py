from __future__ import annotations

import sys

import pytest
from botocore.loaders import Loader

from lmi_deployer.errors import MissingExtraError
from lmi_deployer.request_service_model import service_model

SERVICES = ("sagemaker", "sagemaker-runtime", "application-autoscaling", "ecr", "sts")


def test_without_botocore_the_user_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore", None)
    service_model.cache_clear()
    with pytest.raises(MissingExtraError, match=r"pip install 'lmi-deploy\[aws\]'"):
        service_model("sagemaker")


@pytest.mark.parametrize("service", SERVICES)
def test_the_model_that_is_read_is_the_one_botocore_loads(service: str) -> None:
    loaded = Loader().load_service_model(service, "service-2")
    read = service_model(service)
    assert (read["operations"], read["shapes"]) == (loaded["operations"], loaded["shapes"])
