"""A name that the catalog lacks is the user's mistake, and the answer names the nearest one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lmi_deployer import catalog
from lmi_deployer.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("look_up", "wrong", "problem", "nearest"),
    [
        (catalog.container, "0.25", "container version '0.25'", "0.25.0"),
        (catalog.instance_type, "ml.g5.12xlrage", "instance type", "ml.g5.12xlarge"),
        (catalog.instance_type, "g5.12xlarge", "instance type", "ml.g5.12xlarge"),
        (catalog.gpu, "A11G", "GPU 'A11G'", "A10G"),
        (catalog.registry, "us-east1", "region", "us-east-1"),
        (catalog.region_set, "gpu-legacy", "region set", "gpu_legacy"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_one(
    look_up: Callable[[str], object], wrong: str, problem: str, nearest: str
) -> None:
    with pytest.raises(InputError) as caught:
        look_up(wrong)
    assert f"unknown {problem}" in caught.value.problem
    assert caught.value.fix == f"did you mean {nearest!r}?"


def test_a_version_that_is_several_images_is_answered_with_all_of_them() -> None:
    with pytest.raises(InputError) as caught:
        catalog.container("0.36.0")
    images = [f"0.36.0-lmi{number}" for number in range(18, 29)]
    assert caught.value.fix == f"one of {', '.join(images)}, which all are 0.36.0"


def test_latest_is_answered_with_the_newest_version() -> None:
    with pytest.raises(InputError) as caught:
        catalog.container("latest")
    assert str(caught.value.fix).startswith(f"{catalog.names('containers')[-1]!r}, the newest")


def test_a_model_that_is_not_in_the_catalog_is_not_an_error() -> None:
    assert catalog.find_model("somebody/their-own-model") is None


@pytest.mark.parametrize("name", catalog.names("containers"))
def test_every_container_version_loads(name: str) -> None:
    assert catalog.container(name).version == name


@pytest.mark.parametrize("name", catalog.names("instances"))
def test_every_instance_type_loads(name: str) -> None:
    assert catalog.instance_type(name).name == name


@pytest.mark.parametrize("name", catalog.names("gpus"))
def test_every_gpu_loads(name: str) -> None:
    assert catalog.gpu(name).name == name


def test_every_model_loads() -> None:
    found = [catalog.find_model(name) for name in catalog.names("models")]
    assert tuple(model.id for model in found if model) == catalog.names("models")
