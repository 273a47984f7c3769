"""What a machine has against what a job needs, on machines that are only described."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lmi_deployer import catalog
from lmi_deployer.compiling import host
from lmi_deployer.compiling.host import DiskNeed, HostGpu, chosen_gpus, parse_gpus, visible
from lmi_deployer.edges.docker_images import ECR
from lmi_deployer.edges.hub_token import hub_token, token_file
from lmi_deployer.errors import InputError

GIB = 1024**3
L4 = HostGpu(index=0, uuid="GPU-0a", name="NVIDIA L4", compute_capability=8.9, memory_gib=22.5)
T4 = HostGpu(index=1, uuid="GPU-1b", name="Tesla T4", compute_capability=7.5, memory_gib=15.0)
L40S = HostGpu(index=2, uuid="GPU-2c", name="NVIDIA L40S", compute_capability=8.9, memory_gib=45.0)


def needed(**changes: Any) -> dict[str, Any]:
    return {"compute_capability": 8.9, "memory_gib": 24.0, "count": 1, **changes}


def test_what_nvidia_smi_prints_is_read():
    text = "0, GPU-0a, NVIDIA L4, 8.9, 23040\n1, GPU-1b, Tesla T4, 7.5, 15360\n"
    assert parse_gpus(text) == (L4, T4)


@pytest.mark.parametrize(
    "text",
    [
        "No devices were found",
        'Field "compute_cap" is not a valid field to query.',
        "0, GPU-0a, NVIDIA L4, [N/A], 23034",
    ],
)
def test_what_nvidia_smi_cannot_tell_is_not_known(text):
    assert parse_gpus(text) is None


def test_a_machine_without_nvidia_smi_does_not_tell_its_gpus(tmp_path):
    assert host.gpus_here(str(tmp_path / "nvidia-smi")) is None


def test_a_driver_that_does_not_answer_does_not_tell_its_gpus(tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 0, a, b, 8.9, 1; exit 9\n")
    program.chmod(0o755)
    assert host.gpus_here(str(program)) is None


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (None, (L4, T4)),
        ("1", (T4,)),
        ("GPU-0", (L4,)),
        ("0, 1", (L4, T4)),
        ("", ()),
        ("7", ()),
    ],
)
def test_cuda_visible_devices_is_heeded(names, shown):
    assert visible((L4, T4), names) == shown


def test_gpus_of_the_same_architecture_and_another_memory_class_do_not_count():
    assert chosen_gpus((T4, L40S, L4), needed()) == (L4,)
    assert chosen_gpus((T4, L40S, L4), needed(memory_gib=48.0)) == (L40S,)


def test_too_few_gpus_are_refused_with_all_that_is_here():
    with pytest.raises(InputError) as caught:
        chosen_gpus((L4, L4, T4), needed(count=4))
    assert caught.value.problem == (
        "the engine needs 4 GPUs of compute capability 8.9 with 24 GiB;"
        " here: 2 x NVIDIA L4 (8.9, 22.5 GiB), 1 x Tesla T4 (7.5, 15.0 GiB)"
    )


def test_a_machine_without_gpus_is_refused():
    with pytest.raises(InputError, match="here: none"):
        chosen_gpus((), needed())


@pytest.mark.parametrize("name", catalog.names("gpus"))
def test_every_gpu_of_the_catalog_is_taken_for_itself(name):
    facts = catalog.gpu(name)
    if facts.vendor != "nvidia":
        pytest.skip("not a GPU")
    gpu = HostGpu(
        index=0,
        uuid="GPU-0a",
        name=name,
        compute_capability=facts.compute_capability or 0.0,
        memory_gib=facts.usable_memory_gib,
    )
    wanted = needed(compute_capability=facts.compute_capability, memory_gib=facts.memory_gib)
    assert chosen_gpus((gpu,), wanted) == (gpu,)


def test_memory_below_the_weights_is_refused_and_below_twice_that_is_told():
    with pytest.raises(InputError, match="weights are 30 GiB, this machine has 16 GiB"):
        host.require_memory(16 * GIB, 30 * GIB)
    warning = host.require_memory(48 * GIB, 30 * GIB)
    assert warning is not None
    assert "about 60 GiB in host memory, there are 48" in warning
    assert host.require_memory(64 * GIB, 30 * GIB) is None


def test_what_goes_on_one_disk_is_counted_together(tmp_path, monkeypatch):
    free = 100 * GIB
    monkeypatch.setattr("shutil.disk_usage", lambda _path: _Usage(free))
    below = tmp_path / "not" / "there" / "yet"
    weights = DiskNeed(folder=below, size_bytes=60 * GIB, what="weights to fetch")
    engine = DiskNeed(folder=tmp_path, size_bytes=40 * GIB, what="engine")
    host.require_disk([weights, engine])
    more = DiskNeed(folder=tmp_path, size_bytes=1, what="more")
    told = re.escape("100.0 GiB free; 100.0 are needed (weights to fetch 60.0 + engine 40.0")
    with pytest.raises(InputError, match=told):
        host.require_disk([weights, engine, more])


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_the_memory_of_this_machine_is_read():
    assert host.memory_here() > 2**28


@pytest.mark.parametrize(
    ("image", "region"),
    [
        ("763104351884.dkr.ecr.us-east-1.amazonaws.com/djl-inference:x", "us-east-1"),
        ("763104351884.dkr.ecr-fips.us-gov-west-1.amazonaws.com/a@sha256:0", "us-gov-west-1"),
        ("727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn/djl-inference:x", "cn-north-1"),
        ("public.ecr.aws/deep-learning-containers/x:y", None),
        ("deepjavalibrary/djl-serving:0.33.0", None),
        ("763104351884.dkr.ecr.us-east-1.amazonaws.com.example.org/x:y", None),
    ],
)
def test_private_registries_of_ecr_are_told_from_others(image, region):
    found = ECR.match(image)
    assert (found and found["region"]) == region


def test_the_token_is_found_where_the_hub_library_finds_it(tmp_path):
    home = tmp_path / "hf"
    home.mkdir()
    (home / "token").write_text("hf_of_the_file\n")
    assert hub_token({"HF_TOKEN": "hf_own", "HF_HOME": str(home)}) == "hf_own"
    assert hub_token({"HF_TOKEN": " ", "HF_HOME": str(home)}) == "hf_of_the_file"
    assert hub_token({"HF_TOKEN_PATH": str(home / "none"), "HF_HOME": str(home)}) is None
    assert hub_token({"XDG_CACHE_HOME": str(tmp_path)}) is None


def test_a_token_file_is_its_owners_alone_and_does_not_last():
    with token_file("hf_secret") as path:
        assert path.read_text() == "hf_secret"
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.parent.exists()


def test_an_accelerator_that_is_no_gpu_is_looked_for_as_a_device(monkeypatch):
    from lmi_deployer.edges import docker_host

    monkeypatch.setattr(docker_host, "Path", _NoDevices)
    with pytest.raises(InputError, match="needs 2 Neuron devices, this machine has 0"):
        docker_host.devices_for(needed(compute_capability=None, count=2))


class _NoDevices(type(Path())):  # type: ignore[misc]
    def glob(self, _pattern: str, **_options: object) -> list[Path]:
        return []
