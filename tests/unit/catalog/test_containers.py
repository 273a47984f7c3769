"""What one container version says in one place must agree with what it says in another."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import botocore.session
import pytest
from botocore.model import StringShape

from lmi_deployer import catalog

if TYPE_CHECKING:
    from lmi_deployer.catalog.rows import Backend, Container

VERSIONS = catalog.names("containers")
BACKENDS = [
    (version, backend) for version in VERSIONS for backend in catalog.container(version).backends
]
FLAVORS = [
    (version, flavor) for version in VERSIONS for flavor in catalog.container(version).flavors
]


def is_read_by(container: Container, backend: Backend, option: str) -> bool:
    readers = container.options.get(option, ())
    return backend in readers or "any" in readers


def inference_amis() -> list[str]:
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.shape_for("ProductionVariantInferenceAmiVersion")
    assert isinstance(shape, StringShape)
    return list(shape.enum)


@pytest.mark.parametrize(("version", "backend"), BACKENDS)
def test_a_backend_reads_every_property_that_its_settings_are_written_to(
    version: str, backend: Backend
) -> None:
    container = catalog.container(version)
    support = container.backends[backend]
    written = {*support.property_names.values(), *sum(support.same_value.values(), ())}
    assert [name for name in written if not is_read_by(container, backend, name)] == []


@pytest.mark.parametrize(("version", "backend"), BACKENDS)
def test_a_backend_runs_in_an_image_of_its_own_version(version: str, backend: Backend) -> None:
    container = catalog.container(version)
    assert container.backends[backend].flavor in container.flavors


@pytest.mark.parametrize(("version", "backend"), BACKENDS)
def test_a_backend_names_the_settings_that_every_deployment_writes(
    version: str, backend: Backend
) -> None:
    support = catalog.container(version).backends[backend]
    needed = {"model_id", "tensor_parallel_degree", "dtype", "model_loading_timeout"}
    assert needed <= support.property_names.keys()
    assert support.same_value.keys() <= support.property_names.keys()


@pytest.mark.parametrize(("version", "backend"), BACKENDS)
def test_only_a_backend_with_rolling_batch_has_a_rolling_batch_size(
    version: str, backend: Backend
) -> None:
    support = catalog.container(version).backends[backend]
    has_rolling_batch = support.rolling_batch not in (None, "disable")
    assert (support.default_max_rolling_batch_size is not None) == has_rolling_batch
    assert ("max_rolling_batch_size" in support.property_names) == has_rolling_batch


@pytest.mark.parametrize(("version", "backend"), BACKENDS)
def test_what_a_quantization_allows_is_within_what_its_backend_allows(
    version: str, backend: Backend
) -> None:
    support = catalog.container(version).backends[backend]
    for method in support.quantize.values():
        assert set(method.dtypes) <= set(support.dtypes)
        if method.model_types is not None and support.model_types is not None:
            assert set(method.model_types) <= set(support.model_types)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_option_is_read_by_backends_that_the_version_has(version: str) -> None:
    container = catalog.container(version)
    known = {*container.backends, "server", "any"}
    assert {name for name, readers in container.options.items() if not readers} == set()
    assert {reader for readers in container.options.values() for reader in readers} <= known


@pytest.mark.parametrize(("version", "flavor"), FLAVORS)
def test_an_image_tag_agrees_with_the_facts_beside_it(version: str, flavor: str) -> None:
    image = {str(key): row for key, row in catalog.container(version).flavors.items()}[flavor]
    assert image.tag.startswith(f"{version}-{flavor}")
    cuda = re.search(r"-cu(\d\d)(\d)$", image.tag)
    assert (f"{cuda[1]}.{cuda[2]}" if cuda else None) == image.cuda
    assert (image.accelerator == "gpu") == (image.cuda is not None)


@pytest.mark.parametrize(("version", "flavor"), FLAVORS)
def test_the_regions_that_lack_an_image_are_known(version: str, flavor: str) -> None:
    image = {str(key): row for key, row in catalog.container(version).flavors.items()}[flavor]
    assert image.region_set in catalog.names("region_sets")


@pytest.mark.parametrize(("version", "flavor"), FLAVORS)
def test_the_host_image_is_one_that_sagemaker_takes_and_of_the_right_kind(
    version: str, flavor: str
) -> None:
    image = {str(key): row for key, row in catalog.container(version).flavors.items()}[flavor]
    if image.inference_ami is not None:
        assert image.inference_ami in inference_amis()
        assert f"-{image.accelerator}-" in image.inference_ami


@pytest.mark.parametrize(
    ("backend", "name"),
    [
        ("deepspeed", "max_input_len"),
        ("lmi-dist", "max_input_len"),
        ("trtllm", "revision"),
        ("vllm", "revision"),
        ("neuronx", "output_formatter"),
        ("hf-accelerate", "max_rolling_batch_size"),
    ],
)
def test_lmi_0_25_does_not_list_a_setting_that_its_handler_ignores(
    backend: Backend, name: str
) -> None:
    assert name not in catalog.container("0.25.0").backends[backend].property_names


def test_lmi_0_25_tries_its_backends_in_the_documented_order() -> None:
    order = ["trtllm", "lmi-dist", "vllm", "deepspeed", "scheduler", "hf-accelerate", "neuronx"]
    assert list(catalog.container("0.25.0").backends) == order
