"""Rules about requests that stand in no service model, each with its source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lmi_deployer import catalog
from lmi_deployer.errors import InputError
from lmi_deployer.request_words import Violation, below, shown

Rule = Callable[[Mapping[str, Any]], Iterator[Violation]]


def _no_volume_size_beside_local_disks(config: Mapping[str, Any]) -> Iterator[Violation]:
    """Refuse VolumeSizeInGB, which sizes an EBS volume, on an instance type with local disks.

    Source: github.com/aws/sagemaker-python-sdk/pull/4828; per type: catalog/instances.yaml.
    """
    for path, variant in _variants(config):
        if "VolumeSizeInGB" not in variant:
            continue
        pools = [pool for _, pool in _objects(variant, "InstancePools")]
        types = [str(place.get("InstanceType")) for place in (variant, *pools)]
        refusing = [name for name in types if _has_local_disks(name)]
        if refusing:
            problem = f"is set, but {', '.join(refusing)} has local disks and takes no volume size"
            yield Violation(f"{path}.VolumeSizeInGB", problem, "leave it out")


def _has_local_disks(instance_type: str) -> bool:
    """Look a type up in the catalog; False for one that it does not hold."""
    try:
        return not catalog.instance_type(instance_type).is_volume_size_settable
    except InputError:
        return False


START_UP_TIMEOUTS = {
    "ModelDataDownloadTimeoutInSeconds": "the model's download",
    "ContainerStartupHealthCheckTimeoutInSeconds": "the container's start",
}


def _both_start_up_timeouts(config: Mapping[str, Any]) -> Iterator[Violation]:
    """Require a variant with a model and instances to say how long its start may take.

    What AWS allows by default is minutes, a large model takes longer, and the number has changed
    between editions of the guide. Source: docs.aws.amazon.com/sagemaker/latest/dg/
    your-algorithms-inference-code.html and large-model-inference-hosting.html.
    """
    for path, variant in _variants(config):
        pools = (pool for _, pool in _objects(variant, "InstancePools"))
        has_model = "ModelName" in variant or any("ModelNameOverride" in pool for pool in pools)
        if not has_model or "ServerlessConfig" in variant:
            continue
        for name, what in START_UP_TIMEOUTS.items():
            if name not in variant:
                problem = f"is missing, so AWS ends {what} after a few minutes"
                yield Violation(f"{path}.{name}", problem, "60 to 3600 seconds")


ENVIRONMENT_BYTES = 32 * 1024


def _environment_fits_as_a_whole(model: Mapping[str, Any]) -> Iterator[Violation]:
    """Limit all keys and values of a model's environments to 32 KB together.

    Source: Environment of ContainerDefinition in the API reference.
    """
    environments = [
        (f"{path}.Environment", container["Environment"])
        for path, container in _containers(model)
        if isinstance(container.get("Environment"), Mapping)
    ]
    texts = (text for _, values in environments for pair in values.items() for text in pair)
    total = sum(len(text.encode()) for text in texts if isinstance(text, str))
    if total > ENVIRONMENT_BYTES:
        problem = f"has {total} bytes of keys and values in all, more than {ENVIRONMENT_BYTES}"
        yield Violation(environments[0][0], problem, "put long settings into serving.properties")


def _prefix_ends_with_a_slash(model: Mapping[str, Any]) -> Iterator[Violation]:
    """Require S3Uri to end in "/" where S3DataType is S3Prefix.

    Source: S3DataType of S3ModelDataSource in the API reference.
    """
    for path, container in _containers(model):
        main = container.get("ModelDataSource")
        sources = [(f"{path}.ModelDataSource", main)] if isinstance(main, Mapping) else []
        sources += _objects(container, "AdditionalModelDataSources", path)
        for place, source in sources:
            data = source.get("S3DataSource")
            if not isinstance(data, Mapping) or data.get("S3DataType") != "S3Prefix":
                continue
            uri = data.get("S3Uri")
            if isinstance(uri, str) and not uri.endswith("/"):
                problem = f'is {shown(uri)}, and a prefix ends in "/"'
                yield Violation(f"{place}.S3DataSource.S3Uri", problem, shown(uri + "/"))


RULES: Mapping[tuple[str, str], tuple[Rule, ...]] = {
    ("sagemaker", "CreateModel"): (_environment_fits_as_a_whole, _prefix_ends_with_a_slash),
    ("sagemaker", "CreateEndpointConfig"): (
        _no_volume_size_beside_local_disks,
        _both_start_up_timeouts,
    ),
}

CUDA_OF_HOST: Mapping[str, tuple[int, int]] = {
    "al2-ami-sagemaker-inference-gpu-2": (12, 2),
    "al2-ami-sagemaker-inference-gpu-2-1": (12, 2),
    "al2-ami-sagemaker-inference-gpu-3-1": (12, 4),
    "al2023-ami-sagemaker-inference-gpu-4-1": (13, 0),
}
"""InferenceAmiVersion: the CUDA of its driver. Source: ProductionVariant in the API reference."""
OLDEST_CUDA_MAJOR = 12
"""Its drivers run images of CUDA 11 as well."""
NEURON_HOST = "al2-ami-sagemaker-inference-neuron-2"


def host_fits_image(model: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[Violation]:
    """Require a host whose driver runs the CUDA, or the Neuron SDK, of the model's image.

    A wrong pair shows as an endpoint that stays in Creating, with no log to say why. Source: the
    hosts' CUDA versions in the API reference; github.com/aws/deep-learning-containers/pull/6187
    for a CUDA 12 image that does not start on the CUDA 13 host.
    """
    tags = [_tag(container.get("Image")) for _, container in _containers(model)]
    for path, variant in _variants(config):
        if variant.get("ModelName") != model.get("ModelName"):
            continue
        host = variant.get("InferenceAmiVersion")
        for tag in tags:
            fitting = _fitting_hosts(tag)
            if fitting and host not in fitting:
                told = (
                    "is missing, and the default host"
                    if host is None
                    else f"is {shown(host)}, which"
                )
                problem = f"{told} does not run the image {tag}"
                fix = " or ".join(name for name in fitting if name is not None)
                yield Violation(f"{path}.InferenceAmiVersion", problem, fix)


def _tag(image: object) -> str:
    """Cut the tag out of an image; "" for one that is named by its digest alone."""
    name = image.split("@")[0].rpartition("/")[2] if isinstance(image, str) else ""
    return name.partition(":")[2]


def _fitting_hosts(tag: str) -> tuple[str | None, ...]:
    """List the InferenceAmiVersions an image runs on, with None for leaving it out.

    Within a CUDA major a driver runs what is not newer than itself, and the newest driver of the
    major runs all of it. Without a version SageMaker picks a driver of CUDA 12 or older. Empty
    when the tag names no accelerator, or one newer than every host.

    >>> _fitting_hosts("0.36.0-lmi27.0.0-cu130")
    ('al2023-ami-sagemaker-inference-gpu-4-1',)
    """
    if "neuron" in tag:
        return (NEURON_HOST, None)
    named = re.search(r"-cu(\d\d)(\d)", tag)
    if named is None:
        return ()
    cuda = (int(named[1]), int(named[2]))
    major = max(cuda[0], OLDEST_CUDA_MAJOR)
    drivers = [driver for driver in CUDA_OF_HOST.values() if driver[0] == major]
    fitting = [
        host
        for host, driver in CUDA_OF_HOST.items()
        if driver in drivers and driver >= min(cuda, max(drivers))
    ]
    return (*fitting, None) if major == OLDEST_CUDA_MAJOR else tuple(fitting)


def _variants(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from _objects(config, "ProductionVariants")
    yield from _objects(config, "ShadowProductionVariants")


def _containers(model: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(model.get("PrimaryContainer"), Mapping):
        yield "PrimaryContainer", model["PrimaryContainer"]
    yield from _objects(model, "Containers")


def _objects(
    parent: Mapping[str, Any], key: str, path: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Walk the objects of a list with their paths; the model reports what is none."""
    items = parent.get(key)
    for index, item in enumerate(items if isinstance(items, list | tuple) else ()):
        if isinstance(item, Mapping):
            yield f"{below(path, key)}[{index}]", item
