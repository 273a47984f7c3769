"""What one container version says in one place must agree with what it says in another."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, get_args

import botocore.session
import pytest
from botocore.model import StringShape

from lmi_deployer import catalog
from lmi_deployer.catalog.build import HERE
from lmi_deployer.catalog.rows import Backend
from lmi_deployer.catalog.sources import read_sources

if TYPE_CHECKING:
    from lmi_deployer.catalog.rows import Container

VERSIONS = catalog.names("containers")
SOURCES = read_sources(HERE)
BACKENDS = [
    (version, backend) for version in VERSIONS for backend in catalog.container(version).backends
]
FLAVORS = [
    (version, flavor) for version in VERSIONS for flavor in catalog.container(version).flavors
]


def is_read_by(container: Container, backend: Backend, option: str) -> bool:
    return not {backend, "any", "server"}.isdisjoint(container.options.get(option, ()))


@cache
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
    if (version, backend) == ("0.23.0", "vllm"):
        needed.remove("dtype")  # its handler looks for it where it never is
    assert needed <= support.property_names.keys()
    assert support.same_value.keys() <= support.property_names.keys()


@pytest.mark.parametrize(("version", "backend"), BACKENDS)
def test_only_a_backend_with_continuous_batching_has_a_size_of_it(
    version: str, backend: Backend
) -> None:
    support = catalog.container(version).backends[backend]
    if support.rolling_batch is not None:
        is_batching = support.rolling_batch != "disable"
    else:  # the server's asynchronous services; other handlers take one request after the other
        is_batching = (backend, version) == ("trtllm", "0.33.0") or (
            backend == "vllm" and VERSIONS.index(version) >= VERSIONS.index("0.35.0")
        )
    assert (support.default_max_rolling_batch_size is not None) == is_batching
    assert ("max_rolling_batch_size" in support.property_names) == is_batching


@pytest.mark.parametrize(("version", "backend"), BACKENDS)
def test_what_a_quantization_allows_is_within_what_its_backend_allows(
    version: str, backend: Backend
) -> None:
    support = catalog.container(version).backends[backend]
    for method in support.quantize.values():
        assert set(method.dtypes) <= set(support.dtypes)
        assert not (method.needs_quantized_checkpoint and method.takes_quantized_checkpoint)
        assert method.value is not None or method.needs_quantized_checkpoint
        if method.model_types is not None and support.model_types is not None:
            assert set(method.model_types) <= set(support.model_types)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_option_has_readers(version: str) -> None:
    assert {
        name for name, readers in catalog.container(version).options.items() if not readers
    } == set()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_runs_something_in_each_of_its_images(version: str) -> None:
    container = catalog.container(version)
    used = {row.flavor for row in container.backends.values()}
    used |= {row.flavor for row in SOURCES.handlers if SOURCES.covers(row.versions, version)}
    assert set(container.flavors) <= used


def test_no_row_of_a_backend_covers_a_version_without_an_image_for_it() -> None:
    ranges = [(row.versions, row.flavor) for row in SOURCES.backends]
    ranges += [(row.versions, row.flavor) for row in SOURCES.handlers]
    for versions, flavor in ranges:
        covered = [name for name in SOURCES.order if SOURCES.covers(versions, name)]
        assert covered
        lacking = [name for name in covered if flavor not in SOURCES.containers[name].flavors]
        assert lacking == [], (versions, flavor)


@pytest.mark.parametrize("backend", get_args(Backend))
def test_a_backend_once_there_stays_until_it_is_gone_for_good(backend: Backend) -> None:
    has = [backend in catalog.container(version).backends for version in VERSIONS]
    if backend == "trtllm":
        del has[VERSIONS.index("0.31.0")]  # released without a TensorRT-LLM image
    assert sum(before != after for before, after in pairwise([False, *has, False])) == 2


def test_versions_go_from_the_oldest_to_the_newest() -> None:
    numbers = [[int(part) for part in re.findall(r"\d+", version)] for version in VERSIONS]
    generations = [int(catalog.container(version).lmi_generation[1:]) for version in VERSIONS]
    assert numbers == sorted(numbers)
    assert generations == list(range(4, 30))


def test_facts_are_taken_over_from_the_newest_public_code_where_the_own_is_not_public() -> None:
    newest = next(name for name in reversed(VERSIONS) if catalog.container(name).is_verified)
    unverified = VERSIONS[VERSIONS.index(newest) + 1 :]
    assert unverified
    assert {catalog.container(name).facts_of for name in unverified} == {newest}


@pytest.mark.parametrize(("version", "flavor"), FLAVORS)
def test_an_image_tag_agrees_with_the_facts_beside_it(version: str, flavor: str) -> None:
    image = {str(key): row for key, row in catalog.container(version).flavors.items()}[flavor]
    start = version if flavor == "lmi" and "-lmi" in version else f"{version}-{flavor}"
    assert image.tag.startswith(start)
    assert "0.36.0" not in image.tag or image.tag.startswith(f"{version}.0.0-")
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


@pytest.mark.parametrize(("version", "flavor"), FLAVORS)
def test_the_driver_of_the_host_image_is_new_enough_for_the_image(
    version: str, flavor: str
) -> None:
    image = {str(key): row for key, row in catalog.container(version).flavors.items()}[flavor]
    assert (image.min_driver is None) == (image.accelerator == "neuron")
    if image.min_driver is None or image.cuda is None:
        return
    assert {"11": 450, "12": 525, "13": 580}[image.cuda.partition(".")[0]] == image.min_driver
    hosts = [catalog.host(family, image.inference_ami) for family in ("g5", "g6", "p5en")]
    drivers = [host.driver for host in hosts if host is not None and host.driver is not None]
    assert len(drivers) == 3
    assert min(drivers) >= image.min_driver


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
